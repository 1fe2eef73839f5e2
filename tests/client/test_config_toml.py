"""Clients from TOML documents."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from heka.config import client_from_dict_config, client_from_toml_config
from heka.exceptions import ConfigError, ConfigWarning, EnvironmentNotFoundError
from heka.message import Message

DOCUMENT = """
[project]
name = "app"

[tool.heka]
logger = "app ${A}"
severity = 5
disabled_timers = ["a", "b"]
timeout = 0.5

[tool.heka.stream]
class = "client.config_support.Recorder"
host = "${A}"
ports = [1, 2]
share = "100%"

[[tool.heka.filters]]
provider = "heka.filters.severity_max_provider"
severity = 4

[[tool.heka.filters]]
provider = "heka.filters.type_whitelist_provider"
types = ["counter", "${A}"]

[tool.heka.plugins.dummy_section]
provider = "client.config_support:plugin_provider"
port = 8080

[tool.heka.hmac]
signer = "s"
key_version = 2
hash_function = "sha1"
key = "the key of ${A}"
"""


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    monkeypatch.setenv("A", "alpha")
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)


def parsed(text):
    module = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")
    return module.loads(text)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lambda path: DOCUMENT, id="text"),
        pytest.param(lambda path: DOCUMENT.encode(), id="bytes"),
        pytest.param(lambda path: path, id="path"),
        pytest.param(lambda path: io.BytesIO(DOCUMENT.encode()), id="file"),
        pytest.param(lambda path: parsed(DOCUMENT), id="dict"),
    ],
)
def test_document_makes_a_client(given, tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_text(DOCUMENT)

    client = client_from_toml_config(given(path), strict=True)

    assert (client.logger, client.severity, client.timeout) == ("app alpha", 5, 0.5)
    assert client._disabled_timers == {"a", "b"}
    assert client.stream.kwargs == {"host": "alpha", "ports": [1, 2], "share": "100%"}
    maximum, whitelist = client.filters
    assert not maximum(Message("x", severity=5))
    assert whitelist(Message("alpha"))
    assert client.dummy() == {"port": 8080}
    assert client.encoder.hmc["key"] == "the key of alpha"


def test_table_that_was_read_is_a_dict_config():
    client = client_from_dict_config(parsed(DOCUMENT)["tool"]["heka"], strict=True)

    assert client.logger == "app alpha"


def test_document_is_not_changed():
    document = parsed(DOCUMENT)

    client_from_toml_config(document)

    assert document == parsed(DOCUMENT)


def test_any_table_will_do():
    text = '[a.b]\nto = "udp://127.0.0.1:5565"\nlogger = "x"\n'

    assert client_from_toml_config(text, "a.b").logger == "x"
    assert client_from_toml_config('logger = "y"\nto = "127.0.0.1"', "").logger == "y"


def test_dates_are_shown_as_text():
    text = '[tool.heka.stream]\nclass = "client.config_support.Recorder"\nsince = 2024-02-29\n'

    shown = json.loads(client_from_toml_config(text)._config)

    assert shown["stream"]["since"] == "2024-02-29"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "[tool.hkea]\n", "there is no table [tool.heka]; did you mean 'hkea'?", id="no"
        ),
        pytest.param("", "there is no table [tool.heka]; if the document is the table", id="empty"),
        pytest.param("tool = 5", "there is no table [tool.heka]", id="number"),
        pytest.param("[tool]\nheka = 5", "tool.heka: expected a table, got int", id="no-table"),
        pytest.param("[tool.heka\n", "TOML: ", id="no-toml"),
        pytest.param("a = 1\na = 2", "TOML: Cannot overwrite a value", id="twice"),
        pytest.param(
            b"a = '\xff'", "TOML: expected UTF-8, got an invalid byte at 5", id="no-utf-8"
        ),
        pytest.param(
            "[tool.heka]\nseverity = 9", "tool.heka.severity: expected a severity", id="setting"
        ),
        pytest.param(
            "[tool.heka.stream]\nhost = 'a'",
            "tool.heka.stream.class: expected the class of the stream",
            id="class",
        ),
        pytest.param(
            "[[tool.heka.filters]]\nseverity = 4",
            "tool.heka.filters[0].provider: expected the dotted name",
            id="filter",
        ),
        pytest.param(
            "[tool.heka.plugins.x]\nprovider = 'no_such.thing'",
            "tool.heka.plugins.x.provider: cannot import 'no_such.thing'",
            id="plugin",
        ),
    ],
)
def test_wrong_document(text, said):
    with pytest.raises(ConfigError) as caught:
        client_from_toml_config(text)

    assert str(caught.value).startswith(said)


def test_missing_variable_is_placed():
    with pytest.raises(EnvironmentNotFoundError) as caught:
        client_from_toml_config("[[tool.heka.filters]]\ntypes = ['a', '${NO_SUCH_VARIABLE}']")

    assert caught.value.where == "tool.heka.filters[0].types[1]"


def test_unknown_key_is_warned_of():
    text = '[tool.heka]\nloger = "x"\nto = "127.0.0.1"\n'

    with pytest.warns(ConfigWarning, match=r"^tool\.heka\.loger: unknown key; did you mean"):
        client_from_toml_config(text)
    with pytest.raises(ConfigError, match=r"tool\.heka\.loger: unknown key"):
        client_from_toml_config(text, strict=True)


def test_python_without_a_parser_says_what_to_do(tmp_path):
    """Python 3.10 has no parser: install tomli, or pass a dict."""
    program = (
        "import sys\n"
        "sys.modules['tomllib'] = sys.modules['tomli'] = None\n"
        "from heka.config import client_from_toml_config\n"
        "document = {'tool': {'heka': {'to': '127.0.0.1'}}}\n"
        "assert client_from_toml_config(document).is_active\n"
        "client_from_toml_config('[tool.heka]')\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    name = "tomllib" if sys.version_info >= (3, 11) else "tomli"
    last = done.stderr.splitlines()[-1]
    assert f"ConfigError: reading TOML on Python 3.10 requires the package {name}:" in last

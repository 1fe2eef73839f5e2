"""Plugins of other distributions, found by entry points; the example of the documentation.

The example is built and installed by pip, into a folder of its own; other distributions are the
metadata that an installer leaves.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli.support import environment

import heka.testing
from heka.config import client_from_dict_config, client_from_text_config, client_from_toml_config
from heka.exceptions import ConfigError, InvalidArgumentError

EXAMPLE = Path(__file__).parents[2] / "docs" / "example_plugin"
#: Timeout in seconds: pip and mypy start slowly on a busy machine.
PATIENCE = 100


def run(*arguments: object, cwd: Path, path: Path | None = None) -> str:
    """Run ``python -m`` with *path* added to the import path; return its output."""
    given = environment()
    given["PYTHONPATH"] = os.pathsep.join([given["PYTHONPATH"], *([str(path)] if path else [])])
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=cwd,
        env=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder in which pip installed the example."""
    source = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("example") / "source")
    folder = tmp_path_factory.mktemp("installed")
    run(
        *("pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation"),
        *("--disable-pip-version-check", "--target", folder, source),
        cwd=source,
    )
    return folder


@pytest.fixture
def example(installed, monkeypatch):
    """Make the example importable in this process."""
    monkeypatch.syspath_prepend(str(installed))
    yield
    sys.modules.pop("heka_audit", None)


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Return a function that makes an importable distribution with entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(distribution: str, plugins: str, **modules: str) -> None:
        folder = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        (folder / "entry_points.txt").write_text(f"[heka.plugins]\n{plugins}\n")
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text)
            monkeypatch.delitem(sys.modules, name, raising=False)

    return make


def client(provider: object, **settings: object):
    """Return a client with a plugin."""
    return client_from_dict_config(
        {"stream": {"class": "heka.streams.NullStream"}, "plugins": {"x": (provider, settings)}}
    )


PROVIDER = "def make(config):\n    def noted(self): return {!r}\n    return noted\n"

# ---- the example --------------------------------------------------------------------------------


def test_tests_of_the_example_pass(installed):
    printed = run(
        *("pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", EXAMPLE),
        *("-c", os.devnull, EXAMPLE / "test_heka_audit.py"),
        cwd=installed,
        path=installed,
    )

    assert "3 passed" in printed


@pytest.mark.skipif("HEKA_SANITIZER" in os.environ, reason="types depend on no build")
def test_example_is_typed(installed, tmp_path):
    pytest.importorskip("mypy", reason="installed with the extra 'test'")

    printed = run(
        *("mypy", "--strict", "--config-file=", "--cache-dir", tmp_path / "cache"),
        *(EXAMPLE / "heka_audit", EXAMPLE / "test_heka_audit.py"),
        cwd=tmp_path,
    )

    assert "no issues found in 2 source files" in printed


@pytest.mark.parametrize(
    ("read", "text"),
    [
        pytest.param(
            client_from_text_config,
            "[heka]\nstream_class = heka.streams.NullStream\n"
            "[heka_plugin_x]\nprovider = audit\nseverity = 2\n",
            id="ini",
        ),
        pytest.param(
            client_from_toml_config,
            '[heka]\nstream_class = "heka.streams.NullStream"\n'
            '[heka.plugins.x]\nprovider = "audit"\nseverity = 2\n',
            id="toml",
            marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is of 3.11"),
        ),
    ],
)
def test_published_name_is_a_provider(read, text, example):
    client = read(text, "heka")

    with heka.testing.capture(client) as captured:
        assert client.audit("ann", "refund")

    assert (captured[0].type, captured[0].severity) == ("audit", 2)


def test_error_of_the_provider_comes_through(example):
    with pytest.raises(InvalidArgumentError, match=r"^severity: expected 0 to 7, got 9$"):
        client("audit", severity=9)


# ---- what is published --------------------------------------------------------------------------


def test_name_without_a_heka_name_is_the_section(publish):
    publish("other", "notes-of-ours = other_notes:make", other_notes=PROVIDER.format("noted"))

    assert client(" notes-of-ours ").x() == "noted"


def test_unknown_name_is_refused_with_the_closest_name(publish):
    publish("other", "notes = other_notes:make\ndiary = other_notes:make")

    with pytest.raises(ConfigError) as caught:
        client("note")

    assert str(caught.value).startswith(
        "config['plugins']['x']['provider']: no installed distribution publishes a plugin 'note'; "
        "did you mean 'notes'? published are "
    )
    assert "diary, notes" in str(caught.value)
    assert "write a dotted name as package.module:function" in str(caught.value)


def test_nothing_is_published(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    with pytest.raises(ConfigError, match="a plugin 'notes'; none is published"):
        client("notes")


def test_two_distributions_with_one_name_are_an_error(publish):
    publish("one", "notes = one_notes:make")
    publish("other", "notes = other_notes:make")

    with pytest.raises(ConfigError) as caught:
        client("notes")

    text = str(caught.value)
    assert "the plugin 'notes' is published by " in text
    assert "one 1.0 (one_notes:make)" in text
    assert "other 1.0 (other_notes:make)" in text
    assert "; name one of them by its dotted name, as in " in text


def test_one_provider_of_two_distributions_is_one(publish):
    publish("one", "notes = one_notes:make", one_notes=PROVIDER.format("noted"))
    publish("fork-of-one", "notes = one_notes:make")

    assert client("notes").x() == "noted"


def test_dotted_name_reads_no_metadata(publish):
    """A dotted name is imported even if an entry point has the same name."""
    publish("other", "other_notes.make = nowhere:make", other_notes=PROVIDER.format("noted"))

    assert client("other_notes.make").x() == "noted"


@pytest.mark.parametrize(
    ("entry", "module", "said"),
    [
        pytest.param("nowhere_at_all:make", "", "ModuleNotFoundError: No module", id="no-module"),
        pytest.param("broken:mak", "make = 1", "has no 'mak'; did you mean 'make'?", id="no-such"),
        pytest.param("broken:make", "raise KeyError('x')", "KeyError: 'x'", id="raises"),
    ],
)
def test_plugin_that_cannot_be_imported(publish, entry, module, said):
    publish("other", f"notes = {entry}", broken=module)

    with pytest.raises(ConfigError) as caught:
        client("notes")

    assert "['provider']: cannot import the plugin 'notes' of other 1.0 (" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("entry", ["broken:make", "broken"])
def test_published_object_must_be_a_function(publish, entry):
    publish("other", f"notes = {entry}", broken="make = 'broken.make'\n")

    with pytest.raises(ConfigError, match="expected notes to be published as a function, got "):
        client("notes")


def test_metadata_is_read_when_it_is_needed():
    code = (
        "import sys, heka\n"
        "from heka.config import client_from_dict_config\n"
        "plugins = {'x': ('heka.plugins.cef:config_plugin', {})}\n"
        "client_from_dict_config({'to': 'udp://localhost:1', 'plugins': plugins})\n"
        "assert 'importlib.metadata' not in sys.modules\n"
    )

    subprocess.run(
        [sys.executable, "-S", "-c", code], env=environment(), timeout=PATIENCE, check=True
    )

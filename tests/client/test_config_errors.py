"""Errors of a wrong configuration name the place, what was expected, and what came."""

from __future__ import annotations

import io

import pytest
from client.config_support import Recorder, ini

from heka.config import (
    client_from_dict_config,
    client_from_stream_config,
    client_from_text_config,
    dict_from_stream_config,
)
from heka.encoders import NullEncoder
from heka.exceptions import ConfigError

RECORDER = {"class": "client.config_support.Recorder"}
HMAC = {"signer": "s", "key_version": "1", "hash_function": "sha1", "key": "a key of ours"}


def hmac(**changes):
    return {"hmac": {**HMAC, **changes}}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        pytest.param(
            {"stream": None}, "config['stream']['class']: expected the class of", id="no-stream"
        ),
        pytest.param(
            {"stream": {"host": "a"}}, "config['stream']['class']: expected the", id="no-class"
        ),
        pytest.param(
            {"stream": {"class": "heka.streams.UdpStrem"}},
            "config['stream']['class']: cannot import 'heka.streams.UdpStrem': ImportError: "
            "'heka.streams' has no 'UdpStrem'; did you mean 'UdpStream'?",
            id="class-not-there",
        ),
        pytest.param(
            {"stream": {"class": "no_such_module.Stream"}},
            "config['stream']['class']: cannot import 'no_such_module.Stream': ModuleNotFound",
            id="module-not-there",
        ),
        pytest.param(
            {"stream": {"class": "not a name"}},
            "config['stream']['class']: cannot import 'not a name': ValueError: expected",
            id="no-dotted-name",
        ),
        pytest.param(
            {"stream": {"class": 5}},
            "config['stream']['class']: expected a dotted name of a class or function, got 5",
            id="class-of-another-type",
        ),
        pytest.param(
            {"stream": {"class": "heka.severity.ERROR"}},
            "config['stream']['class']: expected a dotted name of a class or function, got",
            id="no-class-there",
        ),
        pytest.param(
            {"stream": {"class": "client.config_support.FixedStream", "hots": "a"}},
            "config['stream']['hots']: client.config_support.FixedStream takes no 'hots'; did you "
            "mean 'host'?; it takes host, port",
            id="argument-unknown",
        ),
        pytest.param(
            {"stream": {"class": "client.config_support.FixedStream", "port": 5}},
            "config['stream']: client.config_support.FixedStream: TypeError: ",
            id="argument-missing",
        ),
        pytest.param(
            {"stream": {"class": "client.config_support.RefusingStream", "a": 1}},
            "config['stream']: client.config_support.RefusingStream: OSError: no such disk: ",
            id="stream-raises",
        ),
        pytest.param(
            {"stream": {"class": "client.config_support.NoStream"}},
            "config['stream']: expected a stream, with write(data), got NoStream",
            id="no-write",
        ),
        pytest.param({"stream": 5}, "config['stream']: expected a stream, with", id="number"),
        pytest.param(
            {"stream": 5, "stream_a": 1}, "config['stream']: expected a table", id="number-and-key"
        ),
        pytest.param(
            {"stream": {**RECORDER, 5: 1}}, "config['stream'][5]: expected a name", id="key-of-int"
        ),
        pytest.param(
            {"stream": RECORDER, "to": "localhost"},
            "config['to'] and config['stream']: expected one of them, got both",
            id="two-streams",
        ),
        pytest.param(
            {"stream": None, "to": "ftp://a"}, "config['to']: heka.streams.UrlStream: ", id="to"
        ),
        pytest.param({"logger": 5}, "config['logger']: expected one line of text", id="logger"),
        pytest.param({"severity": 8}, "config['severity']: expected a severity", id="severity"),
        pytest.param({"severity": True}, "config['severity']: expected a", id="severity-bool"),
        pytest.param({"severity": "worst"}, "config['severity']: expected", id="severity-text"),
        pytest.param({"severity": 4.0}, "config['severity']: expected", id="severity-float"),
        pytest.param({"level": -1}, "config['level']: expected a severity", id="level"),
        pytest.param({"timeout": -1}, "config['timeout']: expected seconds", id="timeout"),
        pytest.param({"timeout": "soon"}, "config['timeout']: expected", id="timeout-text"),
        pytest.param({"timeout": "nan"}, "config['timeout']: expected", id="timeout-nan"),
        pytest.param({"timeout": True}, "config['timeout']: expected", id="timeout-bool"),
        pytest.param({"timeout": []}, "config['timeout']: expected", id="timeout-list"),
        pytest.param(
            {"bad_values": "ignore"},
            "config['bad_values']: expected 'convert' or 'repr' or 'raise', got 'ignore'",
            id="bad-values",
        ),
        pytest.param(
            {"oversize": ["drop"]},
            "config['oversize']: expected 'truncate' or 'drop' or 'raise', got ['drop']",
            id="oversize",
        ),
        pytest.param({"disabled_timers": 5}, "config['disabled_timers']: expected", id="timers"),
        pytest.param(
            {"disabled_timers": ["a", 5]}, "config['disabled_timers']: expected", id="timer"
        ),
        pytest.param(
            {"disabled_timers": {"a": 1}}, "config['disabled_timers']: expected", id="timer-table"
        ),
        pytest.param(
            {"encoder": "heka.encoders.ProtobufEncodr"},
            "config['encoder']: cannot import 'heka.encoders.ProtobufEncodr': ",
            id="encoder-not-there",
        ),
        pytest.param(
            {"encoder": "client.config_support.RefusingEncoder"},
            "config['encoder']: client.config_support.RefusingEncoder: RuntimeError: encoder out",
            id="encoder-raises",
        ),
        pytest.param(
            {"encoder": dict},
            "config['encoder']: expected a class with encode(message), got 'dict'",
            id="no-encoder",
        ),
        pytest.param(
            {"encoder": NullEncoder(), **hmac()},
            "config['hmac']: has no effect, as config['encoder'] is an encoder object",
            id="encoder-that-cannot-sign",
        ),
        pytest.param({"filters": 5}, "config['filters']: expected a sequence of", id="filters"),
        pytest.param({"filters": "abc"}, "config['filters']: expected a", id="filters-text"),
        pytest.param({"filters": [5]}, "config['filters'][0]: expected (provider", id="filter"),
        pytest.param(
            {"filters": [("a.b", {}, 5)]}, "config['filters'][0]: expected (prov", id="filter-3"
        ),
        pytest.param(
            {"filters": [("a.b", 5)]},
            "config['filters'][0]: expected its settings as a table, got 5",
            id="filter-settings",
        ),
        pytest.param(
            {"filters": [{"severity": 4}]},
            "config['filters'][0]['provider']: expected the dotted name of a function, got no",
            id="filter-provider",
        ),
        pytest.param(
            {"filters": [("no_such_module.f", {})]},
            "config['filters'][0]['provider']: cannot import 'no_such_module.f': ",
            id="filter-not-there",
        ),
        pytest.param(
            {"filters": [("heka.filters.severity_max_provider", {"severty": 4})]},
            "config['filters'][0]['severty']: heka.filters.severity_max_provider takes no "
            "'severty'; did you mean 'severity'?",
            id="filter-argument",
        ),
        pytest.param(
            {"filters": [("client.config_support.refusing_provider", {})]},
            "config['filters'][0]: client.config_support.refusing_provider: KeyError: ",
            id="filter-raises",
        ),
        pytest.param(
            {"filters": {"x": ("client.config_support.empty_provider", {})}},
            "config['filters']['x']: expected client.config_support.empty_provider to return a fi",
            id="filter-of-nothing",
        ),
        pytest.param({"plugins": []}, "config['plugins']: expected a table", id="plugins"),
        pytest.param(
            {"plugins": {"x": 5}}, "config['plugins']['x']: expected (provider, ", id="plugin"
        ),
        pytest.param(
            {"plugins": {"x": (None, {})}},
            "config['plugins']['x']['provider']: expected the dotted name",
            id="plugin-provider",
        ),
        pytest.param(
            {"plugins": {"x": ("no_such_module.f", {})}},
            "config['plugins']['x']['provider']: cannot import 'no_such_module.f': ",
            id="plugin-not-there",
        ),
        pytest.param(
            {"plugins": {"x": ("client.config_support.refusing_provider", {})}},
            "config['plugins']['x']: client.config_support.refusing_provider: KeyError: ",
            id="plugin-raises",
        ),
        pytest.param(
            {"plugins": {"x": ("client.config_support.empty_provider", {})}},
            "config['plugins']['x']: expected client.config_support.empty_provider to return a fu",
            id="plugin-of-nothing",
        ),
        pytest.param(
            {"plugins": {"x": ("builtins.dict", {})}},
            "config['plugins']['x']: expected builtins.dict to return a function, to be a method, "
            "got dict",
            id="plugin-that-is-no-function",
        ),
        pytest.param(
            {"plugins": {"x": ("client.config_support.plugin_provider", {"override": 5})}},
            "config['plugins']['x']['override']: expected true, false or the name of",
            id="plugin-override",
        ),
        pytest.param(
            {"plugins": {"a-b": ("client.config_support.nameless_plugin_provider", {})}},
            "config['plugins']['a-b']: expected the name of a method",
            id="plugin-name",
        ),
        pytest.param({"hmac": 5}, "config['hmac']: expected a table with signer, ", id="hmac"),
        pytest.param(
            {"hmac": {"signer": "s"}},
            "config['hmac']['key_version']: expected a value, got nothing: signing requires "
            "signer, key_version, ",
            id="hmac-missing",
        ),
        pytest.param(hmac(signer=5), "config['hmac']['signer']: expected one line", id="signer"),
        pytest.param(hmac(key=""), "config['hmac']['key']: expected a value", id="key-empty"),
        pytest.param(hmac(key=5), "config['hmac']['key']: expected text or by", id="key-type"),
        pytest.param(
            hmac(key_version="two"),
            "config['hmac']['key_version']: expected a number from 0 to 4294967295, got 'two'",
            id="key-version",
        ),
        pytest.param(
            hmac(key_version=2**32), "config['hmac']['key_version']: expected a", id="too-new"
        ),
        pytest.param(hmac(key_version=True), "config['hmac']['key_version']: exp", id="bool"),
        pytest.param(
            hmac(hash_function="sha256"),
            "config['hmac']['hash_function']: expected 'sha1' or 'md5', got 'sha256'",
            id="hash-function",
        ),
    ],
)
def test_wrong_dict(config, said):
    with pytest.raises(ConfigError) as caught:
        client_from_dict_config({"stream": RECORDER, **config})

    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("config", [None, 5, "text", [("logger", "a")]])
def test_configuration_that_is_not_a_dict_is_refused(config):
    with pytest.raises(ConfigError, match=r"expected the configuration as a dict, got \w+"):
        client_from_dict_config(config)


def test_dict_inside_itself_is_refused():
    config = {"stream": dict(RECORDER)}
    config["stream"]["again"] = config

    with pytest.raises(ConfigError, match="nested too deeply, or part of itself"):
        client_from_dict_config(config)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(
            ["severity = 9"],
            "[heka] severity: expected a severity from 0 (emergency) to 7 (debug), or a name "
            "(emergency, alert, critical, error, warning, notice, info, debug), got 9",
            id="setting",
        ),
        pytest.param(
            ["logger = a", "  b"],
            "[heka] logger: expected one line of text, got ['a', 'b']",
            id="two-lines",
        ),
        pytest.param(
            ["[heka_filter_max]", "severity = 4"],
            "[heka_filter_max] provider: expected the dotted name of a function, as in",
            id="no-provider",
        ),
        pytest.param(
            ["[heka_filter_max]", "provider = a", "  b"],
            "[heka_filter_max] provider: expected the dotted name",
            id="two-providers",
        ),
        pytest.param(
            ["[heka_filter_max]", "provider = heka.filters.severity_max_provider", "sev = 4"],
            "[heka_filter_max] sev: heka.filters.severity_max_provider takes no 'sev'",
            id="filter-argument",
        ),
        pytest.param(
            ["[heka_plugin_dummy]", "provider = client.config_support.refusing_provider"],
            "[heka_plugin_dummy]: client.config_support.refusing_provider: KeyError: ",
            id="plugin-raises",
        ),
        pytest.param(
            ["[heka_hmac]", "signer = a"],
            "[heka_hmac] key_version: expected a value, got nothing: signing requires ",
            id="hmac",
        ),
        pytest.param(
            ["[heka_hmac]"],
            "[heka_hmac] signer: expected a value, got nothing: signing requires ",
            id="hmac-empty",
        ),
        pytest.param(
            ["sender_class = heka.streams.UdpStream"],
            "[heka] sender_class and [heka] stream_class set the same setting to different values",
            id="sender-and-stream",
        ),
    ],
)
def test_wrong_ini_text_names_section_and_option(lines, said):
    with pytest.raises(ConfigError) as caught:
        client_from_text_config(ini(*lines), "heka")

    assert str(caught.value).startswith(said)


FIXED = "client.config_support.FixedStream"


@pytest.mark.parametrize(
    ("config", "where"),
    [
        pytest.param(
            {"stream": {"class": FIXED, "hots": 1}}, "config['stream']['hots']", id="table"
        ),
        pytest.param(
            {"stream": {"class": FIXED}, "stream_hots": 1}, "config['stream_hots']", id="flat"
        ),
        pytest.param(
            {"sender_class": FIXED, "sender_hots": 1}, "config['sender_hots']", id="old-name"
        ),
        pytest.param(
            {"sender": {"class": FIXED, "hots": 1}}, "config['sender']['hots']", id="old-table"
        ),
        pytest.param(
            f"[heka]\nstream_class = {FIXED}\nstream_hots = a\n", "[heka] stream_hots", id="ini"
        ),
        pytest.param(
            f"[heka]\nsender_class = {FIXED}\nsender_hots = a\n", "[heka] sender_hots", id="ini-old"
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.* a sender is called a stream now:DeprecationWarning")
def test_stream_argument_is_named_as_it_is_written(config, where):
    if isinstance(config, str):
        config = dict_from_stream_config(io.StringIO(config), "heka")

    with pytest.raises(ConfigError) as caught:
        client_from_dict_config(config)

    assert str(caught.value).startswith(f"{where}: {FIXED} takes no 'hots'")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "[other]\n[heka2]\n",
            "there is no section [heka]; did you mean 'heka2'?; sections: [other], [heka2]",
            id="no-section",
        ),
        pytest.param("", "there is no section [heka]; sections: none", id="empty"),
        pytest.param("[DEFAULT]\na=1\n", "there is no section [heka]", id="default-only"),
        pytest.param(
            "[heka]\na = 1\nno value\n",
            "the configuration, line 3: expected 'option = value', '[section]' or a comment",
            id="no-value",
        ),
        pytest.param(
            "a = 1\n[heka]\n",
            "the configuration, line 1: expected a [section] before the first option",
            id="no-section-yet",
        ),
        pytest.param(
            "[heka]\na = 1\n\n[heka]\n",
            "the configuration, line 4: section [heka] occurs twice; merge the two",
            id="section-twice",
        ),
        pytest.param(
            "[heka]\na = 1\nA = 2\n",
            "the configuration, line 3: [heka] a occurs twice; keep one",
            id="option-twice",
        ),
        pytest.param(
            "[heka]\n[heka_plugin_a]\n[heka_plugin_a]\n",
            "the configuration, line 3: section [heka_plugin_a] occurs twice",
            id="plugin-twice",
        ),
    ],
)
def test_error_of_invalid_ini_text_names_the_line(text, said):
    with pytest.raises(ConfigError) as caught:
        dict_from_stream_config(io.StringIO(text), "heka")

    assert str(caught.value).startswith(said)


def test_error_of_an_unreadable_file_names_the_file(tmp_path):
    path = tmp_path / "app.ini"
    path.write_text("[heka]\nno value\n")

    with path.open() as file, pytest.raises(ConfigError, match=r"app\.ini, line 2: expected"):
        client_from_stream_config(file, "heka")


def test_bytes_that_are_not_utf_8_are_refused():
    with pytest.raises(ConfigError, match="the configuration, line 2: expected UTF-8 text"):
        client_from_stream_config(io.BytesIO(b"[heka]\na=\xff\n"), "heka")


def test_file_of_another_encoding(tmp_path):
    path = tmp_path / "app.ini"
    path.write_bytes(b"[heka]\nlogger = Zo\xeb\n")

    with (
        path.open(encoding="utf-8") as file,
        pytest.raises(ConfigError, match=r"app\.ini: expected utf-8 text"),
    ):
        client_from_stream_config(file, "heka")


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        pytest.param(None, "expected an open file with INI text, got None", id="none"),
        pytest.param(["[heka]", 5], "the configuration, line 2: expected text, got int", id="int"),
    ],
)
def test_ini_source_of_another_type_is_refused(stream, said):
    with pytest.raises(ConfigError) as caught:
        client_from_stream_config(stream, "heka")

    assert str(caught.value) == said


@pytest.mark.parametrize("text", [None, b"[heka]\n", 5])
def test_ini_text_that_is_not_str_is_refused(text):
    with pytest.raises(ConfigError, match="expected the configuration as text"):
        client_from_text_config(text, "heka")


def test_stream_is_closed_where_the_client_is_refused():
    """Only the check of plugin names comes after the stream is created."""
    Recorder.made.clear()
    plugins = {"x": ("client.config_support.exception_plugin_provider", {})}

    with pytest.raises(SyntaxError):
        client_from_dict_config({"stream": RECORDER, "plugins": plugins})

    assert [stream.closed for stream in Recorder.made] == [True]


def test_cause_is_kept():
    with pytest.raises(ConfigError) as caught:
        client_from_dict_config(
            {"stream": {"class": "client.config_support.RefusingStream"}},
        )

    assert isinstance(caught.value.__cause__, OSError)

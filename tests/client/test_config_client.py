"""Clients from a dict and from INI text: each setting and notation."""

from __future__ import annotations

import copy
import io
import json
import types

import pytest
from client.config_support import FixedStream, Recorder, filter_provider, ini

from heka.client import HekaClient
from heka.config import (
    client_from_dict_config,
    client_from_stream_config,
    client_from_text_config,
    dict_from_stream_config,
    nest_prefixes,
)
from heka.encoders import NullEncoder, ProtobufEncoder
from heka.exceptions import ConfigError, ConfigWarning
from heka.message import Message
from heka.streams import DebugCaptureStream

RECORDER = {"class": "client.config_support.Recorder"}
MAXIMUM = "heka.filters.severity_max_provider"
WHITELIST = "heka.filters.type_whitelist_provider"


def test_smallest_configuration():
    client = client_from_dict_config({"stream": {"class": "heka.streams.DebugCaptureStream"}})

    assert type(client) is HekaClient
    assert type(client.stream) is DebugCaptureStream
    assert type(client.encoder) is ProtobufEncoder
    assert (client.logger, client.severity, list(client.filters)) == ("", 6, [])
    assert client.is_active


def test_every_setting_reaches_the_client():
    client = client_from_dict_config(
        {
            "logger": "app",
            "severity": 4,
            "disabled_timers": ["a", "b"],
            "stream": RECORDER,
            "encoder": "heka.encoders.NullEncoder",
            "bad_values": "repr",
            "oversize": "drop",
            "timeout": 0.25,
        }
    )

    assert (client.logger, client.severity) == ("app", 4)
    assert client._disabled_timers == {"a", "b"}
    assert type(client.encoder) is NullEncoder
    assert (client.bad_values, client.oversize, client.timeout) == ("repr", "drop", 0.25)


def test_every_setting_of_ini_text_reaches_the_client():
    client = client_from_text_config(
        """
        [app]
        logger = myapp
        severity = 4
        disabled_timers = foo
                          bar
        stream_class = client.config_support:Recorder
        stream_host = localhost
        encoder = heka.encoders:NullEncoder
        bad_values = repr
        oversize = raise
        timeout = 0.25
        """,
        "app",
    )

    assert (client.logger, client.severity) == ("myapp", 4)
    assert client._disabled_timers == {"foo", "bar"}
    assert client.stream.kwargs == {"host": "localhost"}
    assert type(client.encoder) is NullEncoder
    assert (client.bad_values, client.oversize, client.timeout) == ("repr", "raise", 0.25)


@pytest.mark.parametrize("severity", ["4", "${LEVEL}"])
def test_number_of_the_environment_is_a_number_where_one_is_expected(severity, monkeypatch):
    monkeypatch.setenv("LEVEL", "4")

    client = client_from_dict_config({"severity": severity, "stream": RECORDER})

    assert client.severity == 4


def test_setting_of_none_counts_as_not_set():
    """JSON and YAML write null for a setting that is left out."""
    config = {"logger": None, "severity": None, "filters": None, "to": None, "stream": RECORDER}

    client = client_from_dict_config(config, strict=True)

    assert (client.logger, client.severity, list(client.filters)) == ("", 6, [])


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param({"class": "client.config_support.FixedStream", "host": "a.b"}, id="dots"),
        pytest.param({"class": "client.config_support:FixedStream", "host": "a.b"}, id="colon"),
        pytest.param({"class": FixedStream, "host": "a.b"}, id="class-itself"),
        pytest.param({"class": FixedStream, "args": ["a.b"]}, id="positional"),
        pytest.param({"class": FixedStream, "args": "a.b"}, id="one-positional"),
        pytest.param(FixedStream("a.b"), id="stream-itself"),
    ],
)
def test_stream_in_any_notation(stream):
    client = client_from_dict_config({"stream": stream}, strict=True)

    assert type(client.stream) is FixedStream
    assert (client.stream.host, client.stream.port) == ("a.b", 5565)


def test_prefixed_keys_win_over_the_table():
    client = client_from_dict_config({"stream": {**RECORDER, "host": "a"}, "stream_host": "b"})

    assert client.stream.kwargs == {"host": "b"}


@pytest.mark.parametrize("name", [RECORDER["class"], "${RECORDER}"])
def test_text_instead_of_a_table_names_the_class(name, monkeypatch):
    monkeypatch.setenv("RECORDER", RECORDER["class"])
    client = client_from_dict_config({"stream": name, "stream_host": "b"})

    assert client.stream.kwargs == {"host": "b"}


@pytest.mark.parametrize("to", ["udp://127.0.0.1:5565", "tcp://127.0.0.1:5565"])
def test_destination_instead_of_a_stream(to):
    client = client_from_dict_config({"to": to, "logger": "app"}, strict=True)

    assert client.is_active


def test_level_drops_before_anything_else():
    """The level becomes the first filter, evaluated before a message is built."""
    config = {"stream": RECORDER, "level": 3, "filters": [(WHITELIST, {"types": ["a"]})]}

    client = client_from_dict_config(config)

    assert len(client.filters) == 2
    assert client.filters[0].severity == 3


def test_filters_keep_the_order_of_the_file():
    client = client_from_text_config(
        ini(
            "[heka_filter_z]",
            "provider = client.config_support.filter_provider",
            "number = 1",
            "[heka_filter_a]",
            "provider = client.config_support:filter_provider",
            "number = 2",
            "names = foo",
            "  bar",
            "[heka_filter_m]",
            "number = 3",
            "provider = client.config_support.filter_provider",
        ),
        "heka",
    )

    assert [each.config for each in client.filters] == [
        {"number": 1},
        {"number": 2, "names": ["foo", "bar"]},
        {"number": 3},
    ]


@pytest.mark.parametrize(
    "filters",
    [
        pytest.param([(MAXIMUM, {"severity": 4}), (WHITELIST, {"types": ["a"]})], id="pairs"),
        pytest.param([[MAXIMUM, {"severity": 4}], [WHITELIST, {"types": ["a"]}]], id="json"),
        pytest.param(
            [{"provider": MAXIMUM, "severity": 4}, {"provider": WHITELIST, "types": ["a"]}],
            id="tables",
        ),
        pytest.param(
            {
                "z": {"provider": MAXIMUM, "severity": 4},
                "a": {"provider": WHITELIST, "types": ["a"]},
            },
            id="named-tables",
        ),
    ],
)
def test_filters_of_a_dict(filters):
    client = client_from_dict_config({"stream": RECORDER, "filters": filters}, strict=True)

    maximum, whitelist = client.filters
    assert maximum(Message("x", severity=4))
    assert not maximum(Message("x", severity=5))
    assert whitelist(Message("a"))
    assert not whitelist(Message("b"))


def test_filters_may_be_ready_or_have_no_settings():
    def ready(msg):
        return False

    filters = [ready, (filter_provider, None)]
    client = client_from_dict_config({"stream": RECORDER, "filters": filters})

    assert client.filters[0] is ready
    assert client.filters[1].config == {}


def test_hmac_is_kept_as_it_was_given():
    """The key version stays text, as the file has it."""
    client = client_from_text_config(
        ini(
            "[heka_hmac]",
            "signer = some_signer",
            "key_version = 2",
            "hash_function = SHA1",
            "key = some_key_value",
        ),
        "heka",
    )

    assert client.encoder.hmc == {
        "signer": "some_signer",
        "key_version": "2",
        "hash_function": "SHA1",
        "key": "some_key_value",
    }


def test_encoder_may_be_an_object():
    encoder = NullEncoder()

    client = client_from_dict_config({"stream": RECORDER, "encoder": encoder})

    assert client.encoder is encoder


@pytest.mark.parametrize("hmac", [None, {}])
def test_no_hmac_signs_nothing(hmac):
    client = client_from_dict_config({"stream": RECORDER, "hmac": hmac})

    assert client.encoder.hmc == {}


def test_client_is_configured_in_place():
    client = HekaClient(stream=None, logger="before")

    found = client_from_dict_config({"stream": RECORDER, "logger": "after"}, client)

    assert found is client
    assert client.is_active
    assert client.logger == "after"


def test_configuration_with_an_error_leaves_the_client_as_it_was():
    client = client_from_dict_config({"stream": RECORDER, "logger": "before"})
    stream, config = client.stream, client._config
    wrong = {"stream": RECORDER, "logger": "after", "filters": [("no.such.filter", {})]}

    with pytest.raises(ConfigError):
        client_from_dict_config(wrong, client)

    assert (client.stream, client.logger, client._config) == (stream, "before", config)


def test_dict_is_not_changed():
    """Neither by merging prefixes and defaults nor by providers that change their arguments."""
    config = {
        "logger": "app",
        "stream_host": "b",
        "stream": {**RECORDER, "args": [1, 2], "table": {"a": [1]}},
        "filters": [("client.config_support.filter_provider", {"types": ["a"]})],
        "plugins": {"x": ["client.config_support.plugin_provider", {"list": ["a"]}]},
        "hmac": {"signer": "s", "key_version": "1", "hash_function": "md5", "key": "kkkk"},
    }
    before = copy.deepcopy(config)

    client = client_from_dict_config(config)
    client.stream.kwargs["table"]["a"].append(2)
    client.filters[0].config["types"].append("b")

    assert config == before


def test_same_dict_makes_as_many_clients_as_wanted():
    plugins = {"x": ("client.config_support.plugin_provider", {"override": False})}
    config = {"stream": RECORDER, "plugins": plugins}

    first, second = client_from_dict_config(config), client_from_dict_config(config)

    assert first is not second
    assert first.dummy() == second.dummy() == {}


def test_mapping_of_another_type_is_a_configuration():
    config = types.MappingProxyType({"stream": types.MappingProxyType(RECORDER)})

    assert client_from_dict_config(config).is_active


def test_objects_in_a_configuration_are_shared_not_copied():
    """A file or socket cannot be copied."""
    thing = io.BytesIO()

    client = client_from_dict_config({"stream": {**RECORDER, "file": thing}})

    assert client.stream.kwargs["file"] is thing


def test_config_is_shown_as_json():
    config = {
        "logger": "addons-marketplace-dev",
        "stream": {**RECORDER, "host": ["logstash1", "logstash2"], "port": "5566"},
    }

    assert client_from_dict_config(config)._config == json.dumps(config)


def test_config_of_ini_text_is_shown_as_it_was_read():
    client = client_from_text_config(ini("stream_port = 5", "logger = app"), "heka")

    assert json.loads(client._config) == {
        "stream_class": RECORDER["class"],
        "stream_port": 5,
        "logger": "app",
        "filters": [],
        "plugins": {},
        "hmac": {},
        "stream": {"class": RECORDER["class"], "port": 5},
    }


def test_config_with_objects_is_shown_by_their_names():
    config = {"stream": {"class": Recorder, "file": io.BytesIO(), "names": {"b", "a"}}}

    shown = json.loads(client_from_dict_config(config)._config)

    assert shown["stream"] == {
        "class": "client.config_support:Recorder",
        "file": "<_io:BytesIO>",
        "names": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param({"sender_class": RECORDER["class"], "sender_host": "a"}, {}, id="flat"),
        pytest.param({"sender": {**RECORDER, "host": "a"}}, {}, id="table"),
        pytest.param({"sender": RECORDER, "sender_host": "a"}, {}, id="both"),
        pytest.param({"sender_host": "a"}, {"stream": RECORDER}, id="beside-a-stream"),
        pytest.param({"sender_host": "a"}, {"stream": {**RECORDER, "host": "a"}}, id="the-same"),
    ],
)
def test_sender_is_the_old_name_of_the_stream(old, new):
    with pytest.warns(DeprecationWarning, match="a sender is called a stream now") as caught:
        client = client_from_dict_config({**old, **new}, strict=True)

    assert client.stream.kwargs == {"host": "a"}
    assert caught[0].filename == __file__
    assert all(f"config[{key!r}]" in str(caught[0].message) for key in old)


def test_sender_in_ini_text():
    text = "[heka]\nsender_class = client.config_support.Recorder\nsender_port = 5\n"

    with pytest.warns(DeprecationWarning, match=r"\[heka\] sender_class, \[heka\] sender_port"):
        client = client_from_text_config(text, "heka")

    assert client.stream.kwargs == {"port": 5}


@pytest.mark.parametrize(
    "open_source",
    [
        pytest.param(lambda text: io.StringIO(text), id="text-file"),
        pytest.param(lambda text: io.BytesIO(text.encode()), id="binary-file"),
        pytest.param(lambda text: io.StringIO("\ufeff" + text), id="byte-order-mark"),
        pytest.param(lambda text: io.BytesIO(text.replace("\n", "\r\n").encode()), id="crlf"),
        pytest.param(lambda text: text.splitlines(), id="lines"),
    ],
)
def test_source_of_ini_text(open_source):
    client = client_from_stream_config(open_source(ini("logger = ann")), "heka")

    assert client.logger == "ann"


def test_file_on_disk(tmp_path):
    path = tmp_path / "app.ini"
    path.write_text(ini("logger = Zoë"), encoding="utf-8")

    with path.open(encoding="utf-8") as file:
        client = client_from_stream_config(file, "heka")

    assert client.logger == "Zoë"


def test_sections_of_other_programs_are_ignored():
    text = "[other]\nx = 1\n" + ini("[other_filter_x]\ny = 1", "[logger_root]", "level = INFO")

    client = client_from_text_config(text, "heka", strict=True)

    assert list(client.filters) == []


def test_dict_of_ini_text():
    config = dict_from_stream_config(
        io.StringIO(
            "[heka]\nlogger = myapp\nstream_class = heka.streams.UdpStream\nstream_port = 5565\n"
            "[heka_filter_max]\nprovider = heka.filters.severity_max_provider\nseverity = 4\n"
            "[heka_plugin_cef]\nprovider = heka_cef:config_plugin\nfacility = KERN\n"
        ),
        "heka",
    )

    assert config == {
        "logger": "myapp",
        "stream_class": "heka.streams.UdpStream",
        "stream_port": 5565,
        "filters": [("heka.filters.severity_max_provider", {"severity": 4})],
        "plugins": {"cef": ("heka_cef:config_plugin", {"facility": "KERN"})},
        "hmac": {},
        "stream": {"class": "heka.streams.UdpStream", "port": 5565},
    }


def test_dict_of_ini_text_may_be_changed_before_it_is_used():
    config = dict_from_stream_config(io.StringIO(ini("stream_port = 5")), "heka")
    config["stream_port"] = 6
    config["logger"] = "mine"

    client = client_from_dict_config(copy.deepcopy(config))

    assert client.stream.kwargs == {"port": 6}
    assert client.logger == "mine"


@pytest.mark.parametrize(
    ("before", "arguments", "after"),
    [
        pytest.param(
            {"stream_a": 1, "b": 2},
            {},
            {"stream_a": 1, "b": 2, "stream": {"a": 1}},
            id="keys-are-kept",
        ),
        pytest.param(
            {"stream_a": 1, "stream": {"a": 0, "b": 2}},
            {},
            {"stream_a": 1, "stream": {"a": 1, "b": 2}},
            id="prefixed-wins",
        ),
        pytest.param({"a": 1, "streaming": 2}, {}, {"a": 1, "streaming": 2}, id="nothing-to-do"),
        pytest.param(
            {"x.a": 1, "y.b": 2, "x_c": 3},
            {"prefixes": ["x", "y"], "separator": "."},
            {"x.a": 1, "y.b": 2, "x_c": 3, "x": {"a": 1}, "y": {"b": 2}},
            id="other-prefixes",
        ),
    ],
)
def test_nest_prefixes(before, arguments, after):
    """The dict is changed in place and returned."""
    found = nest_prefixes(before, **arguments)

    assert found is before
    assert found == after


def test_nest_prefixes_refuses_to_hide_a_value():
    with pytest.raises(ConfigError, match=r"config\['stream'\]: expected a table"):
        nest_prefixes({"stream": 5, "stream_a": 1})


@pytest.mark.parametrize(
    ("key", "said"),
    [
        pytest.param("loger", "did you mean 'logger'?", id="typing-error"),
        pytest.param("LOGGER", "did you mean 'logger'?", id="case"),
        pytest.param("steam_class", "did you mean 'stream_class'?", id="prefix"),
        pytest.param("zzz", "known keys: logger, severity, ", id="nothing-close"),
    ],
)
def test_unknown_key_is_warned_of(key, said):
    """heka-py 0.30 ignored an unknown key."""
    with pytest.warns(ConfigWarning) as caught:
        client = client_from_dict_config({"stream": RECORDER, key: 5})

    assert client.is_active
    assert str(caught[0].message).startswith(f"config[{key!r}]: unknown key")
    assert said in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(["loger = x"], "[heka] loger: unknown key; did you mean", id="main"),
        pytest.param(["filters = x"], "expected a section [heka_filter_NAME]", id="filters"),
        pytest.param(["plugin = x"], "expected a section [heka_plugin_NAME]", id="plugin"),
        pytest.param(["hmac = x"], "expected a section [heka_hmac]", id="hmac"),
        pytest.param(
            ["[heka_fitler_x]", "a = 1"],
            "[heka_fitler_x]: unknown section; did you mean 'filter'?",
            id="section",
        ),
        pytest.param(
            [
                *("[heka_hmac]", "signer = a", "key_version = 1", "hash_function = md5"),
                *("key = kkkk", "keyversion = 3"),
            ],
            "[heka_hmac] keyversion: unknown key; did you mean 'key_version'?",
            id="hmac-key",
        ),
    ],
)
def test_setting_without_effect_in_ini_text_is_a_warning_or_an_error_if_strict(lines, said):
    with pytest.warns(ConfigWarning) as caught:
        client_from_text_config(ini(*lines), "heka")

    assert said in str(caught[0].message)
    assert caught[0].filename == __file__
    with pytest.raises(ConfigError) as refused:
        client_from_text_config(ini(*lines), "heka", strict=True)
    assert said in str(refused.value)

"""How programs of heka-py 0.30 set up a client, and what their own tests look at."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from unittest.mock import Mock, patch

import pytest
from compat.support import capturing, messages, read

import heka
from heka.client import SEVERITY, HekaClient
from heka.config import client_from_dict_config, client_from_text_config
from heka.encoders import RECORD_SEPARATOR, UNIT_SEPARATOR, ProtobufEncoder
from heka.exceptions import EnvironmentNotFoundError
from heka.filters import (
    severity_max_provider,
    type_blacklist_provider,
    type_severity_max_provider,
    type_whitelist_provider,
)
from heka.holder import CLIENT_HOLDER, get_client
from heka.logging import hook_logger
from heka.message import Message, first_value
from heka.streams import DebugCaptureStream, StdLibLoggingStream
from heka.streams.tcp import TcpStream
from heka.streams.udp import UdpStream

# The configuration of their documentation, and of their tests.
AMO = {
    "logger": "amo.dev",
    "stream": {
        "class": "heka.streams.UdpStream",
        "host": ["logstash1", "logstash2"],
        "port": "5566",
    },
}


class Stand:
    """Stands where a class of a stream is named; keeps what it was made with."""

    def __init__(self, **options):
        self.options = options

    def write(self, data):
        """Take data."""

    def flush(self):
        """Have nothing to flush."""


def plugin_provider(config):
    """A provider as plugins have it: the method returns what it was configured with."""
    config = dict(config)
    config.pop("verbose", None)

    def dummy(self, verbose=False):
        return config

    dummy.heka_name = "dummy"
    return dummy


def clashing_provider(config):
    """A provider of a method whose name the client has."""

    def replaced(self, msg):
        return f"not {msg}"

    replaced.heka_name = "exception"
    return replaced


@pytest.fixture(autouse=True)
def empty_holder(monkeypatch):
    """A holder without the clients of other tests."""
    monkeypatch.setattr(CLIENT_HOLDER, "_clients", {})
    monkeypatch.setattr(CLIENT_HOLDER, "_default_clientname", None)


def configured(text: str) -> HekaClient:
    """A client from INI text, in which ``HERE`` is this module."""
    return client_from_text_config(text.replace("HERE", __name__), "heka")


# ---- configuration ------------------------------------------------------------------------------


def test_a_section_with_a_stream_class_is_enough():
    client = configured("[heka]\nstream_class = heka.streams.DebugCaptureStream")

    assert type(client) is HekaClient
    assert type(client.stream) is DebugCaptureStream
    assert type(client.encoder) is ProtobufEncoder


def test_stream_options_are_arguments_of_its_class():
    """Lists, ints and bools in every spelling that was documented."""
    client = configured(
        """
        [heka]
        stream_class = HERE:Stand
        stream_multi = foo
                       bar
        stream_integer = 123
        stream_true1 = True
        stream_true2 = t
        stream_true3 = Yes
        stream_true4 = on
        stream_false1 = false
        stream_false2 = F
        stream_false3 = no
        stream_false4 = OFF
        """
    )

    assert client.stream.options == {
        "multi": ["foo", "bar"],
        "integer": 123,
        **{f"true{number}": True for number in range(1, 5)},
        **{f"false{number}": False for number in range(1, 5)},
    }


def test_a_class_may_come_from_the_environment(monkeypatch):
    text = "[heka]\nstream_class = ${SENDER_TEST}"
    monkeypatch.setenv("SENDER_TEST", "heka.streams.DebugCaptureStream")
    assert type(configured(text).stream) is DebugCaptureStream

    monkeypatch.delenv("SENDER_TEST")
    with pytest.raises(EnvironmentNotFoundError) as raised:
        configured(text)
    assert raised.value.varname == "SENDER_TEST"


def test_filters_come_in_the_order_of_their_sections():
    client = configured(
        """
        [heka]
        stream_class = heka.streams.DebugCaptureStream
        [heka_filter_sev_max]
        provider = heka.filters.severity_max_provider
        severity = 6
        [heka_filter_type_whitelist]
        provider = heka.filters.type_whitelist_provider
        types = foo
                bar
                baz
        """
    )

    severity_max, type_whitelist = client.filters
    assert [one.func_name for one in client.filters] == ["severity_max", "type_whitelist"]
    assert [bool(severity_max(Message(severity=level))) for level in (6, 7)] == [True, False]
    assert [bool(type_whitelist(Message(type=name))) for name in ("bar", "bawlp")] == [True, False]


def test_a_plugin_is_a_method_with_its_section_as_configuration():
    client = configured(
        """
        [heka]
        stream_class = heka.streams.DebugCaptureStream
        [heka_plugin_dummy]
        provider=HERE:plugin_provider
        verbose=True
        foo=bar
        some_list = dog
                    cat
                    bus
        port=8080
        host=lolcathost
        """
    )

    assert client.dummy(verbose=True) == {
        "host": "lolcathost",
        "foo": "bar",
        "some_list": ["dog", "cat", "bus"],
        "port": 8080,
    }


def test_a_plugin_of_a_taken_name_needs_override():
    text = """
        [heka]
        stream_class = heka.streams.DebugCaptureStream
        [heka_plugin_exception]
        {}
        provider = HERE:clashing_provider
        """
    with pytest.raises(SyntaxError, match="exception"):
        configured(text.format(""))

    assert configured(text.format("override = True")).exception("x") == "not x"


def test_one_dict_configures_many_clients_and_is_kept_as_json():
    before = json.dumps(AMO)

    clients = [client_from_dict_config(AMO) for _ in range(3)]

    assert json.dumps(AMO) == before
    assert {client._config for client in clients} == {before}
    for client in clients:
        client.close()


def test_the_hmac_section_is_kept_as_it_was_and_signs():
    client = configured(
        """
        [heka]
        stream_class = heka.streams.DebugCaptureStream
        [heka_hmac]
        signer = some_signer_name
        key_version = 2
        hash_function = SHA1
        key = some_key_value
        """
    )
    client.heka("t")

    assert client.encoder.hmc == {
        "hash_function": "SHA1",
        "key_version": "2",
        "key": "some_key_value",
        "signer": "some_signer_name",
    }
    (frame,) = read(client.stream.msgs[0], signers={("some_signer_name", 2): b"some_key_value"})
    assert (frame.signer, frame.signer_version) == ("some_signer_name", 2)


def test_clients_are_kept_by_name():
    unconfigured = get_client("new_client")
    configured = get_client("amo.dev", AMO)

    assert unconfigured.is_active is False
    assert configured.logger == "amo.dev"
    assert get_client("amo.dev") is configured is CLIENT_HOLDER.get_client("amo.dev")
    assert get_client(None) is CLIENT_HOLDER.default_client is unconfigured
    with pytest.raises(ValueError, match=r"amo\.dev"):
        get_client("another", AMO)
    configured.close()


# ---- streams whose sockets are replaced ---------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "port", "destinations"),
    [
        pytest.param("127.0.0.1", 5565, [("127.0.0.1", 5565)], id="one"),
        pytest.param("127.0.0.1", "5565", [("127.0.0.1", 5565)], id="port-as-text"),
        pytest.param(["a", "b"], [1, 2], [("a", 1), ("b", 2)], id="each-its-own"),
        pytest.param(["a", "b"], 5565, [("a", 5565), ("b", 5565)], id="one-port"),
        pytest.param(["a", "b"], "5566", [("a", 5566), ("b", 5566)], id="one-port-as-text"),
        pytest.param(["a", "b", "c"], [1, 2], [("a", 1), ("b", 2), ("c", 2)], id="last-port"),
    ],
)
def test_a_replaced_udp_socket_is_called_for_each_destination(host, port, destinations):
    stream = UdpStream(host=host, port=port)
    with patch.object(stream, "socket") as replaced:
        stream.write(b"data")

    assert [call.args for call in replaced.sendto.call_args_list] == [
        (b"data", destination) for destination in destinations
    ]
    stream.close()


def test_a_client_calls_a_replaced_udp_socket():
    client = HekaClient(UdpStream("127.0.0.1", 5565), "tests")
    with patch.object(client.stream, "socket") as replaced:
        assert client.incr("n") is True

    ((data, destination),) = [call.args for call in replaced.sendto.call_args_list]
    assert destination == ("127.0.0.1", 5565)
    assert read(bytes(data))[0].message.type == "counter"
    client.close()


def test_a_client_calls_a_replaced_tcp_socket():
    client = HekaClient(TcpStream("127.0.0.1", 5565), "tests")
    replaced = Mock()
    client.stream.sockets[0] = replaced

    client.incr("n")
    client.incr("n")

    sent = b"".join(bytes(call.args[0]) for call in replaced.sendall.call_args_list)
    assert [frame.message.type for frame in read(sent)] == ["counter", "counter"]
    replaced.connect.assert_called_once_with(("127.0.0.1", 5565))
    client.close()


def test_a_mock_is_a_stream():
    """As their tests made them: what it got is in its calls."""
    stream = Mock()
    client = HekaClient(stream, "tests")

    client.heka("t", payload="p")

    ((data,),) = [call.args for call in stream.write.call_args_list]
    assert read(data)[0].message.payload == "p"


# ---- filters ------------------------------------------------------------------------------------


def test_severity_max_sends_what_is_severe_enough():
    client = capturing()
    client.filters = [severity_max_provider(severity=SEVERITY.ERROR)]

    for call in ("debug", "info", "warn", "error", "exception", "critical"):
        getattr(client, call)("foo")

    assert [sent.severity for sent in messages(client)] == [3, 1, 2]


@pytest.mark.parametrize(
    ("provider", "sent"), [(type_blacklist_provider, ["bar"]), (type_whitelist_provider, ["foo"])]
)
def test_types_are_listed_in_black_or_white(provider, sent):
    client = capturing(filters=[provider(types={"foo"})])

    client.heka("foo")
    client.heka("bar")

    assert [one.type for one in messages(client)] == sent


def test_each_type_has_its_own_severity():
    config = {"types": {"foo": {"severity": 3}, "bar": {"severity": 5}}}
    before = json.dumps(config)
    client = capturing(filters=[type_severity_max_provider(**config)])

    for name in ("foo", "bar", "other"):
        for severity in range(8):
            client.heka(name, severity=severity)

    sent = [one.type for one in messages(client)]
    assert {name: sent.count(name) for name in ("foo", "bar", "other")} == {
        "foo": 4,
        "bar": 6,
        "other": 8,
    }
    assert json.dumps(config) == before


# ---- encoders and logging -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SHA1", "MD5"])
def test_a_frame_is_separators_header_and_payload(name):
    """Taken apart by hand; the digest is that of the standard library."""
    config = {"signer": "vic", "key_version": 1, "hash_function": name, "key": "some_key"}
    encoder = ProtobufEncoder(config)
    message = Message("hmac", timestamp=1, uuid=b"0123456789012345", fields={"foo": "bar"})

    data = encoder.encode(message)

    payload = encoder.msg_to_payload(message)
    digest = hmac.new(b"some_key", payload, getattr(hashlib, name.lower())).digest()
    header_end = 2 + data[1]
    assert data[0] == RECORD_SEPARATOR
    assert data[header_end] == UNIT_SEPARATOR
    assert data[header_end + 1 :] == payload
    assert data[2:header_end].endswith(b"\x32" + bytes([len(digest)]) + digest)
    assert first_value(encoder.decode(payload), "foo") == "bar"


def test_a_client_may_log_to_the_standard_library():
    stream = StdLibLoggingStream("testlogger")
    client = HekaClient(stream, "mine", encoder="heka.encoders.StdlibPayloadEncoder")
    with patch.object(stream.logger, "log") as log:
        client.heka("stdlog", payload="this is some text")

    ((level, text),) = [call.args for call in log.call_args_list]
    assert (level, text) == (logging.INFO, "stdlog: this is some text")


def test_exception_comes_through_the_standard_library(caplog):
    """It is an ALERT, which the old encoder had no level for, as it had none for NOTICE."""
    caplog.set_level(logging.INFO)
    client = HekaClient(
        StdLibLoggingStream("compat"), "mine", encoder="heka.encoders.StdlibPayloadEncoder"
    )
    try:
        raise KeyError("lost")
    except KeyError:
        client.exception("it failed")
    client.notice("noticed")

    assert [(one.levelno, one.getMessage().partition("\n")[0]) for one in caplog.records] == [
        (logging.CRITICAL, "oldstyle: it failed"),
        (logging.INFO, "oldstyle: noticed"),
    ]


def test_a_hooked_logger_sends_through_the_client(request):
    client = capturing()
    logger = logging.getLogger("compat.demo")
    request.addfinalizer(logger.handlers.clear)
    logger.setLevel(logging.INFO)

    hook_logger("compat.demo", client)
    hook_logger("compat.demo", client)
    logger.info("this is an info message")

    (sent,) = messages(client)
    assert (sent.type, sent.payload, sent.severity) == ("oldstyle", "this is an info message", 6)
    assert first_value(sent, "loglevel") == logging.INFO
    assert isinstance(sent, heka.Message)

"""Configured clients send to the configured destination with the configured signature."""

from __future__ import annotations

import socket

import pytest

import heka
from heka.config import client_from_dict_config, client_from_text_config, client_from_toml_config
from heka.holder import HekaClientHolder, get_client

CAPTURE = "stream_class = heka.streams.DebugCaptureStream"
KEY = "the signing key"


@pytest.fixture
def receivers():
    """Two UDP sockets on two loopback addresses and one port."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second,
    ):
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.2", first.getsockname()[1]))
        first.settimeout(20)
        second.settimeout(20)
        yield first, second


def read(data, **signers):
    """Return the one frame in *data*."""
    (frame,) = heka.StreamReader(**signers).feed(data)
    return frame


@pytest.mark.parametrize(
    "port",
    [
        pytest.param("stream_port = {}", id="once"),
        pytest.param("stream_port = {}\n              {}", id="each"),
        pytest.param("stream_port = ${{HEKA_TEST_PORT}}", id="of-the-environment"),
    ],
)
def test_each_host_gets_the_message(receivers, monkeypatch, port):
    """heka-py 0.30 sent to one port per digit if the port was text."""
    number = receivers[0].getsockname()[1]
    monkeypatch.setenv("HEKA_TEST_PORT", str(number))
    text = "[app]\nlogger = app\nstream_class = heka.streams.UdpStream\nstream_host = 127.0.0.1\n"
    text += f"              127.0.0.2\n{port.format(number, number)}\n"

    with client_from_text_config(text, "app") as client:
        client.heka("greeting", payload="hello")
        got = [read(each.recv(65536)).message for each in receivers]

    assert [(msg.type, msg.logger, msg.payload) for msg in got] == [
        ("greeting", "app", "hello")
    ] * 2


@pytest.mark.parametrize("scheme", ["udp://", ""])
def test_destination_by_its_url(receivers, scheme):
    host, port = receivers[0].getsockname()
    document = f'[tool.heka]\nto = "{scheme}{host}:{port}"\nlogger = "app"\n'

    with client_from_toml_config(document) as client:
        client.incr("visits")
        msg = read(receivers[0].recv(65536)).message

    assert (msg.type, msg.logger, msg.payload) == ("counter", "app", "1")


def test_several_destinations(receivers):
    urls = "\n    ".join(
        f"udp://{each.getsockname()[0]}:{each.getsockname()[1]}" for each in receivers
    )

    with client_from_text_config(f"[heka]\nto =\n    {urls}\ntimeout = 0.5\n", "heka") as client:
        client.heka("x")
        got = [read(each.recv(65536)).message.type for each in receivers]
        timeouts = client.timeout, client.stream.timeout

    assert got == ["x", "x"]
    assert timeouts == (0.5, 0.5)


@pytest.mark.parametrize(
    ("name", "variable"),
    [pytest.param("sha1", "2", id="sha1"), pytest.param("MD5", "0002", id="md5")],
)
def test_hmac_of_ini_text_signs(name, variable, monkeypatch):
    """The key version is text in INI files; heka-py 0.30 then sent nothing."""
    monkeypatch.setenv("HEKA_TEST_VERSION", variable)
    client = client_from_text_config(
        f"""
        [heka]
        {CAPTURE}

        [heka_hmac]
        signer = web
        key_version = ${{HEKA_TEST_VERSION}}
        hash_function = {name}
        key = {KEY}
        """,
        "heka",
    )

    assert client.heka("x")

    frame = read(client.stream.msgs[0], signers={("web", 2): KEY}, require_signature=True)
    assert (frame.signer, frame.signer_version) == ("web", 2)


def test_hmac_of_a_dict_signs_with_bytes():
    hmac = {"signer": "web", "key_version": 2, "hash_function": "SHA1", "key": b"\xff\0"}
    stream = {"class": "heka.streams.DebugCaptureStream"}
    client = client_from_dict_config({"stream": stream, "hmac": hmac})

    client.heka("x")

    frame = read(client.stream.msgs[0], signers={("web", 2): b"\xff\0"}, require_signature=True)
    assert frame.signer == "web"


def test_level_and_filters_decide_what_is_sent():
    client = client_from_text_config(
        f"""
        [heka]
        {CAPTURE}
        encoder = heka.encoders.NullEncoder
        level = 4

        [heka_filter_types]
        provider = heka.filters.type_blacklist_provider
        types = noise
        """,
        "heka",
    )

    for type, severity in [("a", 4), ("b", 5), ("noise", 0), ("c", 0)]:
        client.heka(type, severity=severity)

    assert [msg.type for msg in client.stream.msgs] == ["a", "c"]


def test_disabled_timers_send_nothing():
    client = client_from_text_config(f"[heka]\n{CAPTURE}\ndisabled_timers = slow\n    7\n", "heka")

    for name in ("slow", "7", "quick"):
        with client.timer(name):
            pass

    (data,) = client.stream.msgs
    assert read(data).message.fields["name"] == ["quick"]


def test_bad_values_of_a_configuration_are_used():
    client = client_from_text_config(f"[heka]\n{CAPTURE}\nbad_values = repr\n", "heka")

    assert client.heka("x", fields={"thing": None})

    assert read(client.stream.msgs[0]).message.fields["thing"] == ["None"]


def test_client_that_sent_nothing_sends_when_it_is_configured(monkeypatch):
    """Modules get their client by name before the program has read its configuration."""
    holder = HekaClientHolder()
    monkeypatch.setattr("heka.holder.CLIENT_HOLDER", holder)
    early = get_client("app")
    assert not early.heka("lost")

    get_client("app", {"stream": {"class": "heka.streams.DebugCaptureStream"}})

    assert early.heka("kept")
    assert read(early.stream.msgs[0]).message.logger == "app"

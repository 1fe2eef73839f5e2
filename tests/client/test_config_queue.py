"""Configurations that put a queue in front of a stream: every notation, and its errors."""

from __future__ import annotations

import queue
import socket

import pytest
from client import config_support

import heka
from heka.config import client_from_dict_config, client_from_text_config, client_from_toml_config
from heka.exceptions import ConfigError
from heka.streams import QueuedStream, TcpStream

RECORDER = "client.config_support.Recorder"


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(20)
        yield sock


def received(server, count):
    """The messages that come over the next connection."""
    reader = heka.StreamReader()
    messages = []
    with server.accept()[0] as connection:
        connection.settimeout(20)
        while len(messages) < count:
            messages += [frame.message for frame in reader.feed(connection.recv(65536))]
    return messages


INI = """
[heka]
logger = shop
stream_class = heka.streams.TcpStream
stream_host = 127.0.0.1
stream_port = {port}
stream_queue = {word}
stream_queue_capacity = 64 KiB
stream_queue_overflow = drop_old
stream_queue_linger = 0
"""
TOML = """
[tool.heka]
logger = "shop"
[tool.heka.stream]
class = "heka.streams.TcpStream"
host = "127.0.0.1"
port = {port}
"""
TABLE = '[tool.heka.stream.queue]\ncapacity = "64 KiB"\noverflow = "drop_old"\nlinger = 0\n'
FLAT = 'queue = true\nqueue_capacity = 65536\nqueue_overflow = "drop_old"\nqueue_linger = 0.0\n'


def of_dict(port):
    stream = {"class": TcpStream, "host": "127.0.0.1", "port": port}
    queue = {"capacity": 65536, "overflow": "drop_old", "linger": 0}
    return client_from_dict_config({"logger": "shop", "stream": {**stream, "queue": queue}})


def of_url(port):
    url = f"tcp://127.0.0.1:{port}?queue=1&capacity=64KiB&overflow=drop_old&linger=0"
    return client_from_dict_config({"logger": "shop", "to": url})


@pytest.mark.parametrize(
    "make",
    [
        *(
            pytest.param(
                lambda port, word=word: client_from_text_config(
                    INI.format(port=port, word=word), "heka"
                ),
                id=f"ini-{word}",
            )
            for word in ("1", "true", "yes")
        ),
        pytest.param(
            lambda port: client_from_toml_config(TOML.format(port=port) + TABLE), id="toml-table"
        ),
        pytest.param(
            lambda port: client_from_toml_config(TOML.format(port=port) + FLAT), id="toml-flat"
        ),
        pytest.param(of_dict, id="dict"),
        pytest.param(of_url, id="url"),
    ],
)
def test_messages_go_through_the_queue(server, make):
    with make(server.getsockname()[1]) as client:
        assert isinstance(client.stream, QueuedStream)
        assert client.sink.max_frame == 32768  # half of the capacity
        for number in range(3):
            assert client.heka("t", payload=str(number)) is True
        got = received(server, 3)

    assert [(msg.logger, msg.payload) for msg in got] == [("shop", str(n)) for n in range(3)]


@pytest.mark.parametrize("word", ["0", "false", "off"])
def test_stream_with_the_queue_switched_off_has_no_queue(word):
    text = f"[heka]\nstream_class = {RECORDER}\nstream_queue = {word}\n"

    client = client_from_text_config(text, "heka")

    assert (type(client.stream).__name__, client.stream.kwargs) == ("Recorder", {})


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("stream_queue = perhaps", "stream_queue: expected true, false or a table"),
        ("stream_queue_capacity = 1 MiB", "has no effect without a queue; set"),
        ("stream_queue = 0\nstream_queue_linger = 1", "has no effect without a queue; set"),
        ("stream_queue = 1\nstream_queue_size = 5", "a queue has no such setting"),
        ("stream_queue = 1\nstream_queue_capacty = 5", "did you mean 'capacity'?"),
        ("stream_queue = 1\nstream_queue_capacity = 9 GB", "expected bytes"),
        ("stream_queue = 1\nstream_queue_capacity = 100", "expected at least 4096 bytes"),
        ("stream_queue = 1\nstream_queue_overflow = burst", "overflow must be 'drop_new'"),
        ("stream_queue = 1\nstream_queue_on_drop = no.such.name", "cannot import 'no.such.name'"),
    ],
)
def test_wrong_queue_setting_is_a_config_error(lines, said):
    with pytest.raises(ConfigError, match=said):
        client_from_text_config(f"[heka]\nstream_class = {RECORDER}\n{lines}\n", "heka")


def test_the_stream_of_a_queue_that_cannot_be_made_is_closed():
    made = config_support.Recorder.made
    before = len(made)
    config = {"stream": {"class": RECORDER, "queue": True, "queue_capacity": 1}}
    with pytest.raises(ConfigError):
        client_from_dict_config(config)

    assert [stream.closed for stream in made[before:]] == [True]


def test_dotted_name_of_on_drop_is_resolved(monkeypatch):
    said = queue.SimpleQueue()
    monkeypatch.setattr(config_support, "told", lambda *drop: said.put(drop), raising=False)
    monkeypatch.setattr(config_support.Recorder, "write", lambda self, data: False)
    config = {"class": RECORDER, "queue": {"on_drop": "client.config_support.told"}}

    with client_from_dict_config({"stream": config}) as client:
        assert client.heka("t") is True
        assert said.get(timeout=20) == ("stream", 1)

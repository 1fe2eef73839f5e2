"""Reprs say what an object is for, and show no secret."""

from __future__ import annotations

import pytest

import heka
from heka import encoders, streams
from heka.client import HekaClient
from heka.holder import HekaClientHolder

HMC = {"signer": "ops", "key_version": 1, "hash_function": "sha1", "key": "hunter2"}


def filled() -> heka.StreamReader:
    """A reader that has got a frame, garbage, and the first byte of a frame."""
    reader = heka.StreamReader(signers={("ops", 1): "hunter2"})
    reader.feed(heka.frame(b"\x0a\x01a") + heka.pack("t", hostname="h", pid=1)[:5])
    return reader


def held() -> HekaClientHolder:
    holder = HekaClientHolder()
    holder.get_client("app")
    return holder


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda: heka.SignerConfig("ops", 1, "hunter2", "sha1"), "name='ops', version=1"),
        (lambda: heka.StreamReader(), "0 bytes delivered, 0 refused, 0 discarded, 0 pending; "),
        (lambda: heka.StreamReader(), "signatures are not verified>"),
        (filled, "signatures are verified>"),
        (lambda: heka.StreamReader().feed(heka.pack(pid=1, hostname=""))[0], "<heka.Frame of "),
        (lambda: HekaClient(streams.NullStream(), "app"), "<HekaClient 'app' NullStream>"),
        (lambda: HekaClient(None, "app"), "<HekaClient 'app' inactive>"),
        (lambda: HekaClient(None, "app").timer("db"), "<Timer 'db': no result>"),
        (lambda: HekaClient(streams.NullStream(), "").sink, "Sink: discarding, 0 sent, 0 dropped>"),
        (lambda: streams.UrlStream("tcp://h"), "<UrlStream tcp://h:5565>"),
        (lambda: streams.NullStream(), "<NullStream>"),
        (lambda: encoders.ProtobufEncoder(), "ProtobufEncoder()"),
        (lambda: encoders.ProtobufEncoder(HMC), "ProtobufEncoder(SignerConfig(name='ops'"),
        (lambda: encoders.JSONEncoder(), "JSONEncoder()"),
        (held, "<HekaClientHolder: 'app'; default 'app'>"),
    ],
)
def test_a_repr(made, text):
    shown = repr(made())

    assert text in shown
    assert "hunter2" not in shown


def test_the_repr_of_what_heka_log_belongs_to():
    emitter = heka.log.__self__
    try:
        heka.configure(to="udp://localhost:5565", level="error")
        assert repr(emitter) == "<heka._core.Emitter: to 'udp://localhost:5565', level 3>"
        heka.configure(to=streams.NullStream(), level=7)
        assert repr(emitter) == "<heka._core.Emitter: to an object of type NullStream, level 7>"
    finally:
        heka.configure(to=None, level=7)
    assert repr(emitter) == "<heka._core.Emitter: to the default destination, level 7>"

"""The old names of streams, which were called senders."""

from __future__ import annotations

import importlib

import pytest

import heka.senders
from heka import streams

NAMES = {
    "heka.senders": {
        "DebugCaptureSender": "DebugCaptureStream",
        "FileSender": "FileStream",
        "StdLibLoggingSender": "StdLibLoggingStream",
        "StdOutSender": "StdOutStream",
        "StreamSender": "FormatterStream",
        "TcpSender": "TcpStream",
        "UdpSender": "UdpStream",
    },
    "heka.senders.dev": {
        "DebugCaptureSender": "DebugCaptureStream",
        "FileSender": "FileStream",
        "StdOutSender": "StdOutStream",
        "StreamSender": "FormatterStream",
    },
    "heka.senders.udp": {"UdpSender": "UdpStream"},
    "heka.senders.tcp": {"TcpSender": "TcpStream"},
    "heka.senders.logging": {"StdLibLoggingSender": "StdLibLoggingStream"},
}


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [(module, old, new) for module, names in NAMES.items() for old, new in names.items()],
)
def test_an_old_name_is_the_stream_with_a_warning_at_the_caller(module, old, new):
    found = importlib.import_module(module)

    with pytest.warns(DeprecationWarning, match=f"^{module}.{old} is heka.streams.{new} now$") as w:
        sender = getattr(found, old)

    assert sender is getattr(streams, new)
    assert w[0].filename == __file__
    assert old in dir(found)


@pytest.mark.parametrize("name", ["StdOutStream", "UdpStream", "FileStream"])
@pytest.mark.parametrize("module", ["heka.senders", "heka.senders.dev"])
def test_a_new_name_is_found_under_senders_too(module, name):
    with pytest.warns(
        DeprecationWarning, match=rf"^{module}\.{name} is heka\.streams\.{name} now$"
    ):
        found = getattr(importlib.import_module(module), name)

    assert found is getattr(streams, name)


def test_from_import():
    with pytest.warns(DeprecationWarning, match="UdpSender is heka.streams.UdpStream now") as w:
        from heka.senders import UdpSender

    assert UdpSender is streams.UdpStream
    assert {one.filename for one in w} == {__file__}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ZmqPubSender", "ZeroMQ is no longer supported; use heka.streams.TcpStream"),
        ("NoSendSender", "a client without a stream sends nothing"),
        ("Nothing", "has no attribute 'Nothing'$"),
    ],
)
def test_removed_senders_raise_with_the_replacement(name, text):
    with pytest.raises(AttributeError, match=text):
        getattr(heka.senders, name)


def test_old_name_is_only_in_its_own_module():
    with pytest.raises(AttributeError, match=r"module 'heka\.senders\.udp' has no attribute"):
        importlib.import_module("heka.senders.udp").TcpSender  # noqa: B018 - the access is the test


def test_importing_the_modules_is_silent():
    for module in NAMES:
        importlib.reload(importlib.import_module(module))

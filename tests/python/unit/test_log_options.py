"""What ``heka.log`` and ``heka.configure`` take: levels, loggers, signers, timeouts, sources."""

from __future__ import annotations

import os
import re
import socket
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from python.unit.support import BoomError, Float, Index, Text, boom

import heka
from heka.testing import Captured, capture, sources

SIGNER = heka.SignerConfig("ops", 1, "key", "sha1")
DEFAULTS: dict[str, Any] = {
    "to": None,
    "signer": None,
    "level": 7,
    "logger": "",
    "oversize": "truncate",
    "bad_values": "convert",
    "default": None,
    "timeout": 1.0,
}


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Restore the configuration at the end of the test."""
    yield
    heka.configure(**DEFAULTS)


@pytest.fixture
def captured() -> Iterator[Captured]:
    with capture() as messages:
        yield messages


class Stream:
    """An object with ``write``, as ``to`` takes it."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)


# ---- what a message is made of ----------------------------------------------------------------


def test_defaults(captured):
    assert heka.log("t") is True

    message = captured[0]
    assert (message.type, message.logger, message.severity, message.payload) == ("t", "", 6, "")
    assert (message.fields, message.env_version) == ({}, "0.8")
    assert (message.pid, message.hostname) == (os.getpid(), socket.gethostname())


def test_arguments_by_position(captured):
    heka.log("t", "l", 3, {"a": 1}, "p")

    message = captured[0]
    assert (message.type, message.logger, message.severity, message.payload) == ("t", "l", 3, "p")
    assert message.fields == {"a": [1]}


def test_arguments_by_name(captured):
    heka.log(payload="p", fields={"a": 1}, severity=3, logger="l", type="t", timestamp_ns=5)

    message = captured[0]
    assert (message.type, message.logger, message.severity, message.payload) == ("t", "l", 3, "p")
    assert (message.fields, message.timestamp) == ({"a": [1]}, 5)


@pytest.mark.parametrize(
    "name",
    [
        *["logger", "fields", "to", "signer", "timestamp", "timestamp_ns"],
        *["uuid", "bad_values", "default", "oversize", "timeout"],
    ],
)
def test_none_is_the_default(captured, name):
    assert heka.log("t", **{name: None}) is True

    assert (captured[0].logger, captured[0].fields) == ("", {})


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"type": 1}, "type must be str, not int"),
        ({"type": None}, "type must be str, not None"),
        ({"logger": b"l"}, "logger must be str, not bytes"),
        ({"fields": 1}, "fields must be a mapping or None, not int"),
        ({"payload": None}, "payload must be str, not None"),
        ({"signer": "ops"}, "signer must be SignerConfig or None, not str"),
        ({"oversize": 1}, "oversize must be str, not int"),
        ({"timeout": "1"}, "timeout must be seconds (int or float), not str"),
        ({"timeout": 1j}, "timeout must be seconds (int or float), not complex"),
    ],
)
def test_arguments_of_a_wrong_type(captured, arguments, text):
    with pytest.raises(TypeError) as error:
        heka.log(**{"type": "t", **arguments})

    assert str(error.value) == text
    assert len(captured) == 0


@pytest.mark.parametrize("severity", [2**31, -(2**31) - 1, 2**63, -(2**64), 10**30])
def test_a_severity_beyond_32_bits(captured, severity):
    with pytest.raises(ValueError, match=f"severity must be from 0 .*, got {severity}"):
        heka.log("t", severity=severity)

    assert len(captured) == 0


@pytest.mark.parametrize("severity", ["3", "", "worst", "errör", "Error ", None, 3.0, b"error"])
def test_what_is_neither_number_nor_name_is_no_severity(captured, severity):
    """The text names both."""
    text = (
        "severity must be from 0 (emergency) to 7 (debug), or a name (emergency, alert, critical, "
        f"error, warning, notice, info, debug), got {severity!r}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        heka.log("t", severity=severity)

    assert len(captured) == 0


@pytest.mark.parametrize("level", [0, 7])
@pytest.mark.parametrize("severity", [-1, 8, 10, 40, 2**31 - 1])
def test_a_severity_that_is_none_is_refused_whatever_the_level(captured, level, severity):
    """40 is logging.ERROR, which once was not sent, and not counted."""
    heka.configure(level=level)

    with pytest.raises(ValueError, match=r"0 \(emergency\) to 7 \(debug\).*heka\.logging"):
        heka.log("t", severity=severity)


@pytest.mark.parametrize("value", [True, False])
def test_a_bool_is_no_severity_and_no_level(captured, value):
    """True would be an alert; more likely, two arguments were mixed up."""
    with pytest.raises(ValueError, match=rf"severity must be from 0 .*, got {value}"):
        heka.log("t", severity=value)
    with pytest.raises(ValueError, match=f"level must be from 0 .*, got {value}"):
        heka.configure(level=value)

    assert len(captured) == 0


@pytest.mark.parametrize("severity", [-(2**31), -1, 8, 40, 2**31 - 1])
def test_a_message_keeps_any_severity_of_32_bits(severity):
    message = heka.Message("t", severity=severity)
    (frame,) = heka.StreamReader().feed(heka.pack("t", severity=severity))

    assert message.severity == severity
    assert heka.Message.decode(message.encode()).severity == severity
    assert frame.message.severity == severity


# ---- level ------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", range(8))
def test_message_above_the_level_is_not_sent(captured, level):
    heka.configure(level=level)

    sent = [heka.log("t", severity=severity) for severity in range(8)]

    assert sent == [severity <= level for severity in range(8)]
    assert [message.severity for message in captured] == list(range(level + 1))


def test_message_above_the_level_is_not_built():
    """No value is read, no destination is looked up; only ``filtered`` counts."""
    heka.configure(level=heka.WARNING)
    before = heka.stats()

    assert heka.log("t", severity=heka.NOTICE, fields={"k": Index(act=boom)}, to=1) is False

    assert heka.stats() == {**before, "filtered": before["filtered"] + 1}


def test_the_severity_of_a_call_without_one_is_info(captured):
    heka.configure(level=heka.INFO - 1)
    assert heka.log("t") is False

    heka.configure(level=heka.INFO)
    assert heka.log("t") is True


def test_a_level_may_drop_everything(captured):
    heka.configure(level=-1)

    assert heka.log("t", severity=heka.EMERGENCY) is False


# ---- logger, signer ---------------------------------------------------------------------------


def test_the_configured_logger_is_that_of_calls_without_one(captured):
    heka.configure(logger="configured")

    heka.log("t")
    heka.log("t", None)
    heka.log("t", "called")
    heka.log("t", "")

    assert [m.logger for m in captured] == ["configured", "configured", "called", ""]


def test_a_logger_of_a_str_subclass(captured):
    heka.configure(logger=Text("é"))
    heka.log("t")

    assert captured[0].logger == "é"


def test_the_configured_signer_signs(captured):
    heka.configure(signer=SIGNER)
    heka.log("t")

    (frame,) = heka.StreamReader(signers={("ops", 1): "key"}).feed(captured.frames[0])
    assert (frame.signer, frame.signer_version) == ("ops", 1)


def test_the_signer_of_the_call_overrides_the_configured_one(captured):
    heka.configure(signer=SIGNER)
    heka.log("t", signer=heka.SignerConfig("other", 2, "key", "md5"))

    (frame,) = heka.StreamReader(signers={("other", 2): "key"}).feed(captured.frames[0])
    assert (frame.signer, frame.signer_version) == ("other", 2)


def test_no_signer_signs_none(captured):
    heka.configure(signer=SIGNER)
    heka.configure(signer=None)
    heka.log("t")

    (frame,) = heka.StreamReader(signers={}).feed(captured.frames[0])
    assert frame.signer is None


# ---- timeout ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, 0.5, 2, 1e9, float("inf"), True, Index(2), Float(0.5)])
def test_timeouts(captured, value):
    heka.configure(timeout=value)

    assert heka.log("t", timeout=value) is True


@pytest.mark.parametrize("value", [-1, -0.001, float("nan"), float("-inf")])
def test_timeouts_that_cannot_be(captured, value):
    for call in (lambda: heka.log("t", timeout=value), lambda: heka.configure(timeout=value)):
        with pytest.raises(ValueError, match="timeout must be seconds, 0 or more, got"):
            call()


def test_a_timeout_whose_own_code_raises(captured):
    with pytest.raises(BoomError):
        heka.log("t", timeout=Float(act=boom))


# ---- configure --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "kind", "text"),
    [
        ({"to": 1}, heka.ConfigError, "got 1"),
        ({"to": "udp://host:0"}, heka.ConfigError, "port must be from 1 to 65535"),
        ({"signer": "ops"}, TypeError, "signer must be SignerConfig or None, not str"),
        ({"level": "7"}, ValueError, "level must be from 0 .*, got '7'"),
        ({"level": None}, ValueError, "level must be from 0 .*, got None"),
        ({"level": 2**31}, ValueError, "level must be from 0 .*, got 2147483648"),
        ({"level": 8}, ValueError, "level must be from 0 .*, got 8"),
        ({"level": -2}, ValueError, "level must be from 0 .*, got -2"),
        ({"logger": None}, TypeError, "logger must be str, not None"),
        ({"logger": "\ud800"}, heka.EncodeError, "logger holds the lone surrogate"),
        ({"oversize": None}, TypeError, "oversize must be str, not None"),
        ({"bad_values": None}, TypeError, "bad_values must be str, not None"),
        ({"timeout": None}, TypeError, "timeout must be seconds .int or float., not None"),
    ],
)
def test_wrong_settings_change_nothing(captured, settings, kind, text):
    heka.configure(logger="before", level=3, timeout=5)

    with pytest.raises(kind, match=text):
        heka.configure(**settings)

    assert heka.log("t", severity=3) is True
    assert heka.log("t", severity=4) is False
    assert captured[0].logger == "before"


def test_settings_that_are_not_given_stay(captured):
    heka.configure(logger="kept")

    heka.configure()
    heka.configure(level=5)
    heka.log("t", severity=5)

    assert captured[0].logger == "kept"


def test_settings_have_names_only():
    with pytest.raises(TypeError, match="0 positional arguments but 1 was given"):
        heka.configure("udp://localhost:5565")  # type: ignore[misc]


def test_a_configured_stream_is_where_calls_go():
    stream = Stream()
    heka.configure(to=stream)

    assert heka.log("t") is True

    (frame,) = heka.StreamReader().feed(b"".join(stream.frames))
    assert frame.message.type == "t"


# ---- clock and ids ----------------------------------------------------------------------------


def made_by_log(**arguments: Any) -> heka.Message:
    with capture() as messages:
        heka.log("t", **arguments)
    return messages[0]


def made_by_pack(**arguments: Any) -> heka.Message:
    (frame,) = heka.StreamReader().feed(heka.pack(**arguments))
    return frame.message


MAKERS: dict[str, Callable[..., heka.Message]] = {
    "Message": heka.Message,
    "pack": made_by_pack,
    "log": made_by_log,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_clock_and_ids_may_be_replaced(make):
    """By constants, or by callables."""
    ticks = iter([7, 8, 9])
    known = uuid.UUID(int=5)

    with sources(clock=10, uuid=known):
        assert (make().timestamp, make().timestamp) == (10, 10)
        assert make().uuid == known.bytes
    with sources(clock=ticks.__next__, uuid=lambda: bytes(16)):
        assert (make().timestamp, make().timestamp) == (7, 8)
        assert make().uuid == bytes(16)
    assert make().timestamp > 10**18
    assert make().uuid not in (known.bytes, bytes(16))


def test_one_may_be_replaced_alone():
    with sources(clock=10):
        assert heka.Message().timestamp == 10
        assert heka.Message().uuid != heka.Message().uuid


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_given_timestamp_and_uuid_override_the_sources(make):
    with sources(clock=boom, uuid=boom):
        message = make(timestamp_ns=5, uuid=bytes(16))

    assert (message.timestamp, message.uuid) == (5, bytes(16))


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize(
    ("replaced", "kind", "text"),
    [
        ({"clock": boom}, BoomError, "own"),
        ({"clock": lambda: "x"}, TypeError, "the result of the clock must be int, not str"),
        ({"clock": lambda: 2**63}, ValueError, "the result of the clock must fit in 64 bits"),
        ({"uuid": boom}, BoomError, "own"),
        ({"uuid": lambda: b"x"}, ValueError, "uuid must be 16 bytes, got 1"),
        ({"uuid": lambda: 5}, TypeError, "uuid must be 16 bytes, uuid.UUID or str, not int"),
    ],
)
def test_sources_that_return_a_wrong_value_are_refused(make, replaced, kind, text):
    with sources(**replaced), pytest.raises(kind, match=text):
        make()


def test_sources_end_with_an_exception_too():
    with pytest.raises(BoomError), sources(clock=10):
        boom()

    assert heka.Message().timestamp > 10**18


def test_a_source_may_remove_itself():
    def clock() -> int:
        heka._core.set_sources()
        return 10

    heka._core.set_sources(clock=clock)

    assert heka.Message().timestamp == 10
    assert heka.Message().timestamp > 10**18


@pytest.mark.parametrize("name", ["clock", "uuid"])
def test_sources_are_callable(name):
    with pytest.raises(TypeError, match=f"{name} must be callable or None, not int"):
        heka._core.set_sources(**{name: 1})

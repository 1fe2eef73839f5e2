"""What ``heka.log`` and ``heka.configure`` take: levels, loggers, sizes, signers, sources."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from unit.support import BoomError, Float, Index, Text, boom

import heka
from heka.testing import Captured, capture, sources

MAX = 65_536
SIGNER = heka.SignerConfig("ops", 1, "key", "sha1")
DEFAULTS: dict[str, Any] = {
    "to": None,
    "signer": None,
    "level": 7,
    "logger": "",
    "oversize": "truncate",
    "bad_values": "raise",
    "default": None,
    "timeout": 1.0,
}


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    """Whatever a test configures ends with it."""
    yield
    heka.configure(**DEFAULTS)


@pytest.fixture
def captured() -> Iterator[Captured]:
    with capture() as messages:
        yield messages


class Stream:
    """An object with ``write``, as ``to`` takes it."""

    def __init__(self, max_frame: int = 0) -> None:
        self.frames: list[bytes] = []
        self.max_frame = max_frame

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    @property
    def messages(self) -> list[heka.Message]:
        reader = heka.StreamReader()
        return [frame.message for data in self.frames for frame in reader.feed(data)]


def dropped(reason: str) -> int:
    return int(heka.stats()["dropped"].get(reason, 0))


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
        ({"severity": "3"}, "severity must be int, not str"),
        ({"severity": None}, "severity must be int, not None"),
        ({"severity": 3.0}, "severity must be int, not float"),
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


@pytest.mark.parametrize("severity", [2**31, -(2**31) - 1, 10**30])
def test_a_severity_beyond_32_bits(captured, severity):
    with pytest.raises(ValueError, match="severity must fit in 32 bits, got"):
        heka.log("t", severity=severity)


# ---- level ------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", range(8))
def test_what_is_above_the_level_is_not_sent(captured, level):
    heka.configure(level=level)

    sent = [heka.log("t", severity=severity) for severity in range(8)]

    assert sent == [severity <= level for severity in range(8)]
    assert [message.severity for message in captured] == list(range(level + 1))


def test_what_is_above_the_level_is_not_even_built():
    """No value is asked for anything, no destination is looked at, nothing is counted."""
    heka.configure(level=heka.WARNING)
    before = heka.stats()

    assert heka.log("t", severity=heka.NOTICE, fields={"k": Index(act=boom)}, to=1) is False

    assert heka.stats() == before


def test_the_severity_of_a_call_without_one_is_info(captured):
    heka.configure(level=heka.INFO - 1)
    assert heka.log("t") is False

    heka.configure(level=heka.INFO)
    assert heka.log("t") is True


def test_a_level_may_shut_out_everything(captured):
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


def test_the_signer_of_the_call_comes_before(captured):
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


# ---- oversize ---------------------------------------------------------------------------------


def test_an_oversize_payload_is_cut_and_marked(captured):
    assert heka.log("t", payload="x" * 100_000, fields={"a": 1}) is True

    message = captured[0]
    assert set(message.payload) == {"x"}
    assert message.fields == {"a": [1], "heka.truncated": [100_000]}
    assert message.fields["heka.truncated"].representation == "B"
    assert len(message.encode()) == MAX


@pytest.mark.parametrize("text", ["é", "€", "😀", "aé", "a€", "ab😀"])
def test_a_payload_is_cut_between_two_characters(captured, text):
    payload = text * 40_000
    for before in range(4):
        heka.log("t", payload="-" * before + payload)

        message = captured[-1]
        assert ("-" * before + payload).startswith(message.payload)
        assert MAX - 4 < len(message.encode()) <= MAX
        assert message.fields["heka.truncated"] == [before + len(payload.encode())]


@pytest.mark.parametrize("oversize", [None, "truncate", "drop", "raise"])
def test_what_fits_exactly_is_sent_as_it_is(captured, oversize):
    room = MAX - len(heka.Message("t", severity=6, payload="x" * 60_000).encode()) + 60_000

    assert heka.log("t", payload="x" * room, oversize=oversize) is True

    assert captured[0].fields == {}
    assert len(captured[0].encode()) == MAX


def test_one_byte_more_costs_the_room_of_the_mark(captured):
    room = MAX - len(heka.Message("t", severity=6, payload="x" * 60_000).encode()) + 60_000

    heka.log("t", payload="x" * (room + 1))

    assert captured[0].fields == {"heka.truncated": [room + 1]}
    assert len(captured[0].encode()) == MAX


@pytest.mark.parametrize("kind", ["sentry", "cef", "counter", "timer", "gauge"])
def test_a_payload_that_means_nothing_once_cut_is_dropped(captured, kind):
    """JSON, CEF, a number."""
    assert heka.log(kind, payload="1" * 100_000) is False

    assert len(captured) == 0


@pytest.mark.parametrize("kind", ["sentry2", "entry", "Sentry", ""])
def test_other_types_are_cut(captured, kind):
    assert heka.log(kind, payload="1" * 100_000) is True


def test_fields_are_never_cut(captured):
    assert heka.log("t", payload="x" * 1000, fields={"k": "y" * MAX}) is False

    assert len(captured) == 0


def test_a_payload_is_cut_to_nothing_if_that_is_what_it_takes(captured):
    fields = {"k": "y" * (MAX - 200)}

    assert heka.log("t", payload="x" * 1000, fields=fields, uuid=bytes(16)) is True

    assert len(captured[0].payload) < 200


def test_drop_counts():
    stream = Stream()
    before = dropped("oversize")

    assert heka.log("t", payload="x" * 100_000, oversize="drop", to=stream) is False

    assert stream.frames == []
    assert dropped("oversize") == before + 1


def test_raise_names_both_sizes(captured):
    size = len(heka.Message("t", severity=6, payload="x" * 60_000).encode()) - 60_000 + 100_000

    with pytest.raises(heka.EncodeError) as error:
        heka.log("t", payload="x" * 100_000, oversize="raise")

    assert f"a message of {size} bytes; " in str(error.value)
    assert f"at most {MAX}" in str(error.value)
    assert len(captured) == 0


@pytest.mark.parametrize("oversize", ["truncate", "drop", "raise"])
def test_the_policy_may_be_configured(captured, oversize):
    heka.configure(oversize=oversize)

    if oversize == "raise":
        with pytest.raises(heka.EncodeError):
            heka.log("t", payload="x" * MAX)
    else:
        assert heka.log("t", payload="x" * MAX) is (oversize == "truncate")


def test_the_policy_of_the_call_comes_before(captured):
    heka.configure(oversize="raise")

    assert heka.log("t", payload="x" * MAX, oversize="truncate") is True
    assert heka.log("t", payload="x" * MAX, oversize="drop") is False


@pytest.mark.parametrize("signer", [None, SIGNER], ids=["unsigned", "signed"])
@pytest.mark.parametrize("limit", [400, 512, 8192, 70_000])
def test_the_limit_is_that_of_the_stream_where_it_is_smaller(limit, signer):
    """``max_frame`` counts the whole frame, the signature too."""
    stream = Stream(max_frame=limit)

    assert heka.log("t", payload="x" * 100_000, to=stream, signer=signer) is True

    (frame,) = stream.frames
    (message,) = stream.messages
    assert message.fields == {"heka.truncated": [100_000]}
    if limit < MAX:
        assert limit - 4 <= len(frame) <= limit  # the header of a shorter message may be shorter
    else:
        assert len(message.encode()) == MAX


def test_a_stream_that_takes_less_than_the_rest_of_the_message():
    stream = Stream(max_frame=20)
    before = dropped("oversize")

    assert heka.log("t", payload="x" * 10, to=stream) is False

    assert (stream.frames, dropped("oversize")) == ([], before + 1)


@pytest.mark.parametrize("word", ["", "cut", "Truncate", "raise "])
def test_a_policy_that_does_not_exist(word):
    for call in (lambda: heka.log("t", oversize=word), lambda: heka.configure(oversize=word)):
        with pytest.raises(ValueError, match="oversize must be 'truncate', 'drop' or 'raise', got"):
            call()


HUGE = 2**24 + 1  # bytes: more than any length on the wire may say


def test_a_payload_beyond_16_mebibytes_is_cut_like_any_other(captured):
    assert heka.log("t", payload="x" * HUGE) is True

    assert captured[0].fields == {"heka.truncated": [HUGE]}
    assert len(captured[0].encode()) == MAX


@pytest.mark.parametrize("text", ["é", "€", "😀"])
def test_its_size_is_that_in_bytes(captured, text):
    assert heka.log("t", payload=text * HUGE) is True

    assert captured[0].fields == {"heka.truncated": [HUGE * len(text.encode())]}
    assert set(captured[0].payload) == {text}
    assert MAX - 4 < len(captured[0].encode()) <= MAX


def test_it_is_looked_at_to_its_end(captured):
    payload = "x" * HUGE + "\ud800"

    with pytest.raises(heka.EncodeError, match=r"payload holds the lone surrogate U\+D800"):
        heka.log("t", payload=payload)
    assert heka.log("t", payload=payload, bad_values="repr") is True
    assert captured[0].fields == {"heka.truncated": [HUGE + len("\\ud800")]}


@pytest.mark.parametrize("oversize", ["truncate", "drop"])
@pytest.mark.parametrize(
    "message",
    [
        {"type": "counter", "payload": "1" * HUGE},
        {"type": "1" * HUGE},
        {"fields": {"k": "x" * HUGE}},
        {"fields": {"k": b"x" * HUGE}},
        {"fields": {"k": ["x" * 2**20] * 17}},
        {"fields": {"k": Index(1), "x" * HUGE: 1}},
        {"fields": {"x" * HUGE: {"y": 1}}},
    ],
    ids=["payload-of-a-counter", "type", "str", "bytes", "list", "name", "outer-name"],
)
def test_what_else_is_beyond_16_mebibytes_is_dropped_and_counted(message, oversize):
    stream = Stream()
    before = dropped("oversize")

    assert heka.log(**{"type": "t", **message}, to=stream, oversize=oversize) is False

    assert (stream.frames, dropped("oversize")) == ([], before + 1)


def test_raise_raises_beyond_16_mebibytes_too(captured):
    for message in ({"payload": "x" * HUGE}, {"fields": {"k": "x" * HUGE}}):
        with pytest.raises(heka.EncodeError, match=r"more than 16777216 bytes; .* at most 65536"):
            heka.log("t", **message, oversize="raise")


def test_a_huge_field_does_not_hide_a_wrong_one(captured):
    with pytest.raises(heka.FieldError, match="field 'bad'"):
        heka.log("t", fields={"bad": None, "k": "x" * HUGE})


def test_with_repr_a_huge_value_costs_itself_only(captured):
    assert heka.log("t", fields={"a": 1, "k": "x" * HUGE}, bad_values="repr") is True

    assert captured[0].fields == {"a": [1], "k": ["'" + "x" * 1020 + "..."]}


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
        ({"level": "7"}, TypeError, "level must be int, not str"),
        ({"level": None}, TypeError, "level must be int, not None"),
        ({"level": 2**31}, ValueError, "level must fit in 32 bits"),
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


def test_what_is_not_given_stays(captured):
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

    assert [message.type for message in stream.messages] == ["t"]


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
    """By what they are to say, or by what says it each time."""
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
def test_what_is_given_comes_before_the_sources(make):
    with sources(clock=boom, uuid=boom):
        message = make(timestamp_ns=5, uuid=bytes(16))

    assert (message.timestamp, message.uuid) == (5, bytes(16))


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize(
    ("replaced", "kind", "text"),
    [
        ({"clock": boom}, BoomError, "own"),
        ({"clock": lambda: "x"}, TypeError, "the clock's answer must be int, not str"),
        ({"clock": lambda: 2**63}, ValueError, "the clock's answer must fit in 64 bits"),
        ({"uuid": boom}, BoomError, "own"),
        ({"uuid": lambda: b"x"}, ValueError, "uuid must be 16 bytes, got 1"),
        ({"uuid": lambda: 5}, TypeError, "uuid must be 16 bytes, uuid.UUID or str, not int"),
    ],
)
def test_sources_that_answer_wrongly(make, replaced, kind, text):
    with sources(**replaced), pytest.raises(kind, match=text):
        make()


def test_sources_end_with_an_exception_too():
    with pytest.raises(BoomError), sources(clock=10):
        boom()

    assert heka.Message().timestamp > 10**18


def test_a_source_may_put_an_end_to_itself():
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

"""Correct and wrong uses of heka; comments give the error code that mypy must report.

mypy --strict finds errors in exactly the lines that end in ``# error: CODE``; ``right`` also runs.
"""

from __future__ import annotations

import io
import ipaddress
import uuid
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

from typing_extensions import assert_type

import heka
import heka.testing
from heka.client import HekaClient
from heka.decorators import incr_count, timeit
from heka.plugins import cef, named, raven


def provider(config: dict[str, Any]) -> Callable[[HekaClient, str], bool]:
    """Return a method for a client, as plugins do."""

    @named("note")
    def note(self: HekaClient, text: str) -> bool:
        return self.heka("note", payload=text)

    assert_type(note(HekaClient(None, ""), "text"), bool)
    return note


def right() -> None:
    """Correct uses of everything in the documentation."""
    signer = heka.SignerConfig("ops", 1, "secret", "sha1")
    heka.SignerConfig("ops", version=True, key=b"secret", hash="md5")
    heka.SignerConfig("ops", 1, bytearray(b"k"), "SHA1")
    assert_type(signer.key, bytes)
    assert_type(signer.version, int)
    assert_type(signer.sign(b"data"), bytes)
    signer.verify(memoryview(b"data"), signer.sign(b"data"))

    message = heka.Message("t", "l", 6, {"a": 1, "b": [1.5], "c": {"d": b"x"}}, "p", "0.8", 1, "h")
    heka.Message(fields=OrderedDict(a=heka.Field(12, "KiB")), timestamp=1.5, uuid=uuid.uuid4())
    heka.Message(fields=MappingProxyType({"a": True}), timestamp=5, uuid=bytes(16))
    heka.Message(fields=None, pid=None, hostname=None, timestamp=None, uuid=None, timestamp_ns=None)
    heka.Message(timestamp=datetime.now(timezone.utc), uuid="0" * 32)
    assert_type(message, heka.Message)
    assert_type(message.timestamp, int)
    assert_type(message.uuid, bytes)
    assert_type(message.encode(), bytes)
    assert_type(heka.Message.decode(bytearray(message.encode())), heka.Message)
    message.uuid = uuid.uuid4()
    message.uuid = "0" * 32
    message.severity = heka.WARNING
    message.fields["new"] = {"any": "thing"}
    message.fields = {"a": 1}
    message.fields = None

    field = heka.Field([1, 2], "s", heka.Field.DOUBLE)
    field.append("anything; encoding says whether it fits")
    field.value_type = None
    plain: list[Any] = field
    assert plain

    data = heka.pack("t", fields={"a": 1}, signer=signer, timestamp_ns=5)
    assert_type(data, bytes)
    assert_type(heka.frame(memoryview(message.encode()), signer_config=None), bytes)

    reader = heka.StreamReader(signers={("ops", 1): "secret"}, require_signature=True)
    heka.StreamReader(1024, {("ops", 1): b"secret"})
    frames = reader.feed(data)
    assert_type(frames, list[heka.Frame])
    assert_type(frames[0].signer, "str | None")
    assert_type(frames[0].message, heka.Message)
    assert_type(reader.refused, dict[str, int])
    assert_type(reader.pending_bytes, int)

    with heka.testing.capture() as captured, heka.testing.sources(clock=5, uuid=bytes(16)):
        assert_type(heka.log("t", "l", heka.INFO, {"a": 1}, "p"), bool)
        assert_type(heka.incr("n", 2, fields={"a": 1}, rate=0.5), bool)
        assert_type(heka.gauge("n", 1.5, severity="warning", to="udp://localhost:5565"), bool)
        assert_type(heka.exception("text %s", 5, exc_info=ValueError(), fields={"a": 1}), bool)
        with heka.timer("n", rate=1) as timer:
            assert_type(timer.result, "int | None")
        heka.log("t", severity="ERROR")
        heka.log("t", to=("localhost", 5565), timeout=1, oversize="drop", bad_values="repr")
        heka.log("t", bad_values="convert")
        heka.log("t", to=io.BytesIO(), default=str, signer=signer, timestamp=1.5)
        assert_type(captured[0], heka.Message)
    plugin: heka.Plugin = provider
    plugins: list[heka.Plugin] = [plugin, raven.config_plugin, raven.capture, cef.config_plugin]
    assert [each({}) for each in plugins]
    client = HekaClient(None, "app", severity="info")
    client.severity = "notice"
    client.info("text %s", 5, fields={"a": 1})
    with heka.testing.capture(client, HekaClient(None, "")) as captured:
        assert len(captured) == 0
    heka.configure(level="debug")
    heka.configure(level=heka.DEBUG, to=None, timeout=1.0, oversize="truncate")
    assert_type(heka.flush(timeout=0.1), bool)
    assert_type(heka.stats(), heka.ProcessStats)
    assert_type(heka.stats()["destinations"], dict[str, heka.Stats])
    assert_type(heka.stats()["sent"], int)
    assert_type(heka.stats()["dropped"], dict[str, int])
    assert_type(HekaClient(None, "").stats(), heka.Stats)

    connection = heka.HekaConnection("localhost:5565", signer, lazy=True)
    assert_type(connection.port, int)
    try:
        heka.Message.decode(b"")
    except heka.DecodeError as error:
        assert_type(error.offset, int)


def right_fields() -> None:
    """Values that are sent, or converted first."""
    client = HekaClient(None, "app")
    count = {"a": 1, "b": 2}
    declared: dict[str, heka.FieldValue] = {"user": "ann", "count": 3, "nested": count}
    unknown: dict[str, Any] = {"a": object()}
    with heka.testing.capture():
        heka.log("t", fields={"user": "ann", "n": 1, "ok": True, "f": 1.5, "b": b"x"})
        heka.log("t", fields={"lists": [1, 2], "tuple": ("a", "b"), "set": {1.5}, "empty": {}})
        heka.log("t", fields={"outer": {"inner": {"value": [1]}}}, severity="error")
        heka.log("t", fields=count)
        heka.log("t", fields=declared)
        heka.log("t", fields=unknown, bad_values="repr")
        client.heka("t", fields=OrderedDict(a=1))
        client.incr("n", fields=MappingProxyType({"a": heka.Field(12, "KiB")}))
        client.info("text", fields={"id": 7})


def convertible() -> heka.FieldValue:
    """Values of the standard library that are converted."""
    made: dict[str, heka.FieldValue] = {
        "nothing": None,
        "at": datetime.now(timezone.utc),
        "day": date(2026, 1, 1),
        "hour": time(12),
        "id": uuid.uuid4(),
        "path": Path("/x"),
        "address": ipaddress.ip_address("::1"),
        "amount": Decimal("1.5"),
        "half": Fraction(1, 2),
        "colour": Colour.RED,
        "point": Point(1, 2),
    }
    return [made, *made.values()]


class Colour(Enum):
    """An enumeration."""

    RED = "red"


@dataclass
class Point:
    """A dataclass."""

    x: int
    y: int


@timeit
def bare(x: int, *, text: str = "") -> list[int]:
    """Decorated without arguments."""
    return [x, len(text)]


@timeit("work", rate=0.5, client_name="app")
async def coroutine(x: int) -> str:
    """A coroutine stays one."""
    return str(x)


@incr_count(count=2, fields={"a": 1})
def counted(*parts: str) -> str:
    """Decorated with arguments."""
    return "".join(parts)


@heka.timer("timed")
def timed(x: int) -> int:
    """Decorated by a timer of heka."""
    return x


@HekaClient(None, "app").timer("timed")
def timed_by_client(x: int) -> int:
    """Decorated by a timer of a client."""
    return x


class Service:
    """Methods keep their types too."""

    @timeit
    def method(self, x: int) -> bytes:
        """Return *x* bytes."""
        return bytes(x)

    @incr_count
    @staticmethod
    def static(x: int) -> int:
        """Return *x*."""
        return x

    @classmethod
    @timeit
    def made(cls, x: int) -> Service:
        """Return one."""
        return cls()


async def right_coroutine() -> None:
    """A decorated coroutine is awaited as before."""
    assert_type(await coroutine(1), str)


def right_decorators() -> None:
    """The types of decorated functions are those of the functions."""
    assert_type(bare(1, text="x"), list[int])
    assert_type(counted("a", "b"), str)
    assert_type(timed(1), int)
    assert_type(timed_by_client(1), int)
    assert_type(Service().method(2), bytes)
    assert_type(Service.made(2), Service)
    assert_type(Service.static(2), int)
    with HekaClient(None, "app").timer("block") as timer:
        pass
    assert_type(timer.result, "int | None")


def wrong_fields() -> None:
    """Values that no message can hold, and functions called wrongly."""
    heka.log("t", fields={"function": len})  # error: dict-item
    heka.log("t", fields={"class": dict})  # error: dict-item
    heka.log("t", fields={"unknown": object()})  # error: dict-item
    heka.log("t", fields={1: "x"})  # error: dict-item
    heka.log("t", fields="a=1")  # error: arg-type
    heka.log("t", fields={"a": {"b": [len]}})  # error: list-item
    HekaClient(None, "").heka("t", fields={"function": print})  # error: dict-item
    bare("x")  # error: arg-type
    bare()  # error: call-arg
    counted(1)  # error: arg-type
    timed("x")  # error: arg-type
    Service().method()  # error: call-arg
    timeit(nmae="x")  # error: call-overload
    heka.stats()["snet"]  # error: typeddict-item


def wrong() -> None:
    """Mistakes that a type checker must report."""
    heka.Message(severty=3)  # error: call-arg
    heka.Message(type=b"t")  # error: arg-type
    heka.Message(fields=[("a", 1)])  # error: arg-type
    heka.Message(timestamp="now")  # error: arg-type
    heka.Message(timestamp_ns=1.5)  # error: arg-type
    heka.Message("t", "l", 6, {}, "p", "0.8", 1, "h", 1.5, b"", 5)  # error: call-arg
    message = heka.Message()
    message.payload = b"bytes"  # error: assignment
    message.timestamp = 1.5  # error: assignment
    message.uuid = 5  # error: assignment
    message.sevrity = 3  # error: attr-defined
    message.encode(1)  # error: call-arg
    key: Hashable = message  # error: assignment
    assert key
    heka.Message.decode("text")  # error: arg-type
    heka.Field(1, 2)  # error: arg-type
    heka.SignerConfig("ops", 1, "key")  # error: call-arg
    heka.SignerConfig("ops", 1, 5, "sha1")  # error: arg-type
    signer = heka.SignerConfig("ops", 1, "key", "sha1")
    signer.key = b"other"  # error: misc
    heka.frame("text")  # error: arg-type
    heka.frame(b"", signer_config="ops")  # error: arg-type
    heka.pack(signer="ops")  # error: arg-type
    heka.StreamReader(signers={"ops": "key"})  # error: dict-item
    heka.StreamReader().feed("text")  # error: arg-type
    heka.log()  # error: call-arg
    heka.log("t", oversize="cut")  # error: arg-type
    heka.log("t", severity=3.0)  # error: arg-type
    heka.Message("t", severity="error")  # error: arg-type
    heka.gauge("n")  # error: call-arg
    heka.exception("text", severity=3)  # error: call-arg
    heka.log("t", bad_values="ignore")  # error: arg-type
    heka.log("t", "l", 6, {}, "p", "localhost:5565")  # error: call-arg
    heka.configure("localhost:5565")  # error: call-arg
    heka.configure(oversize="cut")  # error: arg-type
    heka.configure(colour="red")  # error: call-arg

    def without_config() -> Callable[[HekaClient], bool]:
        raise NotImplementedError

    def without_client(config: dict[str, Any]) -> Callable[[], bool]:
        raise NotImplementedError

    plugin: heka.Plugin = without_config  # error: assignment
    plugin = without_client  # error: assignment
    plugin = HekaClient  # error: assignment
    assert plugin
    heka.testing.capture("client")  # error: arg-type

    class Sub(heka.Message):  # error: misc
        """Messages are final."""

    class Unit(heka.Field):  # error: misc
        """Fields are final."""

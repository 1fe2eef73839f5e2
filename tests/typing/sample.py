"""Correct and wrong uses of heka; comments give the error code that mypy must report.

mypy --strict finds errors in exactly the lines that end in ``# error: CODE``; ``right`` also runs.
"""

from __future__ import annotations

import io
import uuid
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any

from typing_extensions import assert_type

import heka
import heka.testing
from heka.client import HekaClient
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
    assert_type(heka.stats(), dict[str, Any])

    connection = heka.HekaConnection("localhost:5565", signer, lazy=True)
    assert_type(connection.port, int)
    try:
        heka.Message.decode(b"")
    except heka.DecodeError as error:
        assert_type(error.offset, int)


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

"""One object of every kind in heka, for the tables of calls.

No text in here is interned or shared, so that its reference count tells who kept it.
"""

from __future__ import annotations

import contextlib
import datetime
import socket
import struct
import uuid
from functools import cached_property, partial
from types import MappingProxyType, SimpleNamespace
from typing import Any

from python.memory import misfits
from python.memory.misfits import fail, fail_on
from python.memory.peers import Peers

import heka
from heka import _core
from heka._core import Emitter, Sink, context_var, set_sources

NS = 1_700_000_000_000_000_000

#: deliver() written in C: takes any four such values; the bytes that it returns are true.
DELIVER = struct.Struct("1sndQ").pack


def fresh(text: str) -> str:
    """Return an equal str with no other reference."""
    return "".join(list(text))


class World:
    """One of everything; ``values()`` are those whose reference counts must stay."""

    def __init__(self) -> None:
        self._make_values()
        self._make_messages()
        self._make_streams()
        self._make_sinks()
        self._make_emitters()

    def _make_values(self) -> None:
        self.text = fresh("some text")
        self.wide = fresh("näh €")
        self.far = fresh("𝄞")
        self.lone = fresh("a\udc80b")
        self.blob = bytes(bytearray(b"some bytes"))
        self.large = bytes(17 * 1024 * 1024)  # more than any message may have
        self.long = "x" * 70_000  # more than a receiver takes
        self.lengthy = "x" * 10_000  # more than what is kept on the C stack
        self.endless_name = "x" * len(self.large)
        self.number = 12_345_678_901
        self.huge = 10**30
        self.real = float("1.25")
        self.thing = object()
        self.list = [self.text, self.text]
        self.moment = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
        self.uuid = uuid.UUID(bytes=bytes(range(16)))
        self.fields: dict[Any, Any] = {
            fresh("name"): self.text,
            fresh("ids"): [self.number, 2],
            fresh("inner"): {fresh("real"): self.real},
            fresh("raw"): self.blob,
            fresh("truth"): (True, False),
        }
        self.rich: dict[Any, Any] = {
            "index": misfits.Index(),
            "real": misfits.Real(),
            "array": bytearray(b"x"),
            "gaps": memoryview(b"abcdef")[::2],
            "unit": heka.Field([1, 2], fresh("KiB"), heka.Field.DOUBLE),
            "sub": misfits.Text("sub"),
            "map": MappingProxyType({"a": 1, "b": MappingProxyType({"c": self.wide})}),
            "dict": misfits.Dict(a=[misfits.Int(1), 2]),
            "float": misfits.Float(1),
            "point": misfits.Point(),
            "bool": misfits.NumpyBool(),
            "wide": self.wide,
            self.far: self.far,
            misfits.Text("name"): self.real,
        }
        self.nested = {"x" * 1000: {"y" * 1000: {"z" * 1000: [self.text]}}}
        self.cycle: dict[str, Any] = {}
        self.cycle["again"] = self.cycle

    def _make_messages(self) -> None:
        self.field = heka.Field([self.number, 2], fresh("ms"))
        self.loose = heka.Field([])
        self.signer = heka.SignerConfig(fresh("signer"), 1, self.blob, "sha1")
        self.other = heka.SignerConfig(fresh("signer"), 1, fresh("another key"), "md5")
        self.message = heka.Message(self.text, self.text, fields=self.fields, timestamp_ns=NS)
        self.mutable = heka.Message(self.text, fields=self.fields, timestamp_ns=NS)
        self.read = heka.Message(self.text, fields=self.fields, timestamp_ns=NS)
        assert self.read.fields
        self.lengthy_message = heka.Message(self.text, fields={"a": self.lengthy, "b": 1})
        self.lengthy_read = heka.Message(self.text, fields={"a": self.lengthy, "b": 1})
        assert self.lengthy_read.fields
        self.turned = turned(self.message)
        self.changed = heka.Message.decode(self.message.encode())
        self.changed.fields["ids"][1] = 3
        self.broken = heka.Message.decode(self.message.encode())
        self.broken.fields["bad"] = self.thing
        self.odd = heka.Message.decode(odd_message())
        self.odd_read = heka.Message.decode(odd_message())
        assert self.odd_read.fields
        self.raw = heka.Message.decode(raw_message())
        assert self.raw.fields
        self.endless = heka.Message(self.text)
        self.endless.fields["self"] = self.endless

    def _make_streams(self) -> None:
        self.payload = self.message.encode()
        self.frame = heka.frame(self.payload)
        self.signed = heka.frame(self.payload, self.signer)
        self.keys = {("signer", 1): self.blob}
        self.wrong_keys = {("signer", 1): "key"}
        self.reader = heka.StreamReader()
        self.verifier = heka.StreamReader(signers=self.keys, require_signature=True)
        self.refuser = heka.StreamReader(signers=self.wrong_keys)
        self.frames = heka.StreamReader(signers=self.keys).feed(self.signed + self.frame)
        (self.many,) = _core.BlockReader().feed(self.frame + heka.frame(odd_message()) + self.frame)
        self.matcher = _core.Matcher(
            "Type == 'é' || Payload =~ /a.c/ || Signer == 'signer' || Fields[ids] > 1", "heka2"
        )
        self.hostile = _core.Matcher("Payload =~ /(a+)+$/")
        self.stubborn = heka.Message("t", payload="a" * 100 + "b")
        self.block_reader = _core.BlockReader()
        self.blocks = _core.BlockReader(signers=self.keys).feed(self.signed + self.frame)

    def _make_sinks(self) -> None:
        self.local, self.remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self.local, self.remote):
            end.setblocking(False)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
            gone.bind(("127.0.0.1", 0))
            self.unheard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.unheard.connect(gone.getsockname())
        self.to = (fresh("host"), 5565)
        self.sink = sink()
        self.dead = Sink(fail)
        self.wired = sink()
        self.wired.release(self.wired.acquire(), self.local.fileno(), True)
        self.taken = sink()
        self.taken.acquire(5)

    def _make_emitters(self) -> None:
        self.emitter = emitter_to(self.sink)
        self.captive = emitter_to(self.sink)
        self.captive.capture = len
        self.lax = emitter_to(self.sink)
        self.lax.bad_values = "repr"
        self.narrow = emitter_to(sink(max_frame=500))
        self.bare = emitter_to(sink(framed=False))
        self.quiet = emitter_to(self.sink)
        self.quiet.level = 3
        self.signing = emitter_to(self.sink)
        self.signing.signer = self.signer
        self.converting = emitter_to(self.sink)
        self.converting.default = str
        self.lost = Emitter(fail_on)
        self.crowd: Emitter | None = None

    @cached_property
    def peers(self) -> Peers:
        """Peers for the package's own calls, once one of them is made."""
        return Peers()

    def drained(self) -> Sink:
        """Return the sink with a socket, whose peer has room for what comes."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.remote.recv(9000)
        return self.wired

    def drained_end(self) -> int:
        """Return the descriptor of that sink."""
        self.drained()
        return self.local.fileno()

    def stuffed(self) -> Sink:
        """Return the sink with a socket, whose peer has no room."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.local.send(self.frame)
        return self.wired

    def settle(self) -> None:
        """Restore the global state that a call changed."""
        set_sources()
        if context_var.get(None) is not None:
            context_var.set(None)  # type: ignore[arg-type]

    def close(self) -> None:
        """Close the file descriptors."""
        if "peers" in vars(self):
            self.peers.close()
        self.wired.close()
        self.local.close()
        self.remote.close()
        self.unheard.close()

    def values(self) -> list[Any]:
        """Return every object that a call gets as an argument, and its contents."""
        found = list(vars(self).values())
        for value in [*found]:
            if isinstance(value, dict):
                found += [*value, *value.values()]
            elif isinstance(value, (list, tuple)):
                found += value
        return [value for value in found if value is not None]


def sink(*, max_frame: int = 0, framed: bool = True) -> Sink:
    """Return a sink that takes everything."""
    made = Sink(DELIVER)
    made.max_frame = max_frame
    made.framed = framed
    return made


def streamed(write: Any, *, flush: Any = "".strip, failed: Any = str) -> Sink:
    """Return a sink for an object with that write(), and flush() unless it is None."""
    made = Sink(DELIVER)
    methods = {"write": write} if flush is None else {"write": write, "flush": flush}
    made.attach_stream(SimpleNamespace(**methods), failed)
    return made


def emitter_to(target: Any) -> Emitter:
    """Return an emitter with one destination, for which it asks in C: getattr with a default."""
    made = Emitter(partial(getattr, SimpleNamespace(sink=target), "sink"))
    made.bad_values = "raise"
    return made


def turned(message: heka.Message) -> heka.Message:
    """Return an equal message with its fields in reverse order."""
    made = heka.Message.decode(message.encode())
    made.fields = dict(reversed(message.fields.items()))
    return made


def odd_message() -> bytes:
    """Return a valid message that is not canonical: a duplicate field, and one without values."""
    uuid_and_time = bytes.fromhex("0a10") + bytes(range(16)) + bytes.fromhex("1001")
    twice = bytes.fromhex("52060a0161220161") + bytes.fromhex("52060a0161220162")
    return twice + bytes.fromhex("52030a0165") + uuid_and_time


def raw_message() -> bytes:
    """Return a canonical message with a field of text that is no UTF-8."""
    message = heka.Message("t", timestamp_ns=NS, fields={"raw": "@@@@"}).encode()
    return message.replace(b"@@@@", b"a\xff\xfeb")

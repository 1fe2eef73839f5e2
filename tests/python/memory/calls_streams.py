"""Calls on what moves bytes: StreamReader, Frame, BlockReader, Block, Sink and Emitter."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from functools import partial as do
from types import SimpleNamespace
from typing import Any

from python.memory import misfits
from python.memory.misfits import Oops, Text, fail
from python.memory.table import Calls
from python.memory.world import World, emitter_to, sink, streamed

import heka
from heka._core import Block, BlockReader, Emitter, Sink

CALLS = Calls()
add = CALLS.add

# ---- StreamReader and Frame ----------------------------------------------------------------------

add("reader", lambda w: do(heka.StreamReader, 100, w.keys, True))
add("reader-keys", lambda w: do(heka.StreamReader, signers={("n", i): "k" for i in range(9)}))
add("reader-many", lambda w: do(heka.StreamReader, 1, None, False, 4), TypeError)
add("reader-limit-type", lambda w: do(heka.StreamReader, w.text), TypeError)
add("reader-limit-range", lambda w: do(heka.StreamReader, -1), ValueError)
add("reader-limit-huge", lambda w: do(heka.StreamReader, w.huge), ValueError)
add("reader-require", lambda w: do(heka.StreamReader, require_signature=True), ValueError)
add("reader-require-raises", lambda w: do(heka.StreamReader, 1, None, misfits.BadTruth()), Oops)
for name, signers, error in (
    ("type", lambda w: w.number, TypeError),
    ("raise", lambda w: misfits.bad_mapping(), Oops),
    ("name", lambda w: {w.text: "k"}, TypeError),
    ("version", lambda w: {("n", -1): "k"}, ValueError),
    ("huge", lambda w: {("n", w.huge): "k"}, ValueError),
    ("surrogate", lambda w: {(w.lone, 1): "k"}, heka.EncodeError),
    ("key", lambda w: {("n", 1): w.number}, TypeError),
    ("key-surrogate", lambda w: {("n", 1): w.lone}, heka.EncodeError),
):
    add(
        f"reader-signers-{name}",
        lambda w, signers=signers: do(heka.StreamReader, signers=signers(w)),
        error,
    )
add("reader-feed", lambda w: do(w.reader.feed, w.frame * 3))
add("reader-feed-part", lambda w: do(heka.StreamReader().feed, w.frame[:20]))
add("reader-feed-rest", lambda w: do(half_fed(w).feed, w.frame[20:] + w.frame))
add("reader-feed-garbage", lambda w: do(w.reader.feed, b"\x1e" * 50 + w.frame))
add("reader-feed-type", lambda w: do(w.reader.feed, w.text), TypeError)
add("reader-feed-odd", lambda w: do(w.reader.feed, heka.frame(w.odd.encode())))
add("reader-feed-signed", lambda w: do(w.verifier.feed, w.signed))
add("reader-feed-unsigned", lambda w: do(w.verifier.feed, w.frame))
add("reader-feed-refused", lambda w: do(w.refuser.feed, w.signed))
add("reader-feed-oversize", lambda w: do(heka.StreamReader(10).feed, w.frame))
add("reader-close", lambda w: half_fed(w).close)
BYTES = ("discarded_bytes", "delivered_bytes", "refused_bytes", "pending_bytes")
for name in ("refused", "last_refused", *BYTES):
    add(f"reader-get-{name}", lambda w, name=name: do(getattr, w.refuser, name))
for name in ("payload", "message", "signer", "signer_version"):
    for index, kind in enumerate(("signed", "unsigned")):
        add(
            f"frame-get-{name}-{kind}",
            lambda w, name=name, index=index: do(getattr, w.frames[index], name),
        )
add("frame-message", lambda w: do(getattr, w.reader.feed(w.frame)[0], "message"))
add("frame-repr", lambda w: do(repr, w.frames))
add("frame-new", lambda w: do(heka.Frame), TypeError)
add("pickle-frame", lambda w: do(pickle.dumps, w.frames[0]), TypeError)


# ---- BlockReader and Block -----------------------------------------------------------------------

add("block-reader", lambda w: do(BlockReader, 100, w.keys, True))
add("block-reader-signers", lambda w: do(BlockReader, signers={("n", 1): w.number}), TypeError)
add("block-reader-feed", lambda w: do(w.block_reader.feed, w.frame * 3))
add("block-reader-feed-many", lambda w: do(w.block_reader.feed, (w.frame + b"-") * 20))
add("block-reader-feed-large", lambda w: do(w.block_reader.feed, w.frame * (70_000 // 60)))
add("block-reader-feed-buffer", lambda w: do(w.block_reader.feed, bytearray(w.frame)))
add("block-reader-feed-rest", lambda w: do(half_read(w).feed, w.frame[20:] + w.frame))
add("block-reader-feed-type", lambda w: do(w.block_reader.feed, w.text), TypeError)
add("block-reader-feed-odd", lambda w: do(w.block_reader.feed, heka.frame(w.odd.encode())))
add("block-reader-close", lambda w: half_read(w).close)
for name in ("refused", "last_refused", "tail_bytes", *BYTES):
    add(f"block-reader-get-{name}", lambda w, name=name: do(getattr, w.block_reader, name))
for name in ("nbytes", "signer", "signer_version"):
    add(f"block-get-{name}", lambda w, name=name: do(lambda: [getattr(b, name) for b in w.blocks]))
add("block-iterate", lambda w: do(lambda: [frame.payload for one in w.blocks for frame in one]))
add("block-item", lambda w: do(lambda: w.blocks[0][-1].message))
add("block-index", lambda w: do(lambda: w.blocks[0][5]), IndexError)
for name in ("type", "logger", "hostname", "severity", "timestamp", "size"):
    add(f"block-column-{name}", lambda w, name=name: do(w.blocks[0].column, name))
add("block-column-unknown", lambda w: do(w.blocks[0].column, w.text), ValueError)
add("block-column-not-text", lambda w: do(w.blocks[0].column, w.number), TypeError)
add("block-slice", lambda w: do(lambda: [w.many[1:], w.many[:], w.many[9:]]))
add("block-slice-step", lambda w: do(lambda: w.many[::2]), ValueError)
add("block-slice-raises", lambda w: do(lambda: w.many[misfits.BadIndex() :]), Oops)
add("block-between", lambda w: do(lambda: [w.many.between(None, 5), w.many.between(0, None)]))
add("block-between-type", lambda w: do(w.many.between, w.text, None), TypeError)
add("block-between-few", lambda w: do(w.many.between, None), TypeError)
add("block-buffer", lambda w: do(bytes, w.blocks[0]))
add("block-repr", lambda w: do(repr, [*w.blocks, w.block_reader]))
add("block-new", lambda w: do(Block), TypeError)  # type: ignore[arg-type]
add("pickle-block", lambda w: do(pickle.dumps, w.blocks[0]), TypeError)


def half_read(w: World) -> BlockReader:
    """Return a reader that waits for the rest of a frame."""
    reader = BlockReader()
    reader.feed(w.frame[:20])
    return reader


def udp(w: World) -> Sink:
    """Return a sink with a UDP socket whose last datagram was refused."""
    made = sink()
    made.udp = True
    with contextlib.suppress(ConnectionRefusedError):
        w.unheard.send(b"x")
    made.release(made.acquire(), w.unheard.fileno(), True)
    return made


def kept(w: World) -> Sink:
    """Return a sink with a descriptor that it may close."""
    made = udp(w)
    made.release(made.acquire(), os.dup(w.unheard.fileno()), True)
    return made


def half_fed(w: World) -> heka.StreamReader:
    """Return a reader that waits for the rest of a frame."""
    reader = heka.StreamReader()
    reader.feed(w.frame[:20])
    return reader


# ---- Sink ----------------------------------------------------------------------------------------

add("sink", lambda w: do(Sink, w.text.format))
add("sink-none", lambda w: do(Sink), TypeError)
add("sink-type", lambda w: do(Sink, w.text), TypeError)
add("sink-write", lambda w: do(w.sink.write, w.frame, 1.0))
add("sink-write-wired", lambda w: do(w.drained().write, w.frame, 1.0))
add("sink-write-stuck", lambda w: do(w.stuffed().write, w.frame, 1.0))
add("sink-write-taken", lambda w: do(w.taken.write, w.frame, 1.0))
add("sink-write-raises", lambda w: do(w.dead.write, w.frame, 1.0))
add("sink-write-interrupted", lambda w: do(interrupting().write, w.frame, 1), KeyboardInterrupt)
add("sink-write-truth", lambda w: do(answering(misfits.BadTruth()).write, w.frame, 1))
add("sink-write-refused", lambda w: do(answering(False).write, w.frame, 1))
add("sink-write-reason", lambda w: do(Sink(w.text.format).write, w.frame, 1))
add("sink-write-bad-reason", lambda w: do(answering(BadHashText()).write, w.frame, 1))
add("sink-write-many", lambda w: do(w.sink.write, w.frame), TypeError)
add("sink-write-timeout", lambda w: do(w.sink.write, w.frame, w.text), TypeError)
add("sink-write-type", lambda w: do(w.sink.write, w.text, 1), TypeError)
add("sink-counts", lambda w: w.dead.counts)
add("sink-acquire", lambda w: w.sink.acquire)
add("sink-acquire-owned", lambda w: do(w.taken.acquire, 6))
add("sink-acquire-type", lambda w: do(w.sink.acquire, w.text), TypeError)
add("sink-acquire-range", lambda w: do(w.sink.acquire, -1), OverflowError)
add("sink-acquire-many", lambda w: do(w.sink.acquire, 1, 2), TypeError)
add("sink-release", lambda w: do(w.sink.release, w.sink.acquire()))
add("sink-release-other", lambda w: do(w.sink.release, 99, 1))
add("sink-release-none", lambda w: w.sink.release, TypeError)
add("sink-release-type", lambda w: do(w.sink.release, w.text), TypeError)
add("sink-release-fd", lambda w: do(w.sink.release, 1, w.text), TypeError)
add("sink-release-range", lambda w: do(w.sink.release, 1, w.huge), ValueError)
add("sink-release-raises", lambda w: do(w.sink.release, 1, 1, misfits.BadTruth()), Oops)
add("sink-reset", lambda w: w.sink.reset)
add("sink-close", lambda w: sink().close)
add("sink-check-refused", lambda w: w.sink.check_refused)
add("sink-check-refused-udp", lambda w: udp(w).check_refused)
add("sink-count-refused", lambda w: w.sink.count_refused)
add("sink-keep", lambda w: w.sink.keep)
add("sink-keep-udp", lambda w: kept(w).keep)
add("sink-write-refused-udp", lambda w: do(udp(w).write, w.frame, 1.0))
for name in ("udp", "refresh", "refused", "hung_up"):
    add(f"sink-get-{name}", lambda w, name=name: do(getattr, w.sink, name))
add("sink-udp", lambda w: do(setattr, sink(), "udp", w.number))
add("sink-udp-raises", lambda w: do(setattr, sink(), "udp", misfits.BadTruth()), Oops)
add("sink-udp-del", lambda w: do(delattr, sink(), "udp"), AttributeError)
add("sink-refresh", lambda w: do(setattr, sink(), "refresh", 1.5))
add("sink-refresh-type", lambda w: do(setattr, sink(), "refresh", w.text), TypeError)
add("sink-refresh-range", lambda w: do(setattr, sink(), "refresh", -1), ValueError)
add("sink-refresh-del", lambda w: do(delattr, sink(), "refresh"), AttributeError)
for name in ("busy", "attached", "torn", "closed", "pending", "max_frame", "framed"):
    add(f"sink-get-{name}", lambda w, name=name: do(getattr, w.sink, name))
add("sink-limit", lambda w: do(setattr, w.dead, "max_frame", w.number))
add("sink-limit-type", lambda w: do(setattr, w.dead, "max_frame", w.text), TypeError)
add("sink-limit-range", lambda w: do(setattr, w.dead, "max_frame", -1), ValueError)
add("sink-limit-del", lambda w: do(delattr, w.dead, "max_frame"), AttributeError)
add("sink-framed", lambda w: do(setattr, w.dead, "framed", True))
add("sink-framed-raises", lambda w: do(setattr, w.dead, "framed", misfits.BadTruth()), Oops)


add("sink-stream", lambda w: do(streamed(w.text.format).write, w.frame, 1))
add("sink-stream-plain", lambda w: do(streamed(w.text.format, flush=None).write, w.frame, 1))
add("sink-stream-raises", lambda w: do(streamed(misfits.fail_on).write, w.frame, 1))
add("sink-stream-flush-raises", lambda w: do(streamed(len, flush=fail).write, w.frame, 1))
add("sink-stream-reasonless", lambda w: do(streamed(fail, failed=id).write, w.frame, 1))
add("sink-stream-unreasonable", lambda w: do(streamed(fail, failed=[].pop).write, w.frame, 1))
add(
    "sink-stream-interrupted",
    lambda w: do(streamed(misfits.interrupt).write, w.frame, 1),
    KeyboardInterrupt,
)
add("sink-object", lambda w: do(streamed(w.text.format).write_object, w.message))
add("sink-object-text", lambda w: do(streamed(w.text.format).write_object, w.wide))
add("sink-object-raises", lambda w: do(streamed(fail).write_object, w.message))
add("sink-object-streamless", lambda w: do(w.sink.write_object, w.message), ValueError)
add("sink-object-timeout", lambda w: do(streamed(w.text.format).write_object, w.message, 1.0))
add("sink-object-none", lambda w: streamed(len).write_object, TypeError)
add("sink-object-timeout-type", lambda w: do(streamed(len).write_object, b"", w.text), TypeError)
add("sink-stream-false", lambda w: do(streamed(b"".endswith).write, w.frame, 1))
add("sink-raw", lambda w: do(raw(len).write, w.frame, 1))
add("sink-raw-view", lambda w: do(raw(len).write_object, memoryview(w.frame)))
add("sink-raw-text", lambda w: do(raw(len).write_object, w.text))
add("sink-raw-text-none", lambda w: do(raw([].append).write_object, w.text))
add("sink-raw-none", lambda w: do(raw([].append).write, w.frame, 1))
add("sink-raw-waits", lambda w: do(raw([].append, wait=ready_at_first).write, w.frame, 1))
add("sink-raw-wait-raises", lambda w: do(raw([].append, wait=divmod).write, w.frame, 1))
add(
    "sink-raw-interrupted",
    lambda w: do(raw([].append, wait=misfits.interrupt).write, w.frame, 1),
    KeyboardInterrupt,
)
add("sink-raw-part", lambda w: do(raw(half).write, w.frame, 1))
add("sink-raw-rest", lambda w: do(begun(w, len).write, w.frame, 1))
add("sink-raw-rest-none", lambda w: do(begun(w, [].append).write, w.frame, 1))
add("sink-raw-rest-gone", lambda w: do(gone(w).write, w.frame, 1))
add("sink-raw-range", lambda w: do(raw(id).write, w.frame, 1))
add("sink-raw-type", lambda w: do(raw(repr).write, w.frame, 1))
add("sink-raw-reentrant", lambda w: do(looped(w, raw=True).write, w.frame, 1))
add("sink-buffered", lambda w: do(buffered(len).write, w.frame, 1))
add("sink-buffered-false", lambda w: do(buffered(w.frame.endswith).write, b"no end", 1))
add("sink-buffered-blocks", lambda w: do(buffered(block).write, w.frame, 1))
add("sink-buffered-flush-blocks", lambda w: do(buffered(len, flush=block).write, w.frame, 1))
add("sink-buffered-flush-raises", lambda w: do(buffered(len, flush=fail).write, w.frame, 1))
add("sink-finish", lambda w: do(begun(w, len).finish, 1))
add("sink-finish-none", lambda w: do(begun(w, [].append).finish, 0))
add("sink-finish-gone", lambda w: do(gone(w).finish, 0))
add("sink-finish-streamless", lambda w: do(w.sink.finish, 0))
add("sink-finish-type", lambda w: do(w.sink.finish, w.text), TypeError)
add("sink-counts-begun", lambda w: begun(w, len).counts)
add("sink-close-begun", lambda w: begun(w, len).close)
add("sink-stream-reentrant", lambda w: do(looped(w).write, w.frame, 1))
add("sink-attach-again", lambda w: do(streamed(len).attach_stream, SimpleNamespace(), str))
add("sink-attach-weak", lambda w: do(sink().attach_stream, OUT, str, wait=bool, weak=True))
add("sink-attach-strong", lambda w: do(sink().attach_stream, w.thing, str, weak=True))
add("sink-attach-wait-type", lambda w: do(sink().attach_stream, OUT, str, wait=7), TypeError)
add(
    "sink-attach-weak-raises",
    lambda w: do(sink().attach_stream, OUT, str, weak=misfits.BadTruth()),
    Oops,
)
add("sink-attach-class-raises", lambda w: do(sink().attach_stream, BadClass(), str), Oops)
add("sink-attach-none", lambda w: sink().attach_stream, TypeError)
add("sink-attach-many", lambda w: do(sink().attach_stream, w.thing, str, 5), TypeError)
add("sink-discard", lambda w: sink().discard)
add("sink-stream-discards", lambda w: do(discarding().write, w.frame, 1))
add("sink-attach-raises", lambda w: do(sink().attach_stream, BadFlush(), str), Oops)
add("sink-drop", lambda w: do(sink().drop, w.text))
add("sink-drop-type", lambda w: do(sink().drop, w.number), TypeError)
add("sink-drop-hash", lambda w: do(sink().drop, BadHashText("x")), Oops)


def discarding() -> Sink:
    """Return a sink for a stream that drops what it is given."""
    made = streamed(len)
    made.discard()
    return made


class BadFlush:
    """A stream that cannot tell whether it can be flushed."""

    flush = property(misfits.fail_on)


class BadClass:
    """A stream that cannot tell of what class it is."""

    __class__ = property(misfits.fail_on)  # type: ignore[assignment]


class Raw(io.RawIOBase):
    """A raw stream with that write()."""

    def __init__(self, write: Any) -> None:
        super().__init__()
        self.write = write


class Buffered(io.BufferedIOBase):
    """A buffered stream with that write() and flush()."""

    def __init__(self, write: Any, flush: Any) -> None:
        super().__init__()
        self.write = write
        self.flush = flush


OUT = SimpleNamespace(write=len)


def raw(write: Any, wait: Any = None) -> Sink:
    """Return a sink for a raw stream with that write()."""
    made = sink()
    made.attach_stream(Raw(write), str, wait=wait, flushes=False)
    return made


def buffered(write: Any, flush: Any = "".strip) -> Sink:
    """Return a sink for a buffered stream with that write() and flush()."""
    made = sink()
    made.attach_stream(Buffered(write, flush), str)
    return made


def ready_at_first(stream: object, seconds: float) -> bool:
    """Say that a stream takes more, for the first millisecond of one second."""
    return seconds > 0.999


def half(data: bytes) -> int | None:
    """Take the half of a frame, and nothing of the rest."""
    return len(data) // 2 if data[:1] == b"\x1e" else None


def block(data: bytes = b"") -> None:
    """Take three bytes, as a full BufferedWriter does."""
    raise BlockingIOError(11, "would block", 3)


def begun(w: World, write: Any) -> Sink:
    """Return a sink whose raw stream has the half of a frame; *write* takes what comes then."""
    stream = Raw(half)
    made = sink()
    made.attach_stream(stream, str)
    made.write(w.frame, 0)
    stream.write = write
    return made


def gone(w: World) -> Sink:
    """Return a sink whose raw stream has the half of a frame, and is no more."""
    stream = Raw(half)
    made = sink()
    made.attach_stream(stream, str, weak=True)
    made.write(w.frame, 0)
    return made


def looped(w: World, *, raw: bool = False) -> Sink:
    """Return a sink whose stream writes to that very sink."""
    made = sink()
    write = do(made.write, w.frame, 1).__call__
    made.attach_stream(Raw(write) if raw else SimpleNamespace(write=write), str)
    return made


class BadHashText(str):
    """A reason that cannot be counted."""

    __hash__ = fail


def answering(answer: Any) -> Sink:
    """Return a sink whose deliver() always says the same."""
    return Sink(lambda *args: answer)


def interrupting() -> Sink:
    """Return a sink whose deliver() is always interrupted."""
    return Sink(misfits.interrupt)


# ---- Emitter -------------------------------------------------------------------------------------

add("emitter", lambda w: do(Emitter, w.text.format))
add("emitter-none", lambda w: do(Emitter), TypeError)
add("emitter-type", lambda w: do(Emitter, w.text), TypeError)
add("log-none", lambda w: w.emitter.log, TypeError)
add("log-level", lambda w: do(w.quiet.log, w.text, severity=4))
for name, to in (
    ("text", lambda w: w.text),
    ("tuple", lambda w: w.to),
    ("object", lambda w: w.thing),
    ("unhashable", lambda w: (w.list, 1)),
):
    add(f"log-to-{name}", lambda w, to=to: do(w.emitter.log, w.text, to=to(w)))
    add(f"log-to-new-{name}", lambda w, to=to: do(emitter_to(w.sink).log, w.text, to=to(w)))
add("log-to-bad-hash", lambda w: do(w.emitter.log, w.text, to=(misfits.BadHash(), 1)), Oops)
for name in ("incr", "gauge", "timer_send"):
    for kind, arguments, error in (
        ("fields", lambda w: {"fields": w.fields, "logger": w.wide, "severity": 3}, None),
        ("to", lambda w: {"to": w.to, "rate": 1 / w.real}, None),
        ("to-type", lambda w: {"to": (misfits.BadHash(), 1)}, Oops),
        ("severity-name", lambda w: {"severity": "Error"}, None),
        ("severity-raises", lambda w: {"severity": misfits.BadIndex()}, Oops),
        ("severity-repr-raises", lambda w: {"severity": misfits.BadRepr()}, ValueError),
        ("rate-type", lambda w: {"rate": w.text}, TypeError),
        ("unknown", lambda w: {"tag": w.text}, TypeError),
    ):
        add(
            f"emitter-{name}-{kind}",
            lambda w, name=name, arguments=arguments: do(
                getattr(w.emitter, name), w.text, w.number, **arguments(w)
            ),
            error,
        )
    add(f"emitter-{name}-level", lambda w, name=name: do(getattr(w.quiet, name), w.text, 1))
add("emitter-incr-none", lambda w: w.emitter.incr, TypeError)
add("emitter-admits", lambda w: do(w.quiet.admits, w.text, 3))
add("emitter-admits-none", lambda w: do(w.quiet.admits, w.text), TypeError)
add("emitter-admits-raises", lambda w: do(w.quiet.admits, w.text, misfits.BadIndex()), Oops)
add("log-new", lambda w: emitter_to(w.sink).log.__call__, TypeError)
add("log-default-new", lambda w: do(emitter_to(w.sink).log, w.text))
add("log-open-raises", lambda w: do(w.lost.log, w.text), Oops)
add("log-open-raises-to", lambda w: do(w.lost.log, w.text, to=w.to), Oops)
add("log-open-type", lambda w: do(Emitter(str).log, w.text), TypeError)
add("log-wired", lambda w: do(emitter_to(w.drained()).log, w.text, fields=w.fields))
add("log-signed", lambda w: do(w.emitter.log, w.text, signer=w.signer))
add("log-signing", lambda w: do(w.signing.log, w.text))
add("log-signer-type", lambda w: do(w.emitter.log, w.text, signer=w.text), TypeError)
add("log-bare", lambda w: do(w.bare.log, w.text))
add("log-bare-signed", lambda w: do(w.bare.log, w.text, signer=w.signer), heka.ConfigError)
add("log-default", lambda w: do(w.emitter.log, w.text, fields={"a": w.thing}, default=str))
add("log-default-own", lambda w: do(w.converting.log, w.text, fields={"a": [w.thing]}))
add(
    "log-default-fails",
    lambda w: do(w.emitter.log, w.text, fields={"a": w}, default=misfits.fail_on),
    Oops,
)
add(
    "log-default-useless",
    lambda w: do(w.emitter.log, w.text, fields={"a": w}, default=complex_of),
    heka.FieldError,
)
for name, value, error in (
    ("default", lambda w: w.text, TypeError),
    ("bad_values", lambda w: w.number, TypeError),
    ("bad_values", lambda w: w.text, ValueError),
    ("bad_values", lambda w: "raise", None),
    ("oversize", lambda w: w.number, TypeError),
    ("oversize", lambda w: w.text, ValueError),
    ("oversize", lambda w: "drop", None),
    ("timeout", lambda w: w.text, TypeError),
    ("timeout", lambda w: -1, ValueError),
    ("timeout", lambda w: w.real, None),
    ("logger", lambda w: w.wide, None),
):
    add(
        f"log-{name}-{'good' if error is None else error.__name__}",
        lambda w, name=name, value=value: do(w.emitter.log, w.text, **{name: value(w)}),
        error,
    )
add(
    "log-convert",
    lambda w: do(
        *(w.emitter.log, w.text),
        fields={"a": w, "b": [None, w], "c": None},
        bad_values="convert",
    ),
)
add("log-repr", lambda w: do(w.emitter.log, w.text, fields={"a": w}, bad_values="repr"))
for oversize, error in (("truncate", None), ("drop", None), ("raise", heka.EncodeError)):
    add(
        f"log-oversize-{oversize}",
        lambda w, oversize=oversize: do(w.narrow.log, w.text, payload=w.long, oversize=oversize),
        error,
    )
add("log-uncut", lambda w: do(w.narrow.log, w.text, fields={"a": w.long}))
add("log-uncut-type", lambda w: do(w.narrow.log, "sentry", payload=w.long))
add("log-uncut-head", lambda w: do(w.narrow.log, w.long, payload=w.text))
add("log-big", lambda w: do(w.emitter.log, w.text, payload=w.long))
add("log-endless", lambda w: do(w.emitter.log, w.text, payload=w.endless_name))
add("log-endless-value", lambda w: do(w.emitter.log, w.text, fields={"a": w.large}))
add(
    "log-endless-raise",
    lambda w: do(w.emitter.log, w.endless_name, oversize="raise"),
    heka.EncodeError,
)
add("log-captured", lambda w: do(w.captive.log, w.text, fields=w.fields))
add("log-captured-drop", lambda w: do(w.captive.log, "t", payload=w.long, oversize="drop"))
add("log-capture-raises", lambda w: do(capturing(misfits.fail_on).log, w.text), Oops)
add("lax-repr-raises", lambda w: do(w.lax.log, w.text, fields={"a": misfits.BadRepr()}))
add("lax-repr-long", lambda w: do(w.lax.log, w.text, fields={"a": [w.long, None]}))
add(
    "lax-keys",
    lambda w: do(w.lax.log, "t", fields={w.number: 1, misfits.BadRepr(): 2, None: 3, w.lone: 4}),
)
add(
    "lax-interrupted",
    lambda w: do(w.lax.log, "t", fields={"a": misfits.Interrupted()}),
    KeyboardInterrupt,
)
add("lax-bad-type", lambda w: do(w.lax.log, w.thing), TypeError)
add("forget", lambda w: w.emitter.forget)
add("forget-many", lambda w: do(w.emitter.forget, 1), TypeError)
add("log-many-destinations", lambda w: do(crowded(w).log, w.text, to="one more"))
for name, good, bad, error in (
    ("level", 7, "x", ValueError),
    ("level", "Info", 8, ValueError),
    ("logger", "name", b"x", TypeError),
    ("logger", "näme", "\udc80", heka.EncodeError),
    ("logger", Text("name"), 5, TypeError),
    ("signer", None, "x", TypeError),
    ("oversize", "drop", "x", ValueError),
    ("bad_values", "repr", 5, TypeError),
    ("default", str, "x", TypeError),
    ("timeout", 2, "x", TypeError),
    ("timeout", 2, float("nan"), ValueError),
    ("to", "x:1", None, None),
    ("capture", len, "x", TypeError),
):
    number = len(CALLS)  # some settings come twice
    for kind, value, refusal in (("good", good, None), ("bad", bad, error)):
        add(
            f"emitter-set-{name}-{kind}-{number}",
            lambda w, name=name, value=value: do(setattr, emitter_to(w.sink), name, value),
            refusal,
        )
    add(f"emitter-get-{name}-{number}", lambda w, name=name: do(getattr, w.emitter, name))
for name in ("level", "logger", "signer", "oversize", "bad_values", "timeout", "to"):
    add(f"emitter-del-{name}", lambda w, name=name: do(delattr, w.emitter, name), AttributeError)


def complex_of(value: object) -> complex:
    """Convert a value without a type to another one."""
    return 1j


def capturing(capture: Any) -> Emitter:
    """Return an emitter that gives its frames to *capture*."""
    made = emitter_to(None)
    made.capture = capture
    return made


def knowing(w: World) -> Emitter:
    """Return an emitter that knows one destination."""
    made = emitter_to(w.sink)
    made.log(w.text, to=w.to)
    return made


def crowded(w: World) -> Emitter:
    """Return an emitter that knows as many destinations as it keeps."""
    if w.crowd is None:
        w.crowd = emitter_to(w.sink)
    w.crowd.forget()
    for number in range(1024):
        w.crowd.log("t", to=str(number))
    return w.crowd

"""Calls on the queue of frames: Ring, and a sink in front of one."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import partial as do
from pathlib import Path
from typing import Any

from python.memory import misfits
from python.memory.misfits import Oops, fail, fail_on
from python.memory.table import Calls
from python.memory.world import World, emitter_to, sink

import heka
from heka._core import Client, Ring, Sink, lock_file, unlock_file

CALLS = Calls()
add = CALLS.add

#: A file to be locked.
LOCKED = Path(tempfile.mkdtemp(prefix="heka-lock-"), "lock")
atexit.register(shutil.rmtree, LOCKED.parent, ignore_errors=True)

#: Frames of this size fill a small ring four at a time.
FRAME = bytes(1000)
[BLOCK] = heka.BlockReader().feed(heka.pack(payload="x" * 100) * 3)
[LONG_BLOCK] = heka.BlockReader().feed(heka.pack(payload="x" * 100) * 40)


def ring(count: int = 0, **attributes: Any) -> Ring:
    """Return a ring with room for four frames, *count* of them there, that somebody drains."""
    made = Ring(4096, 1000, 2000)
    made.set_consumer()
    for _ in range(count):
        made.put(FRAME)
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def without_consumer(count: int = 0, **attributes: Any) -> Ring:
    """Return the same, which nobody drains."""
    made = ring(count, **attributes)
    made.clear_consumer()
    return made


def taken(count: int = 4) -> Ring:
    """Return one with frames under way."""
    made = ring(count)
    made.take(2000)
    return made


# ---- making one ----------------------------------------------------------------------------------

add("ring", lambda w: do(Ring, 4096, 1000))
add("ring-named", lambda w: do(Ring, capacity=w.number % 9000 + 4096, max_frame=1000, window=2000))
add("ring-none", lambda w: do(Ring), TypeError)
add("ring-many", lambda w: do(Ring, 4096, 1000, 2000, None, 5), TypeError)
add("ring-keyword", lambda w: do(Ring, 4096, nonsense=1), TypeError)
add("ring-type", lambda w: do(Ring, w.text), TypeError)
add("ring-index", lambda w: do(Ring, 4096, 1000, misfits.BadIndex()), Oops)
add("ring-negative", lambda w: do(Ring, -1), ValueError)
add("ring-huge", lambda w: do(Ring, w.huge), ValueError)
add("ring-too-small", lambda w: do(Ring, 4096, 5000), ValueError)
add("ring-no-memory", lambda w: do(Ring, 2**60, 1000), MemoryError)
add("ring-directory-type", lambda w: do(Ring, 4096, 1000, 2000, w.thing), TypeError)
add("ring-directory-nul", lambda w: do(Ring, 4096, 1000, 2000, "a\0b"), ValueError)

# ---- producers -----------------------------------------------------------------------------------

add("ring-put", lambda w: do(ring().put, w.frame))
add("ring-put-view", lambda w: do(ring().put, memoryview(w.frame)))
add("ring-put-type", lambda w: do(ring().put, w.text), TypeError)
add("ring-put-gaps", lambda w: do(ring().put, w.rich["gaps"]), BufferError)
add("ring-put-empty", lambda w: do(ring().put, b""))
add("ring-put-big", lambda w: do(ring().put, w.large))
add("ring-put-closed", lambda w: do(closed().put, w.frame))
for overflow, error in (("drop_new", None), ("drop_old", None), ("raise", heka.HekaError)):
    add(
        f"ring-full-{overflow}",
        lambda w, overflow=overflow: do(ring(4, overflow=overflow).put, FRAME),
        error,
    )
add("ring-full-error", lambda w: do(refusing(heka.QueueFullError).put, FRAME), heka.QueueFullError)
add("ring-full-error-odd", lambda w: do(refusing(UnicodeDecodeError).put, FRAME), TypeError)
add("ring-blocked", lambda w: do(blocking(0.001).put, FRAME))
add("ring-blocked-itself", lambda w: do(ring(4, overflow="block").put, FRAME))
add("ring-blocked-pause", lambda w: do(blocking(0.001, pause=w.text.format).put, FRAME))
add("ring-blocked-pause-raises", lambda w: do(blocking(9, pause=fail_on).put, FRAME), Oops)
add("ring-blocked-start", lambda w: do(blocking(0.001, start=fail).put, FRAME))
add(
    "ring-blocked-interrupted",
    lambda w: do(blocking(0.01, start=misfits.interrupt).put, FRAME),
    KeyboardInterrupt,
)
add("ring-start", lambda w: do(without_consumer(start=w.text.format).put, FRAME))
add("ring-start-raises", lambda w: do(without_consumer(start=fail).put, FRAME))
add(
    "ring-start-interrupted",
    lambda w: do(without_consumer(start=misfits.interrupt).put, FRAME),
    KeyboardInterrupt,
)
add("ring-start-replaces", lambda w: do(replacing().put, FRAME))
add("ring-block", lambda w: do(ring().put_block, BLOCK))
add("ring-block-full", lambda w: do(ring(4).put_block, BLOCK))
add("ring-block-over-old", lambda w: do(ring(4).put_block, BLOCK, drop_old=True))
add("ring-block-oversize", lambda w: do(Ring(4096, 100).put_block, BLOCK))
add("ring-block-too-long", lambda w: do(ring().put_block, LONG_BLOCK), ValueError)
add("ring-block-type", lambda w: do(ring().put_block, w.frame), TypeError)
add("ring-room", lambda w: do(ring().wait_room, 100, 0.0))
add("ring-room-none", lambda w: do(ring(4).wait_room, 3000, 0.001))
add("ring-oldest", lambda w: do(ring(1).oldest))
add("ring-refuse-many", lambda w: do(ring().refuse, "full", w.number % 9))
add("ring-refuse-negative", lambda w: do(ring().refuse, "full", -1), ValueError)
add("ring-refuse-count-type", lambda w: do(ring().refuse, "full", w.text), TypeError)
add("ring-refuse", lambda w: do(ring().refuse, "full"))
add("ring-refuse-type", lambda w: do(ring().refuse, w.blob), TypeError)
add("ring-refuse-value", lambda w: do(ring().refuse, w.lone), ValueError)
add("ring-flush", lambda w: do(ring().flush, 1))
add("ring-flush-late", lambda w: do(without_consumer(2, start=w.text.format).flush, 0.001))
add("ring-flush-itself", lambda w: do(ring(2).flush, 9))
add("ring-flush-pause", lambda w: do(without_consumer(2, pause=w.text.format).flush, 0.001))
add("ring-flush-pause-raises", lambda w: do(without_consumer(2, pause=fail_on).flush, 9), Oops)
add("ring-flush-start-raises", lambda w: do(without_consumer(2, start=fail).flush, 0.001))
add(
    "ring-flush-interrupted",
    lambda w: do(without_consumer(2, start=misfits.interrupt).flush, 0.01),
    KeyboardInterrupt,
)
add("ring-flush-type", lambda w: do(ring().flush, w.text), TypeError)
add("ring-flush-range", lambda w: do(ring().flush, -1), ValueError)
add("ring-flush-float", lambda w: do(ring().flush, w.huge**20), OverflowError)


def closed() -> Ring:
    """Return a ring that takes nothing in."""
    made = ring(2)
    made.close()
    return made


def refusing(error: type[Exception]) -> Ring:
    """Return a full ring that raises."""
    return ring(4, overflow="raise", full_error=error)


def blocking(timeout: float, **attributes: Any) -> Ring:
    """Return a full ring that nobody drains, whose producers wait."""
    return without_consumer(4, overflow="block", block_timeout=timeout, **attributes)


def replacing() -> Ring:
    """Return a ring whose ``start`` puts another one in its own place."""
    made = without_consumer()
    made.start = do(setattr, made, "start", None)
    return made


# ---- the consumer --------------------------------------------------------------------------------

add("ring-wait", lambda w: do(ring(1).wait, 1, 1))
add("ring-wait-late", lambda w: do(ring().wait, bytes=w.number, timeout=0.0001))
add("ring-wait-drained", lambda w: do(empty().wait, 1, 9))
add("ring-wait-none", lambda w: ring().wait, TypeError)
add("ring-wait-type", lambda w: do(ring().wait, w.text, 0), TypeError)
add("ring-wait-range", lambda w: do(ring().wait, 1, -1), ValueError)
add("ring-take", lambda w: do(ring(4).take, w.number))
add("ring-take-empty", lambda w: do(ring().take, 1))
add("ring-take-again", lambda w: do(rewound().take, 1))
add("ring-take-type", lambda w: do(ring().take, w.text), TypeError)
add("ring-take-range", lambda w: do(ring().take, -1), ValueError)
add("ring-acknowledge", lambda w: taken().acknowledge)
add("ring-acknowledge-part", lambda w: do(taken().acknowledge, outstanding=1))
add("ring-acknowledge-rejected", lambda w: do(taken().acknowledge, rejected=1))
add("ring-acknowledge-rejected-type", lambda w: do(taken().acknowledge, rejected=w.text), TypeError)
add("ring-acknowledge-type", lambda w: do(taken().acknowledge, w.text), TypeError)
add("ring-rewind", lambda w: taken().rewind)
add("ring-rewind-part", lambda w: do(taken().rewind, unsent=w.number))
add("ring-rewind-range", lambda w: do(taken().rewind, w.huge), ValueError)
add("ring-drop-in-flight", lambda w: do(taken().drop_in_flight, "error"))
add("ring-drop-in-flight-value", lambda w: do(taken().drop_in_flight, w.text), ValueError)
add("ring-drop-all", lambda w: do(taken().drop_all, "closed"))
add("ring-drop-all-type", lambda w: do(taken().drop_all, w.thing), TypeError)
add("ring-pump", lambda w: do(pumped(w), w.drained_end(), 1400, 0, 1, 0))
add("ring-pump-bad", lambda w: do(ring(2).pump, -1, 0, 0, 1, 0))
add("ring-pump-named", lambda w: do(ring().pump, fd=-1, datagram=1, **TIMES))
add("ring-pump-none", lambda w: ring().pump, TypeError)
add("ring-pump-missing", lambda w: do(ring().pump, fd=1, **TIMES), TypeError)
for number in range(5):
    arguments = [-1, 0, 0, 1, 0]
    add(
        f"ring-pump-type-{number}",
        lambda w, at=number: do(ring().pump, *[w.text if i == at else 0 for i in range(5)]),
        TypeError,
    )
    add(
        f"ring-pump-range-{number}",
        lambda w, at=number: do(ring().pump, *[-(10**30) if i == at else 0 for i in range(5)]),
        ValueError,
    )
add("ring-outstanding", lambda w: do(Ring.outstanding, w.local.fileno()))
add("ring-outstanding-bad", lambda w: do(ring().outstanding, -1), OSError)
add("ring-outstanding-type", lambda w: do(Ring.outstanding, w.text), TypeError)
add("ring-sleep", lambda w: do(ring().sleep, 0.0001))
add("ring-sleep-interrupted", lambda w: do(interrupted().sleep, 9))
add("ring-sleep-type", lambda w: do(ring().sleep, w.text), TypeError)
for name in (
    "interrupt",
    "clear_interrupt",
    "set_consumer",
    "clear_consumer",
    "close",
    "after_fork",
    "sync",
    "stats",
):
    add(f"ring-{name}", lambda w, name=name: getattr(taken(), name))
    add(f"ring-{name}-many", lambda w, name=name: do(getattr(taken(), name), w.thing), TypeError)
add("ring-stats-dropped", lambda w: dropping().stats)
add("ring-count", lambda w: taken().count)

TIMES = {"linger": 0.5, "write_timeout": 1, "idle": 0}


def empty() -> Ring:
    """Return a ring that is closed, and has nothing."""
    made = ring()
    made.close()
    return made


def rewound() -> Ring:
    """Return a ring with frames that are to be taken again."""
    made = taken()
    made.rewind()
    return made


def interrupted() -> Ring:
    """Return a ring whose consumer is interrupted."""
    made = ring()
    made.interrupt()
    return made


def dropping() -> Ring:
    """Return a ring that has dropped frames for several reasons."""
    made = taken()
    for reason in ("full", "oversize", "filter", "reentrant"):
        made.refuse(reason)
    return made


def pumped(w: World) -> Any:
    """Return the loop of a ring with some frames."""
    made = ring(1)
    made.put(w.frame)
    return made.pump


# ---- attributes ----------------------------------------------------------------------------------

for name, good, bad, error in (
    ("overflow", "block", "x", ValueError),
    ("overflow", "drop_old", 5, TypeError),
    ("block_timeout", 2.5, "x", TypeError),
    ("block_timeout", 2, -1, ValueError),
    ("start", len, "x", TypeError),
    ("start", None, 5, TypeError),
    ("pause", len, "x", TypeError),
    ("full_error", KeyError, KeyError(), TypeError),
):
    number = len(CALLS)  # some come twice
    for kind, value, refusal in (("good", good, None), ("bad", bad, error)):
        add(
            f"ring-set-{name}-{kind}-{number}",
            lambda w, name=name, value=value: do(setattr, ring(), name, value),
            refusal,
        )
    add(f"ring-del-{name}-{number}", lambda w, name=name: do(delattr, ring(), name), AttributeError)
for name in (
    *("overflow", "block_timeout", "start", "pause", "full_error"),
    *("has_consumer", "interrupted", "capacity", "max_frame"),
):
    add(f"ring-get-{name}", lambda w, name=name: do(getattr, ring(), name))
add("ring-set-capacity", lambda w: do(setattr, ring(), "capacity", 5), AttributeError)

# ---- a sink in front of one ----------------------------------------------------------------------


def ringed(target: Ring) -> Sink:
    """Return a sink with that ring."""
    made = sink(max_frame=900)
    made.attach_ring(target)
    return made


def client(target: Ring) -> Client:
    """Return a client that sends there."""
    made = Client()
    made.sink = ringed(target)
    made._set_plan((), 7, None, None, None, None, None)
    return made


add("sink-attach-ring", lambda w: do(sink().attach_ring, ring()))
add("sink-attach-ring-again", lambda w: do(ringed(ring()).attach_ring, ring()))
add("sink-attach-ring-nothing", lambda w: do(ringed(ring()).attach_ring, None))
add("sink-attach-ring-type", lambda w: do(ringed(ring()).attach_ring, w.thing), TypeError)
add("sink-ring-write", lambda w: do(ringed(ring()).write, w.frame, 0))
add("sink-ring-full", lambda w: do(ringed(ring(4)).write, FRAME, 0))
add(
    "sink-ring-raises",
    lambda w: do(ringed(ring(4, overflow="raise")).write, FRAME, 0),
    heka.HekaError,
)
add("sink-ring-drop", lambda w: do(ringed(ring()).drop, w.text))
add("sink-ring-counts", lambda w: ringed(ring()).counts)
add("sink-ring-lost", lambda w: do(losing().write, w.frame, 0))
add("log-ring", lambda w: do(emitter_to(ringed(ring())).log, w.text, fields=w.fields))
add("log-ring-oversize", lambda w: do(emitter_to(ringed(ring())).log, w.text, payload=w.long))
add(
    "log-ring-raises",
    lambda w: do(emitter_to(ringed(ring(4, overflow="raise"))).log, w.text, payload="x" * 700),
    heka.HekaError,
)
add("client-ring", lambda w: do(client(ring()).heka, w.text, payload=w.wide, fields=w.fields))
add("client-ring-counter", lambda w: do(client(ring()).incr, w.text))
add(
    "client-ring-raises",
    lambda w: do(client(ring(4, overflow="raise")).heka, w.text, payload="x" * 700),
    heka.HekaError,
)


def losing() -> Sink:
    """Return a sink whose ring has it let go of that very ring."""
    made = sink()
    made.attach_ring(without_consumer(start=do(made.attach_ring, None)))
    return made


def lock_twice(path: str) -> None:
    """Lock a file, fail to lock it again, and unlock it."""
    descriptor = lock_file(path)
    try:
        lock_file(path)
    finally:
        unlock_file(descriptor)


add("lock-file", lambda w: do(lock_twice, str(LOCKED)), BlockingIOError)
add("lock-file-none", lambda w: do(lock_file, "/nowhere/at/all"), FileNotFoundError)
add("lock-file-type", lambda w: do(lock_file, w.thing), TypeError)
add("unlock-file-none", lambda w: do(unlock_file, -1))
add("unlock-file-type", lambda w: do(unlock_file, w.thing), TypeError)

"""One destination behind a queue: the ring, who drains it, and the account.

Producers use ``sink``, which puts frames into the ring. The thread that drains it is made by the
first frame, in each process anew.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from heka._core import Ring, Sink, pack
from heka.accounts import NUMBERS, total
from heka.addresses import Address
from heka.delivery import lifecycle
from heka.delivery.drain import Drain
from heka.delivery.outlets import FileOutlet, Outlet, SocketOutlet
from heka.delivery.threads import Worker, cooperative_sleep
from heka.diagnostics import Reporter
from heka.exceptions import ConfigError, QueueFullError
from heka.forks import start_anew_in_child
from heka.options import QueueOptions

__all__ = ["OnDrop", "Queue", "queue_for"]

OnDrop = Callable[[str, int], object]

#: Bytes of the largest frame: a message of 65,536 and what a frame adds to it.
_FRAME_MAX = 65_794
#: Bytes that may be under way at once. Where memory is short, what a ring has beside its capacity.
_WINDOW = 256 * 1024
_WINDOW_LEAST = 112 * 1024
#: Bytes of the smallest queue: a handful of small frames.
_CAPACITY_LEAST = 4096
#: Seconds of one call that sends in place, for want of a thread.
_IN_PLACE = 1.0
#: Seconds that closing waits for the thread to end, whatever its timeout.
_GOOD_BYE = 0.5


class Queue:
    """Takes frames in at once, and has them sent.

    Attributes:
        name: Of the destination, for people and in ``stats()``.
        sink: What producers send on.
    """

    def __init__(
        self,
        name: str,
        outlet: Outlet,
        options: QueueOptions,
        *,
        max_frame: int = 0,
        framed: bool = True,
        on_drop: OnDrop | None = None,
        stats_interval: float | None = None,
    ) -> None:
        """Make the ring; nothing is connected, and no thread started, before the first frame.

        Args:
            name: Of the destination.
            outlet: Where frames go.
            options: What the queue is like.
            max_frame: Bytes of the largest frame that the destination takes; 0: any.
            framed: False: bare messages.
            on_drop: Called by the drain as ``on_drop(reason, count)``.
            stats_interval: Seconds between two messages of type ``heka.client.stats``; None: none.

        Raises:
            ConfigError: The capacity is too small, or the spool cannot be used.
        """
        if options.capacity < _CAPACITY_LEAST:
            raise ConfigError(
                f"capacity: expected at least {_CAPACITY_LEAST} bytes, got {options.capacity}"
            )
        self.name = name
        self._options = options
        self._on_drop = on_drop
        self._stats_interval = stats_interval
        self._drain = Drain(name, outlet, options)
        self._reporter = Reporter()
        self._closed = False
        # A frame may take half of a small queue, so that more than one fits.
        room = min(_FRAME_MAX, options.capacity // 2)
        self._max_frame = min(room, max_frame or _FRAME_MAX)
        self.sink = Sink(self._deliver)
        self.sink.max_frame = 0 if self._max_frame == _FRAME_MAX else self._max_frame
        self.sink.framed = framed
        self._ring = self._make_ring()
        self._start()
        start_anew_in_child(self)
        lifecycle.register(self)
        if self._left[0]:
            self._attend()  # what an earlier process left is sent without waiting for a frame

    def _start(self) -> None:
        """Begin with an empty ring and an account of zero."""
        # Reentrant: a signal handler, or a finalizer, may log while its thread is in here.
        self._lock = threading.RLock()
        self._worker: Worker | None = None
        self._attending = False
        self._told: Counter[str] = Counter()
        self._stats_at = time.monotonic()
        # Replaced as a whole, so that who reads it needs no lock: what earlier processes left, the
        # oldest first, and the account of what was done with.
        self._left: tuple[tuple[Ring, ...], dict[str, Any]] = ((), total([]))

    def _make_ring(self) -> Ring:
        """Return a new ring, into which the sink puts frames from now on."""
        options = self._options
        window = _WINDOW if options.capacity >= 4 * _WINDOW else _WINDOW_LEAST
        ring = Ring(options.capacity, self._max_frame, window)
        ring.overflow = options.overflow
        ring.block_timeout = options.block_timeout
        ring.full_error = QueueFullError
        ring.start = self._attend
        self.sink.attach_ring(ring)
        return ring

    def start_anew(self) -> None:
        """Begin anew in a child process: what is queued stays the parent's."""
        self._ring.after_fork()
        self._drain.start_anew()
        self._start()

    # ---- called by producers, through the ring -----------------------------------------------

    def _attend(self) -> None:
        """Have the ring drained: by a thread, or by this one where there is none to be had."""
        with self._lock:
            if self._attending or self._ring.attended:
                return  # a signal handler's frame, while its thread is in here
            self._attending = True
            try:
                if self._worker is None:
                    self._ring.pause = cooperative_sleep()
                    worker = Worker(self._run, f"heka-queue-{self.name}")
                    if worker.start():
                        self._worker = worker
                        lifecycle.work_has_begun()
                if self._worker is None:
                    self._drain_in_place(_IN_PLACE)
            finally:
                self._attending = False

    def _drain_in_place(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        for ring in self._rings():
            self._drain.run_once(ring, max(0.0, deadline - time.monotonic()))

    def _deliver(self, frame: bytes, written: int, timeout: float, ticket: int) -> bool | str:
        raise AssertionError("the ring takes every frame")

    # ---- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        ring = self._ring
        ring.attend()
        try:
            self._drain.run(self._current, self._look_up)
        except Exception as failure:  # a bug of ours: the next frame starts another thread
            self._reporter.report(f"the queue to {self.name} stopped: {failure!r}")
        finally:
            self._look_up()
            self._worker = None
            ring.desert()

    def _rings(self) -> list[Ring]:
        """Return the rings in the order of draining: what earlier processes left comes first."""
        return [*self._left[0], self._ring]

    def _current(self) -> Ring | None:
        """Return the ring to drain now; None when all is done, and nothing will come."""
        while self._left[0]:
            ring = self._left[0][0]
            if ring.wait(0, 0.0) != "drained" or ring.stats()["queued"]:
                return ring
            self._let_go(ring)
        ring = self._ring
        ended = self._closed and ring.wait(0, 0.0) == "drained" and not ring.stats()["queued"]
        return None if ended else ring

    def _let_go(self, ring: Ring) -> None:
        """Keep the account of a ring that is empty for ever."""
        rings, settled = self._left
        self._left = (rings[1:], total([settled, ring.stats()]))

    def _look_up(self) -> None:
        """Do what is due now and then."""
        self._tell_drops()
        interval = self._stats_interval
        now = time.monotonic()
        if interval is not None and now >= self._stats_at + interval:
            self._stats_at = now
            self._report_stats()

    def _tell_drops(self) -> None:
        """Call ``on_drop`` for what was dropped since the last time."""
        if self._on_drop is None:
            return
        dropped = Counter(self.stats()["dropped"])
        for reason, count in (dropped - self._told).items():
            try:
                self._on_drop(reason, count)
            except Exception as failure:
                self._reporter.report(f"on_drop({reason!r}, {count}) raised {failure!r}")
        self._told = dropped

    def _report_stats(self) -> None:
        """Send the account as a message, behind what is queued."""
        account = self.stats()
        fields = {name: account[name] for name in NUMBERS}
        fields |= {f"dropped.{reason}": count for reason, count in account["dropped"].items()}
        message = pack("heka.client.stats", "heka", 6, {**fields, "destination": self.name})
        with contextlib.suppress(QueueFullError):
            self._ring.put(message)

    # ---- called by streams and heka.api -----------------------------------------------------

    @property
    def closed(self) -> bool:
        """Say whether ``close()`` was called."""
        return self._closed

    def flush(self, deadline: float) -> bool:
        """Wait until *deadline*; True when all that was accepted before has arrived."""
        rings = self._rings()  # those that are let go meanwhile are flushed
        return all([ring.flush(max(0.0, deadline - time.monotonic())) for ring in rings])

    def close(self, timeout: float | None = None) -> None:
        """Take in nothing any more, and drop what has not arrived in *timeout* seconds.

        None returns at once: what is queued is sent in the background, as long as the process
        lives. What lies in a spool is not dropped but left to the next process.
        """
        if timeout is None:
            self._close_ring()
            return
        deadline = time.monotonic() + timeout
        flushed = self.flush(deadline)
        self._close_ring()
        if not flushed:
            self._give_up(deadline)
        worker = self._worker
        if worker is not None:
            worker.join(max(deadline, time.monotonic() + _GOOD_BYE))
        elif not self._ring.attended:
            self._drain.end(deadline)

    def _close_ring(self) -> None:
        self._closed = True
        self.sink.close()
        self._ring.close()

    def _give_up(self, deadline: float) -> None:
        self._drain.stop(deadline)
        self._ring.drop_all("closed")
        for ring in self._rings():
            ring.summon()

    def stats(self) -> dict[str, Any]:
        """Return the account; offered + recovered = sent + the sum of dropped + queued."""
        rings, settled = self._left
        return {
            **total([settled, *(ring.stats() for ring in rings), self._ring.stats()]),
            "retries": self._drain.retries,
            "reconnects": self._drain.reconnects,
        }


def queue_for(address: Address, options: QueueOptions | None = None, **more: Any) -> Queue:
    """Return the queue in front of *address*; *more* as Queue takes it."""
    options = options or address.queue or QueueOptions()
    return Queue(
        str(address),
        _outlet_for(address, options),
        options,
        max_frame=address.max_frame,
        framed=address.framed,
        **more,
    )


def _outlet_for(address: Address, options: QueueOptions) -> Outlet:
    if address.scheme == "file":
        return FileOutlet(address, options)
    if address.scheme == "tls":
        from heka.delivery.encrypted import TlsOutlet  # ssl takes a while to import

        return TlsOutlet(address, options)
    return SocketOutlet(address, options)

"""One destination behind a queue: the ring, who drains it, and the account.

Producers use ``sink``, which puts frames into the ring. The thread that drains it is made by the
first frame, in each process anew.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from heka._core import FRAME_MAX, Ring, Sink, pack
from heka._delivery import lifecycle
from heka._delivery.drain import TICK, Drain
from heka._delivery.outlets import FileOutlet, Outlet, SocketOutlet
from heka._delivery.rings import Rings
from heka._delivery.threads import Worker, cooperative_sleep
from heka._net.addresses import Address
from heka._net.options import QueueOptions
from heka._runtime.accounts import NUMBERS
from heka._runtime.forks import importing, register_fork_reset
from heka._runtime.reporter import Reporter
from heka.exceptions import ConfigError, QueueFullError

__all__ = ["OnDrop", "Queue", "queue_for"]

OnDrop = Callable[[str, int], object]

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
        self._tick = min(TICK, options.sync or TICK, stats_interval or TICK)
        self._drain = Drain(name, outlet, options)
        self._reporter = Reporter()
        self._closed = False
        self._claims: dict[int, int] = {}
        # A frame may take half of a small queue, so that more than one fits.
        room = min(FRAME_MAX, options.capacity // 2)
        self._max_frame = min(room, max_frame or FRAME_MAX)
        self.sink = Sink(self._deliver)
        self.sink.max_frame = 0 if self._max_frame == FRAME_MAX else self._max_frame
        self.sink.framed = framed
        if options.spool is not None and not framed:
            raise ConfigError("spool: a spool holds frames, and framing=none sends none")
        self._start()
        self._rings = Rings(options, self._max_frame, self._attach, name)
        register_fork_reset(self)
        lifecycle.register(self)
        if self._rings.left() is not None:
            self._start_consumer()  # frames of an earlier process are sent at once

    def _start(self) -> None:
        """Begin without a thread and without a past."""
        # Reentrant: a signal handler, or a finalizer, may log while its thread is in here.
        self._lock = threading.RLock()
        self._worker: Worker | None = None
        self._starting_consumer = False
        self._flushing = 0  # calls
        self._told: Counter[str] = Counter()
        self._synced_at = self._stats_at = time.monotonic()
        self._pid = os.getpid()  # last: now another thread may go on

    def _attach(self, ring: Ring | None) -> None:
        """Have the sink put frames into *ring*; None: into one that the first frame asks for."""
        if ring is not None:
            ring.overflow = self._options.overflow
            ring.block_timeout = self._options.block_timeout
            ring.full_error = QueueFullError
            ring.start = self._start_consumer
        self.sink.attach_ring(ring)

    def reset_after_fork(self) -> None:
        """Begin anew in a child process: what is queued stays the parent's."""
        self._rings.reset_after_fork()
        self._drain.reset_after_fork()
        self._start()

    def _is_ours(self) -> bool:
        """Begin anew in a child that was forked without Python's handlers, as uWSGI forks.

        False while another thread does that, for its own frame and for this one.
        """
        pid = os.getpid()
        if pid != self._pid:
            me = threading.get_ident()
            if self._claims.setdefault(pid, me) != me:
                return False
            self.reset_after_fork()
        return True

    # ---- called by producers, through the ring -----------------------------------------------

    def _start_consumer(self) -> None:
        """Have the ring drained: by a thread, or by this one where there is none to be had."""
        if not self._is_ours():
            return
        with self._lock:
            ring = self._rings.ring
            if self._starting_consumer or ring.has_consumer:
                return  # a signal handler's frame, while its thread is in here
            self._starting_consumer = True
            try:
                if self._worker is None:
                    ring.pause = cooperative_sleep()
                    worker = Worker(self._run, f"heka-queue-{self.name}")
                    if worker.start():
                        self._worker = worker
                        lifecycle.work_has_begun()
                if self._worker is None:
                    self._drain_in_place(time.monotonic() + _IN_PLACE)
            finally:
                self._starting_consumer = False

    def _drain_in_place(self, deadline: float) -> None:
        """Send what is there; for a flush, which has nobody else, wait for what is under way."""
        for ring in self._rings.in_order():
            self._drain.run_once(ring, deadline, settle=self._flushing > 0)

    def _deliver(self, frame: bytes, written: int, timeout: float, ticket: int) -> bool | str:
        """Put the first frame of a child process into the ring that it asks for."""
        while not self._is_ours():
            time.sleep(0.001)  # another thread is just making it so
        with self._lock:
            ring = self._rings.demand()
        ring.put(frame)
        return True  # what became of it, the ring has counted

    # ---- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        self._rings.ring.set_consumer()
        try:
            self._drain.run(self._current, self._look_up, self._tick)
        except Exception as failure:  # a bug of ours: the next frame starts another thread
            self._reporter.report(f"the queue to {self.name} stopped: {failure!r}")
        finally:
            self._look_up()
            self._rings.let_go()
            self._worker = None
            self._rings.ring.clear_consumer()

    def _current(self) -> Ring | None:
        """Return the ring to drain now; None when all is done, and nothing will come."""
        left = self._rings.left()
        if left is not None:
            return left
        return None if self._closed and self._rings.is_over() else self._rings.ring

    def _look_up(self) -> None:
        """Do what is due now and then."""
        self._tell_drops()
        interval = self._stats_interval
        now = time.monotonic()
        if interval is not None and now >= self._stats_at + interval:
            self._stats_at = now
            self._report_stats()
        sync = self._options.sync
        if sync is not None and now >= self._synced_at + sync:
            self._synced_at = now
            try:
                self._rings.sync()
            except OSError as failure:
                self._reporter.report(f"spool: cannot sync: {failure}")

    def _tell_drops(self) -> None:
        """Call ``on_drop`` for what was dropped since the last time."""
        if self._on_drop is None:
            return
        dropped = Counter(self.stats()["dropped"])
        for reason, count in (dropped - self._told).items():
            try:
                self._on_drop(reason, count)
            except BaseException as failure:  # this thread is not the program's to end
                self._reporter.report(f"on_drop({reason!r}, {count}) raised {failure!r}")
        self._told = dropped

    def _report_stats(self) -> None:
        """Send the account as a message, behind what is queued."""
        account = self.stats()
        fields = {name: account[name] for name in NUMBERS}
        fields |= {f"dropped.{reason}": count for reason, count in account["dropped"].items()}
        message = pack("heka.client.stats", "heka", 6, {**fields, "destination": self.name})
        with contextlib.suppress(QueueFullError):
            self._rings.ring.put(message)

    # ---- called by streams and heka.api -----------------------------------------------------

    @property
    def closed(self) -> bool:
        """Say whether ``close()`` was called."""
        return self._closed

    def flush(self, deadline: float) -> bool:
        """Wait until *deadline*; True when all that was accepted before has arrived."""
        rings = self._rings.in_order()  # those that are done with meanwhile are flushed
        self._flushing += 1
        try:
            return all([ring.flush(max(0.0, deadline - time.monotonic())) for ring in rings])
        finally:
            self._flushing -= 1

    def close(self, timeout: float | None = None) -> None:
        """Take in nothing any more, and drop what has not arrived in *timeout* seconds.

        None returns at once: what is queued is sent in the background, as long as the process
        lives. What lies in a spool is not dropped but left to the next process.
        """
        if timeout is None:
            self._shut(drop=False)
            return
        deadline = time.monotonic() + timeout
        flushed = self.flush(deadline)
        if not flushed:
            self._drain.stop(deadline)
        self._shut(drop=not flushed)
        if not flushed:
            self._rings.interrupt()
        worker = self._worker
        if worker is not None:
            worker.join(max(deadline, time.monotonic() + _GOOD_BYE))
        elif not self._rings.ring.has_consumer:
            self._drain.end(deadline)
            self._rings.let_go()

    def join(self) -> None:
        """Wait until the thread of a closed queue has ended: as long as its last wait takes."""
        worker = self._worker
        if worker is not None:
            worker.join(math.inf)

    def _shut(self, *, drop: bool) -> None:
        self._closed = True
        self.sink.close()
        self._rings.close(drop=drop)

    def stats(self) -> dict[str, Any]:
        """Return the account; offered + recovered = sent + the sum of dropped + queued."""
        return {
            **self._rings.stats(),
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
        with importing():
            from heka._delivery.encrypted import TlsOutlet  # ssl takes a while to import

        return TlsOutlet(address, options)
    return SocketOutlet(address, options)

"""A destination with a queue: owns the rings, the thread that drains them, and the account.

Producers use ``sink``, which puts frames into the ring. The first frame starts the thread that
drains it; in a child process, the first frame there starts another.
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

from heka._core import FRAME_MAX, Ring, Sink, monotonic, pack
from heka._delivery import lifecycle
from heka._delivery.drain import TICK, Drain
from heka._delivery.outlets import FileOutlet, Outlet, SocketOutlet
from heka._delivery.rings import Rings
from heka._delivery.threads import Worker, cooperative_sleep
from heka._net.addresses import Address
from heka._net.options import QueueOptions
from heka._runtime.accounts import NUMBERS
from heka._runtime.allowance import Allowance
from heka._runtime.debug import debug, debugging, teller_of_drops
from heka._runtime.exits import is_exiting
from heka._runtime.forks import importing, register_fork_reset
from heka._runtime.reporter import Reporter
from heka._runtime.waiting import pause
from heka.exceptions import ConfigError, QueueFullError

__all__ = ["OnDrop", "Queue", "outlet_for", "queue_for"]

OnDrop = Callable[[str, int], object]

#: Bytes of the smallest queue: it holds several small frames.
_CAPACITY_LEAST = 4096
#: Seconds of one call that sends in the calling thread, because no thread can be started.
_IN_PLACE = 1.0
#: Seconds that close() waits at least for the thread to end, whatever its timeout. At exit the
#: queues share them: a thread that is connecting ends late, and does not outlive the process.
_JOIN_LEAST = 0.5
_at_exit = Allowance(_JOIN_LEAST)
#: Seconds between two looks of a flush at whether the thread has adopted the next directory.
_ADOPTION = 0.002
#: Seconds between two looks at the size of the whole spool.
_CHECK = 1.0


class Queue:
    """Accepts frames without blocking on the network; a thread sends them.

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
        """Create the ring. The first frame starts the thread, which connects.

        Args:
            name: Name of the destination.
            outlet: The outlet that the thread sends to.
            options: Capacity, overflow policy, timeouts and spool.
            max_frame: Bytes of the largest frame that the destination takes; 0: no limit.
            framed: False: send bare messages, without frames.
            on_drop: Called in the queue's thread as ``on_drop(reason, count)``.
            stats_interval: Seconds between two messages of type ``heka.client.stats``; None: none.

        Raises:
            ConfigError: The capacity is too small, or the spool cannot be used.
        """
        if options.capacity < _CAPACITY_LEAST:
            raise ConfigError(
                f"{name}: capacity: expected at least {_CAPACITY_LEAST} bytes, got "
                f"{options.capacity}"
            )
        self.name = name
        self._options = options
        if debugging():
            place = "in memory" if options.spool is None else f"on disk in {options.spool!r}"
            debug(name, f"made a queue of {options.capacity:,} bytes {place}")
            on_drop = _told(name, on_drop)
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
        if isinstance(outlet, SocketOutlet):
            outlet.on_refused = self.sink.count_refused
        if options.spool is not None and not framed:
            raise ConfigError("spool: a spool holds frames, and framing=none sends none")
        self._start()
        self._rings = Rings(options, self._max_frame, self._attach, name)
        register_fork_reset(self)
        lifecycle.register(self)
        if self._rings.left() is not None:
            self._start_consumer()  # frames of an earlier process are sent at once

    def _start(self) -> None:
        """Reset all state; no thread is running."""
        # Reentrant: a signal handler or finalizer may log while its thread holds the lock.
        self._lock = threading.RLock()
        self._worker: Worker | None = None
        self._starting_consumer = False
        self._flushing = 0  # calls
        self._reported_drops: Counter[str] = Counter()
        self._refusals_reported = self._refusals_flushed = 0
        self._refused_before = self.sink.refused  # datagrams, in the parent process
        self._refusal_reporter = Reporter()
        self._synced_at = self._stats_at = self._checked_at = monotonic()
        self._pid = os.getpid()  # last: other threads wait for it in _check_process()

    def _attach(self, ring: Ring | None) -> None:
        """Let the sink put frames into *ring*; None: the first frame calls ``_deliver``."""
        if ring is not None:
            ring.overflow = self._options.overflow
            ring.block_timeout = self._options.block_timeout
            ring.full_error = QueueFullError
            ring.start = self._start_consumer
        self.sink.attach_ring(ring)

    def reset_after_fork(self) -> None:
        """Reset all state in a child process: the parent keeps and sends what is queued."""
        self._rings.reset_after_fork()
        self._drain.reset_after_fork()
        self._start()

    def _check_process(self) -> bool:
        """Reset after a fork that ran no handlers of Python, as uWSGI forks.

        Returns:
            False while another thread is resetting; True: this is the queue's process.
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
        """Start the thread that drains; if that fails, send in the calling thread."""
        if not self._check_process():
            return
        with self._lock:
            ring = self._rings.ring
            if self._starting_consumer or ring.has_consumer:
                return  # called again, by a signal handler of the thread that is starting it
            self._starting_consumer = True
            try:
                if self._worker is None:
                    ring.pause = cooperative_sleep()
                    worker = Worker(self._run, f"heka-queue-{self.name}")
                    if worker.start():
                        self._worker = worker
                        lifecycle.work_has_begun()
                if self._worker is None:
                    self._drain_in_place(monotonic() + _IN_PLACE)
            finally:
                self._starting_consumer = False

    def _drain_in_place(self, deadline: float) -> None:
        """Send what is queued in the calling thread; during a flush, wait until acknowledged."""
        self._rings.left()  # opens what the next process has left
        for ring in self._rings.in_order():
            self._drain.run_once(ring, deadline, wait_acknowledged=self._flushing > 0)

    def _deliver(self, frame: bytes, written: int, timeout: float, ticket: int) -> bool | str:
        """Create the ring of a child process, and put its first frame into it."""
        while not self._check_process():
            time.sleep(0.001)  # another thread is resetting the queue
        with self._lock:
            ring = self._rings.ensure_ring()
        ring.put(frame)
        return True  # the ring counts the frame, whether it took it or dropped it

    # ---- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        self._rings.ring.set_consumer()
        try:
            self._drain.run(self._current, self._on_tick, self._tick)
        except Exception as failure:  # a bug of ours: the next frame starts another thread
            self._reporter.report(f"the queue to {self.name} stopped: {failure!r}")
        finally:
            self._on_tick()
            self._rings.release_files()
            self._worker = None
            self._rings.ring.clear_consumer()

    def _current(self) -> Ring | None:
        """Return the ring to drain now; None when all are drained and the queue is closed."""
        left = self._rings.left()
        if left is not None:
            return left
        return None if self._closed and self._rings.is_over() else self._rings.ring

    def _on_tick(self) -> None:
        """Report drops; send statistics and sync the spool when they are due."""
        self._report_drops()
        interval = self._stats_interval
        now = monotonic()
        if now >= self._checked_at + _CHECK:
            self._checked_at = now
            if self._rings.renew():
                self._rings.ring.set_consumer()
            self._rings.check_size()
        self._report_refusals()
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

    def _report_refusals(self) -> None:
        """Report at most once a minute that new frames are refused, and why."""
        refused = self._rings.refused()
        if refused > self._refusals_reported:
            count = refused - self._refusals_reported
            self._refusals_reported = refused
            self._refusal_reporter.report(
                f"{self.name}: {count} new messages were dropped (full): {self._rings.refusal()}"
            )

    def _report_drops(self) -> None:
        """Call ``on_drop`` for what was dropped since the last time."""
        if self._on_drop is None:
            return
        dropped = Counter(self.stats()["dropped"])
        for reason, count in (dropped - self._reported_drops).items():
            try:
                self._on_drop(reason, count)
            except BaseException as failure:  # SystemExit must not end this thread
                self._reporter.report(f"on_drop({reason!r}, {count}) raised {failure!r}")
        self._reported_drops = dropped

    def _report_stats(self) -> None:
        """Put the account as a message into the queue."""
        account = self.stats()
        fields = {name: account[name] for name in NUMBERS}
        fields |= {f"dropped.{reason}": count for reason, count in account["dropped"].items()}
        message = pack("heka.client.stats", "heka", 6, {**fields, "destination": self.name})
        with contextlib.suppress(QueueFullError):
            self._rings.ring.put(message)

    # ---- called by streams and heka.api -----------------------------------------------------

    @property
    def is_spooled(self) -> bool:
        """Return whether the queue is on disk."""
        return self._options.spool is not None

    def refuse(self, reason: str) -> None:
        """Count a frame that was offered, and dropped for *reason*."""
        self._rings.ring.refuse(reason)

    @property
    def closed(self) -> bool:
        """Return whether ``close()`` was called."""
        return self._closed

    def flush(self, deadline: float) -> bool:
        """Wait until *deadline*; True when all frames offered since the last flush are delivered.

        What ``drop_old`` has replaced does not count.
        """
        refused = self._rings.refused()
        flushed = refused == self._refusals_flushed
        self._refusals_flushed = refused
        self._report_refusals()
        return self._flush(deadline) and flushed

    def _flush(self, deadline: float) -> bool:
        self._flushing += 1
        flushed = True
        try:
            while True:
                rings = self._rings.in_order()  # those that are done with meanwhile are flushed
                for ring in rings:
                    flushed = ring.flush(max(0.0, deadline - monotonic())) and flushed
                del rings[:]  # one that is empty for ever has files that end with it
                if self._drain.check_refused():
                    self._rings.interrupt()  # the thread then backs off before it sends more
                if not flushed or not self._rings.has_more():
                    return flushed
                if monotonic() >= deadline:
                    return False
                if self._worker is None:
                    self._rings.left()
                pause(_ADOPTION)  # the thread opens what the next process has left
        finally:
            self._flushing -= 1

    def close(self, timeout: float) -> None:
        """Accept no more frames, and drop those that are not delivered in *timeout* seconds.

        Frames in a spool are not dropped: the next process sends them.
        """
        deadline = monotonic() + timeout
        self._report_refusals()
        flushed = self._flush(deadline)
        if not flushed:
            self._drain.stop(deadline)
        self._shut(drop=not flushed)
        if not flushed:
            self._rings.interrupt()
        if self._drain.stopping:  # all has been dropped; the thread may be connecting
            deadline = monotonic()
        worker = self._worker
        if worker is not None and is_exiting():
            with _at_exit.wait() as least:
                worker.join(max(deadline, least))
        elif worker is not None:
            worker.join(max(deadline, monotonic() + _JOIN_LEAST))
        elif not self._rings.ring.has_consumer:
            self._drain.end(deadline)
            self._rings.release_files()

    def let_go(self) -> None:
        """Accept no more frames, without waiting, for finalizers: the thread sends the rest, ends.

        Without a thread there is nothing to send, or it cannot be sent.
        """
        if self._closed:
            return
        worker = self._worker
        self._shut(drop=worker is None)
        if worker is None and not self._rings.ring.has_consumer:
            self._drain.end(monotonic())
            self._rings.release_files()

    def join(self) -> None:
        """Wait, without a timeout, until the thread of a closed queue has ended."""
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
            "refused": self.sink.refused - self._refused_before,
            "retries": self._drain.retries,
            "reconnects": self._drain.reconnects,
        }


def _told(name: str, on_drop: OnDrop | None) -> OnDrop:
    """Return a function that tells what was dropped, then calls *on_drop*."""
    tell = teller_of_drops(name)

    def told(reason: str, count: int) -> object:
        tell(reason, count)
        return None if on_drop is None else on_drop(reason, count)

    return told


def queue_for(address: Address, options: QueueOptions | None = None, **more: Any) -> Queue:
    """Return a queue for *address*; *more* are further arguments of Queue."""
    options = options or address.queue or QueueOptions()
    if address.is_standard:
        raise ConfigError(f"{address}: is written in the call, without a queue")
    return Queue(
        str(address),
        outlet_for(address, options),
        options,
        max_frame=address.max_frame,
        framed=address.framed,
        **more,
    )


def outlet_for(address: Address, options: QueueOptions) -> Outlet:
    """Return the outlet that sends to *address*."""
    """Return an outlet for *address*, not yet open; its queue is drained by one thread."""
    if address.scheme == "file":
        return FileOutlet(address, options)
    if address.scheme == "tls":
        with importing():
            from heka._delivery.encrypted import TlsOutlet  # ssl takes a while to import

        return TlsOutlet(address, options)
    return SocketOutlet(address, options)

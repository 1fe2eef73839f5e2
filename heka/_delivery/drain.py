"""The consumer of a queue: connects, sends, waits and tries again, until there is nothing left.

::

            frames wait           connected
    IDLE --------------> CONNECTING ------> SENDING ---- the ring is closed, all has arrived --> END
     ^                    |    ^             |  |
     |            failed  |    | has waited  |  | failed
     |                    v    |             |  |
     |                   BACKING OFF <-------|--+
     +--------------------------------------+ closed by the peer

Knows rings and outlets; no threads, and not what becomes of frames that find no room.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from heka._core import Ring
from heka._delivery.backoff import Backoff
from heka._delivery.outlets import Outlet
from heka._delivery.reasons import reason_of
from heka._net.options import QueueOptions
from heka._runtime.reporter import Reporter

__all__ = ["TICK", "Drain"]

#: Seconds after which a drain looks up from its work.
TICK = 1.0
#: Seconds that saying good-bye to a peer may take.
_CLOSING = 1.0


class Drain:
    """Moves frames from rings, the first one first, to one outlet.

    Attributes:
        retries: Tries to connect, or to go on, that failed.
        reconnects: Connections that were made after the first.
    """

    def __init__(self, name: str, outlet: Outlet, options: QueueOptions) -> None:
        """Begin without a connection.

        Args:
            name: Of the destination, for people.
            outlet: Where frames go.
            options: Deadlines, linger and back-off.
        """
        self._name = name
        self._outlet = outlet
        self._options = options
        self._reporter = Reporter()
        self._stopping = False
        self._give_up_at = 0.0
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Begin without a past, in a child process."""
        self._backoff = Backoff(self._options.backoff_max)
        self._retry_at = 0.0
        self._renew_at = time.monotonic() + self._options.refresh
        self._connected_once = False
        self._outlet.abandon()
        self.retries = 0
        self.reconnects = 0

    # ---- the loop ---------------------------------------------------------------------------

    def run(
        self,
        current: Callable[[], Ring | None],
        look_up: Callable[[], None],
        tick: float = TICK,
    ) -> None:
        """Drain until there is no ring any more, or until ``stop()``.

        Args:
            current: Returns the ring to drain; None ends it. It is told of each ring that is empty
                for ever by being asked again.
            look_up: Called every now and then.
            tick: About the most seconds between two such calls.
        """
        while not self._stopping:
            ring = current()
            if ring is None:
                break
            self.step(ring, tick)
            del ring  # one that is empty for ever has files that end with it
            look_up()
        self.end(self._give_up_at if self._stopping else time.monotonic() + _CLOSING)

    def end(self, deadline: float) -> None:
        """Say good-bye to the peer, at most until *deadline*."""
        self._outlet.close(deadline)

    def run_once(self, ring: Ring, deadline: float, *, settle: bool) -> None:
        """Send what waits in *ring*, at most until *deadline*, without a thread.

        Args:
            ring: Its frames are sent.
            deadline: Of ``time.monotonic``.
            settle: Wait for what is under way too, and not only for room to send.
        """
        while (left := deadline - time.monotonic()) > 0:
            if time.monotonic() < self._retry_at:
                return
            if ring.wait(1, 0.0) != "ready" and not (settle and ring.stats()["in_flight"]):
                return
            self.step(ring, 0.0, linger=0.0, patience=left)

    def step(
        self,
        ring: Ring,
        idle: float,
        linger: float | None = None,
        patience: float = math.inf,
    ) -> None:
        """Do one thing: wait, connect, or send for about *idle* seconds.

        A peer that neither connects nor takes anything is given up after *patience* seconds, or
        when the options say so.
        """
        options = self._options
        waiting = self._retry_at - time.monotonic()
        if waiting > 0:
            self._back_off(ring, min(waiting, TICK))
        elif self._outlet.is_open():
            linger = options.linger if linger is None else linger
            self._send(ring, idle, linger, min(patience, options.write_timeout))
        elif ring.wait(1, idle) == "ready":  # nobody connects for nothing
            self._connect(ring, min(patience, options.connect_timeout))

    def _back_off(self, ring: Ring, seconds: float) -> None:
        if ring.sleep(seconds) and not self._stopping:
            ring.clear_interrupt()

    def _connect(self, ring: Ring, timeout: float) -> None:
        ring.rewind()  # what another connection had under way, this one cannot acknowledge
        try:
            self._outlet.open(time.monotonic() + timeout)
        except Exception as failure:  # OSError, and what a resolver or ssl may think of
            self._fail(failure)
            return
        self.reconnects += self._connected_once
        self._connected_once = True

    def _send(self, ring: Ring, idle: float, linger: float, patience: float) -> None:
        outcome = self._outlet.pump(ring, idle, linger, patience)
        if outcome.moved:
            self._backoff.succeed()
        if outcome.event == "failed":
            self._fail(outcome.failure or OSError("the connection is lost"))
        elif outcome.event == "closed" and not outcome.moved:
            self._wait(self._backoff.fail())  # one that accepts and closes at once
        elif outcome.event == "interrupted" and not self._stopping:
            ring.clear_interrupt()
        elif outcome.event == "tick":
            self._look_for_better(ring)

    def _fail(self, failure: Exception) -> None:
        self.retries += 1
        wait = self._wait(self._backoff.fail())
        if not self._stopping:
            self._reporter.report(
                f"cannot send to {self._name} ({reason_of(failure)}): {failure}; "
                f"messages wait in the queue, next try in {wait:.1f} s"
            )

    def _wait(self, seconds: float) -> float:
        self._retry_at = time.monotonic() + seconds
        return seconds

    def _look_for_better(self, ring: Ring) -> None:
        """Now and then, between two frames: the name may stand for another host by now."""
        now = time.monotonic()
        if now < self._renew_at or ring.stats()["in_flight"]:
            return
        self._renew_at = now + self._options.refresh
        self._outlet.renew(now + self._options.connect_timeout)

    # ---- called by others -------------------------------------------------------------------

    def stop(self, deadline: float) -> None:
        """Have ``run`` end soon, and close the connection until *deadline*; see Ring.interrupt."""
        self._give_up_at = deadline
        self._stopping = True

"""The consumer of a queue: connects, sends, waits and tries again, until the queue is done.

::

            frames wait           connected
    IDLE --------------> CONNECTING ------> SENDING ---- ring closed, all acknowledged --> END
     ^                    |    ^             |  |
     |            failed  |    | wait over   |  | failed
     |                    v    |             |  |
     |                   BACKING OFF <-------|--+
     +--------------------------------------+ closed by the peer

Knows rings and outlets; knows neither threads nor the overflow policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from heka._core import Ring, monotonic
from heka._delivery.backoff import Backoff, when
from heka._delivery.outlets import LaterError, Outlet
from heka._delivery.reasons import reason_of
from heka._net.options import QueueOptions
from heka._runtime.reporter import Reporter

__all__ = ["TICK", "Drain"]

#: Seconds between two calls of on_tick, at most.
TICK = 1.0
#: Seconds that closing a connection in good order may take.
_CLOSING = 1.0


class Drain:
    """Moves frames from one ring after the other to one outlet.

    Attributes:
        stopping: Whether ``stop()`` was called.
        retries: Failed tries to connect or to send.
        reconnects: Connections made after the first.
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
        self.stopping = False
        self._give_up_at = 0.0
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Reset all state in a child process."""
        self._backoff = Backoff(self._options.backoff_max)
        self._retry_at = 0.0
        self._renew_at = monotonic() + self._options.refresh
        self._connected_once = False
        self._outlet.abandon()
        self.retries = 0
        self.reconnects = 0

    # ---- the loop ---------------------------------------------------------------------------

    def run(
        self,
        current: Callable[[], Ring | None],
        on_tick: Callable[[], None],
        tick: float = TICK,
    ) -> None:
        """Drain until ``current()`` returns None, or until ``stop()``.

        Args:
            current: Returns the ring to drain; None ends the loop. It is called before each step,
                so that it can go on to the next ring when one is drained.
            on_tick: Called after each step.
            tick: Seconds that a step waits for frames, so about the most between two such calls.
        """
        while not self.stopping:
            ring = current()
            if ring is None:
                break
            self.step(ring, tick)
            del ring  # the last reference to a drained ring removes its files
            on_tick()
        self.end(self._give_up_at if self.stopping else monotonic() + _CLOSING)

    def end(self, deadline: float) -> None:
        """Close the connection in good order, at most until *deadline*."""
        self._outlet.close(deadline)

    def run_once(self, ring: Ring, deadline: float, *, wait_acknowledged: bool) -> None:
        """Send what waits in *ring*, at most until *deadline*, in the calling thread.

        Args:
            ring: Its frames are sent.
            deadline: Of ``heka._core.monotonic``.
            wait_acknowledged: Also wait until the frames in flight are acknowledged.
        """
        while (left := deadline - monotonic()) > 0:
            if monotonic() < self._retry_at:
                return
            waits = wait_acknowledged and ring.stats()["in_flight"]
            if ring.wait(1, 0.0) != "ready" and not waits:
                return
            self.step(ring, 0.0, linger=0.0, patience=left)

    def step(
        self,
        ring: Ring,
        idle: float,
        linger: float | None = None,
        patience: float = math.inf,
    ) -> None:
        """Do one of these: wait for the back-off, connect, or send for about *idle* seconds.

        A peer that does not accept the connection, or takes no data, counts as failed after
        *patience* seconds, or after the timeout in the options, whichever is shorter.
        """
        options = self._options
        waiting = self._retry_at - monotonic()
        if waiting > 0:
            self._back_off(ring, min(waiting, TICK))
        elif self._outlet.is_open():
            linger = options.linger if linger is None else linger
            self._send(ring, idle, linger, min(patience, options.write_timeout))
        elif ring.wait(1, idle) == "ready":  # connect only when there is a frame to send
            self._connect(ring, min(patience, options.connect_timeout))

    def _back_off(self, ring: Ring, seconds: float) -> None:
        if ring.sleep(seconds) and not self.stopping:
            ring.clear_interrupt()

    def _connect(self, ring: Ring, timeout: float) -> None:
        ring.rewind()  # frames in flight on a lost connection are sent again on this one
        try:
            self._outlet.open(monotonic() + timeout)
        except Exception as failure:  # OSError, and whatever a resolver or ssl raises
            self._fail(failure)
            return
        self.reconnects += self._connected_once
        self._connected_once = True

    def _send(self, ring: Ring, idle: float, linger: float, patience: float) -> None:
        outcome = self._outlet.pump(ring, idle, linger, patience)
        if outcome.works:
            self._backoff.succeed()
        if outcome.event == "failed":
            failure = outcome.failure or OSError("the connection is lost")
            self._fail(failure, at_once=self._outlet.has_other_host())
        elif outcome.event == "interrupted" and not self.stopping:
            ring.clear_interrupt()
        elif outcome.event == "tick":
            self._renew(ring)

    def _fail(self, failure: Exception, *, at_once: bool = False) -> None:
        self.retries += 1
        seconds = 0.0 if at_once else self._backoff.fail()
        if isinstance(failure, LaterError):
            seconds = max(seconds, failure.seconds)
        wait = self._wait(seconds)
        if not self.stopping:
            then = "another host is tried" if at_once else when(wait)
            self._reporter.report(
                f"cannot send to {self._name} ({reason_of(failure)}): {failure}; "
                f"messages wait in the queue, {then}"
            )

    def _wait(self, seconds: float) -> float:
        self._retry_at = monotonic() + seconds
        return seconds

    def _renew(self, ring: Ring) -> None:
        """Every ``refresh`` seconds, while nothing is in flight: resolve the name again."""
        now = monotonic()
        if now < self._renew_at or ring.stats()["in_flight"]:
            return
        self._renew_at = now + self._options.refresh
        self._outlet.renew(now + self._options.connect_timeout)

    # ---- called by others -------------------------------------------------------------------

    def check_refused(self) -> bool:
        """Count a UDP refusal that no send has reported yet; True if there was one."""
        return self._outlet.check_refused()

    def stop(self, deadline: float) -> None:
        """End ``run``, which closes the connection by *deadline*; Ring.interrupt ends its wait."""
        self._give_up_at = deadline
        self.stopping = True

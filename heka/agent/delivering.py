"""The thread of an output: moves frames from its queue to its outlet, until it is stopped.

Connecting, waiting and trying again are those of ``heka._delivery.drain``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from heka._core import monotonic
from heka._delivery.drain import Drain
from heka._delivery.threads import Worker
from heka._net.options import QueueOptions
from heka._runtime.reporter import Reporter

if TYPE_CHECKING:
    from heka._core import Ring
    from heka._delivery.outlets import Outlet
    from heka.agent.queues import OutputQueue

__all__ = ["Delivery"]

#: Seconds after which a delivery that raised an unexpected error begins again, and between two
#: looks whether a former one has ended.
_AGAIN = 1.0


class Delivery:
    """Drains one queue in a thread of its own.

    Attributes:
        failures: Unexpected errors of the outlet; after each one the delivery begins again.
    """

    def __init__(
        self,
        name: str,
        queue: OutputQueue,
        outlet: Outlet,
        options: QueueOptions,
        former: Delivery | None = None,
    ) -> None:
        """Prepare to drain *queue* to *outlet*.

        Args:
            name: Of the output, for reports.
            queue: Its queue; somebody else closes it.
            outlet: Where the frames go.
            options: Deadlines, linger and back-off.
            former: The delivery of this queue that was stopped. Its destination may not have let it
                go yet: this one begins when it has ended, as a queue has one consumer.
        """
        self.failures = 0
        self._former = former
        self._name = name
        self._queue = queue
        self._drain = Drain(name, outlet, options)
        self._worker = Worker(self._run, f"heka-agent-{name}")
        self._reporter = Reporter()

    def start(self) -> None:
        """Start the thread."""
        if not self._worker.start():
            raise RuntimeError(f"{self._name}: cannot start a thread")

    def stop(self, deadline: float) -> bool:
        """End the thread; what is not delivered stays in the queue.

        Returns:
            False: it has not ended at *deadline*, because its destination does not let it go.
        """
        self._drain.stop(deadline)
        self._queue.ring.interrupt()
        if not self._worker.join(deadline):
            return False
        self._queue.ring.rewind()
        return True

    def account(self) -> Mapping[str, object]:
        """Return its counts, for a report."""
        return {
            "retries": self._drain.retries,
            "reconnects": self._drain.reconnects,
            "failures": self.failures,
        }

    def _run(self) -> None:
        while self._former is not None:
            if self._former.stop(monotonic() + _AGAIN):
                self._former = None
            if self._drain.stopping:
                return
        ring = self._queue.ring
        ring.set_consumer()
        try:
            while not self._drain.stopping:
                try:
                    self._drain.run(self._current, self._queue.tick)
                except Exception as failure:  # of a plugin
                    self.failures += 1
                    self._reporter.report(f"{self._name} raised {failure!r}; it is tried again")
                    ring.rewind()
                    ring.sleep(_AGAIN)
        finally:
            ring.clear_consumer()

    def _current(self) -> Ring | None:
        return None if self._drain.stopping else self._queue.ring

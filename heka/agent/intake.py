"""The intake: one thread and one selector for all network inputs and the control socket.

A source is any object of ``heka.agent.plugin.Source``. While a source is paused its descriptor is
not watched, so the kernel's buffers fill and its peers wait. Knows no messages.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Final, TypeVar

from heka._delivery.threads import Worker
from heka._receiving.watching import Watching
from heka._runtime.reporter import Reporter
from heka.agent.plugin import Source

__all__ = ["Intake"]

#: Seconds between two tries of a paused source.
_AGAIN: Final = 0.005
#: Seconds that ``call`` waits for the thread.
_PATIENCE: Final = 10.0
_T = TypeVar("_T")


class Intake(Watching):
    """Reads sources until ``stop``.

    Attributes:
        failures: Times that a source raised what it should not.
    """

    def __init__(self) -> None:
        """Begin without sources; ``start`` starts the thread."""
        super().__init__()
        self.failures = 0
        self._sources: dict[Source, bool] = {}  # whether it is watched
        self._work: deque[Callable[[], object]] = deque()
        self._reporter = Reporter()
        self._stopping = False
        self._wake_in, self._wake_out = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._drain_wakes)
        self._worker = Worker(self._run, "heka-agent-intake")

    # ---- called by other threads -------------------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        if not self._worker.start():
            raise RuntimeError("cannot start a thread")

    def soon(self, work: Callable[[], object]) -> None:
        """Have the thread call *work*; any thread may call this."""
        self._work.append(work)
        with contextlib.suppress(OSError):
            self._wake_out.send(b"\0")

    def call(self, work: Callable[[], _T]) -> _T:
        """Have the thread call *work*, wait, and return its result or raise what it raised.

        Raises:
            TimeoutError: A source does not return; *work* may still be called later.
        """
        done: Future[_T] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except BaseException as failure:
                done.set_exception(failure)

        self.soon(run)
        try:
            return done.result(_PATIENCE)
        except FutureTimeout:  # before Python 3.11 it is no TimeoutError
            raise TimeoutError(f"an input has kept the intake busy for {_PATIENCE:g} s") from None

    def add(self, source: Source) -> None:
        """Read *source* from now on."""
        self.call(lambda: self._add(source))

    def remove(self, source: Source) -> None:
        """Do not read *source* any more; when this returns it is not being read."""
        self.call(lambda: self._remove(source))

    def stop(self, deadline: float) -> bool:
        """End the thread; False when it has not ended at *deadline*."""

        def end() -> None:
            self._stopping = True

        self.soon(end)
        if not self._worker.join(deadline):
            return False
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()
        return True

    # ---- called in the thread ----------------------------------------------------------------

    def _add(self, source: Source) -> None:
        self._selector.register(source.fileno(), selectors.EVENT_READ, source)
        self._sources[source] = True

    def _remove(self, source: Source) -> None:
        if self._sources.pop(source, False):
            self._selector.unregister(source.fileno())

    def _run(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(self._timeout()):
                target: Any = key.data
                if target in self._sources:
                    self._safely(target.read)
                elif callable(target):
                    self._safely(target)
            for source in list(self._sources):
                self._look_after(source)
            while self._work:
                self._safely(self._work.popleft())

    def _timeout(self) -> float | None:
        times = [source.due for source, watched in self._sources.items() if watched]
        if not all(self._sources.values()):
            times.append(_AGAIN)
        return min((time for time in times if time is not None), default=None)

    def _look_after(self, source: Source) -> None:
        """Watch *source* unless it is paused; read what it has left."""
        watched = self._sources.get(source)
        if watched is None:
            return
        if not watched:
            self._safely(source.retry)
        elif source.due is not None and source.due <= 0 and not source.is_paused:
            self._safely(source.read)
        if source.is_paused == watched:
            if watched:
                self._selector.unregister(source.fileno())
            else:
                self._selector.register(source.fileno(), selectors.EVENT_READ, source)
            self._sources[source] = not watched

    def _safely(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as failure:  # one source must not end the others
            self.failures += 1
            self._reporter.report(f"agent: {call!r} raised {failure!r}")

    def _drain_wakes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_in.recv(4096)

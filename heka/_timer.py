"""Timers measure how long a block or function takes, and send that when it ends."""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from types import TracebackType
from typing import Any, Literal, Protocol, TypeVar, cast

from heka._core import NoTimer
from heka._runtime.asyncgens import forwarding
from heka._runtime.chance import random_unit
from heka._runtime.reporter import Reporter

_Function = TypeVar("_Function", bound=Callable[..., Any])

_reporter = Reporter()


class Sender(Protocol):
    """The interface of a client, as a timer uses it."""

    def timer_send(
        self,
        name: str,
        elapsed: object,
        logger: str | None = None,
        severity: int | str | None = None,
        fields: Mapping[str, Any] | None = None,
        rate: float = 1.0,
        *,
        bad_values: Literal["convert", "repr", "raise"] | None = None,
    ) -> bool:
        """Send one measurement."""

    def timer(
        self,
        name: str,
        logger: str | None = None,
        severity: int | str | None = None,
        fields: Mapping[str, Any] | None = None,
        rate: float = 1.0,
    ) -> Any:
        """Return a timer."""


def _flow() -> tuple[int, object]:
    """Return a key for the current thread and asyncio task, which may share one timer."""
    asyncio = sys.modules.get("asyncio")
    # Checked first: without a running loop, current_task() raises, which is slow.
    if asyncio is None or asyncio._get_running_loop() is None:
        return threading.get_ident(), None
    return threading.get_ident(), id(asyncio.current_task())


class Timer:
    """A context manager and decorator that sends a 'timer' message when its block ends.

    Each call of ``client.timer()`` returns a new timer. One timer may be entered again while it
    runs, and by several threads and asyncio tasks at once.

    Attributes:
        name: Name of the timer.
        result: Milliseconds that the last block took, int; None before the first block ends, while
            a block runs, and if sampling left the block out.
    """

    __slots__ = (
        *("_client", "_fields", "_logger", "_rate", "_running", "_severity"),
        *("name", "result"),
    )

    def __init__(
        self,
        client: Sender,
        name: str,
        logger: str | None,
        severity: int | str | None,
        fields: Mapping[str, Any] | None,
        rate: float | None,
    ) -> None:
        """Prepare to time blocks as *name*."""
        self.name = name
        self.result: int | None = None
        self._client = client
        self._logger = logger
        self._severity = severity
        self._fields = fields
        self._rate = 1.0 if rate is None else rate
        self._running: dict[tuple[int, object], list[int]] = {}

    def __enter__(self) -> Timer:
        """Start the clock."""
        self.result = None
        left_out = self._rate < 1.0 and random_unit() >= self._rate
        # Each thread and task uses its own list only, so no lock is needed.
        starts = self._running.setdefault(_flow(), [])
        starts.append(-1 if left_out else time.perf_counter_ns())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the clock, and send the result."""
        now = time.perf_counter_ns()
        start = self._pop()
        if start < 0:
            return
        self.result = round((now - start) / 1_000_000)
        try:
            self._client.timer_send(
                self.name,
                self.result,
                self._logger,
                self._severity,
                self._fields,
                self._rate,
                bad_values="convert",
            )
        except Exception as error:  # must not replace the block's own result or exception
            _reporter.report(f"timer {self.name!r}: {error}")

    def __repr__(self) -> str:
        """Return the name and the last result."""
        result = "no result" if self.result is None else f"{self.result} ms"
        return f"<Timer {self.name!r}: {result}>"

    def _pop(self) -> int:
        """Remove and return the newest start time of this thread and task; -1: send nothing."""
        flow = _flow()
        if flow not in self._running:  # entered in another task, as test fixtures do
            flow = next(iter(self._running.copy()), flow)
        starts = self._running.get(flow)
        if not starts:
            return -1
        start = starts.pop()
        if not starts:
            self._running.pop(flow, None)
        return start

    def _copy(self) -> Any:
        """Return a new timer with the same settings, for one call of a decorated function."""
        return self._client.timer(self.name, self._logger, self._severity, self._fields, self._rate)

    def __call__(self, function: _Function) -> _Function:
        """Return a wrapper of *function* that times each call, and samples calls independently.

        Coroutines and generators are timed from their first step to their end.
        """
        if isinstance(function, staticmethod):
            return cast(_Function, staticmethod(self(function.__func__)))
        if not callable(function):
            raise ValueError(f"a timer decorates callables, not {type(function).__name__}")
        return cast(_Function, _timed(function, self._copy))


def _timed(function: Callable[..., Any], timer: Callable[[], Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with timer():
                return await function(*args, **kwargs)

        return coroutine
    if inspect.isasyncgenfunction(function):
        return functools.wraps(function)(forwarding(function, timer))
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with timer():
                return (yield from function(*args, **kwargs))

        return generator

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        with timer():
            return function(*args, **kwargs)

    return plain


NO_TIMER = NoTimer()

"""``@timeit`` and ``@incr_count``: send the duration and the number of calls.

An error while sending never reaches the function's caller: it is reported on stderr. Wrong
arguments of a decorator raise TypeError where the decorator is applied.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterator, Mapping
from time import perf_counter_ns
from typing import Any

from heka._core import nearest
from heka._process import check_severity
from heka._runtime.asyncgens import forwarding
from heka._runtime.chance import random_unit
from heka.client import HekaClient
from heka.decorators.base import HekaDecorator, Kind

__all__ = ["incr_count", "timeit"]


class _WrongSeverityError(TypeError, ValueError):
    """A ValueError as everywhere, and a TypeError as every wrong argument of a decorator."""


def _timer(
    name: Any = None, logger: Any = None, severity: Any = None, fields: Any = None, rate: Any = 1.0
) -> None: ...


def _counter(
    name: Any = None,
    count: Any = 1,
    logger: Any = None,
    severity: Any = None,
    fields: Any = None,
    rate: Any = 1.0,
) -> None: ...


class _Measure(HekaDecorator):
    """Base of both: checks the arguments once, in the order of the client's method."""

    _takes: inspect.Signature

    def __init__(
        self,
        *args: Any,
        client: HekaClient | None = None,
        client_name: str = "",
        **kwargs: Any,
    ) -> None:
        self._call: tuple[Any, ...] = ()
        self._rate = 1.0
        super().__init__(*args, client=client, client_name=client_name, **kwargs)
        if self._fn is None:
            self._read()

    def set_fn(self, fn: Any) -> None:
        """Decorate *fn*; the name of the messages defaults to that of the function."""
        name, *rest = self._read()
        super().set_fn(fn)
        self._call = (self._fn_fq_name if name is None else name, *rest)
        self._rate = rest[-1]

    def _read(self) -> tuple[Any, ...]:
        """Return the arguments in the order of the client's method.

        Raises:
            TypeError: An argument is unknown or has a wrong type or value; a wrong severity is a
                ValueError too.
        """
        try:
            for name in self.kwargs:
                if name not in self._takes.parameters:
                    raise TypeError(_unknown(name, [*self._takes.parameters]))
            bound = self._takes.bind(*self.args, **self.kwargs)
            bound.apply_defaults()
            given = bound.arguments
            for name in ("name", "logger"):
                if not isinstance(given[name], str | None):
                    raise TypeError(f"{name} must be str, not {type(given[name]).__name__}")
            if not isinstance(given["fields"], Mapping | None):
                kind = type(given["fields"]).__name__
                raise TypeError(f"fields must be a mapping, not {kind}")
            given["rate"] = 1.0 if given["rate"] is None else _number(given["rate"], "rate")
            if "count" in given:
                _number(given["count"], "count")
        except (TypeError, ValueError) as error:
            raise TypeError(f"{self.decorator_name}: {error}") from None
        try:
            if given["severity"] is not None:
                check_severity(given["severity"])
        except ValueError as error:
            raise _WrongSeverityError(f"{self.decorator_name}: {error}") from None
        return tuple(given.values())


def _unknown(name: str, known: list[str]) -> str:
    meant = nearest(name, known)
    remedy = f"did you mean {meant!r}?" if meant else f"it takes {', '.join(known)}"
    return f"got an unexpected keyword argument {name[:64]!r}; {remedy}"


def _number(value: Any, name: str) -> float:
    """Return *value*, a number or the text of one, as a float."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        shown = repr(value)[:100]
        raise TypeError(f"{name} must be a number, or the text of one, got {shown}") from None


class timeit(_Measure):
    """Send a 'timer' message with the duration of each call, in whole milliseconds.

    Coroutines and generators are timed from their first step to their end, including the time
    between steps.

    Args:
        name: The name of the timer; default ``module.function``.
        logger, severity: Default those of the client.
        fields: A mapping of further fields.
        rate: The probability, 0 to 1, with which a call is timed.
        client, client_name: As for ``HekaDecorator``.

    Raises:
        TypeError: An argument is wrong.
    """

    _takes = inspect.signature(_timer)

    def predicate(self) -> bool:
        """Return whether the client has not disabled this timer, by its name or the function's."""
        client = self._client or self.client
        disabled = client._disabled_timers if client is not None else ()
        return not disabled or not (
            "*" in disabled
            or self._call[0] in disabled
            or getattr(self._fn, "__name__", None) in disabled
        )

    def heka_call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and send how long it took."""
        if self._is_lazy:
            return self._in_steps(self._fn(*args, **kwargs))
        start = perf_counter_ns() if self._rate >= 1.0 else self._start()
        try:
            return self._fn(*args, **kwargs)
        finally:
            self._stop(start)

    def _start(self) -> int:
        """Return the time in ns, or -1 if this call is not sampled."""
        left_out = self._rate < 1.0 and random_unit() >= self._rate
        return -1 if left_out else perf_counter_ns()

    def _stop(self, start: int) -> None:
        """Send the milliseconds since *start*, a time in ns; -1 sends nothing."""
        if start < 0:
            return
        elapsed = round((perf_counter_ns() - start) / 1_000_000)
        try:
            client = self._client or self.client
            if client is not None:
                name, logger, severity, fields, rate = self._call
                client.timer_send(
                    name, elapsed, logger, severity, fields, rate, bad_values="convert"
                )
        except Exception as error:
            self._report(error)

    def _in_steps(self, running: Any) -> Any:
        """Wrap *running*, a coroutine or generator, in one that times it."""
        if self._kind is Kind.COROUTINE:
            return self._renamed(self._awaited(running))
        if self._kind is Kind.GENERATOR:
            return self._renamed(self._yielded(running))
        return self._renamed(self._yielded_asynchronously(running))

    async def _awaited(self, running: Coroutine[Any, Any, Any]) -> Any:
        start = self._start()
        try:
            return await running
        finally:
            self._stop(start)

    def _yielded(self, running: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        start = self._start()
        try:
            return (yield from running)
        finally:
            self._stop(start)

    def _yielded_asynchronously(
        self, running: AsyncGenerator[Any, Any]
    ) -> AsyncGenerator[Any, Any]:
        return forwarding(lambda: running, self._measured)()

    @contextlib.contextmanager
    def _measured(self) -> Iterator[None]:
        start = self._start()
        try:
            yield
        finally:
            self._stop(start)


class incr_count(_Measure):
    """Send a 'counter' message for each call, once it has returned or raised.

    A coroutine is counted when it ends, a generator function when it is called.

    Args:
        name: The name of the counter; default ``module.function``.
        count: The number that a call adds.
        logger, severity: Default those of the client.
        fields: A mapping of further fields.
        rate: The probability, 0 to 1, with which a call is sent; receivers divide by it.
        client, client_name: As for ``HekaDecorator``.

    Raises:
        TypeError: An argument is wrong.
    """

    _takes = inspect.signature(_counter)

    def heka_call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and count the call."""
        if self._is_lazy and self._kind is Kind.COROUTINE:
            return self._renamed(self._awaited(self._fn(*args, **kwargs)))
        try:
            return self._fn(*args, **kwargs)
        finally:
            self._count()

    async def _awaited(self, running: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await running
        finally:
            self._count()

    def _count(self) -> None:
        try:
            client = self._client or self.client
            if client is not None:
                name, count, logger, severity, fields, rate = self._call
                client.incr(name, count, logger, severity, fields, rate, bad_values="convert")
        except Exception as error:
            self._report(error)

"""``@capture_stack`` reports exceptions that leave a function, and raises them again."""

from __future__ import annotations

import builtins
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any

from heka._lines import text_of
from heka._process import ProcessClient
from heka._runtime.asyncgens import forwarding
from heka.decorators.base import HekaDecorator, Kind
from heka.plugins.raven.report import checked_severity
from heka.severity import ERROR

__all__ = ["capture_stack"]

_CODE = SystemExit.__dict__["code"]
_Group: Any = getattr(builtins, "BaseExceptionGroup", None)
#: Raised in a task or greenlet that is cancelled from outside.
_ENDS = (("asyncio.exceptions", "CancelledError"), ("greenlet", "GreenletExit"))


class capture_stack(HekaDecorator):
    """Report each exception that leaves the function with ``client.raven``, then raise it again.

    ``sys.exit()`` and ``sys.exit(0)``, cancelled tasks and closed generators are no errors: they
    are raised again and not reported.

    Works on functions, methods, coroutines and generators. Without a client, or without the plugin,
    nothing is reported and the exception is raised all the same. Without a client, but after
    ``heka.configure`` or with $HEKA_TO, the exception is sent as ``heka.exception`` does.

    Args:
        severity: Severity of the messages; default is the plugin's.
        logger: Logger of the messages; default is the plugin's.
        msg: The field ``msg`` of the messages.
        client, client_name: See ``HekaDecorator``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the arguments of the class.

        Raises:
            ValueError: *severity* is not from 0 to 7.
        """
        checked_severity(kwargs.get("severity"), 0)  # not only in the call that fails
        super().__init__(*args, **kwargs)

    def heka_call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and report what it raises."""
        __traceback_hide__ = True
        if self._is_lazy:
            return self._wrapped_steps(self._fn(*args, **kwargs))
        try:
            return self._fn(*args, **kwargs)
        except BaseException as error:
            self._report_error(error)
            raise

    def _report_error(self, error: BaseException) -> None:
        if _is_normal_exit(error):
            return
        try:
            client = self.client
            report = getattr(client, "raven", None)
            given = {
                name: self.kwargs[name]
                for name in ("severity", "logger", "msg")
                if name in self.kwargs
            }
            if report is not None:
                report(exc_info=error, **given)
            elif isinstance(client, ProcessClient):
                self._send(client, error, **given)
        except Exception as problem:
            self._report(problem)

    def _send(
        self,
        client: ProcessClient,
        error: BaseException,
        severity: int | str | None = None,
        logger: str | None = None,
        msg: str = "",
    ) -> None:
        """Send text and traceback, as ``heka.exception`` does."""
        text = text_of(msg or f"{self._fn_fq_name} raised", (), error)
        client.heka(
            "oldstyle", logger, ERROR if severity is None else severity, text, bad_values="repr"
        )

    def _wrapped_steps(self, running: Any) -> Any:
        """Return a wrapper of *running*, a coroutine or generator."""
        if self._kind is Kind.COROUTINE:
            return self._renamed(self._awaited(running))
        if self._kind is Kind.GENERATOR:
            return self._renamed(self._yielded(running))
        return self._renamed(self._yielded_asynchronously(running))

    async def _awaited(self, running: Coroutine[Any, Any, Any]) -> Any:
        __traceback_hide__ = True
        try:
            return await running
        except BaseException as error:
            self._report_error(error)
            raise

    def _yielded(self, running: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        __traceback_hide__ = True
        try:
            return (yield from running)
        except BaseException as error:
            self._report_error(error)
            raise

    def _yielded_asynchronously(
        self, running: AsyncGenerator[Any, Any]
    ) -> AsyncGenerator[Any, Any]:
        return forwarding(lambda: running, lambda: _Reporting(self._report_error))()


class _Reporting:
    """A context that reports an exception; a generator function would add a frame to it."""

    def __init__(self, report: Callable[[BaseException], None]) -> None:
        self._report = report

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(
        self, kind: object, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Report *error*; it is raised again."""
        if error is not None:
            self._report(error)


def _is_normal_exit(error: BaseException) -> bool:
    """Return whether *error* is a normal end of a program, generator, task or greenlet."""
    if isinstance(error, SystemExit):
        code = _CODE.__get__(error)
        return code is None or (isinstance(code, int) and code == 0)
    if isinstance(error, GeneratorExit):
        return True
    if _Group is not None and isinstance(error, _Group):
        return all(map(_is_normal_exit, error.exceptions))
    # A module that is not imported cannot have raised its exception.
    for module, name in _ENDS:
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(error, kind):
            return True
    return False

"""``@capture_stack``: exceptions that leave a function are reported, and go on to its caller."""

from __future__ import annotations

import builtins
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any

from heka._runtime.asyncgens import forwarding
from heka.decorators.base import HekaDecorator, Kind

__all__ = ["capture_stack"]

_CODE = SystemExit.__dict__["code"]
_Group: Any = getattr(builtins, "BaseExceptionGroup", None)
#: What is raised in a task or greenlet that somebody else ends.
_ENDS = (("asyncio.exceptions", "CancelledError"), ("greenlet", "GreenletExit"))


class capture_stack(HekaDecorator):
    """Report each exception that leaves the function with ``client.raven``, then raise it again.

    ``sys.exit()`` and ``sys.exit(0)``, cancelled tasks and closed generators are no errors: they
    are raised again and not reported.

    Functions, methods, coroutines and generators. A client without the plugin, or none: nothing is
    reported, and the exception goes its way all the same.

    Args:
        severity: Of the messages; by default that of the plugin.
        logger: Of the messages; by default that of the plugin.
        msg: Their field ``msg``.
        client, client_name: As of ``HekaDecorator``.
    """

    def heka_call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and report what it raises."""
        __traceback_hide__ = True
        if self._is_lazy:
            return self._in_steps(self._fn(*args, **kwargs))
        try:
            return self._fn(*args, **kwargs)
        except BaseException as error:
            self._tell(error)
            raise

    def _tell(self, error: BaseException) -> None:
        if _is_end(error):
            return
        try:
            report = getattr(self.client, "raven", None)
            if report is not None:
                given = {
                    name: self.kwargs[name]
                    for name in ("severity", "logger", "msg")
                    if name in self.kwargs
                }
                report(exc_info=error, **given)
        except Exception as problem:
            self._report(problem)

    def _in_steps(self, running: Any) -> Any:
        """Return what takes the steps of *running*, a coroutine or generator."""
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
            self._tell(error)
            raise

    def _yielded(self, running: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        __traceback_hide__ = True
        try:
            return (yield from running)
        except BaseException as error:
            self._tell(error)
            raise

    def _yielded_asynchronously(
        self, running: AsyncGenerator[Any, Any]
    ) -> AsyncGenerator[Any, Any]:
        return forwarding(lambda: running, lambda: _Telling(self._tell))()


class _Telling:
    """A context that passes on what is raised in it; a generator would add to its traceback."""

    def __init__(self, tell: Callable[[BaseException], None]) -> None:
        self._tell = tell

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(
        self, kind: object, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Pass on *error*, which is raised again."""
        if error is not None:
            self._tell(error)


def _is_end(error: BaseException) -> bool:
    """Say whether *error* ends a program, a generator or a task without anything being wrong."""
    if isinstance(error, SystemExit):
        code = _CODE.__get__(error)
        return code is None or (isinstance(code, int) and code == 0)
    if isinstance(error, GeneratorExit):
        return True
    if _Group is not None and isinstance(error, _Group):
        return all(map(_is_end, error.exceptions))
    # Where nobody has imported these modules there are no tasks of theirs.
    for module, name in _ENDS:
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(error, kind):
            return True
    return False

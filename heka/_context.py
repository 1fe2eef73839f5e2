"""Fields that a context adds to every message: ``heka.context`` and ``heka.bind``.

They are encoded when they are bound, and merged in C into what ``heka.log`` and clients send;
``heka.Message`` and ``heka.pack`` stay as they are told. They belong to the running context as
``contextvars`` knows it: each thread begins without any, each asyncio task with its parent's.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, TypeVar

from heka._core import Bound, context_var

_current: ContextVar[Bound] = context_var
_Function = TypeVar("_Function", bound=Callable[..., Any])


def bound() -> dict[str, Any]:
    """Return a copy of the fields that the running context adds to every message."""
    current = _current.get(None)
    return {} if current is None else current.fields


def bind(**fields: Any) -> None:
    """Add *fields* to every message of the running context from now on.

    A field of that name that is bound already is replaced; one that a message has itself wins
    over both. A value that has no type on the wire is sent as its repr. What is bound in a thread
    or in a task ends with it; in a program's main thread it stays, or until ``unbind``.
    """
    _current.set(Bound({**bound(), **fields}))


def unbind(*names: str) -> None:
    """Take the fields called *names*, or without names all of them, from the running context."""
    kept = {name: value for name, value in bound().items() if names and name not in names}
    _current.set(Bound(kept))


class context:
    """Add *fields* to every message that is sent inside: a context manager, and a decorator.

    ::

        with heka.context(request_id=request.id):
            heka.log("request.started")

    As a decorator it works on functions and coroutine functions: each call has the fields for
    itself. One object may be entered any number of times, by several threads and tasks.
    """

    __module__ = "heka"  # where programs import it from

    def __init__(self, **fields: Any) -> None:
        """Take the fields; they are bound when the context is entered."""
        self._fields = fields
        self._tokens: list[Token[Bound]] = []

    def __enter__(self) -> None:
        """Bind the fields."""
        self._tokens.append(_current.set(Bound({**bound(), **self._fields})))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Restore what was bound before."""
        # The last token of this very context; others were entered by other threads or tasks.
        for index in range(len(self._tokens) - 1, -1, -1):
            try:
                _current.reset(self._tokens[index])
            except ValueError:
                continue
            del self._tokens[index]
            return

    def __call__(self, function: _Function) -> _Function:
        """Return *function* with the fields bound in each call."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                with type(self)(**self._fields):
                    return await function(*args, **kwargs)

        else:

            @functools.wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                with type(self)(**self._fields):
                    return function(*args, **kwargs)

        return wrapper  # type: ignore[return-value]

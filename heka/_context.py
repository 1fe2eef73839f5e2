"""Context fields, which are added to every message: ``heka.context`` and ``heka.bind``.

They are encoded when they are bound, and C adds them to what ``heka.log`` and clients send, but not
to ``heka.Message`` and ``heka.pack``. They are kept in a ``contextvars.ContextVar``: a new thread
starts without context fields, a new asyncio task with those of the task that made it.
"""

from __future__ import annotations

import functools

from heka._core import Bound, context_var
from heka._runtime.explaining import explained
from heka._runtime.forks import importing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import ContextVar, Token
    from types import TracebackType
    from typing import Any, TypeVar

    _Function = TypeVar("_Function", bound=Callable[..., Any])

_current: ContextVar[Bound] = context_var


def bound() -> dict[str, Any]:
    """Return a copy of the context fields of the current context."""
    current = _current.get(None)
    return {} if current is None else current.fields


@explained
def bind(**fields: Any) -> None:
    """Add *fields* to every message that is sent in the current context from now on.

    A context field replaces one that was bound before under the same name. A field of the message
    itself replaces both. A value without a type on the wire is sent as its repr. Fields stay bound
    until ``unbind``, or until the thread or task ends.
    """
    _current.set(Bound({**bound(), **fields}))


@explained
def unbind(*names: str) -> None:
    """Remove the context fields *names* from the current context; without names, all of them."""
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"unbind: names must be str, as in unbind('a', 'b'); got {name!r:.64}")
    kept = {name: value for name, value in bound().items() if names and name not in names}
    _current.set(Bound(kept))


class context:
    """Add *fields* to every message sent in a block or a function: context manager and decorator.

    ::

        with heka.context(request_id=request.id):
            heka.log("request.started")

    As a decorator it works on functions and coroutine functions, and binds the fields during each
    call. One object may be entered any number of times, by several threads and tasks.
    """

    __module__ = "heka"  # programs import it from here

    @explained
    def __init__(self, **fields: Any) -> None:
        """Keep *fields*; they are bound when the context is entered."""
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
        """Restore the fields that were bound before."""
        # Find the last token of this context; the others belong to other threads or tasks.
        for index in range(len(self._tokens) - 1, -1, -1):
            try:
                _current.reset(self._tokens[index])
            except ValueError:
                continue
            del self._tokens[index]
            return

    def __call__(self, function: _Function) -> _Function:
        """Return *function*, wrapped so that the fields are bound during each call."""
        with importing():
            import inspect  # which takes longer to import than all that heka imports at first

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

        return wrapper  # type: ignore[return-value]  # typing.cast() would import typing

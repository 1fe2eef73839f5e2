"""Delegation between asynchronous generators, as ``yield from`` does between plain ones.

Knows the language and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager
from typing import Any

__all__ = ["forwarding"]


def forwarding(
    function: Callable[..., AsyncGenerator[Any, Any]],
    around: Callable[[], AbstractContextManager[Any]],
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Return an asynchronous generator function that runs *function* inside a context manager.

    Args:
        function: An asynchronous generator function; it is called at the first step.
        around: Returns the context manager, which is entered before that and exited at the end.
    """

    async def asynchronous(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        __traceback_hide__ = True
        with around():
            running = function(*args, **kwargs)
            try:
                item = await running.__anext__()
                while True:
                    try:
                        sent = yield item
                    except BaseException as thrown:  # GeneratorExit too, when it is closed
                        item = await running.athrow(thrown)
                    else:
                        item = await running.asend(sent)
            except StopAsyncIteration:
                return

    return asynchronous

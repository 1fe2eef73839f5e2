"""Plugins: methods that a configuration adds to a client. This module is for plugin authors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Protocol, TypeVar

__all__ = ["Plugin", "named"]

_Method = TypeVar("_Method", bound=Callable[..., Any])


class Plugin(Protocol):
    """A provider: the function that a configuration names to add a method to a client.

    It is called with a dict of the plugin's settings, which it may change, and returns a function
    whose first argument is the client. It raises ``InvalidArgumentError`` for invalid settings.
    """

    def __call__(self, config: dict[str, Any], /) -> Callable[Concatenate[Any, ...], Any]:
        """Return the method for a client."""


def named(name: str) -> Callable[[_Method], _Method]:
    """Return a decorator that sets the name of a client's method.

    Args:
        name: Stored as the function's ``heka_name``; ``override`` in a configuration replaces it.
    """

    def decorate(method: _Method) -> _Method:
        method.heka_name = name  # type: ignore[attr-defined]  # a function takes any attribute
        return method

    return decorate

"""Plugins: methods that a configuration adds to a client. What their authors need stands here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Protocol, TypeVar

__all__ = ["Plugin", "named"]

_Method = TypeVar("_Method", bound=Callable[..., Any])


class Plugin(Protocol):
    """A provider: what a configuration names to add a method to a client.

    It is called with the settings of the plugin, a dict of its own, and returns a function whose
    first argument is the client. Settings that make no sense are an ``InvalidArgumentError``.
    """

    def __call__(self, config: dict[str, Any], /) -> Callable[Concatenate[Any, ...], Any]:
        """Return the method for a client."""


def named(name: str) -> Callable[[_Method], _Method]:
    """Return a decorator that says what the method of a client is called.

    Args:
        name: Kept as the function's ``heka_name``; the configuration's ``override`` wins over it.
    """

    def decorate(method: _Method) -> _Method:
        method.heka_name = name  # type: ignore[attr-defined]  # a function takes any attribute
        return method

    return decorate

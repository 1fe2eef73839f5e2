"""Check arguments that are a number of seconds."""

from __future__ import annotations


def check_seconds(value: object, name: str = "timeout") -> None:
    """Check that *value* is a number.

    Raises:
        TypeError: It is none.
    """
    if not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be seconds (int or float), not {type(value).__name__}")

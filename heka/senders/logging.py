"""The logging stream under its old name; each access gives a DeprecationWarning."""

from __future__ import annotations

from typing import Any

from heka.senders import alias

_NAMES = ("StdLibLoggingSender",)


def __getattr__(name: str) -> Any:
    return alias(__name__, _NAMES, name)


def __dir__() -> list[str]:
    return [*globals(), *_NAMES]

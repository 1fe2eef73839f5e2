"""What a decorated callable is called in a message."""

from __future__ import annotations

import functools
from typing import Any


def return_fq_name(func: Any, klass: type | None = None) -> str:
    """Return ``module.name`` of *func*: a decorator sees a method before its class is there.

    A callable without a name of its own has that of what it wraps, or of its class. With *klass*
    the name is ``module.class.PyCallable``.
    """
    if klass is not None:
        return f"{klass.__module__}.{klass.__name__}.PyCallable"
    while isinstance(func, functools.partial):
        func = func.func
    if not isinstance(getattr(func, "__name__", None), str):
        func = type(func)
    return f"{func.__module__}.{func.__name__}"

"""The name of a decorated callable in messages."""

from __future__ import annotations

import functools
from typing import Any


def return_fq_name(func: Any, klass: type | None = None) -> str:
    """Return ``module.name`` of *func*.

    The class of a method is not part of the name: it does not exist yet when a decorator runs. A
    ``functools.partial`` has the name of its function, any other callable without a name that of
    its class. With *klass* the name is ``module.class.PyCallable``.
    """
    if klass is not None:
        return f"{klass.__module__}.{klass.__name__}.PyCallable"
    while isinstance(func, functools.partial):
        func = func.func
    if not isinstance(getattr(func, "__name__", None), str):
        func = type(func)
    return f"{func.__module__}.{func.__name__}"

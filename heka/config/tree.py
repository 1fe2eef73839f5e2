"""Copy nested configuration: containers are copied, other objects are shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Path = tuple[Any, ...]


def copy_tree(value: Any, change: Callable[[str, Path], Any] | None = None, path: Path = ()) -> Any:
    """Return *value* with every dict, list, tuple and set in it copied.

    Args:
        value: The root; objects of other types are not copied: they may be sockets or files.
        change: Called with each text and its path; returns the replacement.
        path: The path of *value*.
    """
    if isinstance(value, str):
        return change(value, path) if change else value
    if isinstance(value, Mapping):
        return {key: copy_tree(inner, change, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list) or type(value) is tuple:
        copied = [copy_tree(inner, change, (*path, i)) for i, inner in enumerate(value)]
        return copied if isinstance(value, list) else tuple(copied)
    if isinstance(value, (set, frozenset)):
        return type(value)([copy_tree(inner, change, path) for inner in value])
    return value

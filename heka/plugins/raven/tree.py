"""The form of values in an event before a profile writes it.

A tree is None, a bool, an int, a float, a str, ``Shown``, a list of trees, or ``Pairs``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Tree: TypeAlias = Any


class Shown(str):
    """Text that profiles write without quotes: a repr or a mask."""

    __slots__ = ()


class Pairs(list[tuple[Tree, Tree]]):
    """The items of a dict: keys are trees too, and may repeat.

    Attributes:
        is_shared: Whether it occurs several times in an event.
        written: If it is shared, the writer and its result.
    """

    is_shared = False
    written: tuple[object, dict[str, Any]] | None = None


def shrink(tree: Tree, characters: int, items: int, depth: int) -> Tree:
    """Return *tree* with shorter texts, fewer items and less depth."""
    if isinstance(tree, str):
        if len(tree) <= characters:
            return tree
        return type(tree)(f"{tree[:characters]}...")
    if isinstance(tree, list):
        if depth <= 0:
            return ellipsis(tree)
        inner = depth - 1
        left_out = len(tree) - items
        if isinstance(tree, Pairs):
            pairs = Pairs(
                (shrink(key, characters, items, inner), shrink(value, characters, items, inner))
                for key, value in tree[:items]
            )
            if left_out > 0:
                pairs.append(more(left_out))
            return pairs
        values = [shrink(value, characters, items, inner) for value in tree[:items]]
        if left_out > 0:
            values.append(more(left_out)[1])
        return values
    return tree


def more(count: int, why: str = "") -> tuple[Shown, Shown]:
    """Return the last item of a container of which *count* items are left out."""
    return Shown("..."), Shown(f"<{count} more{why}>")


def ellipsis(tree: list[Any]) -> Shown:
    """Return the mark for a container that is nested too deeply."""
    return Shown("{...}" if isinstance(tree, Pairs) else "[...]")

"""The form that values have in an event that is not written yet.

A tree is None, a bool, an int, a float, a str, ``Shown``, a list of trees, or ``Pairs``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Tree: TypeAlias = Any


class Shown(str):
    """Text that stands for itself: a repr already, or a mask; no profile puts quotes around it."""

    __slots__ = ()


class Pairs(list[tuple[Tree, Tree]]):
    """What was a dict: keys are trees too, and may be equal.

    Attributes:
        is_shared: Whether it stands in several places of an event.
        written: Then, the writer and what it made of it.
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
    """Return what stands for a container too deep to show."""
    return Shown("{...}" if isinstance(tree, Pairs) else "[...]")

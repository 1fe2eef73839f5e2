"""Exact checks for built-in types that run no code of the program.

``type(value) in (int, str)`` may call ``__eq__`` of the class's metaclass, a set its ``__hash__``:
code of the program. Comparing ``id(type(value))`` calls nothing.
"""

from __future__ import annotations


def ids(*kinds: type) -> frozenset[int]:
    """Return the ids of *kinds*, built-in types: they live for ever, so no id is reused."""
    return frozenset(map(id, kinds))


SEQUENCES = ids(list, tuple, set, frozenset)
CONTAINERS = SEQUENCES | ids(dict)
#: Ordered containers.
LISTS = ids(list, tuple)
NUMBERS = ids(bool, int, float)
NAMES = ids(str, bytes)
#: Types that a field may have several values of.
VALUES = NUMBERS | NAMES
#: Types that contain no other values.
PLAIN = ids(str, bytes, bytearray, int, float, bool, complex, type(None), type)

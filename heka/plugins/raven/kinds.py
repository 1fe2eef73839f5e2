"""Which built-in type something has exactly, without asking a class of the program's own.

``type(value) in (int, str)`` asks the metaclass of the value's class what it holds equal, and a set
asks it for a hash: that is code of the program. An identity tells no less.
"""

from __future__ import annotations


def ids(*kinds: type) -> frozenset[int]:
    """Return the identities of *kinds*, all of them built in: nobody else will ever have one."""
    return frozenset(map(id, kinds))


SEQUENCES = ids(list, tuple, set, frozenset)
CONTAINERS = SEQUENCES | ids(dict)
#: Those with an order.
LISTS = ids(list, tuple)
NUMBERS = ids(bool, int, float)
NAMES = ids(str, bytes)
#: What a field of a message may have several values of.
VALUES = NUMBERS | NAMES
#: What holds nothing else.
PLAIN = ids(str, bytes, bytearray, int, float, bool, complex, type(None), type)

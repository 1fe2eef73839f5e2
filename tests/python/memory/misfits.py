"""Values that misbehave, for the tables of calls.

What heka calls back is written in C here wherever that is possible: a method of an empty list, a
bound slot. An interpreter that is out of memory may lose an exception on its way through a frame of
Python, and that would hide what heka did. Those that do need a frame are listed as PYTHON.
"""

from __future__ import annotations

import collections
import datetime
import enum
import itertools
import operator
from types import MappingProxyType
from typing import Any, NoReturn

#: What code of the user's raises here: IndexError from ``fail``, KeyError from ``fail_on``.
Oops = LookupError

#: Called without arguments, raises.
fail: Any = [].pop
#: Called with one hashable argument, raises.
fail_on: Any = {}.pop


def interrupt(*args: object) -> NoReturn:
    """Raise KeyboardInterrupt, which is not an Exception."""
    raise KeyboardInterrupt


class BadIndex:
    """A number whose ``__index__`` raises."""

    __index__ = fail


class BadFloat:
    __float__ = fail


class BadIter:
    __iter__ = fail


class BadRepr:
    __repr__ = fail


class BadHash:
    __hash__ = fail


class BadTruth:
    __bool__ = fail


class BadClass:
    """An object whose ``__class__`` raises."""

    __class__ = property(fail_on)  # type: ignore[assignment]


class Interrupted:
    """An object whose repr() raises KeyboardInterrupt."""

    __repr__ = interrupt  # type: ignore[assignment]


class _BadKeys(dict[str, int]):
    keys = fail


def bad_mapping() -> MappingProxyType[str, int]:
    """Return a mapping whose keys cannot be read."""
    return MappingProxyType(_BadKeys(a=1))


def two_then_fail() -> Any:
    """Return an iterator of two values, which then raises."""
    return map(operator.getitem, itertools.repeat([1, 2]), itertools.count())


class Index:
    """An object with ``__index__``."""

    __index__ = (5).__index__


class Real:
    __float__ = (0.5).__float__


class Text(str):
    """A str of a subclass: what keeps one keeps its attributes too."""


class Int(int):
    pass


class Float(float):
    pass


class Dict(dict[str, Any]):
    pass


class Point:
    """A numpy array without dimensions: says that it is iterable and is not, and holds one item."""

    __iter__ = [1].pop
    __index__ = (5).__index__
    item = (7).__int__


class NoIter:
    """The same as Field() has it."""

    __iter__ = [].index  # wants an argument: TypeError
    __index__ = (5).__index__


class BarePoint:
    """The same without a way to its item."""

    __iter__ = fail
    __index__ = (5).__index__


class BadPoint(Point):
    item = fail


class BadLength(Point):
    __len__ = fail


class Scalar:
    """A scalar as numpy's are: of a type whose name says what it is."""

    __bool__ = (1).__bool__
    __float__ = (0.5).__float__


class _BadScalar:
    __bool__ = fail


BadNumpyBool = type("numpy.bool", (_BadScalar,), {"__module__": "builtins"})
NumpyBool = type("numpy.bool_", (Scalar,), {"__module__": "builtins"})
NumpyComplex = type("numpy.complex128", (Scalar,), {"__module__": "builtins"})


class Color(enum.Enum):
    RED = "red"
    ODD = None


class BadTime(datetime.datetime):
    """A datetime whose ``astimezone`` raises."""

    astimezone = fail


class _Parts:
    """A distance that no timedelta has."""

    days = seconds = microseconds = 2**62


class _WordyParts:
    days = seconds = microseconds = "many"


class _Odd:
    """A time that is so far away: ``time - epoch`` is made by the defaultdict."""

    __sub__ = collections.defaultdict(_Parts).__getitem__


class _Wordy:
    __sub__ = collections.defaultdict(_WordyParts).__getitem__


class _Partless:
    __sub__ = collections.defaultdict(object).__getitem__


class OddTime(datetime.datetime):
    """A datetime whose distance from the epoch no timedelta has."""

    astimezone = _Odd


class WordyTime(datetime.datetime):
    astimezone = _Wordy


class PartlessTime(datetime.datetime):
    astimezone = _Partless


class TimelessTime(datetime.datetime):
    """A datetime whose ``astimezone`` gives no time."""

    astimezone = list


def released_memory() -> memoryview:
    """Return a released memoryview."""
    view = memoryview(b"x")
    view.release()
    return view

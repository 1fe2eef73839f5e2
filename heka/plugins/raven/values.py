"""Variables as trees: bounded, and without running code of the program.

A value is shown if its type is exactly a built-in type, anything else as ``<module.Class object>``,
because ``__repr__`` may block. With ``repr='full'`` it is called.
"""

from __future__ import annotations

import contextlib
import math
import sys
import types
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from heka._core import monotonic
from heka.plugins.raven.kinds import CONTAINERS, LISTS, ids
from heka.plugins.raven.limits import Limits
from heka.plugins.raven.scrub import (
    MASK,
    Scrubber,
    hides_next,
    is_card_number,
    is_secret_name,
    is_secret_text,
    name_of_pair,
    text_of,
    value_of_name,
)
from heka.plugins.raven.tree import Pairs, Shown, Tree, more

#: Most bits of an integer that is shown with all digits.
_MOST_BITS = 256
#: Smaller than any card number, and exact in every receiver.
_FEW_DIGITS = 10**12
#: Bits of an integer that receivers read exactly.
_JSON_BITS = 64
#: Types of objects that are shown by their own name.
_DESCRIBED = ids(types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type)
_MODULE = type.__dict__["__module__"]
_MRO = type.__dict__["__mro__"]
_DICT = type.__dict__["__dict__"]
_QUALNAME = type.__dict__["__qualname__"]
_NAMES: Any = vars(types.ModuleType)["__dict__"]
_Proxy = type((lambda: sys._getframe().f_locals)())  # a dict before Python 3.13


class Variables:
    """Converts values to trees, for one event."""

    def __init__(self, limits: Limits, scrubber: Scrubber, full: bool) -> None:
        self._limits = limits
        self._scrubber = scrubber
        self._texts = scrubber.cleaned
        self._full = full
        self._deadline = monotonic() + limits.seconds
        self._nodes = 0
        #: Tree, nodes and container by (id, depth); keeping the container keeps its id valid.
        self._made: dict[tuple[int, int], tuple[Tree, int, object]] = {}
        #: Text of objects and their class, by the id of the class.
        self._classes: dict[int, tuple[Shown, type]] = {}

    def of_frame(self, names: Mapping[str, Any]) -> Pairs:
        """Return the variables of a frame, until the time is up."""
        shown = Pairs()
        for count, (name, value) in enumerate(_items(names)):
            if count >= self._limits.items:
                shown.append(more(len(names) - count))
                break
            if monotonic() > self._deadline:
                shown.append(more(len(names) - count, ": out of time"))
                break
            self._nodes = self._limits.nodes
            shown.append((self.text(name), self._named(name, value, 1)))
        return shown

    def value(self, name: object, value: object) -> Tree:
        """Return the tree of *value*, masked if *name* is that of a secret."""
        self._nodes = self._limits.nodes
        return self._named(name, value, 1)

    def text(self, value: object) -> str:
        """Return a name as it is shown."""
        text = value if type(value) is str else text_of(value)
        if text is None:
            text = class_of(value)
        return self._scrubber.clean_name(text, self._limits.characters)

    def _cut(self, text: str) -> str:
        # Many values repeat.
        found = self._texts.get(text)
        if found is None:
            found = self._scrubber.clean(text, self._limits.characters)
            self._texts[text] = found
        return found

    def _named(self, name: object, value: object, depth: int) -> Tree:
        if value is None or type(value) is bool or not is_secret_name(name):
            return self._tree(value, depth)
        self._scrubber.learn_value(value)
        return MASK

    def _tree(self, value: Any, depth: int) -> Tree:
        self._nodes -= 1
        kind = type(value)
        if kind is str:
            return self._cut(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if _FEW_DIGITS > value > -_FEW_DIGITS else self._integer(value)
        if kind is float:
            return value if math.isfinite(value) else Shown(repr(value))
        if id(kind) in CONTAINERS:
            return self._container(value, depth)
        if kind is bytes or kind is bytearray:
            return self._bytes(value, kind)
        if kind is complex:
            return Shown(repr(value))
        if self._full:
            return Shown(self._cut(self._object(value, kind)))
        known = self._classes.get(id(kind))
        if known is not None:
            return known[0]
        text = self._scrubber.clean_name(self._object(value, kind), self._limits.characters)
        shown = Shown(text)
        if id(kind) not in _DESCRIBED:
            self._classes[id(kind)] = shown, kind
        return shown

    def _integer(self, value: int) -> Tree:
        if is_card_number(value):
            self._scrubber.learn(str(value))
            return MASK
        bits = value.bit_length()
        if bits < _JSON_BITS:
            return value
        return Shown(str(value) if bits <= _MOST_BITS else f"<int of {bits} bits>")

    def _bytes(self, value: bytes | bytearray, kind: type) -> Shown:
        window = bytes(memoryview(value)[: 8 * self._limits.characters])
        text = self._cut(window.decode("latin-1"))
        # Back from characters to bytes.
        shown = repr(text.encode("latin-1", "replace"))
        return Shown(shown if kind is bytes else f"bytearray({shown})")

    def _container(self, value: Any, depth: int) -> Tree:
        is_dict = type(value) is dict
        if not value:
            return Pairs() if is_dict else []
        if depth >= self._limits.depth or self._nodes < 0:
            return Shown("{...}" if is_dict else "[...]")
        # The same object, such as a request, is often a variable of many frames.
        before, key = self._nodes, (id(value), depth)
        known = self._made.get(key)
        if known is not None and known[1] <= before:
            tree, nodes, _ = known
            self._nodes -= nodes
            if type(tree) is Pairs:
                tree.is_shared = True
            return tree
        made = self._pairs(value, depth) if is_dict else self._list(value, depth)
        if self._nodes >= 0:
            self._made[key] = made, before - self._nodes, value
        return made

    def _pairs(self, value: dict[Any, Any], depth: int) -> Pairs:
        shown = Pairs()
        below = depth + 1
        known = self._texts.get
        hidden = value_of_name(value)
        for key, inner in islice(_items(value), self._limits.items):
            if self._nodes < 0:
                break
            name = known(key) if type(key) is str else None  # the common case, faster
            if hidden is not None and type(key) is str and key == hidden:
                self._scrubber.learn_value(inner)
                shown.append((self._tree(key, below), MASK))
            elif name is None or is_secret_text(key):
                shown.append((self._tree(key, below), self._named(key, inner, below)))
            else:
                self._nodes -= 1
                shown.append((name, self._tree(inner, below)))
        if len(value) > len(shown):
            shown.append(more(len(value) - len(shown)))
        return shown

    def _list(self, value: Any, depth: int) -> list[Tree]:
        shown: list[Tree] = []
        named = name_of_pair(value) if id(type(value)) in LISTS else None
        below = depth + 1
        before = ""
        with contextlib.suppress(RuntimeError):  # another thread changes it
            for inner in islice(value, self._limits.items):
                if self._nodes < 0:
                    break
                if type(inner) is str:
                    flag, before = before, inner if inner[:1] == "-" else ""
                    if flag and hides_next(flag, inner):
                        self._scrubber.learn(inner)
                        shown.append(MASK)
                        continue
                if named is not None and len(shown) == 1:
                    shown.append(self._named(named, inner, below))
                else:
                    shown.append(self._tree(inner, below))
        if len(value) > len(shown):
            shown.append(more(len(value) - len(shown))[1])
        return shown

    def _object(self, value: Any, kind: type) -> str:
        if kind is types.FunctionType or kind is types.BuiltinFunctionType:
            return f"<function {_exact(value.__qualname__)}>"
        if kind is types.ModuleType:
            return f"<module {_exact(_NAMES.__get__(value).get('__name__'))}>"
        if kind is type:
            return f"<class '{name_of(value)}'>"
        if self._full:
            text = call_safely(repr, value)
            return f"<{name_of(kind)} object, repr() failed>" if text is None else text
        return class_of(value)


def call_safely(function: Callable[[Any], str], value: object) -> str | None:
    """Return ``function(value)``, which may run code of the program; None if it raises.

    Everything but KeyboardInterrupt is swallowed.
    """
    try:
        return str.__str__(function(value))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None


def said(error: BaseException, limits: Limits) -> str:
    """Return ``str(error)``, bounded where its argument is a large container."""
    own = _inherited(type(error), "__str__")
    if own is BaseException.__str__ or own is KeyError.__str__:
        args = BaseException.__dict__["args"].__get__(error)
        if len(args) == 1 and id(type(args[0])) in CONTAINERS and len(args[0]) > limits.items:
            return f"{class_of(args[0])} with {len(args[0])} items"
        if len(args) == 1 and type(args[0]) is str and own is BaseException.__str__:
            return str(args[0])
    text = call_safely(str, error)
    return f"<{name_of(type(error))} object, str() failed>" if text is None else text


def _inherited(kind: type, name: str) -> object:
    """Return a class's attribute *name* without calling its metaclass."""
    for base in _MRO.__get__(kind):
        names = _DICT.__get__(base)
        if name in names:
            return names[name]
    return None


def class_of(value: object) -> str:
    """Return ``<module.Class object>``."""
    return f"<{name_of(type(value))} object>"


def name_of(kind: type) -> str:
    """Return ``module.Class``, for a built-in class without the module."""
    module = module_of(kind)
    name = _exact(_QUALNAME.__get__(kind))
    return name if module in ("builtins", "?") else f"{module}.{name}"


def module_of(kind: type) -> str:
    """Return the module of a class."""
    return _exact(_MODULE.__get__(kind))


def locals_of(frame: types.FrameType) -> Mapping[str, Any]:
    """Return the variables of *frame*; {} if they are in a mapping of the program's."""
    names = frame.f_locals
    kind = type(names)
    return names if kind is dict or kind is _Proxy or issubclass(kind, dict) else {}


def _items(mapping: Any) -> list[tuple[Any, Any]]:
    """Return a copy of the items of a dict; [] if another thread changes it meanwhile."""
    try:
        items = dict.items(mapping) if issubclass(type(mapping), dict) else mapping.items()
        return list(items) if len(mapping) <= 1000 else list(islice(items, 1000))
    except RuntimeError:
        return []


def _exact(text: object) -> str:
    found = text_of(text) if issubclass(type(text), str) else None
    return "?" if found is None else found

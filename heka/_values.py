"""``bad_values="convert"``: what to send for a value that has no type on the wire.

C calls ``convert`` with a value that none of its own types fits, and ``show`` with one that cannot
be sent at all. It imports this module with the first such value.

Nothing is imported here. An object of a class exists only after the program has imported the module
of that class, so a look at ``sys.modules`` is enough. Whether a value is of a class is asked of its
type, not of its ``__class__``, which may be a property that raises.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Final

__all__ = ["SHOWN_MAX", "convert", "show"]

#: Characters of the longest text that ``show`` returns.
SHOWN_MAX: Final = 1024
#: Items of the largest numpy array that ``show`` writes as a list; numpy shortens larger ones.
_ARRAY_MAX: Final = 512


def convert(value: Any) -> Any:
    """Return what to send for *value*, a value or a mapping; NotImplemented: its repr.

    Never raises for what the code of *value* does, unless that is no Exception.
    """
    kind = type(value)
    try:
        for name, classes, read in _KNOWN:
            module = sys.modules.get(name)
            if module is not None and _is_of(kind, module, classes):
                return read(value)
        if hasattr(kind, "model_dump"):
            return _dumped(value)
        if hasattr(kind, "__dataclass_fields__") and not hasattr(kind, "__iter__"):
            return _attributes(value)
    except MemoryError:
        raise
    except Exception:  # of the value's own code; its repr is sent, and counted
        pass
    return NotImplemented


def _is_of(kind: type, module: Any, classes: Iterable[str]) -> bool:
    for name in classes:
        known = getattr(module, name, None)  # None: the module is being imported
        if isinstance(known, type) and issubclass(kind, known):
            return True
    return False


def _iso_text(value: Any) -> Any:
    text = value.isoformat()
    return _encodable(text) if isinstance(text, str) else NotImplemented


def _text(value: Any) -> str:
    return _encodable(str(value))


def _encodable(text: str) -> str:
    """Return *text*; lone surrogates, such as those of a file name, are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def _dumped(model: Any) -> Any:
    """Return the fields of a pydantic model, or of another class with ``model_dump``."""
    if hasattr(type(model), "__pydantic_serializer__"):
        fields = model.model_dump(warnings=False)  # which it would print on stderr
    else:
        fields = model.model_dump()
    return fields if isinstance(fields, dict) else NotImplemented


def _attributes(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass; not those with ``repr=False``, which may be secrets."""
    fields = sys.modules["dataclasses"].fields(type(value))
    return {field.name: _attribute(value, field.name) for field in fields if field.repr}


def _attribute(value: object, name: str) -> Any:
    try:
        return getattr(value, name)
    except AttributeError:
        return None  # it was never set, or deleted
    except MemoryError:
        raise
    except Exception as error:
        return f"<{type(error).__name__} when it was read>"


#: (module, names of classes, what to do with a value of one of them). First those that most
#: programs log.
_KNOWN: Final[tuple[tuple[str, tuple[str, ...], Callable[[Any], Any]], ...]] = (
    ("datetime", ("date", "time"), _iso_text),  # a datetime is a date
    ("datetime", ("timedelta",), _text),
    ("uuid", ("UUID",), _text),
    ("pathlib", ("PurePath",), _text),
    ("ipaddress", ("IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network"), _text),
    ("numpy", ("datetime64", "timedelta64"), _text),
)


# ---- the repr, of limited length -----------------------------------------------------------------


def show(value: Any) -> str:
    """Return ``repr(value)``, at most SHOWN_MAX characters, lone surrogates escaped.

    Of a large list, tuple, set or dict only as many items are read as the text has room for.
    Raises what ``__repr__`` raises.
    """
    text = _repr(value, SHOWN_MAX, set())
    if len(text) > SHOWN_MAX:
        text = text[: SHOWN_MAX - 3] + "..."
    return _encodable(text)


def _repr(value: Any, room: int, outer: set[int]) -> str:
    """Return ``repr(value)``, or a text that begins with its first *room* characters.

    *outer* has the ids of the containers around *value*, one of which it may be.
    """
    kind = type(value)
    brackets = _BRACKETS.get(kind)
    if brackets is not None and value:
        if id(value) in outer:
            return "{...}" if kind is dict else f"{brackets[0]}...{brackets[1]}"
        outer.add(id(value))
        text = _items(value, room, outer)
        outer.discard(id(value))
        comma = "," if kind is tuple and len(value) == 1 else ""
        return f"{brackets[0]}{text}{comma}{brackets[1]}"
    if kind is int:
        return _digits(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if _is_of(kind, numpy, ("generic",)) and not isinstance(value.item(), kind):
            return repr(value.item())  # 5, not np.uint64(5)
        if _is_of(kind, numpy, ("ndarray",)) and value.ndim and value.size <= _ARRAY_MAX:
            return _repr(value.tolist(), room, outer)
    return repr(value)


_BRACKETS: Final[dict[type, tuple[str, str]]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    dict: ("{", "}"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
}


def _items(value: Any, room: int, outer: set[int]) -> str:
    parts: list[str] = []
    length = 0
    for part in _parts(value, room, outer):
        parts.append(part)
        length += len(part) + 2
        if length > room:
            break
    return ", ".join(parts)


def _parts(value: Any, room: int, outer: set[int]) -> Iterator[str]:
    if type(value) is dict:
        for key, item in value.items():
            yield f"{_repr(key, room, outer)}: {_repr(item, room, outer)}"
    else:
        for item in value:
            yield _repr(item, room, outer)


def _digits(number: int) -> str:
    try:
        return repr(number)
    except ValueError:  # Python limits the number of digits, as they take time
        return f"<int of {number.bit_length():,} bits>"

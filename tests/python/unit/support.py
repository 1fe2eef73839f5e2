"""Helpers for the tests of the Python API: fixed arguments, ways to send fields, values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import heka
from heka.testing import capture

#: Arguments that make a message the same in every run.
HEAD: dict[str, Any] = {"pid": 1, "hostname": "h", "uuid": bytes(16), "timestamp_ns": 5}


#: Every argument of Message in its position, with a value that is not its default.
ARGUMENTS: dict[str, Any] = {
    "type": "counter",
    "logger": "ads",
    "severity": 3,
    "fields": {"a": 1},
    "payload": "text",
    "env_version": "0.9",
    "pid": 42,
    "hostname": "db1",
    "timestamp": 1.5,
    "uuid": bytes(range(16)),
}
#: Arguments of Message that are text.
TEXTS = ["type", "logger", "payload", "env_version", "hostname"]


def sample(**changes: Any) -> heka.Message:
    """Return a message that is the same in every run."""
    return heka.Message(**{**ARGUMENTS, **changes})


def by_message(fields: Any) -> dict[str, heka.Field]:
    return heka.Message(fields=fields).fields


def by_pack(fields: Any) -> dict[str, heka.Field]:
    (frame,) = heka.StreamReader().feed(heka.pack(fields=fields))
    return frame.message.fields


def by_log(fields: Any) -> dict[str, heka.Field]:
    with capture() as captured:
        assert heka.log("t", fields=fields)
    return captured[0].fields


def by_strict_log(fields: Any) -> dict[str, heka.Field]:
    with capture() as captured:
        assert heka.log("t", fields=fields, bad_values="raise")
    return captured[0].fields


#: Each takes a mapping and returns the fields that would be on the wire.
WAYS: dict[str, Callable[[Any], dict[str, heka.Field]]] = {
    "Message": by_message,
    "pack": by_pack,
    "log": by_log,
}
#: Those that raise for a value without a type.
STRICT_WAYS = {**WAYS, "log": by_strict_log}


def ways_of(attribute: str) -> dict[str, Callable[..., Any]]:
    """Return three functions that send a message and return *attribute* of what arrives."""

    def by_message(**arguments: Any) -> Any:
        return getattr(heka.Message(**arguments), attribute)

    def by_pack(**arguments: Any) -> Any:
        (frame,) = heka.StreamReader().feed(heka.pack(**arguments))
        return getattr(frame.message, attribute)

    def by_log(**arguments: Any) -> Any:
        with capture() as captured:
            heka.log("t", **arguments)
        return getattr(captured[0], attribute)

    return {"Message": by_message, "pack": by_pack, "log": by_log}


def described(fields: Mapping[str, heka.Field]) -> dict[str, tuple[list[Any], int | None]]:
    """Return {name: (values, value_type)}; the values as what they are, so True is not 1."""
    return {name: ([Exactly(v) for v in field], field.value_type) for name, field in fields.items()}


class Exactly:
    """Equal to a value of the same type only, and NaN to NaN."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        mine, other = self.value, other.value if isinstance(other, Exactly) else other
        if type(mine) is not type(other):
            return False
        return mine == other or (mine != mine and other != other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.value)


class Index:
    """A number with ``__index__``, which calls *act* first."""

    def __init__(self, value: Any = 7, act: Callable[[], object] = lambda: None) -> None:
        self.value = value
        self.act = act

    def __index__(self) -> int:
        self.act()
        return self.value


class Float:
    """A number with ``__float__``, which calls *act* first."""

    def __init__(self, value: Any = 1.5, act: Callable[[], object] = lambda: None) -> None:
        self.value = value
        self.act = act

    def __float__(self) -> float:
        self.act()
        return self.value


class Plain(Mapping[str, Any]):
    """A mapping that is not a dict and calls *act* for each value that is read."""

    def __init__(self, items: Mapping[Any, Any], act: Callable[[], object] = lambda: None) -> None:
        self._items = items
        self.act = act

    def __getitem__(self, key: str) -> Any:
        self.act()
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


class Text(str):
    """A str of a subclass, with attributes of its own."""


class BoomError(Exception):
    """The exception that user code raises in these tests."""


def boom(*_: object) -> Any:
    raise BoomError("the user's own")


def nested(depth: int, inner: object = 1) -> Any:
    """Return *inner* inside *depth* mappings, each under the name ``a``."""
    for _ in range(depth):
        inner = {"a": inner}
    return inner

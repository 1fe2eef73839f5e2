"""A naive evaluator of matcher expressions: trees, their text, and what each says of a message."""

from __future__ import annotations

import operator
import re
import struct
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wire import pieces

STRING, BYTES, INTEGER, DOUBLE, BOOL = range(5)
TEXTS = {"Type": 3, "Logger": 4, "Payload": 6, "EnvVersion": 7, "Hostname": 9}
NUMBERS = {"Timestamp": 2, "Severity": 5, "Pid": 8}
RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass
class Model:
    """A message: its attributes, None where absent, and its fields: name, type, values."""

    uuid: bytes
    texts: dict[str, bytes]
    numbers: dict[str, int]
    fields: list[tuple[bytes, int, list[Any]]] = field(default_factory=list)

    def encoded(self, order: Callable[[list[bytes]], Sequence[bytes]], packed: bool) -> bytes:
        """Return the message with its entries in an order, the values of numbers packed or not.

        The fields keep their order among each other, which counts where names are equal.
        """
        entries = [pieces.chunk(1, self.uuid)]
        entries += [pieces.chunk(TEXTS[name], text) for name, text in self.texts.items()]
        entries += [pieces.number(NUMBERS[name], value) for name, value in self.numbers.items()]
        fields = [pieces.chunk(10, _encoded(*one, packed)) for one in self.fields]
        return b"".join([*order(entries), *fields])


def _encoded(name: bytes, kind: int, values: list[Any], packed: bool) -> bytes:
    head = pieces.chunk(1, name) + pieces.number(2, kind) + pieces.chunk(3, b"")
    tag = 4 + kind
    if kind in (STRING, BYTES):
        return head + b"".join(pieces.chunk(tag, value) for value in values)
    if kind == DOUBLE:
        raw = [struct.pack("<d", value) for value in values]
        loose = [pieces.fixed64(tag, value) for value in values]
    else:
        raw = [pieces.varint(int(value)) for value in values]
        loose = [pieces.number(tag, int(value)) for value in values]
    if not packed:
        return head + b"".join(loose)
    return head + (pieces.chunk(tag, b"".join(raw)) if raw else b"")


@dataclass
class Clause:
    """One comparison: what is read, the operator, and the value as a Python object."""

    name: str
    op: str
    value: Any
    indexes: tuple[int, int] = (0, 0)
    shown_indexes: int = 0

    def text(self) -> str:
        """Return the clause as an expression has it."""
        if isinstance(self.value, re.Pattern):
            shown = "/" + self.value.pattern.decode().replace("/", "\\/") + "/"
        elif isinstance(self.value, bytes):
            shown = "'" + self.value.decode().replace("'", "\\'") + "'"
        elif self.value is None:
            shown = "NIL"
        elif isinstance(self.value, bool):
            shown = str(self.value).upper()
        else:
            shown = repr(self.value)
        brackets = "".join(f"[{index}]" for index in self.indexes[: self.shown_indexes])
        return f"{self.name}{brackets} {self.op} {shown}"

    def holds(self, message: Model) -> bool:
        """Return whether the clause is true of *message*."""
        if self.name == "Uuid":
            return self._compare(str(uuid.UUID(bytes=message.uuid)).encode(), STRING)
        if self.name in TEXTS:
            return self._compare(message.texts.get(self.name, b""), STRING)
        if self.name in NUMBERS:
            default = 7 if self.name == "Severity" else 0
            return self._compare(message.numbers.get(self.name, default), INTEGER)
        name = self.name.removeprefix("Fields[").removesuffix("]").encode()
        found = [one for one in message.fields if one[0] == name]
        there = len(found) > self.indexes[0] and len(found[self.indexes[0]][2]) > self.indexes[1]
        if self.value is None:
            return there == (self.op == "!=")
        if not there:
            return False
        _, kind, values = found[self.indexes[0]]
        return self._compare(values[self.indexes[1]], kind)

    def _compare(self, actual: Any, kind: int) -> bool:
        if isinstance(self.value, re.Pattern):
            if kind not in (STRING, BYTES):
                return False
            # `$` is the end of the text; in Python also before a newline there.
            pattern = self.value.pattern.replace(b"$", rb"\Z").decode()
            found = re.search(pattern, actual.decode(errors="replace"))
            return (found is not None) == (self.op == "=~")
        if isinstance(self.value, bool):
            return kind == BOOL and RELATIONS[self.op](actual, self.value)
        if isinstance(self.value, bytes):
            return kind in (STRING, BYTES) and RELATIONS[self.op](actual, self.value)
        return kind in (INTEGER, DOUBLE) and RELATIONS[self.op](float(actual), float(self.value))


@dataclass
class Constant:
    """TRUE or FALSE."""

    truth: bool

    def text(self) -> str:
        """Return the word."""
        return str(self.truth).upper()

    def holds(self, _: Model) -> bool:
        """Return the truth."""
        return self.truth


@dataclass
class Both:
    """Two expressions joined by && or ||."""

    op: str
    left: Any
    right: Any
    parentheses: bool

    def text(self) -> str:
        """Return the expression, with parentheses where it needs or has them."""
        left, right = self.left.text(), self.right.text()
        if self.op == "&&":
            left, right = (
                f"({text})"
                if isinstance(side, Both) and side.op == "||" and not side.parentheses
                else text
                for side, text in ((self.left, left), (self.right, right))
            )
        return f"({left} {self.op} {right})" if self.parentheses else f"{left} {self.op} {right}"

    def holds(self, message: Model) -> bool:
        """Return the value as Python computes it."""
        if self.op == "&&":
            return self.left.holds(message) and self.right.holds(message)
        return self.left.holds(message) or self.right.holds(message)

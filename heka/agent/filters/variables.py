"""Values of a message by name: one variable, and texts with ``%name%`` in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from heka.exceptions import ConfigError
from heka.message import Message

__all__ = ["NAME_MAX", "Template", "Value", "variable"]

#: Characters of a text that a filter keeps to tell senders or keys apart.
NAME_MAX: Final = 500

Value: TypeAlias = "str | int | float | bool | bytes"
_ATTRIBUTES: Final[dict[str, Callable[[Message], Value]]] = {
    "Type": lambda message: message.type,
    "Logger": lambda message: message.logger,
    "Hostname": lambda message: message.hostname,
    "Payload": lambda message: message.payload,
    "EnvVersion": lambda message: message.env_version,
    "Severity": lambda message: message.severity,
    "Pid": lambda message: message.pid,
}
_FIELD: Final = re.compile(r"Fields\[([^\]]+)\]")
_VARIABLE: Final = re.compile(r"%([^%]+)%")


def variable(name: str) -> Callable[[Message], Value | None]:
    """Return what reads the value that *name* means from a message.

    Args:
        name: ``Type``, ``Logger``, ``Hostname``, ``Payload``, ``EnvVersion``, ``Severity``,
            ``Pid``, ``Fields[NAME]``, or the plain name of a field.

    Returns:
        A function. It returns the first value of the first field of that name; None: there is none.
    """
    found = _ATTRIBUTES.get(name)
    if found is not None:
        return found
    match = _FIELD.fullmatch(name)
    key = match[1] if match else name

    def read(message: Message) -> Value | None:
        found: Any = message.fields.get(key)
        while isinstance(found, list):  # a Field, or a list of them: the name comes several times
            found = found[0] if found else None
        value: Value | None = found
        return value

    return read


class Template:
    """A text with ``%name%`` in it."""

    def __init__(self, text: str, most: int | None = None) -> None:
        """Read *text*; ConfigError when it is empty or has an odd number of ``%``.

        Args:
            text: With variables.
            most: Characters of a result, which is cut there; None: any number.
        """
        if not text:
            raise ConfigError("expected text such as 'requests.%Hostname%', got nothing")
        if text.count("%") % 2:
            raise ConfigError(f"expected pairs of %, as in '%Hostname%', got {text!r}")
        self._most = most
        pieces = _VARIABLE.split(text)
        self._literals = pieces[::2]
        self._variables = [variable(name) for name in pieces[1::2]]

    def of(self, message: Message, clean: Callable[[str], str] = str) -> str | None:
        """Return the text for *message*; None when it lacks a value, or has no text for it.

        Args:
            message: That has the values.
            clean: Called with each value that is put in.
        """
        parts = [self._literals[0]]
        for read, literal in zip(self._variables, self._literals[1:], strict=True):
            value = read(message)
            if value is None or isinstance(value, (bool, bytes)):
                return None
            parts += (clean(str(value)), literal)
        return "".join(parts)[: self._most]

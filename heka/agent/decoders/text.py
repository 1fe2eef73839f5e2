"""What decoders of text have in common: a message in, the message with fields out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from heka._core import Regex, frame
from heka.agent.decoding import UNDECODED
from heka.exceptions import EncodeError
from heka.framing import Block, BlockReader, Frame
from heka.message import Field, Message
from heka.severity import severity_from

__all__ = ["GroupsDecoder", "TextDecoder", "set_value", "severity_of"]

_TEXTS: Final = {
    "Type": "type",
    "Logger": "logger",
    "Payload": "payload",
    "Hostname": "hostname",
    "EnvVersion": "env_version",
}
_NUMBERS: Final = {"Severity": "severity", "Pid": "pid"}


class TextDecoder:
    """Base of decoders that read the payload of one message at a time.

    Attributes:
        undecoded: Messages that were not decoded.
    """

    def __init__(self) -> None:
        """Begin with nothing decoded."""
        self.undecoded = 0

    def found_in(self, block: Block) -> Iterable[Any]:
        """Return something for each message of *block*, for ``apply``."""
        return block.column("payload")

    def apply(self, message: Message, found: Any) -> str:
        """Put what was *found* into *message*; return why that cannot be, or an empty text."""
        raise NotImplementedError

    def decode(self, block: Block) -> Sequence[Block]:
        """Return the decoded messages; those that cannot be decoded as they came, and marked."""
        made = [
            self._decoded(each, found)
            for each, found in zip(block, self.found_in(block), strict=True)
        ]
        return BlockReader().feed(b"".join(made))

    def account(self) -> Mapping[str, object]:
        """Return how many messages were not decoded."""
        return {"undecoded": self.undecoded}

    def _decoded(self, each: Frame, found: Any) -> bytes:
        message = each.message
        try:
            why = self.apply(message, found)
            if not why:
                return frame(message.encode())
        except (EncodeError, OverflowError, RecursionError) as problem:
            why = str(problem)[:200]
        self.undecoded += 1
        message = Message.decode(each.payload)  # as it came
        try:
            message.fields = {**message.fields, UNDECODED: why}
            return frame(message.encode())
        except EncodeError:  # there is no room for the mark
            return frame(each.payload)


class GroupsDecoder(TextDecoder):
    """Base of decoders that read payloads by the named groups of a regular expression."""

    def __init__(self, regex: Regex) -> None:
        """Read by *regex*."""
        super().__init__()
        self.regex = regex
        self._limits = 0

    def found_in(self, block: Block) -> Iterable[tuple[str | None, ...] | None]:
        """Return what the groups have matched in each message; None: nothing has."""
        found, limits = self.regex.captures(block)
        self._limits += limits
        return found

    def account(self) -> Mapping[str, object]:
        """Return how many messages were not decoded, and how many searches reached a limit."""
        return {**super().account(), **({"limits": self._limits} if self._limits else {})}


def set_value(message: Message, fields: dict[str, Any], key: str, value: Any) -> str:
    """Set what *key* names: an attribute, or one of *fields*; return why it cannot be.

    Args:
        message: To be changed.
        fields: Of the message, which the caller sets when all are known.
        key: ``Type``, ``Logger``, ``Payload``, ``Hostname``, ``EnvVersion``, ``Severity``, ``Pid``,
            or the name of a field, with ``|UNIT`` if it has one.
        value: Text, a number, a bool, bytes, or a list of these.
    """
    if key in _TEXTS:
        setattr(message, _TEXTS[key], str(value))
    elif key in _NUMBERS:
        try:
            setattr(message, _NUMBERS[key], int(value))
        except (TypeError, ValueError, OverflowError):
            return f"{key} is no number: {str(value)[:50]!r}"
    else:
        name, bar, unit = key.partition("|")
        fields[name] = Field(value, unit) if bar else value
    return ""


def severity_of(text: str, known: Mapping[str, int]) -> int | None:
    """Return the severity that *text* means: by *known*, or by its number or name."""
    return known[text] if text in known else severity_from(text)

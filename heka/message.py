"""Messages, their fields, and names that older programs import from here."""

from typing import Any, Final

from heka._core import HEADER_MAX, MESSAGE_MAX, UUID_SIZE, EncodeError, Field, Message, pack

__all__ = [
    "MAX_HEADER_SIZE",
    "MAX_MESSAGE_SIZE",
    "MESSAGE_MAX",
    "RECORD_SEPARATOR",
    "UNIT_SEPARATOR",
    "UUID_SIZE",
    "Field",
    "InvalidMessage",
    "Message",
    "first_value",
    "pack",
]

MAX_HEADER_SIZE: Final = HEADER_MAX
MAX_MESSAGE_SIZE: Final = MESSAGE_MAX
#: First byte of a frame, and the byte between its header and the message.
RECORD_SEPARATOR: Final = 0x1E
UNIT_SEPARATOR: Final = 0x1F

#: Old name of EncodeError.
InvalidMessage = EncodeError


def first_value(msg: Message, name: str) -> Any:
    """Return the first value of the field *name*, or None when there is no such field."""
    values = msg.fields.get(name)
    if isinstance(values, (list, tuple)):
        return values[0] if values else None
    return values  # a plain value put into ``msg.fields``, not encoded yet

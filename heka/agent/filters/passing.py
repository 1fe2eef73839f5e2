"""Messages that a filter passes on: copies with another Type, so that they are told apart."""

from __future__ import annotations

from collections.abc import Iterable

from heka._core import frame
from heka.exceptions import ConfigError, EncodeError
from heka.framing import Block, BlockReader, Frame

__all__ = ["check_prefix", "passed_on"]


def check_prefix(prefix: str) -> None:
    """Raise ConfigError unless *prefix* is one for ``passed_on``."""
    if not 1 <= len(prefix) <= 100:
        raise ConfigError(f"type_prefix: expected 1 to 100 characters, got {len(prefix)}")


def passed_on(frames: Iterable[Frame], prefix: str) -> tuple[list[Block], int]:
    """Return copies of *frames* whose Type begins with *prefix*, and how many were left out.

    A copy keeps everything else, its uuid too, and has no signature. It is left out when it would
    be over ``heka.message.MESSAGE_MAX``.
    """
    made, left_out = [], 0
    for each in frames:
        message = each.message
        message.type = prefix + message.type
        try:
            made.append(frame(message.encode()))
        except EncodeError:
            left_out += 1
    return BlockReader().feed(b"".join(made)), left_out

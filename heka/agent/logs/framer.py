"""Lines as messages: what all messages of a stream have in common, and the call of C."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from heka._core import line_frames
from heka.framing import Block, BlockReader
from heka.message import MESSAGE_MAX, Message

__all__ = ["LINE_TYPE", "TRUNCATED", "Framer", "Read", "offset_of"]

#: Type of the messages, as in hekad.
LINE_TYPE: Final = "logfile"
#: Field of a message whose line was too long.
TRUNCATED: Final = "heka.truncated"
#: Bytes of frames that are made at once: a block.
_FRAMES: Final = 256 * 1024
#: Bytes of a message beside payload, head, tail and mark: uuid, timestamp, keys and lengths.
_BESIDE: Final = 64
#: Bytes of a message with the timestamp 1 before its Type: uuid and timestamp.
_BEFORE: Final = 20
_OFFSET: Final = (1 << 62) - 1


def offset_of(block: Block) -> int:
    """Return the offset of the first line of *block*, which its uuid has; see hk_lines.h."""
    return int.from_bytes(block[0].message.uuid[8:], "big") & _OFFSET


@dataclass(frozen=True)
class Read:
    """What was made of the bytes at a place.

    Attributes:
        blocks: The messages.
        used: Bytes that are done.
        passing_over: Whether the next byte belongs to a line that was too long.
        lines, cut, wrong, passed: Messages; of these from too long lines, and with bytes that are
            no UTF-8; bytes that are in no message.
    """

    blocks: list[Block]
    used: int
    passing_over: bool
    lines: int
    cut: int
    wrong: int
    passed: int


class Framer:
    """Makes messages of the lines of one stream."""

    def __init__(self, logger: str, hostname: str, delimiter: bytes, longest: int) -> None:
        """Prepare; ValueError when *logger* and *hostname* leave no room for a line.

        Args:
            logger: Of the messages.
            hostname: Of the messages.
            delimiter: The byte that ends a line.
            longest: Bytes of a line; a longer one is cut.
        """

        def encoded(payload: str, fields: dict[str, Any] | None = None) -> bytes:
            return Message(
                *(LINE_TYPE, logger, 7, fields, payload),
                hostname=hostname,
                pid=0,
                timestamp_ns=1,
                uuid=bytes(16),
            ).encode()[_BEFORE:]

        plain = encoded("")
        # The first byte in which they differ is the length of the payload; its key is before it.
        pairs = zip(plain, encoded("x"), strict=False)
        at = next(index for index, (one, two) in enumerate(pairs) if one != two)
        mark = encoded("", {TRUNCATED: True})[len(plain) :]
        self._parts = (plain[: at - 1], plain[at + 1 :], mark)
        room = MESSAGE_MAX - sum(map(len, self._parts)) - _BESIDE
        self._limits = (max(4, min(longest, room)), _FRAMES, delimiter[0])
        self.delimiter = delimiter

    def read(
        self, data: bytes | memoryview, incarnation: int, offset: int, passing_over: bool
    ) -> Read:
        """Return the messages of the whole lines of *data*, which is at that place."""
        place = (incarnation, offset, passing_over)
        now = time.time_ns()
        frames, used, over, counts = line_frames(data, place, self._parts, self._limits, now)
        return Read(BlockReader().feed(frames) if frames else [], used, over, *counts)

"""Lines of text as messages: a reader for receivers, in the place of one for Heka frames.

The message of a line is what hekad's network inputs make of it: Type ``NetInput``, Severity 7, the
line as Payload, Logger the name of the input. Bytes that are not UTF-8 become U+FFFD.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heka._core import EncodeError, pack
from heka.framing import Block, BlockReader

__all__ = ["LINE_TYPE", "LineReader"]

#: Type of the message of a line.
LINE_TYPE = "NetInput"


class LineReader:
    """Splits one peer's bytes; every byte fed is delivered, refused or pending.

    Attributes:
        delivered_bytes, refused, refused_bytes, discarded_bytes, last_refused: As of BlockReader;
            nothing is discarded.
    """

    def __init__(
        self,
        logger: str,
        hostname: str,
        *,
        delimiter: bytes = b"\n",
        longest: int = 65_536,
        whole: bool = False,
        head: Mapping[str, Any] | None = None,
    ) -> None:
        """Begin without a line.

        Args:
            logger: Of the messages.
            hostname: Of the messages.
            delimiter: The byte or bytes that end a line; with the newline, a carriage return
                before it is cut off too.
            longest: Bytes of a line; a longer one is refused as ``oversize``.
            whole: A chunk ends its last line, as a datagram does.
            head: Keywords of ``pack`` that the messages have instead of those above.
        """
        self.delivered_bytes = 0
        self.refused: dict[str, int] = {}
        self.refused_bytes = 0
        self.discarded_bytes = 0
        self.last_refused: tuple[str, str, int] | None = None
        self._head: dict[str, Any] = {
            "type": LINE_TYPE,
            "logger": logger,
            "hostname": hostname,
            "pid": 0,
        }
        self._head |= head or {}
        self._delimiter = delimiter
        self._longest = longest
        self._whole = whole
        self._pending = bytearray()
        self._passing_over = False  # the rest of a line that was too long

    def feed(self, chunk: bytes | memoryview, /) -> list[Block]:
        """Return the messages of the lines that end in *chunk*."""
        self._pending += chunk
        *lines, rest = self._pending.split(self._delimiter)
        if self._whole and rest:
            lines.append(rest)
            self.delivered_bytes -= len(self._delimiter)  # which this line does not have
            rest = bytearray()
        self._pending = rest
        blocks = self._blocks_of(lines)
        if len(rest) > self._longest or self._passing_over:
            self._pass_over(len(rest))
            self._pending = bytearray()
        return blocks

    def close(self) -> None:
        """Refuse a last line that has no end, as ``incomplete``."""
        if self._pending:
            self._refuse("incomplete", len(self._pending))
            self._pending = bytearray()

    def _blocks_of(self, lines: list[bytearray]) -> list[Block]:
        frames: list[bytes] = []
        more = len(self._delimiter)
        for line in lines:
            if self._passing_over:  # this is the end of the line that was too long
                self.refused_bytes += len(line) + more
                self._passing_over = False
            else:
                self._take(line, more, frames)
        wire = b"".join(frames)
        return BlockReader().feed(wire) if wire else []

    def _take(self, line: bytearray, more: int, frames: list[bytes]) -> None:
        """Append the frame of *line* to *frames*, and count it with the *more* bytes of its end."""
        text = line.decode("utf-8", "replace")
        if self._delimiter == b"\n":
            text = text.removesuffix("\r")
        try:
            if len(line) > self._longest:
                raise EncodeError
            if text:
                frames.append(pack(**self._head, payload=text))
        except EncodeError:  # with its attributes, or with U+FFFD, it is too long for a message
            self._refuse("oversize", len(line) + more)
        else:
            self.delivered_bytes += len(line) + more

    def _pass_over(self, size: int) -> None:
        if self._passing_over:
            self.refused_bytes += size
        else:
            self._refuse("oversize", size)
            self._passing_over = True

    def _refuse(self, reason: str, size: int) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1
        self.refused_bytes += size

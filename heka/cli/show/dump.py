"""Writers of blocks: text and JSON for people and tools, frames as they are for other programs."""

from __future__ import annotations

from collections.abc import Collection
from typing import BinaryIO, Protocol, TextIO

import heka
from heka._core import json_lines
from heka._display.render import render
from heka._display.style import Style
from heka.cli.show.jsonlines import json_line, parts_of
from heka.framing import Block
from heka.jsonlines import line_of


class Writer(Protocol):
    """Writes blocks; BrokenPipeError when the reader has closed the output."""

    def write(self, block: Block) -> None:
        """Write the messages of *block*."""

    def flush(self) -> None:
        """Write what is buffered."""


class Frames:
    """Writes frames as they came: the output can be read by ``heka cat`` and sent over TCP."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, block: Block) -> None:
        """Write the frames of *block*."""
        self._out.write(block)

    def flush(self) -> None:
        """Write what is buffered."""
        self._out.flush()


class Text:
    """Writes each message as a block of text, with an empty line after it."""

    def __init__(
        self, out: TextIO, style: Style, fields: Collection[str] | None, *, checked: bool
    ) -> None:
        self._out, self._style, self._fields, self._checked = out, style, fields, checked

    def write(self, block: Block) -> None:
        """Write the messages of *block*."""
        for frame in block:
            message = only(frame.message, self._fields)
            text = render(
                message,
                signer=frame.signer,
                signer_version=frame.signer_version,
                checked=True if self._checked else None,
                style=self._style,
            )
            self._out.write(text + "\n")

    def flush(self) -> None:
        """Write what is buffered."""
        self._out.flush()


class JsonLines:
    """Writes each message as a line of ``heka.jsonlines``; with its signer if one is verified."""

    def __init__(self, out: BinaryIO, fields: Collection[str] | None, *, checked: bool) -> None:
        self._out, self._fields, self._checked = out, fields, checked

    def write(self, block: Block) -> None:
        """Write the messages of *block*."""
        if self._fields is None:
            for part in parts_of(block):
                lines = json_lines(part, True, "") if self._checked else json_lines(part)
                self._out.write(lines)
            return
        for frame in block:
            message = only(frame.message, self._fields)
            if self._checked:
                line = json_line(
                    message,
                    signer=frame.signer,
                    signer_version=frame.signer_version,
                    checked=True,
                )
            else:
                line = line_of(message)
            self._out.write(line.encode("ascii"))

    def flush(self) -> None:
        """Write what is buffered."""
        self._out.flush()


def only(message: heka.Message, fields: Collection[str] | None) -> heka.Message:
    """Return *message* without the fields that are not in *fields*; None: with all."""
    if fields is not None:
        for name in list(message.fields):
            if name not in fields:
                del message.fields[name]
    return message

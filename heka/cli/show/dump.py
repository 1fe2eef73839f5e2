"""Writers of blocks: text and JSON for people and tools, frames as they are for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from typing import BinaryIO, Final, Protocol, TextIO

import heka
from heka._core import csv_lines, json_lines
from heka._display.escape import visible
from heka._display.render import render
from heka._display.style import Style
from heka.cli.show.jsonlines import json_line, parts_of
from heka.framing import Block
from heka.jsonlines import line_of

#: Columns of CSV unless others are asked for.
CSV_COLUMNS: Final = ("time", "severity", "type", "logger", "hostname", "pid", "payload")


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


class Csv:
    """Writes a line with the names of the columns, and each message as a record of CSV.

    On a terminal, what it would interpret is escaped; elsewhere only control characters are.
    """

    def __init__(self, out: BinaryIO, columns: Sequence[str] | None, *, checked: bool) -> None:
        if columns is None:
            columns = (*CSV_COLUMNS, "signer") if checked else CSV_COLUMNS
        self._out = out
        self._columns = tuple(columns)
        self._is_terminal = out.isatty()
        head = io.StringIO()
        csv.writer(head).writerow(columns)
        self._write(head.getvalue().encode("utf-8", "surrogateescape"))

    def write(self, block: Block) -> None:
        """Write the messages of *block*."""
        for part in parts_of(block):
            self._write(csv_lines(part, self._columns))

    def flush(self) -> None:
        """Write what is buffered."""
        self._out.flush()

    def _write(self, records: bytes) -> None:
        if self._is_terminal:
            lines = records.decode("utf-8", "surrogateescape").split("\n")
            records = "\n".join(visible(line.removesuffix("\r")) for line in lines).encode()
        self._out.write(records)


def only(message: heka.Message, fields: Collection[str] | None) -> heka.Message:
    """Return *message* without the fields that are not in *fields*; None: with all."""
    if fields is not None:
        for name in list(message.fields):
            if name not in fields:
                del message.fields[name]
    return message

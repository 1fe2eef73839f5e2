"""Encoders: what an output writes for a block of messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from heka._core import json_lines
from heka.agent.options import option
from heka.framing import Block

__all__ = ["JsonEncoder", "PayloadEncoder", "ProtobufEncoder"]


@dataclass(frozen=True)
class ProtobufOptions:
    """Options of ``ProtobufEncoder``: none."""


class ProtobufEncoder:
    """Heka frames, byte for byte as they came, with their signatures."""

    Options: ClassVar[type] = ProtobufOptions

    def __init__(self, name: str, options: ProtobufOptions) -> None:
        self.name = name

    def encode(self, block: Block) -> bytes:
        """Return the frames."""
        return bytes(block)


@dataclass(frozen=True)
class PayloadOptions:
    """Options of ``PayloadEncoder``."""

    append_newlines: bool = option(
        True, "boolean", "Whether each payload is followed by a newline."
    )


class PayloadEncoder:
    """The payload of each message, by default each on a line of its own."""

    Options: ClassVar[type] = PayloadOptions

    def __init__(self, name: str, options: PayloadOptions) -> None:
        self.name = name
        self._end = "\n" if options.append_newlines else ""

    def encode(self, block: Block) -> bytes:
        """Return the payloads in UTF-8."""
        end = self._end
        return "".join([text + end for text in block.column("payload")]).encode()


@dataclass(frozen=True)
class JsonOptions:
    """Options of ``JsonEncoder``: none."""


class JsonEncoder:
    """One line of JSON for each message, as ``heka cat --format json`` writes it."""

    Options: ClassVar[type] = JsonOptions

    def __init__(self, name: str, options: JsonOptions) -> None:
        self.name = name

    def encode(self, block: Block) -> bytes:
        """Return the lines."""
        return json_lines(block)

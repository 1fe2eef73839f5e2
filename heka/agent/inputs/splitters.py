"""Splitters and decoders that are part of an input: what their sections may say.

The input does the work; a splitter's options become options of the input that names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from heka.agent.inputs.network import SignerOptions
from heka.agent.options import option, tables_of

__all__ = ["HekaFramingSplitter", "NullSplitter", "ProtobufDecoder", "TokenSplitter"]


@dataclass(frozen=True)
class HekaFramingOptions:
    """Options of ``HekaFramingSplitter``."""

    signer: dict[str, SignerOptions] | None = option(
        None, tables_of(SignerOptions), "Keys by NAME_VERSION, as of the input."
    )


class HekaFramingSplitter:
    """Reads Heka messages."""

    Options: ClassVar[type] = HekaFramingOptions


@dataclass(frozen=True)
class NullOptions:
    """Options of ``NullSplitter``: none."""


class NullSplitter:
    """Splits nothing: the output of a run, or the body of a request, is one message."""

    Options: ClassVar[type] = NullOptions


@dataclass(frozen=True)
class TokenOptions:
    """Options of ``TokenSplitter``."""

    delimiter: str = option("\n", "text", "What ends a line.")


class TokenSplitter:
    """Reads lines of text."""

    Options: ClassVar[type] = TokenOptions


@dataclass(frozen=True)
class ProtobufDecoderOptions:
    """Options of ``ProtobufDecoder``: none."""


class ProtobufDecoder:
    """Decodes Heka messages: what HekaFramingSplitter reads is always decoded."""

    Options: ClassVar[type] = ProtobufDecoderOptions

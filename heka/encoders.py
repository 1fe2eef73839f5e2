r"""Encoders: what a client's messages look like when its stream gets them.

An encoder is made from the client's ``hmc`` (None, or a dict with the keys of ``signer_of``) and
has ``encode(message)``. Four are here:

    ProtobufEncoder       framed, and signed with ``hmc``: bytes for Heka and Hindsight
    JSONEncoder           one line of JSON: text for people, files and jq
    StdlibPayloadEncoder  level, type and payload: bytes for StdLibLoggingStream
    NullEncoder           the message itself: for streams that take messages
"""

from __future__ import annotations

import hashlib
import struct
import warnings
from collections.abc import Callable, Mapping
from logging import CRITICAL, DEBUG, ERROR, INFO, WARNING
from typing import Any, Final

from heka.exceptions import ConfigError, ConfigWarning, DecodeError, EncodeError, SignatureError
from heka.framing import StreamReader, frame
from heka.jsonlines import line_of, message_of
from heka.message import (
    MAX_HEADER_SIZE,
    RECORD_SEPARATOR,
    UNIT_SEPARATOR,
    Field,
    InvalidMessage,
    Message,
    first_value,
)
from heka.signing import SignerConfig

__all__ = [
    "HASHNAME_TO_FUNC",
    "LOGLEVEL_MAP",
    "MAX_HEADER_SIZE",
    "PB_FIELDMAP",
    "PB_NAMETYPE_TO_INT",
    "PB_TYPEMAP",
    "RECORD_SEPARATOR",
    "TYPE_SIZE",
    "UNIT_SEPARATOR",
    "BaseEncoder",
    "InvalidMessage",
    "JSONEncoder",
    "NotAMessageError",
    "NullEncoder",
    "ProtobufEncoder",
    "StdlibPayloadEncoder",
    "first_value",
    "log_level",
    "signer_of",
]

HASHNAME_TO_FUNC: Final[dict[str, Callable[..., Any]]] = {
    "SHA1": hashlib.sha1,
    "MD5": hashlib.md5,
}
#: The numbers that a field's value_type has on the wire.
PB_NAMETYPE_TO_INT: Final = {
    "STRING": Field.STRING,
    "BYTES": Field.BYTES,
    "INTEGER": Field.INTEGER,
    "DOUBLE": Field.DOUBLE,
    "BOOL": Field.BOOL,
}
PB_TYPEMAP: Final = {number: name for name, number in PB_NAMETYPE_TO_INT.items()}
PB_FIELDMAP: Final = {
    number: f"value_{name.lower()}" for name, number in PB_NAMETYPE_TO_INT.items()
}

#: The level of ``logging`` for each severity.
LOGLEVEL_MAP: Final = {
    0: CRITICAL,
    1: CRITICAL,
    2: CRITICAL,
    3: ERROR,
    4: WARNING,
    5: INFO,
    6: INFO,
    7: DEBUG,
}
#: Bytes of a message's type in what StdlibPayloadEncoder makes; a longer one is cut.
TYPE_SIZE: Final = 10

_HMC_KEYS: Final = ("signer", "key_version", "hash_function", "key")


class NotAMessageError(EncodeError, TypeError, RuntimeError):
    """An encoder was given something else than a ``heka.Message``."""


def signer_of(hmc: Mapping[str, Any] | None) -> SignerConfig | None:
    """Return what signs with *hmc*; None when there is nothing in it.

    Args:
        hmc: ``signer`` (a name), ``key_version`` (a number, or its text, as INI files have it),
            ``hash_function`` (``sha1`` or ``md5``, in any case) and ``key`` (text or bytes).

    Raises:
        ConfigError: One of the four is missing, or is not what was expected.
    """
    if not hmc:
        return None
    if not isinstance(hmc, Mapping):
        raise ConfigError(f"hmac: expected a dict with {', '.join(_HMC_KEYS)}, got {hmc!r}")
    missing = [name for name in _HMC_KEYS if hmc.get(name) in (None, "")]
    if missing:
        raise ConfigError(f"hmac: {', '.join(missing)} missing; expected {', '.join(_HMC_KEYS)}")
    unknown = [str(name) for name in hmc if name not in _HMC_KEYS]
    if unknown:
        warnings.warn(
            f"hmac: {', '.join(unknown)} has no effect; expected {', '.join(_HMC_KEYS)}",
            ConfigWarning,
            stacklevel=3,
        )
    try:
        version = _version(hmc["key_version"])
        return SignerConfig(hmc["signer"], version, hmc["key"], hmc["hash_function"])
    except (TypeError, ValueError) as problem:
        raise ConfigError(f"hmac: {problem}") from None


def _version(given: Any) -> int:
    if isinstance(given, str) and given.isascii() and given.strip().isdecimal():
        given = int(given) if len(given) < 20 else -1
    if isinstance(given, bool) or not isinstance(given, int):
        raise ValueError(f"key_version: expected a whole number, or the text of one, got {given!r}")
    return given


def log_level(message: Message) -> int:
    """Return the level for ``logging``: the field ``loglevel``, else that of the severity."""
    given = first_value(message, "loglevel")
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        return given
    return LOGLEVEL_MAP[min(max(message.severity, 0), 7)]


class BaseEncoder:
    """Frames, and signs, what ``msg_to_payload`` makes of a message.

    Attributes:
        hmc: As it was given.
        signer: The ``SignerConfig`` made of it, or None.
    """

    def __init__(self, hmc: Mapping[str, Any] | None = None) -> None:
        """See ``signer_of`` for *hmc*."""
        self.hmc = hmc
        self.signer = signer_of(hmc)

    def msg_to_payload(self, msg: Message) -> bytes:
        """Return what goes between header and end of the frame."""
        raise NotImplementedError

    def encode(self, msg: Message) -> bytes:
        """Return the frame of *msg*.

        Raises:
            NotAMessageError: *msg* is something else.
            EncodeError: It cannot be encoded, or has more than 65,536 bytes.
        """
        return frame(self.msg_to_payload(_message(msg)), self.signer)


class ProtobufEncoder(BaseEncoder):
    """The wire format of Heka: a framed protobuf message."""

    def msg_to_payload(self, msg: Message) -> bytes:
        """Return the encoded message, without a frame."""
        return msg.encode()

    def decode(self, data: bytes | bytearray | memoryview) -> Message:
        """Return the message of *data*, with its frame or without.

        The signature of a frame is checked if this encoder's own signer made it.

        Raises:
            DecodeError: It is no message, or not one whole frame.
            SignatureError: The signature is wrong.
        """
        if bytes(data[:1]) != bytes([RECORD_SEPARATOR]):  # no tag of a message
            return Message.decode(data)
        signer = self.signer
        keys = None if signer is None else {(signer.name, signer.version): signer.key}
        reader = StreamReader(signers=keys)
        frames = reader.feed(data)
        if len(frames) == 1 and not reader.pending_bytes and not reader.discarded_bytes:
            return frames[0].message
        why = ", ".join(reader.refused) or f"{len(frames)} frames"
        kind = SignatureError if reader.refused else DecodeError
        error = kind(f"expected one whole frame, got {len(data)} bytes: {why}")
        error.offset = 0
        raise error


class _Unsigned:
    """The base of encoders whose output has no place for a signature."""

    def __init__(self, hmc: Mapping[str, Any] | None = None) -> None:
        """Keep *hmc*, which has no effect."""
        self.hmc = hmc
        if hmc:
            warnings.warn(
                f"hmac has no effect: {type(self).__name__} does not sign; ProtobufEncoder does",
                ConfigWarning,
                stacklevel=2,
            )


class NullEncoder(_Unsigned):
    """Passes messages on as they are."""

    def encode(self, msg: Any) -> Any:
        """Return *msg*."""
        return msg

    def decode(self, data: Any) -> Any:
        """Return *data*."""
        return data


class JSONEncoder(_Unsigned):
    """One line of JSON for each message; heka.jsonlines says how it looks."""

    def encode(self, msg: Message) -> str:
        """Return the line, its newline included.

        Raises:
            NotAMessageError: *msg* is something else.
        """
        return line_of(_message(msg))

    def decode(self, data: str | bytes | bytearray) -> Message:
        """Return the message of one line.

        Raises:
            DecodeError: It is none.
        """
        return message_of(data)


class StdlibPayloadEncoder(_Unsigned):
    """What StdLibLoggingStream logs: one byte of level, ten of type, and the payload."""

    def encode(self, msg: Message) -> bytes:
        """Return level, type and payload of *msg*; the rest of it is lost.

        Raises:
            NotAMessageError: *msg* is something else.
        """
        kind = _message(msg).type.encode("utf-8", "surrogateescape")
        if len(kind) > TYPE_SIZE:  # at a character
            kind = kind[:TYPE_SIZE].decode("utf-8", "ignore").encode()
        payload = msg.payload.encode("utf-8", "surrogateescape")
        return struct.pack("B10s", min(log_level(msg), 255), kind.ljust(TYPE_SIZE)) + payload

    msg_to_payload = encode

    def decode(self, data: bytes) -> Message:
        """Refuse: what makes a message is not in *data*."""
        raise NotImplementedError("a level, a type and a payload do not make a message again")


def _message(msg: object) -> Message:
    if not isinstance(msg, Message):
        raise NotAMessageError(f"expected a heka.Message to encode, got {type(msg).__name__}")
    return msg

r"""Encoders convert a client's messages to what its stream writes.

An encoder is created with the client's ``hmc`` (None, or a dict with the keys of ``signer_of``)
and has ``encode(message)``. The encoders here:

    ProtobufEncoder       a frame, signed with ``hmc``: bytes for Heka and Hindsight
    JSONEncoder           one line of JSON: text for people, files and jq
    StdlibPayloadEncoder  level, type and payload: bytes for StdLibLoggingStream
    NullEncoder           the message itself: for streams that take messages
"""

from __future__ import annotations

import hashlib
import struct
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

from heka._recording import LOGLEVEL_MAP
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
#: {name of a field's value_type: its number on the wire}.
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

#: Bytes of the message type in the output of StdlibPayloadEncoder; a longer type is cut.
TYPE_SIZE: Final = 10

_HMC_KEYS: Final = ("signer", "key_version", "hash_function", "key")


class NotAMessageError(EncodeError, TypeError, RuntimeError):
    """The argument of an encoder is not a ``heka.Message``."""


def signer_of(hmc: Mapping[str, Any] | None) -> SignerConfig | None:
    """Return the signer that *hmc* describes; None if it is None or empty.

    Args:
        hmc: ``signer`` (a name), ``key_version`` (an int, or its text, as INI files have it),
            ``hash_function`` (``sha1`` or ``md5``, in any case) and ``key`` (text or bytes).
            Other keys cause a ``ConfigWarning``.

    Raises:
        ConfigError: A key is missing, or its value is wrong.
    """
    if not hmc:
        return None
    given: object = hmc
    if not isinstance(given, Mapping):
        kind = type(given).__name__  # not the value: it may be the key
        raise ConfigError(f"hmac: expected a dict with {', '.join(_HMC_KEYS)}, got {kind}")
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
    """Return the level for ``logging``: the field ``loglevel`` if that is an int above 0.

    Otherwise the level of the message's severity in LOGLEVEL_MAP.
    """
    given = first_value(message, "loglevel")
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        return given
    return LOGLEVEL_MAP[min(max(message.severity, 0), 7)]


class BaseEncoder:
    """Frames and signs the bytes that ``msg_to_payload`` returns for a message.

    Attributes:
        hmc: The argument *hmc*, unchanged.
        signer: The ``SignerConfig`` created from it, or None.
    """

    def __init__(self, hmc: Mapping[str, Any] | None = None) -> None:
        """Sign with the signer that *hmc* describes; see ``signer_of``."""
        self.hmc = hmc
        self.signer = signer_of(hmc)

    def msg_to_payload(self, msg: Message) -> bytes:
        """Return the bytes that follow the frame's header."""
        raise NotImplementedError

    def encode(self, msg: Message) -> bytes:
        """Return *msg* as one frame, signed if there is a signer.

        Raises:
            NotAMessageError: *msg* is not a ``heka.Message``.
            EncodeError: *msg* cannot be encoded, or is larger than 65,536 bytes.
        """
        return frame(self.msg_to_payload(_message(msg)), self.signer)

    def __repr__(self) -> str:
        """Return the class and the signer; no key."""
        signer = "" if self.signer is None else repr(self.signer)
        return f"{type(self).__name__}({signer})"


class ProtobufEncoder(BaseEncoder):
    """Encodes a message as a framed protobuf message, the wire format of Heka."""

    def msg_to_payload(self, msg: Message) -> bytes:
        """Return the encoded message, without a frame."""
        return msg.encode()

    def decode(self, data: bytes | bytearray | memoryview) -> Message:
        """Return the message in *data*: one encoded message, with or without a frame.

        The signature of a frame is verified if it names this encoder's signer.

        Raises:
            DecodeError: *data* is no message, or not exactly one frame.
            SignatureError: The signature is wrong.
        """
        if bytes(data[:1]) != bytes([RECORD_SEPARATOR]):  # no message begins with this byte
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
    """Base of encoders whose output cannot hold a signature."""

    def __init__(self, hmc: Mapping[str, Any] | None = None) -> None:
        """Store *hmc*, which has no effect; warn if it is set."""
        self.hmc = hmc
        if hmc:
            warnings.warn(
                f"hmac has no effect: {type(self).__name__} does not sign; use ProtobufEncoder, or "
                "remove hmac",
                ConfigWarning,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        """Return the constructor call."""
        return f"{type(self).__name__}()"


class NullEncoder(_Unsigned):
    """Returns messages unchanged."""

    def encode(self, msg: Any) -> Any:
        """Return *msg*."""
        return msg

    def decode(self, data: Any) -> Any:
        """Return *data*."""
        return data


class JSONEncoder(_Unsigned):
    """Encodes a message as one line of JSON, in the format of ``heka.jsonlines``."""

    def encode(self, msg: Message) -> str:
        """Return the line with its newline.

        Raises:
            NotAMessageError: *msg* is not a ``heka.Message``.
        """
        return line_of(_message(msg))

    def decode(self, data: str | bytes | bytearray) -> Message:
        """Return the message in one line of JSON.

        Raises:
            DecodeError: The line is not valid, see ``heka.jsonlines``.
        """
        return message_of(data)


class StdlibPayloadEncoder(_Unsigned):
    """Encodes a message for StdLibLoggingStream: 1 byte level, 10 bytes type, the payload."""

    def encode(self, msg: Message) -> bytes:
        """Return level (at most 255), type (cut or padded to 10 bytes) and payload of *msg*.

        All other attributes and the fields are dropped.

        Raises:
            NotAMessageError: *msg* is not a ``heka.Message``.
        """
        kind = _message(msg).type.encode("utf-8", "surrogateescape")
        if len(kind) > TYPE_SIZE:  # cut at a character boundary
            kind = kind[:TYPE_SIZE].decode("utf-8", "ignore").encode()
        payload = msg.payload.encode("utf-8", "surrogateescape")
        return struct.pack("B10s", min(log_level(msg), 255), kind.ljust(TYPE_SIZE)) + payload

    msg_to_payload = encode

    def decode(self, data: bytes) -> Message:
        """Raise NotImplementedError: *data* lacks most attributes of a message."""
        raise NotImplementedError(
            "StdlibPayloadEncoder cannot decode: its output has only level, type and payload"
        )


def _message(msg: object) -> Message:
    if not isinstance(msg, Message):
        raise NotAMessageError(f"expected a heka.Message to encode, got {type(msg).__name__}")
    return msg

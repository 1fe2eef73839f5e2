"""A stream that passes messages to the standard library's ``logging``."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from heka._recording import RECORD_MARK
from heka.encoders import TYPE_SIZE, JSONEncoder, ProtobufEncoder, log_level
from heka.exceptions import ConfigError
from heka.message import RECORD_SEPARATOR, Message
from heka.streams.base import size_of
from heka.streams.hosts import values_of
from heka.streams.local import LocalStream

__all__ = ["RECORD_MARK", "StdLibLoggingStream"]

#: Stack level for ``logger.log``: the record names the caller of ``LocalStream.write``.
_FRAMES = 4


class StdLibLoggingStream(LocalStream):
    """Log each message, at the level of its severity.

    Output of ``StdlibPayloadEncoder`` is logged as ``type: payload``. For whole messages (of
    ``NullEncoder`` or ``ProtobufEncoder``), the type decides the format. Text (of ``JSONEncoder``)
    is logged unchanged.

    Args:
        logger_name: Name of the logger; None is the root logger.
        payload_types: Message types, or ``*``, that are logged with only their payload; None is
            ``oldstyle``.
        json_types: Message types, or ``*``, that are logged as a line of JSON; None is ``*``. Other
            types are dropped, as ``filtered``.
    """

    def __init__(
        self,
        logger_name: str | None = None,
        payload_types: str | Iterable[str] | None = None,
        json_types: str | Iterable[str] | None = None,
    ) -> None:
        super().__init__()
        if logger_name is not None and not isinstance(logger_name, str):
            raise ConfigError(f"logger_name: expected the name of a logger, got {logger_name!r}")
        self.logger = logging.getLogger(logger_name)
        self.payload_types = _types(payload_types, "oldstyle", "payload_types")
        self.json_types = _types(json_types, "*", "json_types")
        self._json = JSONEncoder()
        self._protobuf = ProtobufEncoder()

    def take(self, data: Any) -> int | str:
        """Log *data*; ``filtered`` when its type is in neither set."""
        if isinstance(data, str):
            return self._log(logging.INFO, data.rstrip("\n"))
        if isinstance(data, (bytes, bytearray, memoryview)):
            data = bytes(data)
            if not _is_frame(data):
                return self._log(*_unpack(data))
            data = self._protobuf.decode(data)
        if not isinstance(data, Message):
            raise TypeError(f"expected bytes, str or a Message, got {type(data).__name__}")
        if not self.payload_types.isdisjoint((data.type, "*")):
            return self._log(log_level(data), data.payload)
        if not self.json_types.isdisjoint((data.type, "*")):
            return self._log(log_level(data), self._json.encode(data).rstrip("\n"))
        return "filtered"

    def _log(self, level: int, text: str) -> int:
        self.logger.log(level, text, extra={RECORD_MARK: True}, stacklevel=_FRAMES)
        return size_of(text)

    def __repr__(self) -> str:
        """Return the logger's name."""
        return f"<StdLibLoggingStream {self.logger.name!r}>"


def _types(given: Any, default: str, name: str) -> frozenset[str]:
    types = values_of(default if given is None else given, name, str, least=0)
    for one in types:
        if not isinstance(one, str):
            raise ConfigError(f"{name}: expected message types, or '*' for all, got {one!r}")
    return frozenset(types)


def _is_frame(data: bytes) -> bool:
    """Return whether *data* is a frame, else it is output of ``StdlibPayloadEncoder``.

    The first byte of that output is the level, which may be 30, the record separator of a frame.
    Its third byte is in the type, where a frame has 8, the first tag of its header.
    """
    return data[:1] == bytes([RECORD_SEPARATOR]) and data[2:3] == b"\x08"


def _unpack(data: bytes) -> tuple[int, str]:
    """Return level and text from output of ``StdlibPayloadEncoder``."""
    if len(data) <= TYPE_SIZE:
        raise ValueError(f"expected the output of StdlibPayloadEncoder, got {data[:40]!r}")
    kind = data[1 : 1 + TYPE_SIZE].decode("utf-8", "surrogateescape").rstrip(" ")
    payload = data[1 + TYPE_SIZE :].decode("utf-8", "surrogateescape")
    return data[0], f"{kind}: {payload}"

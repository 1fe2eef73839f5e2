"""OtlpOutput: messages as logs of OpenTelemetry, over HTTP with protobuf."""

from __future__ import annotations

import gzip
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from heka._core import monotonic, otlp_logs
from heka._runtime.reporter import Reporter
from heka.agent.http.answers import check
from heka.agent.http.options import HttpOptions
from heka.agent.options import option
from heka.agent.outputs.blocks import BlockOutlet
from heka.agent.outputs.encoders import ProtobufEncoder
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka._delivery.outlets import Outlet
    from heka.agent.plugin import Encoder
    from heka.framing import Block

__all__ = ["OtlpOptions", "OtlpOutput"]

_PATH: Final = "/v1/logs"
_KIND: Final = "application/x-protobuf"
#: zlib's fastest level: the next one takes a third more time for 5 % less.
_LEVEL: Final = 1
#: Keys of an AnyValue, a KeyValue and a Resource in protobuf.
_KEY, _VALUE, _TEXT, _ATTRIBUTES = b"\x0a", b"\x12", b"\x0a", b"\x0a"
#: Reason under which messages are counted when a store refused all of a request.
REFUSED: Final = "refused"


@dataclass(frozen=True)
class OtlpOptions(HttpOptions):
    """Options of ``OtlpOutput``; without a path, ``url`` means ``/v1/logs``."""

    resource: dict[str, str] = option(
        {}, "texts", "Further attributes of the resource, as service.name."
    )


class OtlpOutput:
    """Posts messages to a collector of OpenTelemetry as logs.

    Logger is the scope, Type the name of the event, Payload the body, Hostname and pid the
    resource; fields are attributes of their types.
    """

    Options: ClassVar[type] = OtlpOptions

    def __init__(self, name: str, options: OtlpOptions, encoder: Encoder | None) -> None:
        if encoder is not None and not isinstance(encoder, ProtobufEncoder):
            raise ConfigError(f"{name}: encoder: expected none, OTLP says how messages are written")
        self._options = options
        self._counts = {"partly_refused": 0}

    def outlet(self) -> Outlet:
        """Return an outlet that posts blocks."""
        return BlockOutlet(_LogsWriter(self._options, self._counts))

    def account(self) -> Mapping[str, object]:
        """Return how many messages stores refused without saying which."""
        return dict(self._counts)


class _LogsWriter:
    """Posts blocks; one request is one block."""

    def __init__(self, options: OtlpOptions, counts: dict[str, int]) -> None:
        self._target = options.target()
        self._path = _PATH if self._target.path == "/" else self._target.path
        self._timeout = options.http_timeout
        self._zip = options.compression == "gzip"
        self._resource = b"".join(_attribute(*pair) for pair in options.resource.items())
        self._headers = {"Content-Type": _KIND} | (
            {"Content-Encoding": "gzip"} if self._zip else {}
        )
        self._counts = counts
        self._reporter = Reporter()

    def is_open(self) -> bool:
        return True

    def open(self, deadline: float) -> None:
        """Do nothing: a request connects."""

    def write(self, block: Block, deadline: float) -> Mapping[str, Sequence[int]]:
        body = otlp_logs(block, self._resource, time.time_ns())
        if self._zip:
            body = gzip.compress(body, _LEVEL, mtime=0)
        until = min(deadline, monotonic() + self._timeout)
        answer = self._target.post(body, self._headers, until, self._path)
        check(self._target, answer, _KIND)
        refused, said = partial_success(answer.body)
        if not refused:
            return {}
        self._reporter.report(f"{self._target.name} refused {refused} of {len(block)}: {said}")
        if refused >= len(block):
            return {REFUSED: range(len(block))}
        self._counts["partly_refused"] += refused  # which ones is not said
        return {}

    def close(self, deadline: float) -> None:
        self._target.close()


def _attribute(key: str, text: str) -> bytes:
    """Return an encoded attribute of a resource."""
    value = _entry(_TEXT, text.encode())
    return _entry(_ATTRIBUTES, _entry(_KEY, key.encode()) + _entry(_VALUE, value))


def _entry(tag: bytes, contents: bytes) -> bytes:
    size = len(contents)
    length = bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return tag + bytes(length) + contents


def partial_success(body: bytes) -> tuple[int, str]:
    """Return how many records an ExportLogsServiceResponse refuses, and why; (0, "") for none.

    What cannot be read refuses nothing: the status has said that the request was taken.
    """
    refused, said = 0, ""
    for number, value in _entries(body):
        if number == 1 and isinstance(value, bytes):  # partial_success
            for inner, content in _entries(value):
                if inner == 1 and isinstance(content, int):
                    refused = content if content < 1 << 63 else 0
                elif inner == 2 and isinstance(content, bytes):
                    text = content[:200].decode(errors="replace")
                    said = "".join(each if each.isprintable() else "?" for each in text)
    return refused, said


def _entries(data: bytes) -> list[tuple[int, int | bytes]]:
    """Return (number, value) of the varints and the length-delimited entries of *data*."""
    found: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value, at = _varint(data, at)
        if key & 7 == 0:
            found.append((key >> 3, value))
        elif key & 7 == 2 and at + value <= len(data):
            found.append((key >> 3, data[at : at + value]))
            at += value
        else:
            break
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the varint at *at* and the offset behind it; where the bytes end, 0 and their end."""
    value = shift = 0
    for index in range(at, min(at + 10, len(data))):
        value |= (data[index] & 0x7F) << shift
        if data[index] < 0x80:
            return value, index + 1
        shift += 7
    return 0, len(data)

"""LokiOutput: messages as lines of streams, which labels name, to Loki or what takes its push."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from heka._core import monotonic
from heka.agent.filters.variables import Template
from heka.agent.http.answers import check
from heka.agent.http.options import HttpOptions
from heka.agent.options import option
from heka.agent.outputs.blocks import BlockOutlet
from heka.agent.outputs.documents import document_of, text_of
from heka.agent.outputs.encoders import ProtobufEncoder
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka._delivery.outlets import Outlet
    from heka.agent.plugin import Encoder
    from heka.framing import Block
    from heka.message import Message

__all__ = ["LokiOptions", "LokiOutput"]

_PATH: Final = "/loki/api/v1/push"
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VALUE_MAX: Final = 200
#: Stands for the value of every label of a stream over max_streams.
OTHER: Final = "(other)"
#: Loki has no time before this.
OF_THE_PAST: Final = "before-1970"


@dataclass(frozen=True)
class LokiOptions(HttpOptions):
    """Options of ``LokiOutput``; without a path, ``url`` means ``/loki/api/v1/push``."""

    labels: dict[str, str] = option(
        {"host": "%Hostname%", "logger": "%Logger%"},
        "texts",
        "Labels of a stream; '%NAME%' is an attribute or a field of the message. Choose those that "
        "have few values.",
    )
    max_streams: int = option(
        1000, "integer", "Streams; messages of further ones go to one stream, (other)."
    )

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        super().__post_init__()
        if not self.labels:
            raise ConfigError("labels: expected at least one, got none")
        for name, text in self.labels.items():
            if not _LABEL.fullmatch(name):
                raise ConfigError(f"labels: expected letters, digits and _, got {name!r}")
            try:
                Template(text)
            except ConfigError as problem:
                raise ConfigError(f"labels: {name}: {problem}") from None
        if not 1 <= self.max_streams <= 1_000_000:
            raise ConfigError(f"max_streams: expected 1 to 1000000, got {self.max_streams}")


class LokiOutput:
    """Pushes messages as lines: the payload where there are no fields, else the whole as JSON."""

    Options: ClassVar[type] = LokiOptions

    def __init__(self, name: str, options: LokiOptions, encoder: Encoder | None) -> None:
        if encoder is not None and not isinstance(encoder, ProtobufEncoder):
            raise ConfigError(f"{name}: encoder: expected none, lines are made of messages")
        self._options = options
        self._streams: set[tuple[str, ...]] = set()
        self._counts = {"over_max_streams": 0}

    def outlet(self) -> Outlet:
        """Return an outlet that pushes blocks."""
        return BlockOutlet(_PushWriter(self._options, self._streams, self._counts))

    def account(self) -> Mapping[str, object]:
        """Return how many streams there are, and how many messages were of further ones."""
        return {"streams": len(self._streams), **self._counts}


class _PushWriter:
    """Pushes blocks; one request is one block."""

    def __init__(
        self, options: LokiOptions, streams: set[tuple[str, ...]], counts: dict[str, int]
    ) -> None:
        self._options = options
        self._streams = streams
        self._counts = counts
        self._target = options.target()
        self._path = _PATH if self._target.path == "/" else self._target.path
        self._names = tuple(options.labels)
        self._templates = [Template(text, _VALUE_MAX) for text in options.labels.values()]
        self._headers = {"Content-Type": "application/json"}
        if options.compression == "gzip":
            self._headers["Content-Encoding"] = "gzip"

    def is_open(self) -> bool:
        return True

    def open(self, deadline: float) -> None:
        """Do nothing: a request connects."""

    def write(self, block: Block, deadline: float) -> Mapping[str, Sequence[int]]:
        lines: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        refused = []
        for index, each in enumerate(block):
            message = each.message
            if message.timestamp < 0:
                refused.append(index)
                continue
            lines.setdefault(self._stream(message), []).append(
                (str(message.timestamp), _line(message))
            )
        if lines:
            self._push(lines, deadline)
        return {OF_THE_PAST: refused} if refused else {}

    def _push(self, lines: Mapping[tuple[str, ...], object], deadline: float) -> None:
        streams = [
            {"stream": dict(zip(self._names, labels, strict=True)), "values": values}
            for labels, values in lines.items()
        ]
        body = json.dumps({"streams": streams}).encode()
        if self._options.compression == "gzip":
            body = gzip.compress(body, 1, mtime=0)
        until = min(deadline, monotonic() + self._options.http_timeout)
        check(self._target, self._target.post(body, self._headers, until, self._path), "")

    def _stream(self, message: Message) -> tuple[str, ...]:
        labels = tuple(text_of(each.of(message) or "") for each in self._templates)
        if labels not in self._streams:
            if len(self._streams) >= self._options.max_streams:
                self._counts["over_max_streams"] += 1
                return (OTHER,) * len(labels)
            self._streams.add(labels)
        return labels

    def close(self, deadline: float) -> None:
        self._target.close()


def _line(message: Message) -> str:
    if not message.fields and message.payload:
        return text_of(message.payload)
    return json.dumps(document_of(message))

"""ElasticSearchOutput: messages into indexes of Elasticsearch, OpenSearch, or what takes _bulk."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka._core import monotonic
from heka.agent.http.answers import check
from heka.agent.http.options import HttpOptions
from heka.agent.options import option
from heka.agent.outputs.blocks import BlockOutlet
from heka.agent.outputs.documents import document_of, moment_of
from heka.agent.outputs.encoders import ProtobufEncoder
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka._delivery.outlets import Outlet
    from heka.agent.plugin import Encoder
    from heka.framing import Block

__all__ = ["ElasticSearchOptions", "ElasticSearchOutput"]

_PATH: Final = "/_bulk"
_INDEX: Final = re.compile(r"[a-z0-9][a-z0-9._%-]*", re.IGNORECASE)
#: The store is busy: the item is written again.
_BUSY: Final = frozenset({429, 503})


@dataclass(frozen=True)
class ElasticSearchOptions(HttpOptions):
    """Options of ``ElasticSearchOutput``; without a path, ``url`` means ``/_bulk``."""

    index: str = option(
        "heka-%Y.%m.%d", "text", "Index of a message; directives of strftime mean its time in UTC."
    )

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        super().__post_init__()
        if not _INDEX.fullmatch(self.index) or len(self.index) > 200:
            raise ConfigError(
                f"index: expected lower case letters, digits, - _ . and %, got {self.index!r}"
            )


class ElasticSearchOutput:
    """Posts messages to ``_bulk``; the uuid is the id, so what is sent again replaces itself.

    An item that the store refuses costs itself; one for which it is too busy is sent again, with
    its block.
    """

    Options: ClassVar[type] = ElasticSearchOptions

    def __init__(self, name: str, options: ElasticSearchOptions, encoder: Encoder | None) -> None:
        if encoder is not None and not isinstance(encoder, ProtobufEncoder):
            raise ConfigError(f"{name}: encoder: expected none, documents are made of messages")
        self._options = options

    def outlet(self) -> Outlet:
        """Return an outlet that posts blocks."""
        return BlockOutlet(_BulkWriter(self._options))


class _BulkWriter:
    """Posts blocks; one request is one block."""

    def __init__(self, options: ElasticSearchOptions) -> None:
        self._options = options
        self._target = options.target()
        self._path = _PATH if self._target.path == "/" else self._target.path
        self._headers = {"Content-Type": "application/x-ndjson"}
        if options.compression == "gzip":
            self._headers["Content-Encoding"] = "gzip"

    def is_open(self) -> bool:
        return True

    def open(self, deadline: float) -> None:
        """Do nothing: a request connects."""

    def write(self, block: Block, deadline: float) -> Mapping[str, Sequence[int]]:
        lines = []
        for each in block:
            message = each.message
            document = document_of(message)
            index = moment_of(message).strftime(self._options.index)
            lines.append(json.dumps({"index": {"_index": index, "_id": document["uuid"]}}))
            lines.append(json.dumps(document))
        body = ("\n".join(lines) + "\n").encode()
        if self._options.compression == "gzip":
            body = gzip.compress(body, 1, mtime=0)
        until = min(deadline, monotonic() + self._options.http_timeout)
        answer = self._target.post(body, self._headers, until, self._path)
        check(self._target, answer, "application/json")
        return refusals(answer.body, len(block), self._target.name)

    def close(self, deadline: float) -> None:
        self._target.close()


def refusals(body: bytes, count: int, name: str) -> Mapping[str, Sequence[int]]:
    """Return reason -> indexes of items that a 200 refuses.

    Raises:
        OSError: The store is too busy for some, or the answer is none for *count* items.
    """
    try:
        answer = json.loads(body)
        items = answer["items"] if answer["errors"] else []
        results = [next(iter(item.values())) for item in items]
        statuses = [int(result["status"]) for result in results]
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration, RecursionError):
        raise OSError(f"{name}: expected the answer of _bulk, got something else") from None
    if items and len(items) != count:
        raise OSError(f"{name}: expected the results of {count} items, got {len(items)}")
    if any(status in _BUSY for status in statuses):
        raise OSError(f"{name} is too busy for some items")
    found: dict[str, list[int]] = {}
    for index, (status, result) in enumerate(zip(statuses, results, strict=True)):
        if status >= 300:
            found.setdefault(_reason(result), []).append(index)
    return found


def _reason(result: Mapping[str, Any]) -> str:
    """Return the type of an error, as ``mapper_parsing_exception``."""
    error = result.get("error")
    kind = error.get("type") if isinstance(error, dict) else None
    return kind if isinstance(kind, str) and re.fullmatch(r"[a-z_]{1,60}", kind) else "refused"

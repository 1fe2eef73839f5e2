"""ElasticSearchOutput and LokiOutput: bodies, and what answers for single items mean."""

from __future__ import annotations

import gzip
import json
import math
from typing import Any

import pytest
from agent.test_http import serving

from heka._core import monotonic, pack
from heka.agent.outputs.documents import document_of
from heka.agent.outputs.elasticsearch import (
    ElasticSearchOptions,
    ElasticSearchOutput,
    refusals,
)
from heka.agent.outputs.encoders import PayloadEncoder
from heka.agent.outputs.loki import LokiOptions, LokiOutput
from heka.exceptions import ConfigError
from heka.framing import Block, BlockReader
from heka.message import Message

WHEN = 1772370131123456789  # 2026-03-01T13:02:11.123456789Z


def block(*frames: bytes) -> Block:
    [made] = BlockReader().feed(b"".join(frames))
    return made


def writer_of(output: Any) -> Any:
    return output.outlet()._writer


def test_a_message_is_a_document() -> None:
    fields = {"n": 3, "list": ["a", "b"], "raw": b"\xff", "nan": math.nan, "yes": True}
    message = Message(
        *("t", "app", 4, fields, "text"),
        hostname="h",
        pid=7,
        timestamp_ns=WHEN,
        uuid=bytes(16),
    )
    assert document_of(message) == {
        "@timestamp": "2026-03-01T13:02:11.123456789Z",
        "uuid": "00000000-0000-0000-0000-000000000000",
        "type": "t",
        "logger": "app",
        "severity": 4,
        "hostname": "h",
        "pid": 7,
        "env_version": "0.8",
        "payload": "text",
        "fields": {"n": 3, "list": ["a", "b"], "raw": "ff", "nan": "nan", "yes": True},
    }
    early = document_of(Message("t", timestamp_ns=-1))
    assert early["@timestamp"] == "1969-12-31T23:59:59.999999999Z"


# ---- Elasticsearch ------------------------------------------------------------------------------

GOOD = json.dumps({"errors": False, "items": []}).encode()


def test_a_block_is_one_bulk_whose_ids_are_uuids() -> None:
    with serving(lambda body: (200, {"Content-Type": "application/json"}, GOOD)) as store:
        writer = writer_of(ElasticSearchOutput("es", ElasticSearchOptions(url=store.url), None))
        frames = (pack("t", timestamp_ns=WHEN, uuid=bytes([n] * 16)) for n in range(2))
        assert writer.write(block(*frames), monotonic() + 30) == {}
        writer.close(0.0)
    [(path, headers, body)] = store.requests
    assert path == "/_bulk"
    assert headers["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in gzip.decompress(body).splitlines()]
    assert lines[0] == {
        "index": {"_index": "heka-2026.03.01", "_id": "00000000-0000-0000-0000-000000000000"}
    }
    assert lines[3]["uuid"] == lines[2]["index"]["_id"] == "01010101-0101-0101-0101-010101010101"


def answer(*statuses: int) -> bytes:
    error = {"error": {"type": "mapper_parsing_exception"}}
    items = [{"index": {"status": each, **(error if each >= 300 else {})}} for each in statuses]
    return json.dumps({"errors": any(each >= 300 for each in statuses), "items": items}).encode()


def test_an_item_that_is_refused_costs_itself() -> None:
    assert refusals(answer(201, 400, 200, 400), 4, "es") == {"mapper_parsing_exception": [1, 3]}
    assert refusals(answer(201, 200), 2, "es") == {}


@pytest.mark.parametrize(
    ("body", "count", "said"),
    [
        (answer(201, 429), 2, "too busy"),
        (answer(201, 400), 3, "expected the results of 3 items, got 2"),
        (b"<html>", 1, "expected the answer of _bulk"),
        (b"[]", 1, "expected the answer of _bulk"),
        (b'{"errors":true,"items":[{}]}', 1, "expected the answer of _bulk"),
        (b'{"errors":true,"items":[{"index":{"status":"x"}}]}', 1, "expected the answer of _bulk"),
        (b'{"errors":true,"items":7}', 1, "expected the answer of _bulk"),
    ],
)
def test_other_answers_keep_the_block(body: bytes, count: int, said: str) -> None:
    with pytest.raises(OSError, match=said):
        refusals(body, count, "es")


# ---- Loki ----------------------------------------------------------------------------------------


def pushed(found: Block, **options: Any) -> tuple[list[Any], Any, LokiOutput]:
    """Return the streams of the request, what was refused, and the output."""
    with serving(lambda body: (204, {}, b"")) as store:
        output = LokiOutput("loki", LokiOptions(url=store.url, **options), None)
        writer = writer_of(output)
        refused = writer.write(found, monotonic() + 30)
        writer.close(0.0)
    if not store.requests:
        return [], refused, output
    [(path, _, body)] = store.requests
    assert path == "/loki/api/v1/push"
    return json.loads(gzip.decompress(body))["streams"], refused, output


def test_messages_of_one_stream_are_lines_of_it() -> None:
    streams, refused, _ = pushed(
        block(
            pack("t", "app", payload="one", hostname="h", timestamp_ns=WHEN),
            pack("t", "db", payload="two", hostname="h", timestamp_ns=WHEN),
            pack("t", "app", fields={"n": 1}, hostname="h", timestamp_ns=WHEN + 1),
        )
    )
    assert refused == {}
    assert [each["stream"] for each in streams] == [
        {"host": "h", "logger": "app"},
        {"host": "h", "logger": "db"},
    ]
    (first, line), (second, document) = streams[0]["values"]
    assert (first, line, second) == (str(WHEN), "one", str(WHEN + 1))
    assert json.loads(document)["fields"] == {"n": 1}


def test_streams_are_bounded_and_times_of_the_past_refused() -> None:
    frames = [pack("t", name, payload="x") for name in "abc"]
    streams, refused, output = pushed(
        block(*frames, pack("t", "a", timestamp_ns=-1)),
        labels={"logger": "%Logger%"},
        max_streams=2,
    )
    assert [each["stream"]["logger"] for each in streams] == ["a", "b", "(other)"]
    assert refused == {"before-1970": [3]}
    assert output.account() == {"streams": 2, "over_max_streams": 1}
    assert pushed(block(pack("t", "a", timestamp_ns=-1)))[0] == [], "nothing to push"


# ---- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        (ElasticSearchOptions, {"index": "a b"}, "index: expected"),
        (ElasticSearchOptions, {"index": ""}, "index: expected"),
        (LokiOptions, {"labels": {}}, "labels: expected at least one"),
        (LokiOptions, {"labels": {"a-b": "x"}}, "labels: expected letters"),
        (LokiOptions, {"labels": {"a": "%x"}}, "labels: a: expected pairs"),
        (LokiOptions, {"max_streams": 0}, "max_streams: expected 1"),
    ],
)
def test_wrong_options_are_refused(kind: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        kind(url="http://h", **options)


@pytest.mark.parametrize("kind", [ElasticSearchOutput, LokiOutput])
def test_an_encoder_is_refused(kind: Any) -> None:
    encoder = PayloadEncoder("p", PayloadEncoder.Options())
    with pytest.raises(ConfigError, match="encoder: expected none"):
        kind("o", kind.Options(url="http://h"), encoder)

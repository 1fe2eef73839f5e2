"""The body of an OTLP request, read by OpenTelemetry's own classes, is what the messages are."""

from __future__ import annotations

import math
import struct
from typing import Any
from uuid import UUID

from hypothesis import example, given, settings
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from wire import oracle, pieces
from wire.strategies import message_pieces

import heka
from heka._core import otlp_logs, pack
from heka.framing import Block, BlockReader
from heka.jsonlines import severity_name

NUMBERS = (21, 19, 18, 17, 13, 10, 9, 5)
NOW = 1_772_370_131_123_456_789


def block_of(*messages: bytes) -> Block:
    [block] = BlockReader().feed(b"".join(map(heka.framing.frame, messages)))
    return block


def request_of(block: Block, resource: bytes = b"") -> Any:
    return ExportLogsServiceRequest.FromString(otlp_logs(block, resource, NOW))


def repaired(text: str) -> str:
    """Return *text* with U+FFFD for each byte that was no UTF-8."""
    return "".join("\ufffd" if "\udc80" <= each <= "\udcff" else each for each in text)


def comparable(value: Any) -> Any:
    """Return *value*; of a double its bits: NaN is not equal to itself."""
    if isinstance(value, float):
        return "bits", struct.pack("<d", value)
    return type(value), repaired(value) if isinstance(value, str) else value


def value_of(any_value: Any) -> Any:
    kind = any_value.WhichOneof("value")
    if kind is None:
        return []
    if kind == "array_value":
        return [
            comparable(getattr(each, each.WhichOneof("value")))
            for each in any_value.array_value.values
        ]
    return [comparable(getattr(any_value, kind))]


def expected_attributes(message: heka.Message) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    attributes["log.record.uid"] = [comparable(str(UUID(bytes=message.uuid)))]
    if message.env_version not in ("", "0.8"):
        attributes["heka.env_version"] = [comparable(message.env_version)]
    if message.timestamp < 0:
        attributes["heka.timestamp"] = [comparable(message.timestamp)]
    return attributes


def check(data: bytes) -> None:
    message = heka.Message.decode(data)
    [resource_logs] = request_of(block_of(data)).resource_logs
    resource = {each.key: value_of(each.value) for each in resource_logs.resource.attributes}
    wanted = {}
    if message.hostname:
        wanted["host.name"] = [comparable(message.hostname)]
    if message.pid:
        wanted["process.pid"] = [comparable(message.pid)]
    assert resource == wanted
    [scope_logs] = resource_logs.scope_logs
    assert scope_logs.scope.name == repaired(message.logger)
    [record] = scope_logs.log_records
    assert record.time_unix_nano == max(message.timestamp, 0)
    assert record.observed_time_unix_nano == NOW
    known = 0 <= message.severity < 8
    assert record.severity_number == (NUMBERS[message.severity] if known else 0)
    assert record.severity_text == severity_name(message.severity)
    assert record.event_name == repaired(message.type)
    assert record.body.string_value == repaired(message.payload)
    assert record.HasField("body") == bool(message.payload)
    found = [(each.key, value_of(each.value)) for each in record.attributes]
    own = expected_attributes(message)
    assert found == [
        *own.items(),
        *((repaired(name), list(map(comparable, field))) for name, field in message.fields.items()),
    ]
    doubled = len(oracle.Message.FromString(data).fields) - len(message.fields)
    assert record.dropped_attributes_count == doubled


@settings(max_examples=200)
@given(message_pieces())
@example(pieces.message(pieces.field(pieces.chunk(1, b"n"), pieces.number(2, 4))))
@example(pieces.message(*[pieces.field(pieces.chunk(1, b"n"), pieces.chunk(4, b"v"))] * 40))
@example(heka.Message("t" * 200, payload="x" * 127, timestamp_ns=-1).encode())
@example(heka.Message("t", fields={"d": [math.nan, -0.0], "long": "v" * 20_000}).encode())
def test_one_message_in_any_form(data: bytes) -> None:
    check(data)


def test_messages_that_follow_each_other_share_resource_and_scope() -> None:
    heads = [
        ("a", 1, "x"),
        ("a", 1, "x"),
        ("a", 1, "y"),
        ("a", 2, "y"),
        ("b", 2, "y"),
        ("a", 1, "x"),
    ]
    frames = b"".join(
        pack("t", logger=logger, hostname=host, pid=pid) for host, pid, logger in heads
    )
    [block] = BlockReader().feed(frames)
    found = [
        [(scope.scope.name, len(scope.log_records)) for scope in each.scope_logs]
        for each in request_of(block).resource_logs
    ]
    assert found == [[("x", 2), ("y", 1)], [("y", 1)], [("y", 1)], [("x", 1)]]


def test_further_attributes_of_the_resource_come_first() -> None:
    pair = b"\x0a\x06\x0a\x01k\x12\x01"  # an entry of tag 1, cut: it is written as it is given
    body = otlp_logs(block_of(heka.Message("t", hostname="h", pid=1).encode()), pair, NOW)
    assert pair + b"\x0a\x10\x0a\x09host.name" in body


def test_trace_and_span_in_hexadecimal_digits_are_those_of_the_record() -> None:
    fields = {"trace_id": "0AF7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}
    [logs] = request_of(block_of(heka.Message("t", fields=fields).encode())).resource_logs
    [record] = logs.scope_logs[0].log_records
    assert record.trace_id.hex() == fields["trace_id"].lower()
    assert record.span_id.hex() == fields["span_id"]
    assert [each.key for each in record.attributes] == ["log.record.uid"]


def test_other_texts_of_these_names_are_attributes() -> None:
    for name, value in [
        ("trace_id", "0" * 32),
        ("trace_id", "g" * 32),
        ("span_id", "ab"),
        ("span_id", 1),
    ]:
        [logs] = request_of(
            block_of(heka.Message("t", fields={name: value}).encode())
        ).resource_logs
        [record] = logs.scope_logs[0].log_records
        assert (record.trace_id, record.span_id) == (b"", b"")
        assert [each.key for each in record.attributes] == ["log.record.uid", name]

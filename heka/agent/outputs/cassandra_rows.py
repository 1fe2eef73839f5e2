"""The options of CassandraOutput, and its rows: what a message becomes, and in which batch."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from heka.agent.options import choice, option
from heka.agent.outputs.cassandra_schema import NAME, bucket_of, shard_of
from heka.agent.outputs.documents import text_of
from heka.agent.outputs.tls import ClientTlsOptions
from heka.exceptions import ConfigError
from heka.message import Field, Message

if TYPE_CHECKING:
    from heka.framing import Block

__all__ = ["CassandraOptions", "Row", "batches_of", "rows_of"]

_ROWS_MAX: Final = 100
_BYTES_MAX: Final = 500_000  # of a batch; Cassandra refuses one of over 16 MiB, and warns early
_STATS: Final = "heka.statmetric"


@dataclass(frozen=True)
class CassandraOptions:
    """Options of ``CassandraOutput``; ``heka agent schema cassandra`` prints the tables."""

    hosts: tuple[str, ...] = option(("127.0.0.1",), "names", "Some hosts of the cluster.")
    port: int = option(9042, "integer", "Of all hosts.")
    keyspace: str = option("heka", "text", "Keyspace of the tables.")
    table: str = option("messages", "text", "Table of messages.")
    metrics_table: str = option(
        "metrics", "text", "Table of the stats in messages of a StatAccumInput."
    )
    bucket: float = option(3600.0, "seconds", "Time of a partition; as the schema says.")
    shards: int = option(1, "integer", "Partitions of a bucket; as the schema says.")
    consistency: str = option(
        "LOCAL_QUORUM",
        choice("ONE", "LOCAL_ONE", "LOCAL_QUORUM", "QUORUM", "ALL"),
        "How many replicas have a row that counts as written.",
    )
    datacenter: str = option("", "text", "The local datacenter; else that of the first host.")
    username: str = option("", "text", "For authentication.")
    password: str = option("", "text", "For authentication.")
    write_timeout: float = option(10.0, "seconds", "For a batch.")
    tls: ClientTlsOptions = option(None, ClientTlsOptions, "Connect over TLS, with these options.")

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        if not self.hosts:
            raise ConfigError("hosts: expected at least one, got none")
        if not 1 <= self.port <= 65_535:
            raise ConfigError(f"port: expected 1 to 65535, got {self.port}")
        for name in ("keyspace", "table", "metrics_table"):
            if not NAME.fullmatch(getattr(self, name)):
                raise ConfigError(
                    f"{name}: expected letters, digits and _, got {getattr(self, name)!r}"
                )
        if not 60 <= self.bucket <= 86_400 * 366:
            raise ConfigError(f"bucket: expected a minute to a year, got {self.bucket:g}")
        if not 1 <= self.shards <= 1024:
            raise ConfigError(f"shards: expected 1 to 1024, got {self.shards}")
        if not 0.1 <= self.write_timeout <= 600:
            raise ConfigError(f"write_timeout: expected 0.1 to 600, got {self.write_timeout:g}")


@dataclass(frozen=True)
class Row:
    """A row, and the message that it is of.

    Attributes:
        index: Of the message in its block.
        table: ``message`` or ``metric``.
        partition: Its key, without the table.
        values: Of the statement that inserts it.
        size: Its bytes, about.
    """

    index: int
    table: str
    partition: tuple[Any, ...]
    values: tuple[Any, ...]
    size: int


def rows_of(block: Block, options: CassandraOptions, counts: Counter[str]) -> Iterator[Row]:
    """Yield the rows of *block*: one for a message, one for each line of a message of stats."""
    now = time.time_ns()
    for index, each in enumerate(block):
        message = each.message
        written = min(message.timestamp, now) // 1000
        if message.type == _STATS:
            yield from _metrics(index, message, written, options, counts)
        else:
            yield _row(index, message, written, options)


def _row(index: int, message: Message, written: int, options: CassandraOptions) -> Row:
    bucket = bucket_of(message.timestamp, options.bucket)
    shard = shard_of(message.uuid, options.shards)
    partition = (text_of(message.logger), bucket, shard)
    payload = text_of(message.payload)
    fields = {text_of(name): _value(value) for name, value in message.fields.items()}
    values = (
        *(*partition, message.timestamp, message.uuid, text_of(message.type), message.severity),
        *(text_of(message.hostname), message.pid, text_of(message.env_version), payload, fields),
        written,
    )
    size = len(payload) + sum(len(key) + len(text) for key, text in fields.items()) + 200
    return Row(index, "message", partition, values, size)


def _metrics(
    index: int, message: Message, written: int, options: CassandraOptions, counts: Counter[str]
) -> Iterator[Row]:
    host = text_of(message.hostname)
    for line in message.payload.splitlines():
        try:
            key, value, seconds = line.rsplit(" ", 2)
            stamp, number = int(seconds), float(value)
        except ValueError:
            counts["bad_lines"] += 1
            continue
        partition = (text_of(key), bucket_of(stamp * 1_000_000_000, options.bucket))
        yield Row(
            index, "metric", partition, (*partition, stamp, host, number, written), len(key) + 100
        )


def batches_of(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield *rows* by partition, at most _ROWS_MAX and _BYTES_MAX together."""
    waiting: dict[tuple[Any, ...], list[Row]] = {}
    sizes: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        key = (row.table, *row.partition)
        batch = waiting.get(key)
        is_full = batch is not None and (
            len(batch) >= _ROWS_MAX or sizes[key] + row.size > _BYTES_MAX
        )
        if batch is None or is_full:
            if batch is not None:
                yield batch
            batch = waiting[key] = []
            sizes[key] = 0
        batch.append(row)
        sizes[key] += row.size
    yield from waiting.values()


def _value(value: Any) -> str:
    """Return a field as text: its values with commas between; bytes as hexadecimal digits."""
    found = value if isinstance(value, Field) else [each for part in value for each in part]
    return ",".join(each.hex() if isinstance(each, bytes) else text_of(str(each)) for each in found)

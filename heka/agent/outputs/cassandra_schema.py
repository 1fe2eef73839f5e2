"""The tables of CassandraOutput: how large a partition becomes, and their CQL."""

from __future__ import annotations

import math
import re
import zlib
from dataclasses import dataclass
from typing import Final

__all__ = ["NAME", "Sizes", "bucket_of", "schema", "shard_of", "sizes_for"]

#: Of keyspaces and tables.
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,47}")
#: Bytes that a partition may have: larger ones are slow to read, to repair and to compact.
PARTITION_MAX: Final = 100_000_000
_BUCKETS: Final = (86_400, 3600, 600, 60)
_SHARDS_MAX: Final = 64


@dataclass(frozen=True)
class Sizes:
    """How rows are put into partitions.

    Attributes:
        bucket: Seconds of a partition.
        shards: Partitions of a bucket of one logger.
        bytes: Of such a partition.
    """

    bucket: int
    shards: int
    bytes: float


def bucket_of(timestamp: int, seconds: float) -> int:
    """Return the begin of the bucket of *timestamp* (ns since 1970), in seconds since 1970."""
    size = int(seconds)
    return timestamp // 1_000_000_000 // size * size


def shard_of(uuid: bytes, shards: int) -> int:
    """Return which shard a message is in: its uuid says it, whoever writes it."""
    return zlib.crc32(uuid) % shards if shards > 1 else 0


def sizes_for(rate: float, row: float = 500.0) -> Sizes:
    """Return sizes for *rate* messages a second of the busiest logger, of *row* bytes each.

    The longest bucket whose partition is small enough; for the shortest ones, several shards.
    """
    for bucket in _BUCKETS:
        total = rate * row * bucket
        shards = max(1, math.ceil(total / PARTITION_MAX))
        if shards <= (1 if bucket == _BUCKETS[0] else 16 if bucket > 60 else _SHARDS_MAX):
            return Sizes(bucket, shards, total / shards)
    return Sizes(_BUCKETS[-1], _SHARDS_MAX, rate * row * _BUCKETS[-1] / _SHARDS_MAX)


def schema(sizes: Sizes, keep: float, keyspace: str, replication: int) -> str:
    """Return the CQL of keyspace and tables.

    Args:
        sizes: Of the partitions.
        keep: Seconds after which rows are deleted; 0: never.
        keyspace: Its name.
        replication: Copies of each row.
    """
    # Some 30 windows: compaction never touches a window that is over, and drops whole files.
    window = max(1, math.ceil((keep or 30 * 86_400) / 30 / 3600))
    table = (
        "  AND compaction = {'class': 'TimeWindowCompactionStrategy',\n"
        f"    'compaction_window_unit': 'HOURS', 'compaction_window_size': {window}}}\n"
        f"  AND default_time_to_live = {int(keep)}"
    )
    return f"""\
-- A partition holds {sizes.bucket} s of a logger, in {sizes.shards} shard(s):
-- {sizes.bytes / 1e6:.0f} MB at the given rate.
-- Say the same to the output: bucket = {sizes.bucket}, shards = {sizes.shards}
CREATE KEYSPACE IF NOT EXISTS {keyspace}
  WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': {replication}}};

CREATE TABLE IF NOT EXISTS {keyspace}.messages (
  logger text, bucket bigint, shard int,
  timestamp bigint, -- nanoseconds since 1970
  uuid blob,
  type text, severity int, hostname text, pid int, env_version text, payload text,
  fields frozen<map<text, text>>,
  PRIMARY KEY ((logger, bucket, shard), timestamp, uuid)
) WITH CLUSTERING ORDER BY (timestamp DESC, uuid ASC)
{table};

CREATE TABLE IF NOT EXISTS {keyspace}.metrics (
  key text, bucket bigint,
  timestamp bigint, -- seconds since 1970
  host text, value double,
  PRIMARY KEY ((key, bucket), timestamp, host)
) WITH CLUSTERING ORDER BY (timestamp DESC, host ASC)
{table};
"""

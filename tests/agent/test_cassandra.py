"""CassandraOutput: rows, partitions and batches; with the driver, what its errors mean."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import pytest

from heka._core import monotonic, pack
from heka.agent.outputs.cassandra import CassandraOutput
from heka.agent.outputs.cassandra_rows import CassandraOptions, batches_of, rows_of
from heka.agent.outputs.cassandra_schema import PARTITION_MAX, bucket_of, shard_of, sizes_for
from heka.agent.outputs.encoders import JsonEncoder
from heka.cli import main
from heka.exceptions import ConfigError
from heka.framing import Block, BlockReader

SECOND = 1_000_000_000


def block(*frames: bytes) -> Block:
    [made] = BlockReader().feed(b"".join(frames))
    return made


def rows(found: Block, **options: Any) -> tuple[list[Any], Counter[str]]:
    counts: Counter[str] = Counter()
    return list(rows_of(found, CassandraOptions(**options), counts)), counts


# ---- rows ---------------------------------------------------------------------------------------


def test_a_message_is_a_row_whose_key_is_its_own() -> None:
    fields = {"n": 3, "list": ["a", "b"], "raw": b"\x01\xff"}
    frame = pack(
        *("t", "app", 4, fields, "text"),
        hostname="web1",
        pid=7,
        timestamp_ns=7201 * SECOND + 5,
        uuid=bytes(16),
    )
    [row], _ = rows(block(frame))
    assert row.partition == ("app", 7200, 0)
    assert row.values == (
        *("app", 7200, 0, 7201 * SECOND + 5, bytes(16), "t", 4, "web1", 7, "0.8", "text"),
        *({"n": "3", "list": "a,b", "raw": "01ff"}, 7201 * 1_000_000),
    )
    assert rows(block(frame))[0][0].values == row.values, "a replay changes nothing"


def test_a_message_of_the_future_is_written_as_now() -> None:
    [row], _ = rows(block(pack("t", timestamp_ns=2**62)))
    assert row.values[-1] < 2**62 // 1000


def test_text_that_is_no_utf_8_is_repaired() -> None:
    frame = pack("t", "aZZ", payload="bZZ", fields={"cZZ": "dZZ"}, uuid=bytes(16))
    [row], _ = rows(block(frame.replace(b"ZZ", b"\xff\xff")))
    bad = "\ufffd\ufffd"
    assert (row.values[0], row.values[10]) == (f"a{bad}", f"b{bad}")
    assert row.values[11] == {f"c{bad}": f"d{bad}"}


def test_lines_of_stats_are_rows_of_metrics() -> None:
    payload = "stats.gauges.a 1.5 7201\nno line\nstats.counters.b.count 2 7201\n"
    found, counts = rows(block(pack("heka.statmetric", payload=payload, hostname="web1")))
    assert [row.table for row in found] == ["metric", "metric"]
    assert found[0].values[:5] == ("stats.gauges.a", 7200, 7201, "web1", 1.5)
    assert counts == {"bad_lines": 1}


def test_a_batch_is_of_one_partition_and_bounded() -> None:
    frames = [pack("t", name, timestamp_ns=SECOND) for name in ["a", "b"] * 150]
    found, _ = rows(block(*frames))
    sizes = sorted(len(batch) for batch in batches_of(found))
    assert sizes == [50, 50, 100, 100]
    assert all(len({row.partition for row in batch}) == 1 for batch in batches_of(found))
    large = [pack("t", "a", payload="x" * 60_000, timestamp_ns=SECOND) for _ in range(3)]
    found = [row for frame in large * 6 for row in rows(block(frame))[0]]
    assert max(sum(row.size for row in batch) for batch in batches_of(found)) <= 500_000


# ---- partitions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.001, 1, 2, 50, 500, 5000, 50_000])
def test_a_partition_is_small_enough_at_every_rate(rate: float) -> None:
    sizes = sizes_for(rate)
    assert sizes.bytes <= PARTITION_MAX
    assert rate * 500 * sizes.bucket / sizes.shards == pytest.approx(sizes.bytes)


def test_buckets_begin_at_multiples_also_before_1970() -> None:
    assert bucket_of(7201 * SECOND, 3600) == 7200
    assert bucket_of(-1, 3600) == -3600
    assert {shard_of(bytes([number] * 16), 4) for number in range(64)} == {0, 1, 2, 3}


def test_the_command_prints_tables_and_what_the_output_is_to_say(capsys) -> None:
    assert main(["agent", "schema", "cassandra", "--rate", "500", "--keep", "7"]) == 0
    text = capsys.readouterr().out
    assert "-- Say the same to the output: bucket = 3600, shards = 9\n" in text
    assert "PRIMARY KEY ((logger, bucket, shard), timestamp, uuid)" in text
    assert "default_time_to_live = 604800" in text
    assert main(["agent", "schema", "cassandra", "--keyspace", "a;b"]) == 1
    assert "--keyspace: expected letters" in capsys.readouterr().err


# ---- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"hosts": ()}, "hosts: expected at least one"),
        ({"port": 0}, "port: expected 1 to 65535"),
        ({"table": "a b"}, "table: expected letters"),
        ({"bucket": 1.0}, "bucket: expected a minute"),
        ({"shards": 0}, "shards: expected 1 to 1024"),
        ({"write_timeout": 0.0}, "write_timeout: expected 0.1"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        CassandraOptions(**options)


def test_an_encoder_is_refused() -> None:
    with pytest.raises(ConfigError, match="encoder: expected none"):
        CassandraOutput("c", CassandraOptions(), JsonEncoder("json", JsonEncoder.Options()))


# ---- the driver ---------------------------------------------------------------------------------


class Session:
    """A session that refuses rows whose payload is 'bad', and times out for 'late'."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def execute(self, statement: Any, values: tuple[Any, ...]) -> None:
        cassandra = pytest.importorskip("cassandra")
        if values[10] == "bad":
            raise cassandra.InvalidRequest("wrong")
        self.rows.append(values[10])

    def execute_async(self, batch: Any) -> Any:
        cassandra = pytest.importorskip("cassandra")
        session = self

        class Future:
            def result(self) -> None:
                if "bad" in batch.texts:
                    raise cassandra.InvalidRequest("wrong")
                if "late" in batch.texts:
                    raise cassandra.WriteTimeout("late", write_type=0)
                session.rows += batch.texts

        return Future()


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A writer with such a session; only the errors of a cluster are made up here."""
    pytest.importorskip("cassandra")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the driver imports
        from heka.agent.outputs import cassandra_session

    class Batch:
        def __init__(self, kind: object) -> None:
            self.texts: list[str] = []

        def add(self, statement: Any, values: tuple[Any, ...]) -> None:
            self.texts.append(values[10])

    monkeypatch.setattr(cassandra_session, "BatchStatement", Batch)
    made = cassandra_session.RowWriter(CassandraOptions(), Counter())
    made._session = Session()
    made._inserts = {"message": None, "metric": None}
    return made


def test_a_row_that_is_invalid_costs_itself(writer: Any) -> None:
    found = block(*(pack("t", payload=text) for text in ("a", "bad", "b")))
    assert writer.write(found, monotonic() + 30) == {"invalid": [1]}
    assert writer._session.rows == ["a", "b"]


def test_a_cluster_that_is_late_gets_the_block_again(writer: Any) -> None:
    found = block(*(pack("t", payload=text) for text in ("a", "late")))
    with pytest.raises(OSError, match="Cassandra: "):
        writer.write(found, monotonic() + 30)

"""The session with a cluster of Cassandra: the only file that needs its driver."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cassandra import ConsistencyLevel, DriverException, InvalidRequest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    NoHostAvailable,
    OperationTimedOut,
)
from cassandra.policies import DCAwareRoundRobinPolicy, RoundRobinPolicy, TokenAwarePolicy
from cassandra.query import BatchStatement, BatchType

from heka._core import monotonic
from heka._net.tls_context import context_for
from heka.agent.outputs.cassandra_rows import CassandraOptions, Row, batches_of, rows_of

if TYPE_CHECKING:
    from heka.framing import Block

__all__ = ["REFUSED", "RowWriter"]

REFUSED: Final = "invalid"
_INSERTS: Final = {
    "message": "INSERT INTO {table} (logger, bucket, shard, timestamp, uuid, type, severity, "
    "hostname, pid, env_version, payload, fields) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "USING TIMESTAMP ?",
    "metric": "INSERT INTO {table} (key, bucket, timestamp, host, value) VALUES (?, ?, ?, ?, ?) "
    "USING TIMESTAMP ?",
}
_FAILURES: Final = (DriverException, NoHostAvailable, OperationTimedOut)


class RowWriter:
    """Writes blocks as unlogged batches, each of one partition."""

    def __init__(self, options: CassandraOptions, counts: Counter[str]) -> None:
        """Connect to nothing yet; *counts* gets ``rows`` and ``bad_lines``."""
        self._options = options
        self._counts = counts
        self._cluster: Any = None
        self._session: Any = None
        self._inserts: dict[str, Any] = {}

    def is_open(self) -> bool:
        """Return whether there is a session."""
        return self._session is not None

    def open(self, deadline: float) -> None:
        """Connect, and prepare the statements; OSError."""
        options = self._options
        policy = RoundRobinPolicy()
        if options.datacenter:
            policy = DCAwareRoundRobinPolicy(options.datacenter)
        profile = ExecutionProfile(
            TokenAwarePolicy(policy),
            consistency_level=getattr(ConsistencyLevel, options.consistency),
            request_timeout=options.write_timeout,
        )
        auth = None
        if options.username:
            auth = PlainTextAuthProvider(options.username, options.password)
        self._cluster = Cluster(
            list(options.hosts),
            port=options.port,
            auth_provider=auth,
            ssl_context=context_for(options.tls.for_address()) if options.tls else None,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            connect_timeout=max(0.1, deadline - monotonic()),
        )
        tables = {"message": options.table, "metric": options.metrics_table}
        try:
            session = self._cluster.connect(options.keyspace)
            self._inserts = {
                name: session.prepare(text.format(table=tables[name]))
                for name, text in _INSERTS.items()
            }
        except _FAILURES as failure:
            self.close(deadline)
            raise OSError(f"Cassandra: {_reason(failure)}") from failure
        self._session = session

    def write(self, block: Block, deadline: float) -> Mapping[str, Sequence[int]]:
        """Write the rows of *block*; refused are messages that Cassandra calls invalid."""
        refused: set[int] = set()
        failure: Exception | None = None
        batches = list(batches_of(rows_of(block, self._options, self._counts)))
        for batch, future in [(batch, self._send(batch)) for batch in batches]:
            try:
                future.result()
                self._counts["rows"] += len(batch)
            except InvalidRequest:
                # One row may be wrong: each by itself. Writing the others again changes nothing.
                failure = self._write_alone(batch, refused) or failure
            except _FAILURES as problem:
                failure = problem
        if failure is not None:
            raise OSError(f"Cassandra: {_reason(failure)}") from failure
        return {REFUSED: sorted(refused)} if refused else {}

    def close(self, deadline: float) -> None:
        """End the session."""
        cluster, self._cluster, self._session = self._cluster, None, None
        if cluster is not None:
            with contextlib.suppress(Exception):  # it is thrown away in any case
                cluster.shutdown()

    def _send(self, rows: Sequence[Row]) -> Any:
        batch = BatchStatement(BatchType.UNLOGGED)
        for row in rows:
            batch.add(self._inserts[row.table], row.values)
        return self._session.execute_async(batch)

    def _write_alone(self, rows: Sequence[Row], refused: set[int]) -> Exception | None:
        """Write each row by itself, and add those that are refused; return another failure."""
        for row in rows:
            try:
                self._session.execute(self._inserts[row.table], row.values)
                self._counts["rows"] += 1
            except InvalidRequest:
                refused.add(row.index)
            except _FAILURES as failure:
                found: Exception = failure
                return found
        return None


def _reason(failure: BaseException) -> str:
    if isinstance(failure, NoHostAvailable) and failure.errors:
        failure = next(iter(failure.errors.values()))
    return str(failure).splitlines()[0][:300] if str(failure) else type(failure).__name__

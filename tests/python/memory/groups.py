"""The groups of the table: each is run by workers of its own."""

from __future__ import annotations

from python.memory import (
    calls_arguments,
    calls_client,
    calls_match,
    calls_objects,
    calls_package,
    calls_ring,
    calls_stats,
    calls_streams,
)
from python.memory.table import Call

#: Calls into the C part.
CORE: dict[str, list[Call]] = {
    "arguments": calls_arguments.CALLS,
    "objects": calls_objects.CALLS,
    "streams": calls_streams.CALLS,
    "client": calls_client.CALLS,
    "ring": calls_ring.CALLS,
    "match": calls_match.CALLS,
    "stats": calls_stats.CALLS,
}
#: Those, and calls of the package around it, to real peers.
ALL = {**CORE, "package": calls_package.CALLS}

"""CassandraOutput: messages and stats as rows, which a retry or a replay changes nothing in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from heka.agent.outputs.blocks import BlockOutlet
from heka.agent.outputs.cassandra_rows import CassandraOptions
from heka.agent.outputs.encoders import ProtobufEncoder
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka._delivery.outlets import Outlet
    from heka.agent.plugin import Encoder

__all__ = ["CassandraOutput"]


class CassandraOutput:
    """Inserts messages into a table by logger and time, and stats into another by key and time.

    The key of a row comes from the message, its write time too: what is written again changes
    nothing.
    """

    Options: ClassVar[type] = CassandraOptions

    def __init__(self, name: str, options: CassandraOptions, encoder: Encoder | None) -> None:
        if encoder is not None and not isinstance(encoder, ProtobufEncoder):
            raise ConfigError(f"{name}: encoder: expected none, rows are made of messages")
        try:
            from heka.agent.outputs.cassandra_session import RowWriter
        except ImportError:
            raise ConfigError(
                f"{name} needs cassandra-driver: pip install 'heka-py[cassandra]'"
            ) from None
        self._options = options
        self._counts: Counter[str] = Counter(rows=0, bad_lines=0)
        self._make_writer = partial(RowWriter, options, self._counts)

    def outlet(self) -> Outlet:
        """Return an outlet that inserts rows."""
        return BlockOutlet(self._make_writer())

    def account(self) -> Mapping[str, object]:
        """Return how many rows were written, and lines of stats that were none."""
        return dict(self._counts)

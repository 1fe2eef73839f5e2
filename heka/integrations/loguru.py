"""loguru to Heka: a sink.

::

    logger.add(HekaSink("udp://localhost:5565", fields=["function", "line"]))
"""

from __future__ import annotations

from collections.abc import Iterable
from traceback import format_exception
from typing import TYPE_CHECKING

from heka._bridge import Bridge
from heka.logging import severity_of

if TYPE_CHECKING:
    from loguru import Message

__all__ = ["HekaSink"]


class HekaSink:
    """Sends each message of loguru; what was bound or given to it as ``extra`` becomes fields.

    Args:
        client: A ``HekaClient``, a URL, the name of a client, or None, as for ``HekaHandler``.
        type: The type of the messages.
        fields: Keys of loguru's record that become fields too, such as ``name``, ``function`` and
            ``line``.
    """

    def __init__(
        self, client: object = None, *, type: str = "oldstyle", fields: Iterable[str] = ()
    ) -> None:
        self._bridge = Bridge(client, type, "HekaSink")
        self._fields = tuple(fields)

    def __call__(self, message: Message) -> None:
        """Send *message*, its traceback behind it."""
        record = message.record
        error = record["exception"]
        trace = ""
        if error is not None and error.value is not None:
            trace = "".join(format_exception(error.value)).rstrip("\n")
        level = record["level"].no
        source = {name: record.get(name) for name in self._fields}
        fields = {"loglevel": level} | {k: v for k, v in source.items() if v is not None}
        self._bridge.send(
            record["name"],
            severity_of(level),
            record["message"],
            fields | record["extra"],
            record["time"].timestamp(),  # a datetime takes four times as long
            trace=trace,
        )

    def stats(self) -> dict[str, int]:
        """Return how often something went wrong, {} when nothing did; as of ``HekaHandler``."""
        return self._bridge.stats()

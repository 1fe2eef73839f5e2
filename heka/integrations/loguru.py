"""A loguru sink that sends each message.

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
    from loguru import Message, RecordException

__all__ = ["HekaSink"]


class HekaSink:
    """Sends each message of loguru; bound and ``extra`` values become fields.

    Args:
        client: A ``HekaClient``, a URL, the name of a client, or None, as for ``HekaHandler``.
        type: The type of the messages.
        fields: Keys of loguru's record that become fields too, such as ``name``, ``function`` and
            ``line``; those that are None are left out.

    Raises:
        ConfigError: The URL is not a valid destination.
        TypeError: *client* has another type than described.
    """

    def __init__(
        self, client: object = None, *, type: str = "oldstyle", fields: Iterable[str] = ()
    ) -> None:
        self._bridge = Bridge(client, type, "HekaSink")
        self._fields = tuple(fields)

    def __call__(self, message: Message) -> None:
        """Send *message*; a traceback follows its text in the payload. Never raises."""
        record = message.record
        level = record["level"].no
        source = {name: record.get(name) for name in self._fields}
        fields = {"loglevel": level} | {k: v for k, v in source.items() if v is not None}
        self._bridge.send(
            record["name"],
            severity_of(level),
            record["message"],
            fields | record["extra"],
            record["time"].timestamp(),  # converting a datetime in heka takes four times as long
            trace=_traceback(record["exception"], record["message"], str(message)),
        )

    def stats(self) -> dict[str, int]:
        """Return the counts of errors, {} if there were none, as ``HekaHandler.stats``."""
        return self._bridge.stats()


def _traceback(error: RecordException | None, message: str, formatted: str) -> str:
    """Return the traceback of *error*, or "".

    With ``enqueue=True`` the exception was pickled: its traceback is gone, and the exception too
    if it cannot be pickled. Both are in the text *formatted* by loguru, behind *message*.
    """
    if error is None:
        return ""
    if error.traceback is None:
        behind = formatted.find(message) + len(message)
        at = formatted.find("Traceback (most recent call last):", max(0, behind))
        if at >= 0:  # the line may begin with the frame of an exception group
            return formatted[formatted.rfind("\n", 0, at) + 1 :].rstrip("\n")
    if error.value is not None:
        return "".join(format_exception(error.value)).rstrip("\n")
    return getattr(error.type, "__qualname__", "")

"""structlog to Heka: a processor that sends each event.

::

    structlog.configure(processors=[..., HekaProcessor("udp://localhost:5565"), ConsoleRenderer()])
    structlog.configure(processors=[..., HekaRenderer("udp://localhost:5565")])
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from traceback import format_exception
from typing import Any, NoReturn

import structlog

from heka._bridge import Bridge, as_text
from heka.logging import LOGLEVEL_MAP
from heka.severity import ALERT, CRITICAL, DEBUG, EMERGENCY, ERROR, INFO, NOTICE, WARNING

__all__ = ["HekaProcessor", "HekaRenderer"]

_SEVERITIES = {
    "trace": DEBUG,
    "debug": DEBUG,
    "info": INFO,
    "notice": NOTICE,
    "warn": WARNING,
    "warning": WARNING,
    "error": ERROR,
    "exception": ERROR,
    "fatal": CRITICAL,
    "critical": CRITICAL,
    "alert": ALERT,
    "emergency": EMERGENCY,
}


class HekaProcessor:
    """Sends a copy of each event and passes it on to the next processor.

    The event's text is the payload, its values become fields, an ``exc_info`` follows the payload
    as a traceback; the severity is that of the event's ``level``, or of the method that was called.

    Args:
        client: A ``HekaClient``, a URL, the name of a client, or None, as for ``HekaHandler``.
        type: The type of the messages.
    """

    def __init__(self, client: object = None, *, type: str = "oldstyle") -> None:
        self._bridge = Bridge(client, type, self.__class__.__name__)

    def __call__(
        self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Send *event_dict*, and return it as it was."""
        fields = dict(event_dict)
        payload = fields.pop("event", "")
        severity = _SEVERITIES.get(as_text(fields.pop("level", method_name)).lower(), INFO)
        trace = _traceback(fields.pop("exc_info", None))
        fields.setdefault("loglevel", LOGLEVEL_MAP[severity])
        self._bridge.send(fields.get("logger", ""), severity, payload, fields, trace=trace)
        return event_dict

    def stats(self) -> dict[str, int]:
        """Return how often something went wrong, {} when nothing did; as of ``HekaHandler``."""
        return self._bridge.stats()


class HekaRenderer(HekaProcessor):
    """Sends each event, as the last processor: nothing is left for the logger to print."""

    def __call__(
        self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]
    ) -> NoReturn:
        """Send *event_dict* and end its way.

        Raises:
            DropEvent: Always; it is how structlog is told that there is nothing to print.
        """
        super().__call__(logger, method_name, event_dict)
        raise structlog.DropEvent


def _traceback(exc_info: object) -> str:
    """Return the traceback of what structlog takes as ``exc_info``; "" where there is none."""
    if isinstance(exc_info, tuple):
        error = exc_info[1]
    else:
        error = exc_info if isinstance(exc_info, BaseException) else None
        if exc_info and error is None:
            error = sys.exc_info()[1]
    return "" if error is None else "".join(format_exception(error)).rstrip("\n")

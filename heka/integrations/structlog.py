"""A structlog processor that sends each event.

::

    structlog.configure(processors=[..., HekaProcessor("udp://localhost:5565"), ConsoleRenderer()])
    structlog.configure(processors=[..., HekaRenderer("udp://localhost:5565")])
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableMapping
from traceback import format_exception
from typing import Any, NoReturn

import structlog

from heka._bridge import Bridge
from heka._core import severities
from heka._recording import describe, type_name
from heka.logging import LOGLEVEL_MAP
from heka.severity import CRITICAL, DEBUG, ERROR, INFO

__all__ = ["HekaProcessor", "HekaRenderer"]

#: By the names of severities, and by the names of structlog's methods that are none.
_SEVERITIES = {**severities, "trace": DEBUG, "exception": ERROR, "fatal": CRITICAL}
#: What structlog's ``ProcessorFormatter`` adds to an event for its own use.
_INTERNAL = ("_record", "_from_structlog")


class HekaProcessor:
    """Sends each event and passes it on unchanged to the next processor.

    The event's text is the payload, followed by the traceback of ``exc_info``; its values become
    fields. The severity is that of the event's ``level`` if this is the name of one, as
    ``add_log_level`` sets it; else that of the method called, and INFO if its name is unknown. A
    ``level`` that names none is a field.

    Args:
        client: A ``HekaClient``, a URL, the name of a client, or None, as for ``HekaHandler``.
        type: The type of the messages.

    Raises:
        ConfigError: The URL is not a valid destination.
        TypeError: *client* has another type than described.
    """

    def __init__(self, client: object = None, *, type: str = "oldstyle") -> None:
        self._bridge = Bridge(client, type, self.__class__.__name__)

    def __call__(
        self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Send *event_dict* and return it unchanged."""
        try:
            self._send(method_name, event_dict)
        except Exception as error:
            self._bridge.count("error")
            self._bridge.report(f"a message is lost: {describe(error)}")
        return event_dict

    def _send(self, method_name: str, event_dict: MutableMapping[str, Any]) -> None:
        if not isinstance(event_dict, Mapping):
            raise TypeError(
                f"expected the values of an event, got {type_name(event_dict)}: put this processor "
                "before the one that makes text of them"
            )
        fields = dict(event_dict)
        payload = fields.pop("event", "")
        for name in _INTERNAL:
            fields.pop(name, None)
        severity = _SEVERITIES.get(method_name.lower(), INFO)
        level = fields.get("level")
        if isinstance(level, str) and level.lower() in _SEVERITIES:
            severity = _SEVERITIES[level.lower()]
            del fields["level"]
        trace = _traceback(fields.pop("exc_info", None))
        fields.setdefault("loglevel", LOGLEVEL_MAP[severity])
        self._bridge.send(fields.get("logger", ""), severity, payload, fields, trace=trace)

    def stats(self) -> dict[str, int]:
        """Return the counts of errors, {} if there were none, as ``HekaHandler.stats``."""
        return self._bridge.stats()


class HekaRenderer(HekaProcessor):
    """Sends each event as the last processor; the logger prints nothing."""

    def __call__(
        self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]
    ) -> NoReturn:
        """Send *event_dict* and drop it.

        Raises:
            DropEvent: Always; structlog then prints nothing.
        """
        super().__call__(logger, method_name, event_dict)
        raise structlog.DropEvent


def _traceback(exc_info: object) -> str:
    """Return the traceback for a value of structlog's ``exc_info``, or ""."""
    if isinstance(exc_info, tuple):
        error = exc_info[1]
    else:
        error = exc_info if isinstance(exc_info, BaseException) else None
        if exc_info and error is None:
            error = sys.exc_info()[1]
    return "" if error is None else "".join(format_exception(error)).rstrip("\n")

"""What ``heka.logging`` needs for each record besides a client: limits, marks and texts.

Knows ``logging`` and nothing of heka: importing it takes no time.
"""

from __future__ import annotations

import contextlib
import logging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["FILTERING", "LOGLEVEL_MAP", "NESTED_MAX", "RECORD_MARK", "as_text", "describe"]

#: How deep records may be nested: a value's ``__str__`` or a signal handler may log while a record
#: is made or sent. The limit ends a recursion. A stream that logs is stopped by its client.
NESTED_MAX = 3
#: The depth while filters see a message: what a filter logs would go through the filters again.
FILTERING = NESTED_MAX
#: Attribute of every record made by StdLibLoggingStream. Handlers that send records to Heka skip
#: records with it, to prevent a loop. It is the only mark that survives queues and other threads.
RECORD_MARK = "heka_stream"
#: The level of ``logging`` for each severity.
LOGLEVEL_MAP = {
    0: logging.CRITICAL,
    1: logging.CRITICAL,
    2: logging.CRITICAL,
    3: logging.ERROR,
    4: logging.WARNING,
    5: logging.INFO,
    6: logging.INFO,
    7: logging.DEBUG,
}


def type_name(value: object) -> str:
    """Return the name of the class of *value*."""
    return type(value).__qualname__


def as_text(value: Any) -> str:
    """Return *value* if it is a str, decoded if it is bytes, else ``str(value)``."""
    kind: type = type(value)  # isinstance() would ask __class__ too, which may raise
    if issubclass(kind, str):
        text: str = value
        return text
    with contextlib.suppress(Exception):
        return value.decode("utf-8", "replace") if issubclass(kind, bytes) else str(value)
    return f"<{type_name(value)} object, str() failed>"


def describe(error: BaseException | None) -> str:
    """Return *error* as ``Type: text``."""
    return f"{type_name(error)}: {as_text(error)}"

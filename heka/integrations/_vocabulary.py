"""What the integrations share: the words of messages, request ids, traces, ignore lists.

Knows no framework and sends nothing. Whatever a client has sent is checked here before it is used:
request ids and trace contexts that are invalid, methods that are no names.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

from heka._core import Message
from heka._secrets import masked
from heka.severity import ERROR, INFORMATIONAL

__all__ = [
    "CALL",
    "CLOSED_STATUS",
    "FAILED_STATUS",
    "REQUEST",
    "REQUEST_ID_HEADER",
    "TASK",
    "TRACEPARENT_HEADER",
    "Ignored",
    "Trace",
    "current_span",
    "method_of",
    "new_request_id",
    "read_request_id",
    "read_trace",
    "severity_of",
]

#: Types of the messages.
REQUEST = "http.request"
CALL = "http.call"
TASK = "celery.task"

REQUEST_ID_HEADER = "X-Request-ID"
TRACEPARENT_HEADER = "traceparent"
#: Characters of the longest request id that is accepted.
REQUEST_ID_MAX = 128
#: The status of a request whose application raised before a part of the response was sent.
FAILED_STATUS = 500
#: The status of a request whose client hung up before a part of the response was sent; nginx's.
CLOSED_STATUS = 499

#: What has neither the name nor the beginning of any secret: numbers in hexadecimal, UUIDs.
_PLAIN_ID = re.compile("[0-9a-fA-F-]+").fullmatch
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_METHOD = re.compile("[A-Z][A-Z-]{0,19}").fullmatch
#: https://www.w3.org/TR/trace-context/#traceparent-header; later versions may add parts.
_TRACEPARENT = re.compile(
    "(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
).fullmatch
_TRACEPARENT_MAX = 512


def severity_of(status: int) -> int:
    """Return the severity of a request or call with *status*."""
    return ERROR if status >= 500 else INFORMATIONAL


def method_of(value: object) -> str:
    """Return *value* if it is the name of a method; ``_OTHER``, as OpenTelemetry has it, if not."""
    if value in _METHODS or (isinstance(value, str) and _METHOD(value)):
        return str(value)
    return "_OTHER"


def new_request_id() -> str:
    """Return 32 hexadecimal digits by chance, from the generator of the ids of messages."""
    return Message().uuid.hex()


def read_request_id(given: object) -> str:
    """Return a client's request id, without secrets; "" if it is invalid.

    Valid are 1 to 128 printable ASCII characters.
    """
    if type(given) is str and len(given) <= REQUEST_ID_MAX:
        if _PLAIN_ID(given) is not None:  # as most are; masked() finds no secret in them
            return given
        given = given.strip(" ")
        if given.isascii() and given.isprintable():
            return masked(given)
    return ""


class Trace(NamedTuple):
    """The trace that a caller's request belongs to."""

    trace_id: str
    #: The span of the caller.
    parent_id: str
    #: The header ``traceparent``, for calls that this request makes.
    header: str


def read_trace(given: object) -> Trace | None:
    """Return what the header ``traceparent`` says; None if it is invalid."""
    if type(given) is not str or len(given) > _TRACEPARENT_MAX:
        return None
    found = _TRACEPARENT(given)
    if found is None or (found[1] == "00" and found[5] is not None):
        return None
    # A later version is passed on as the one that is known here, as its specification demands.
    return Trace(found[2], found[3], f"00-{found[2]}-{found[3]}-{found[4]}")


def current_span() -> tuple[str, str, str] | None:
    """Return (trace id, span id, flags) of OpenTelemetry's current span, without importing it."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    try:
        span: Any = trace.get_current_span()
        if span is getattr(trace, "INVALID_SPAN", None):  # there is none
            return None
        context = span.get_span_context()
        if context.is_valid:
            return (
                f"{context.trace_id:032x}",
                f"{context.span_id:016x}",
                f"{int(context.trace_flags):02x}",
            )
    except Exception:  # an implementation of spans that fails has none
        return None
    return None


class Ignored:
    """Paths, routes or names for which no message is sent; one that ends in ``*`` is a prefix."""

    def __init__(self, names: Iterable[str], owner: str) -> None:
        """Take *names*.

        Raises:
            TypeError: *names* is one text, or one of them is none.
        """
        given = [names] if isinstance(names, str) else [*names]
        if isinstance(names, str) or not all(isinstance(name, str) for name in given):
            raise TypeError(
                f"{owner}: ignore must be a list of texts such as ['/health', '/static/*'], "
                f"got {names!r}"
            )
        self._names = frozenset(name for name in given if not name.endswith("*"))
        self._prefixes = tuple(name[:-1] for name in given if name.endswith("*"))
        #: Whether the list is empty.
        self.is_empty = not given

    def __contains__(self, name: object) -> bool:
        """Return whether *name* is ignored."""
        if name in self._names:
            return True
        return bool(self._prefixes) and isinstance(name, str) and name.startswith(self._prefixes)

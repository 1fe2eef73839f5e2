"""Records requests, calls and tasks: binds their fields, and sends their messages and exceptions.

Nothing here raises into the program that is recorded: what goes wrong is counted by the bridge and
reported on stderr, at most once a minute.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextvars import ContextVar, Token
from time import perf_counter
from traceback import format_exception
from types import TracebackType
from typing import Any

from heka._bridge import Bridge
from heka._core import Bound, Field, context_var
from heka._process import PROCESS
from heka._recording import describe
from heka._secrets import masked
from heka.api import log
from heka.integrations._vocabulary import (
    CLOSED_STATUS,
    FAILED_STATUS,
    REQUEST,
    Ignored,
    Trace,
    current_span,
    method_of,
    new_request_id,
    read_request_id,
    read_trace,
)
from heka.severity import ERROR, INFORMATIONAL

__all__ = ["FLUSH_TIMEOUT", "Recorder", "Request", "current_trace", "flush_queues"]

#: Seconds that a server's hook waits at the end of its process, for all queues together.
FLUSH_TIMEOUT = 2.0

#: The trace of the request or task that this context belongs to.
current_trace: ContextVar[Trace | None] = ContextVar("heka.trace", default=None)


class Recorder:
    """Sends the messages of one integration."""

    def __init__(self, client: object, ignore: Iterable[str], owner: str) -> None:
        """Send to *client*.

        Args:
            client: A ``HekaClient``, a URL, the name of a client, or None, as for ``HekaHandler``.
            ignore: What no message is sent for.
            owner: The name that starts each line on stderr.

        Raises:
            ConfigError: The URL is not a valid destination.
            TypeError: An argument has another type.
        """
        self.bridge = Bridge(client, REQUEST, owner)
        self.ignored = Ignored(ignore, owner)
        #: Whether something is ignored.
        self.ignores = not self.ignored.is_empty

    def begin(
        self, method: object, path: object, request_id: object, traceparent: object
    ) -> Request | None:
        """Return the record of a request that begins; None if it cannot be recorded."""
        try:
            return Request(self, method, path, request_id, traceparent)
        except Exception as error:
            self.failed(error)
            return None

    def failed(self, error: BaseException) -> None:
        """Count and report *error*, which this integration made itself."""
        self.bridge.count("error")
        self.bridge.report(f"a message is lost: {describe(error)}")

    def send(self, type: str, severity: int, fields: dict[str, Any]) -> None:
        """Send one message with *fields* and those of the context."""
        bridge = self.bridge
        try:
            client = bridge.find()
            if client is PROCESS:
                log(type, None, severity, fields, bad_values="repr")
            elif client is None:
                bridge.count_unsent(client, type, severity)
            else:
                client.heka(type, None, severity, "", fields, bad_values="repr")
        except Exception as error:
            self.failed(error)

    def report(self, error: BaseException, text: str) -> None:
        """Send *error* with its frames: through raven where the client has it, else as text."""
        bridge = self.bridge
        try:
            client = bridge.find()
            raven = getattr(client, "raven", None)
            if raven is not None:
                raven(text, exc_info=error)
            elif client is None or not client.admits("oldstyle", ERROR):
                bridge.count_unsent(client, "oldstyle", ERROR)
            else:
                trace = masked("".join(format_exception(error)).rstrip("\n"))
                client.heka("oldstyle", None, ERROR, f"{text}\n{trace}", None, bad_values="repr")
        except Exception as problem:
            self.failed(problem)


class Request:
    """One request: what is known of it, and its fields in the context.

    ``with request:`` binds its fields and restores what was bound before. What the application
    binds meanwhile is kept for the next time.
    """

    __slots__ = (
        *("_bound", "_fields", "_is_ignored", "_is_nested", "_saved", "_token", "_trace_token"),
        *("bytes", "is_done", "recorder", "reported", "route", "started", "status", "trace"),
    )

    def __init__(
        self,
        recorder: Recorder,
        method: object,
        path: object,
        request_id: object,
        traceparent: object,
    ) -> None:
        self.started = perf_counter()
        self.recorder = recorder
        self.status = 0
        #: Bytes of the body.
        self.bytes = 0
        self.route = ""
        self.is_done = False
        #: The exception that was reported last.
        self.reported: BaseException | None = None
        self._is_ignored = recorder.ignores and path in recorder.ignored
        before = context_var.get(None)
        outer = None if before is None else before.fields
        given = "" if request_id is None else read_request_id(request_id)
        if not given and outer and type(outer.get("request_id")) is str:
            given = outer["request_id"]
        fields = {"request_id": given or new_request_id(), "method": method_of(method)}
        trace = self.trace = None if traceparent is None else read_trace(traceparent)
        if trace is not None:
            fields["trace_id"] = trace.trace_id
            fields["parent_id"] = trace.parent_id
        if "opentelemetry.trace" in sys.modules:
            _add_span(fields)
        self._fields: dict[str, str] = fields
        #: Whether fields were bound outside of the request.
        self._is_nested = bool(outer)
        self._bound = self._saved = Bound({**outer, **fields} if outer else fields)

    def __deepcopy__(self, memo: object) -> Request:
        """Stay one record: programs copy what holds it, such as a scope or a request of Django."""
        return self

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        """Be pickled as None: another process has no part in this request."""
        return _nothing, ()

    # ---- the context --------------------------------------------------------------------------

    def __enter__(self) -> None:
        """Bind the fields of the request."""
        self._token: Token[Bound] = context_var.set(self._saved)
        if self.trace is not None:
            self._trace_token: Token[Trace | None] = current_trace.set(self.trace)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Restore what was bound before."""
        try:
            self._saved = context_var.get()
            context_var.reset(self._token)
            if self.trace is not None:
                current_trace.reset(self._trace_token)
        except (LookupError, ValueError):
            pass  # the server has continued the request in another context, which ends with it

    def set_route(self, route: object) -> None:
        """Bind the pattern of the route, once it is known."""
        try:
            if type(route) is not str or route == self.route:
                return
            self.route = self._fields["route"] = route
            if "opentelemetry.trace" in sys.modules:
                _add_span(self._fields)
            now = context_var.get(None)
            if now is None:
                now = self._bound
            fields: dict[str, Any] = self._fields
            if self._is_nested or now is not self._bound:  # others are bound too
                fields = {**now.fields, **fields}
            self._bound = Bound(fields)
            context_var.set(self._bound)
        except Exception as error:
            self.recorder.failed(error)

    # ---- the end ------------------------------------------------------------------------------

    def report(self, error: BaseException) -> None:
        """Send an exception that the application did not handle; once, if it comes by again."""
        if error is not self.reported and isinstance(error, Exception):
            self.reported = error
            what = self.route or "a request"
            self.recorder.report(error, f"{self._fields['method']} {what}: unhandled exception")

    def fail(self, error: BaseException, is_begun: bool) -> None:
        """End a request that *error* has ended; *is_begun*: the client has a part of it."""
        if not is_begun:
            self.status = FAILED_STATUS if isinstance(error, Exception) else CLOSED_STATUS
        self.report(error)
        self.finish()

    def finish(self) -> None:
        """Send the message of the request, once."""
        if self.is_done:
            return
        self.is_done = True
        try:
            recorder = self.recorder
            if self._is_ignored or (
                recorder.ignores and self.route and self.route in recorder.ignored
            ):
                return
            fields: dict[str, Any] = {
                "status": self.status,
                "duration": Field(perf_counter() - self.started, "s"),
                "bytes": Field(self.bytes, "B"),
            }
            if context_var.get(None) is not self._bound:  # the application has bound others
                fields.update(self._fields)
            recorder.send(REQUEST, ERROR if self.status >= 500 else INFORMATIONAL, fields)
        except Exception as error:
            self.recorder.failed(error)


def _nothing() -> None:
    """Return what a pickled record becomes."""


def _add_span(fields: dict[str, str]) -> None:
    """Add the ids of OpenTelemetry's current span, if there is one."""
    span = current_span()
    if span is not None:
        if fields.get("trace_id") != span[0]:
            fields.pop("parent_id", None)  # it belongs to another trace
        fields["trace_id"], fields["span_id"], _ = span


def flush_queues(timeout: float = FLUSH_TIMEOUT) -> None:
    """Wait at most *timeout* seconds until the queues of this process are empty."""
    lifecycle = sys.modules.get("heka._delivery.lifecycle")
    if lifecycle is not None:  # else nothing was ever sent
        lifecycle.flush_all(timeout)

"""Records the tasks of Celery workers, and passes request ids and traces on to them.

::

    app = Celery("shop", broker="redis://localhost")
    heka.integrations.celery.install()
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import Any

from celery import signals

from heka._context import bound
from heka._core import Bound, Field, context_var
from heka.integrations._recorder import Recorder, current_trace, flush_queues
from heka.integrations._vocabulary import (
    REQUEST_ID_HEADER,
    TASK,
    TRACEPARENT_HEADER,
    Trace,
    current_span,
    read_request_id,
    read_trace,
)
from heka.severity import ERROR, INFORMATIONAL

__all__ = ["install"]

#: The headers of a task's message; Celery makes attributes of the task's request from them.
_ID_HEADER = REQUEST_ID_HEADER.lower().replace("-", "_")
_FAILED = "FAILURE"
#: Records that are kept of tasks that have begun; a task whose worker forgets it is dropped.
_MOST = 10_000

_tasks: _Tasks | None = None


def install(*, client: object = None, ignore: Iterable[str] = ()) -> None:
    """Record the tasks of this process from now on; a second call replaces the settings.

    Everything that is logged within a task has the fields ``task``, ``task_id`` and, if it was
    called within a request or a task, that one's ``request_id``, ``trace_id`` and ``parent_id``.
    At the end of each task one message of type ``celery.task`` is sent, with ``retries``,
    ``outcome`` and ``duration``. Exceptions of tasks that fail are sent with their frames. When a
    worker or one of its processes ends, its queues are flushed.

    Args:
        client: A ``HekaClient``, a URL, the name of a client, or None, as for ``HekaHandler``.
        ignore: Names of tasks for which no message is sent; ``shop.*`` is a prefix.

    Raises:
        ConfigError: The URL is not a valid destination.
        TypeError: An argument has another type.
    """
    global _tasks
    _tasks = _Tasks(Recorder(client, ignore, "heka.integrations.celery"))
    signals.before_task_publish.connect(_publishing, weak=False, dispatch_uid="heka.publish")
    signals.task_prerun.connect(_beginning, weak=False, dispatch_uid="heka.prerun")
    signals.task_failure.connect(_failing, weak=False, dispatch_uid="heka.failure")
    signals.task_postrun.connect(_ending, weak=False, dispatch_uid="heka.postrun")
    for signal in (signals.worker_process_shutdown, signals.worker_shutdown):
        signal.connect(_worker_ending, weak=False, dispatch_uid="heka.shutdown")


class _Tasks:
    """The tasks that run now."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        #: Start, and what was bound before, of each task by its id.
        self._running: dict[str, tuple[float, Bound | None, Trace | None]] = {}

    def begin(self, task_id: str, task: Any) -> None:
        """Bind the fields of *task*."""
        before, before_trace = context_var.get(None), current_trace.get()
        if len(self._running) >= _MOST:
            self._running.pop(next(iter(self._running)))
        self._running[task_id] = perf_counter(), before, before_trace
        fields = {} if before is None else before.fields
        given = _header(task.request, _ID_HEADER)
        if request_id := read_request_id(given):
            fields["request_id"] = request_id
        trace = read_trace(_header(task.request, TRACEPARENT_HEADER))
        if trace is not None:
            fields["trace_id"], fields["parent_id"] = trace.trace_id, trace.parent_id
        span = current_span()
        if span is not None:
            fields["trace_id"], fields["span_id"], _ = span
        fields["task"] = task.name
        fields["task_id"] = task_id
        context_var.set(Bound(fields))
        current_trace.set(trace)

    def fail(self, task: Any, error: BaseException) -> None:
        """Send the exception of a task that fails."""
        if isinstance(error, Exception):
            self.recorder.report(error, f"task {getattr(task, 'name', '')}: {_FAILED.lower()}")

    def end(self, task_id: str, task: Any, state: object) -> None:
        """Send the message of *task*, and bind what was bound before."""
        started, before, before_trace = self._running.pop(task_id, (None, None, None))
        if started is None:
            return
        try:
            if task.name not in self.recorder.ignored:
                fields = {
                    "task": task.name,
                    "task_id": task_id,
                    "retries": int(getattr(task.request, "retries", 0) or 0),
                    "outcome": str(state or "unknown").lower(),
                    "duration": Field(perf_counter() - started, "s"),
                }
                self.recorder.send(TASK, ERROR if state == _FAILED else INFORMATIONAL, fields)
        finally:
            context_var.set(Bound({}) if before is None else before)
            current_trace.set(before_trace)


def _header(request: Any, name: str) -> object:
    """Return a header of a task's message."""
    value = getattr(request, name, None)
    if value is None:
        value = (getattr(request, "headers", None) or {}).get(name)
    return value


# ---- signals: what they raise, Celery logs -------------------------------------------------------


def _publishing(headers: Any = None, **more: object) -> None:
    """Pass the id and the trace of the request on to a task that is called."""
    if _tasks is None or type(headers) is not dict:
        return
    try:
        if request_id := read_request_id(bound().get("request_id")):
            headers.setdefault(_ID_HEADER, request_id)
        span, trace = current_span(), current_trace.get()
        if span is not None:
            headers.setdefault(TRACEPARENT_HEADER, "00-{}-{}-{}".format(*span))
        elif trace is not None:
            headers.setdefault(TRACEPARENT_HEADER, trace.header)
    except Exception as error:
        _tasks.recorder.failed(error)


def _beginning(task_id: Any = None, task: Any = None, **more: object) -> None:
    if _tasks is not None:
        try:
            _tasks.begin(task_id, task)
        except Exception as error:
            _tasks.recorder.failed(error)


def _failing(sender: Any = None, exception: Any = None, **more: object) -> None:
    if _tasks is not None and exception is not None:
        _tasks.fail(sender, exception)


def _ending(task_id: Any = None, task: Any = None, state: Any = None, **more: object) -> None:
    if _tasks is not None:
        try:
            _tasks.end(task_id, task, state)
        except Exception as error:
            _tasks.recorder.failed(error)


def _worker_ending(**more: object) -> None:
    flush_queues()

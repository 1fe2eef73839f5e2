"""Celery workers with processes: fields, messages, exceptions, retries, and their end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from integrations.support import APPS, PATIENCE, environment, values

pytest.importorskip("celery")
CALL = """
import sys, heka, celery_app as shop
from heka.integrations._recorder import current_trace
from heka.integrations._vocabulary import read_trace
if sys.argv[2]:
    current_trace.set(read_trace(sys.argv[2]))
with heka.context(request_id=sys.argv[1]):
    eval(sys.argv[3])
"""


class Worker:
    """A worker with two processes, and its broker."""

    def __init__(self, folder, to):
        self._log = folder / "log"
        broker = folder / "broker"
        broker.mkdir()
        ready = folder / "ready"
        self._environment = environment(to, BROKER=str(broker), READY=str(ready))
        with open(self._log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-c", "2"],
                cwd=APPS,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while not ready.exists():
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.05)

    def call(self, request_id, code, trace=""):
        subprocess.run(
            [sys.executable, "-c", CALL, request_id, trace, code],
            cwd=APPS,
            env=self._environment,
            check=True,
            timeout=PATIENCE,
        )

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def working(folder, to):
    worker = Worker(folder, to)
    try:
        yield worker
    finally:
        if worker.process.poll() is None:
            worker.end()


@pytest.fixture(scope="module")
def worker(receiver, tmp_path_factory):
    with working(tmp_path_factory.mktemp("celery"), receiver.to) as made:
        yield made


def test_a_task_has_its_message_and_its_fields_in_all_others(worker, receiver, new_id):
    one = new_id()

    worker.call(one, "shop.add.delay(1, 2)")

    inside, last = receiver.of(one, "inside", "celery.task")
    fields = values(last)
    assert 0 < fields.pop("duration") < 60
    task_id = fields.pop("task_id")
    assert fields == {"task": "add", "retries": 0, "outcome": "success", "request_id": one}
    assert last.fields["duration"].representation == "s"
    assert (last.severity, last.logger) == (6, "shop")
    assert values(inside) == {
        "task": "add",
        "task_id": task_id,
        "request_id": one,
        "pid": inside.pid,
    }
    assert inside.pid not in (worker.process.pid, os.getpid())


def test_a_task_that_fails_has_its_exception(worker, receiver, new_id):
    one = new_id()

    worker.call(one, "shop.fails.delay('7')")

    error, last = receiver.of(one, "oldstyle", "celery.task")
    assert error.severity == last.severity == 3
    assert error.payload.startswith("task fails: failure\nTraceback (most recent call last):")
    assert "in fails" in error.payload
    assert "hunter2" not in error.payload
    assert values(last)["outcome"] == "failure"


def test_each_retry_has_a_message(worker, receiver, new_id):
    one = new_id()

    worker.call(one, "shop.retries.delay()")

    def done(messages):
        found = [values(message) for message in messages if message.type == "celery.task"]
        found = [fields for fields in found if fields.get("request_id") == one]
        return [(fields["retries"], fields["outcome"]) for fields in found if len(found) == 3]

    assert receiver.wait_for(done) == [(0, "retry"), (1, "retry"), (2, "success")]
    assert not [m for m in receiver.of(one) if m.type == "oldstyle"]


def test_a_task_passes_request_and_trace_on_to_the_tasks_it_calls(worker, receiver, new_id):
    one = new_id()
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

    worker.call(one, "shop.calls.delay()", f"00-{trace}-{span}-01")

    (inside,) = [message for message in receiver.of(one, "inside") if message.type == "inside"]
    fields = values(inside)
    assert fields["task"] == "add"
    assert (fields["trace_id"], fields["parent_id"]) == (trace, span)


def test_an_ignored_task_has_its_fields_and_no_message(worker, receiver, new_id):
    one, two = new_id(), new_id()

    worker.call(one, "(shop.ignored.delay(), shop.add.delay(1, 2))")
    worker.call(two, "shop.add.delay(1, 2)")

    receiver.of(two, "celery.task")
    tasks = [values(m)["task"] for m in receiver.of(one, "celery.task") if m.type == "celery.task"]
    assert tasks == ["add"]


def test_200_tasks_have_one_message_each(worker, receiver, new_id):
    one = new_id()

    worker.call(one, "[shop.add.delay(number, 1) for number in range(200)]")

    def done(messages):
        found = [values(m) for m in messages if m.type in ("inside", "celery.task")]
        found = [fields["task_id"] for fields in found if fields.get("request_id") == one]
        return found if len(found) >= 400 else None

    found = receiver.wait_for(done, "400 messages")
    assert len(found) == 400
    assert len(set(found)) == 200


def test_what_is_queued_is_sent_when_sigterm_ends_the_worker(receiver, tmp_path, new_id):
    """In each of its processes, which run no exit handlers."""
    one = new_id()
    with working(tmp_path, receiver.to_at_end) as worker:
        worker.call(one, f"[shop.mark.delay({str(tmp_path)!r}, number) for number in range(20)]")
        deadline = time.monotonic() + PATIENCE
        while len(list(tmp_path.glob("marked-*"))) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert worker.end() == 0

    def count(messages):
        found = [m.type for m in messages if values(m).get("request_id") == one]
        return found.count("inside") == found.count("celery.task") == 20

    receiver.wait_for(count, "20 tasks")

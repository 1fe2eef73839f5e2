"""``@capture_stack`` reports exceptions that leave a function, and raises them again."""

from __future__ import annotations

import asyncio
import inspect
import sys

import pytest
from plugins.raven_support import event, fields, frames, message, messages, raven_client

from heka.client import HekaClient
from heka.holder import CLIENT_HOLDER
from heka.plugins.raven import capture_stack


@pytest.fixture
def client():
    """The default client of this process during a test."""
    before = CLIENT_HOLDER.default_client
    made = raven_client()
    CLIENT_HOLDER.set_client("raven-test", made)
    CLIENT_HOLDER.set_default_client_name("raven-test")
    yield made
    CLIENT_HOLDER.delete_client("raven-test")
    if before is not None:
        CLIENT_HOLDER.set_default_client_name(before.logger)


def divide(a, b):
    return a / b


def test_decorator_without_arguments(client):
    @capture_stack
    def share(total):
        return divide(total, 0)

    with pytest.raises(ZeroDivisionError):
        share(5)

    assert [frame["function"] for frame in frames(event(client))] == ["share", "divide"]
    assert frames(event(client))[-1]["vars"] == {"'a'": 5, "'b'": 0}
    assert message(client).severity == 3


def test_what_returns_is_not_reported(client):
    assert capture_stack(divide)(50, 2) == 25
    assert messages(client) == []


def test_severity_is_that_of_every_call(client):
    """heka-py-raven forgot it after the first call."""

    @capture_stack(severity=1, logger="payments", msg="no share")
    def share():
        divide(1, 0)

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            share()

    sent = [(one.severity, one.logger, fields(one)["msg"]) for one in messages(client)]
    assert sent == [(1, "payments", "no share")] * 3


def test_client_may_be_given():
    mine = raven_client()

    with pytest.raises(ZeroDivisionError):
        capture_stack(client=mine)(divide)(1, 0)

    assert message(mine).type == "sentry"


def test_client_name_may_be_given(client):
    with pytest.raises(ZeroDivisionError):
        capture_stack(client_name="raven-test")(divide)(1, 0)

    assert message(client).type == "sentry"


def test_client_without_the_plugin_reports_nothing():
    plain = HekaClient(None, "plain")

    with pytest.raises(ZeroDivisionError):
        capture_stack(client=plain)(divide)(1, 0)


def test_method(client):
    class Shop:
        @capture_stack
        def close(self):
            raise LookupError(type(self).__name__)

    with pytest.raises(LookupError):
        Shop().close()

    assert event(client)["message"] == "LookupError: Shop"


def test_coroutine(client):
    @capture_stack
    async def share():
        await asyncio.sleep(0)
        divide(1, 0)

    assert inspect.iscoroutinefunction(share)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(share())

    assert [frame["function"] for frame in frames(event(client))] == ["share", "divide"]


def test_generator(client):
    @capture_stack
    def shares():
        yield 1
        divide(1, 0)

    running = shares()
    assert next(running) == 1
    assert messages(client) == []
    with pytest.raises(ZeroDivisionError):
        next(running)

    assert [frame["function"] for frame in frames(event(client))] == ["shares", "divide"]


def test_asynchronous_generator(client):
    @capture_stack
    async def shares():
        yield 1
        divide(1, 0)

    async def use():
        return [one async for one in shares()]

    with pytest.raises(ZeroDivisionError):
        asyncio.run(use())

    assert [frame["function"] for frame in frames(event(client))] == ["shares", "divide"]


def test_generator_that_is_closed_is_not_reported(client):
    @capture_stack
    def shares():
        yield 1

    running = shares()
    next(running)
    running.close()

    assert messages(client) == []


def test_task_that_is_cancelled_is_not_reported(client):
    @capture_stack
    async def wait():
        await asyncio.sleep(60)

    async def use():
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(use())

    assert messages(client) == []


def test_same_exception_object_is_raised(client):
    error = ValueError("mine")

    @capture_stack
    def fail():
        raise error

    with pytest.raises(ValueError, match="mine") as caught:
        fail()

    assert caught.value is error


@pytest.mark.parametrize("code", [0, None, False], ids=repr)
def test_successful_exit_is_not_reported(client, code):
    @capture_stack
    def main():
        sys.exit(code)

    with pytest.raises(SystemExit):
        main()

    assert messages(client) == []


@pytest.mark.parametrize("code", [1, "no configuration", 0.0, True], ids=repr)
def test_failed_exit_is_reported(client, code):
    @capture_stack
    def main():
        sys.exit(code)

    with pytest.raises(SystemExit):
        main()

    assert len(messages(client)) == 1


@pytest.mark.parametrize("kind", ["generator", "coroutine"])
def test_successful_exit_of_what_runs_in_steps_is_not_reported(client, kind):
    @capture_stack
    def generator():
        yield 1
        sys.exit(0)

    @capture_stack
    async def coroutine():
        sys.exit(0)

    with pytest.raises(SystemExit):
        list(generator()) if kind == "generator" else coroutine().send(None)

    assert messages(client) == []


def test_greenlet_that_is_killed_is_not_reported(client):
    greenlet = pytest.importorskip("greenlet")

    @capture_stack
    def work():
        raise greenlet.GreenletExit

    with pytest.raises(greenlet.GreenletExit):
        work()

    assert messages(client) == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups are of Python 3.11")
@pytest.mark.parametrize(
    ("errors", "count"), [([SystemExit(0)], 0), ([SystemExit(0), OSError()], 1)]
)
def test_group_is_reported_if_one_in_it_is_an_error(client, errors, count):
    @capture_stack
    def main():
        raise BaseExceptionGroup("tasks", errors)  # noqa: F821

    with pytest.raises(BaseExceptionGroup):  # noqa: F821
        main()

    assert len(messages(client)) == count

"""Timers: nested, in threads and tasks, as decorators, sampled, disabled."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time

import pytest
from client.messages import Kept, kept_by

from heka.client import HekaClient


@pytest.fixture
def client():
    return HekaClient(Kept(), "tests")


def sent(client):
    """Return (name, ms) of each timer message."""
    return [(m.fields["name"][0], int(m.payload)) for m in kept_by(client).messages]


def test_block_is_timed_in_milliseconds(client):
    with client.timer("query") as timer:
        time.sleep(0.02)

    assert 20 <= timer.result < 2000
    assert sent(client) == [("query", timer.result)]


def test_result_is_none_while_it_runs(client):
    with client.timer("t") as timer:
        assert timer.result is None


def test_arguments_reach_the_message(client):
    with client.timer("t", "l", 3, {"a": 1}, 1.0):
        pass

    (message,) = kept_by(client).messages
    assert (message.type, message.logger, message.severity) == ("timer", "l", 3)
    assert message.fields == {"a": [1], "name": ["t"], "rate": [1.0]}


def test_nested_timers_of_one_name_do_not_clobber_each_other(client):
    with client.timer("t") as outer:
        time.sleep(0.02)
        with client.timer("t") as inner:
            pass

    assert outer.result >= 20 > inner.result


def test_one_timer_may_be_entered_again_while_it_runs(client):
    timer = client.timer("t")
    with timer:
        time.sleep(0.02)
        with timer:
            pass
        assert timer.result < 20

    assert timer.result >= 20


def test_wall_clock_does_not_matter(client, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)
    with client.timer("t") as timer:
        monkeypatch.setattr(time, "time", lambda: -5000.0)

    assert 0 <= timer.result < 2000


def test_exception_goes_through_and_is_timed(client):
    with pytest.raises(KeyError), client.timer("t"):
        raise KeyError

    assert [name for name, _ in sent(client)] == ["t"]


def test_one_timer_in_many_threads(client):
    timer = client.timer("t")
    inside = threading.Barrier(4)

    def work():
        with timer:
            inside.wait(10)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(sent(client)) == 4


def test_one_timer_whose_first_user_leaves_last(client):
    timer = client.timer("t")
    entered, leave = threading.Event(), threading.Event()
    results = []

    def work():
        with timer:
            entered.set()
            leave.wait(10)
        results.append(timer.result)

    thread = threading.Thread(target=work)
    thread.start()
    entered.wait(10)
    time.sleep(0.02)
    with timer, timer:
        pass
    assert timer.result < 20
    leave.set()
    thread.join()

    assert results[0] >= 20
    assert len(sent(client)) == 3


def test_one_timer_in_many_tasks(client):
    timer = client.timer("t")
    results = {}

    async def work(seconds):
        with timer:
            await asyncio.sleep(seconds)
        results[seconds] = timer.result

    async def main():
        await asyncio.gather(work(0.2), work(0.01))

    asyncio.run(main())

    assert results[0.2] >= 200 > results[0.01]


# --- decorators ---


def test_decorated_function_is_timed_in_each_call(client):
    @client.timer("t")
    def work(a, *, b=2):
        """Docstring."""
        return a + b

    assert sent(client) == []
    assert [work(1), work(1, b=3)] == [3, 4]
    assert len(sent(client)) == 2
    assert (work.__name__, work.__doc__) == ("work", "Docstring.")
    assert str(inspect.signature(work)) == "(a, *, b=2)"


def test_decorated_function_may_be_called_by_another_thread(client):
    @client.timer("t")
    def work():
        return 5

    answers = []
    thread = threading.Thread(target=lambda: answers.append(work()))
    thread.start()
    thread.join()

    assert answers == [5]
    assert len(sent(client)) == 1


def test_decorated_function_may_call_itself(client):
    @client.timer("t")
    def work(depth):
        return depth and work(depth - 1)

    work(3)

    assert len(sent(client)) == 4


def test_coroutine_is_timed_to_its_end(client):
    @client.timer("t")
    async def work():
        await asyncio.sleep(0.02)

    asyncio.run(work())

    ((_, elapsed),) = sent(client)
    assert elapsed >= 20


def test_generator_is_timed_to_its_end(client):
    @client.timer("t")
    def work():
        got = yield 1
        return got

    steps = work()
    assert next(steps) == 1
    assert sent(client) == []
    with pytest.raises(StopIteration) as stop:
        steps.send(7)
    assert stop.value.value == 7
    assert len(sent(client)) == 1


def test_async_generator_is_timed_to_its_end(client):
    @client.timer("t")
    async def work():
        yield 1
        yield 2

    async def main():
        return [item async for item in work()]

    assert asyncio.run(main()) == [1, 2]
    assert len(sent(client)) == 1


def test_async_generator_gets_what_is_sent_and_thrown(client):
    @client.timer("t")
    async def work():
        try:
            got = yield 1
            yield got
        except KeyError:
            yield "caught"

    async def main():
        steps = work()
        answers = [await steps.asend(None), await steps.asend(5), await steps.athrow(KeyError())]
        await steps.aclose()
        return answers

    assert asyncio.run(main()) == [1, 5, "caught"]
    assert len(sent(client)) == 1


def test_what_is_not_callable_cannot_be_decorated(client):
    with pytest.raises(ValueError, match="callables, not int"):
        client.timer("t")(5)


def test_decorator_is_sampled_in_each_call(client):
    @client.timer("t", rate=0.25)
    def work():
        pass

    for _ in range(2000):
        work()

    assert 350 < len(sent(client)) < 650


def test_timer_left_out_by_its_rate_has_no_result(client):
    with client.timer("t", rate=0.0) as timer:
        pass

    assert timer.result is None
    assert sent(client) == []


def test_bad_fields_do_not_reach_the_timed_code(client):
    """A block's own outcome is what counts."""
    with client.timer("t", fields={"a": None}):
        pass

    assert kept_by(client).messages[0].fields["a"] == ["None"]


# --- disabled ---


@pytest.mark.parametrize("disabled", ["t", "*", ["t", "u"], {"*"}])
def test_disabled_timer_sends_nothing(disabled):
    client = HekaClient(Kept(), "tests", disabled_timers=disabled)

    def work():
        pass

    with client.timer("t") as timer:
        assert timer.result is None
    assert timer.result is None
    assert client.timer("t")(work) is work
    assert sent(client) == []


def test_timers_are_disabled_and_enabled_as_the_set_says(client):
    client._disabled_timers.add("t")
    with client.timer("t"), client.timer("u"):
        pass
    client._disabled_timers.remove("t")
    with client.timer("t"):
        pass

    assert [name for name, _ in sent(client)] == ["u", "t"]

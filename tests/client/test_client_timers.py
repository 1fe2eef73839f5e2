"""Timers: nested, in threads and tasks, as decorators, sampled, disabled."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from client.messages import Kept, kept_by

from heka.client import HekaClient


def sent(client):
    """Return (name, ms) of each timer message."""
    return [(m.fields["name"][0], int(m.payload)) for m in kept_by(client).messages]


def run_in_threads(*calls):
    """Run each call in a thread of its own, all at once; raise what one of them raises."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(30) for future in [pool.submit(call) for call in calls]]


def test_block_is_timed_in_whole_milliseconds(client):
    with client.timer("query") as timer:
        time.sleep(0.02)

    assert type(timer.result) is int
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


def test_nested_timers_of_one_name_keep_their_own_times_and_arguments(client):
    with client.timer("t", fields={"which": "outer"}) as outer:
        time.sleep(0.02)
        with client.timer("t", fields={"which": "inner"}) as inner:
            pass
        time.sleep(0.02)

    assert outer.result >= 40
    assert inner.result < 20
    assert [(m.fields["which"], m.payload) for m in kept_by(client).messages] == [
        (["inner"], str(inner.result)),
        (["outer"], str(outer.result)),
    ]


def test_one_timer_may_be_entered_again_while_it_runs(client):
    timer = client.timer("t")
    with timer:
        time.sleep(0.02)
        with timer:
            pass
        assert timer.result < 20

    assert timer.result >= 20


def test_setting_the_wall_clock_does_not_change_the_result(client, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)
    with client.timer("t") as timer:
        monkeypatch.setattr(time, "time", lambda: -5000.0)

    assert 0 <= timer.result < 2000


def test_block_that_raises_is_timed_and_the_exception_passes(client):
    with pytest.raises(KeyError), client.timer("t"):
        raise KeyError

    assert [name for name, _ in sent(client)] == ["t"]


def test_one_timer_in_many_threads(client):
    timer = client.timer("t")
    inside = threading.Barrier(4)

    def work():
        with timer:
            inside.wait(10)

    run_in_threads(*[work] * 4)

    assert len(sent(client)) == 4


def test_timers_of_one_name_in_two_threads_keep_their_own_results(client):
    inside = threading.Barrier(2)

    def work(seconds):
        with client.timer("t") as timer:
            inside.wait(10)
            time.sleep(seconds)
        inside.wait(10)
        return timer.result

    short, long = run_in_threads(lambda: work(0.0), lambda: work(0.08))

    assert long >= 80
    assert {elapsed for _, elapsed in sent(client)} == {short, long}


def test_one_timer_whose_first_user_leaves_first(client):
    """The first user's start is not replaced by that of a second user who enters later."""
    timer = client.timer("t")
    entered, leave = threading.Event(), threading.Event()

    def second():
        with timer:
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=second)
    with timer:
        time.sleep(0.04)
        thread.start()
        entered.wait(30)
    leave.set()
    thread.join(30)

    assert sent(client)[0][1] >= 40


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


def test_calls_of_a_decorated_function_in_threads_are_timed_separately(client):
    inside = threading.Barrier(4)

    @client.timer("t")
    def work(seconds):
        inside.wait(10)
        time.sleep(seconds)
        return seconds

    steps = [0.0, 0.02, 0.04, 0.06]

    assert run_in_threads(*[functools.partial(work, step) for step in steps]) == steps
    times = sorted(elapsed for _, elapsed in sent(client))
    assert len(times) == 4
    assert times[3] >= 60


def test_recursive_decorated_function_is_timed_at_each_level(client):
    @client.timer("t")
    def work(depth):
        time.sleep(0.01)
        return depth and work(depth - 1)

    work(2)

    times = [elapsed for _, elapsed in sent(client)]
    assert len(times) == 3
    assert times[2] >= 30
    assert times == sorted(times)


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


@pytest.mark.parametrize("what", [5, "foo", None])
def test_object_that_is_not_callable_cannot_be_decorated(client, what):
    with pytest.raises(ValueError, match=f"callables, not {type(what).__name__}"):
        client.timer("t")(what)


def test_each_call_of_a_decorated_function_is_sampled(client):
    @client.timer("t", rate=0.25)
    def work():
        return 7

    assert {work() for _ in range(2000)} == {7}

    assert 350 < len(sent(client)) < 650
    assert {m.fields["rate"][0] for m in kept_by(client).messages} == {0.25}


def test_timer_that_is_not_sampled_has_no_result(client):
    with client.timer("t", rate=0.0) as timer:
        pass

    assert timer.result is None
    assert sent(client) == []


def test_field_without_a_type_does_not_raise_in_the_timed_block(client):
    client.bad_values = "raise"
    with client.timer("t", fields={"a": None, "b": 1j}):
        pass

    fields = kept_by(client).messages[0].fields
    assert (fields.get("a"), fields["b"]) == (None, ["1j"])


# --- disabled ---


@pytest.mark.parametrize("disabled", ["t", "*", ["t", "u"], ("t", "u"), {"*"}])
def test_timer_disabled_at_construction_sends_nothing_and_has_no_result(disabled):
    client = HekaClient(Kept(), "tests", disabled_timers=disabled)

    def work():
        pass

    with client.timer("t") as timer:
        assert timer.result is None
    assert timer.result is None
    assert client.timer("t")(work) is work
    assert sent(client) == []


@pytest.mark.parametrize(("disabled", "names"), [("t", ["u", "t"]), ("*", ["t"])])
def test_changing_the_set_of_disabled_timers_takes_effect_at_once(client, disabled, names):
    client._disabled_timers.add(disabled)
    with client.timer("t") as off, client.timer("u"):
        pass
    client._disabled_timers.remove(disabled)
    with client.timer("t") as on:
        pass

    assert [name for name, _ in sent(client)] == names
    assert (off.result, on.result is None) == (None, False)


def test_timer_send_ignores_disabled_timers(client):
    client._disabled_timers.add("*")
    client.timer_send("t", 5)

    assert sent(client) == [("t", 5)]


def test_timed_static_method_stays_one(client):
    class Shop:
        @client.timer("shop.tax")
        @staticmethod
        def tax(price=100):
            """Return the tax."""
            return price // 5

    assert isinstance(vars(Shop)["tax"], staticmethod)
    assert (Shop.tax(), Shop().tax(50)) == (20, 10)
    assert (Shop.tax.__name__, Shop.tax.__doc__) == ("tax", "Return the tax.")
    assert [name for name, _ in sent(client)] == ["shop.tax"] * 2


def test_timed_static_coroutine_stays_one(client):
    class Shop:
        @client.timer("shop.tax")
        @staticmethod
        async def tax(price=100):
            return price // 5

    assert asyncio.run(Shop().tax()) == 20
    assert len(sent(client)) == 1

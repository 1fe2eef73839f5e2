"""Timers of the old client: nested, in threads, as decorators, disabled and sampled."""

from __future__ import annotations

import threading
import time

import pytest
from compat.support import capturing, message, messages

from heka.client import HekaClient
from heka.message import first_value

NAP = 0.02  # seconds that is slept where a duration is looked at
NAP_MS = 20


@pytest.fixture
def client() -> HekaClient:
    return capturing()


def test_a_block_is_timed_in_whole_milliseconds(client):
    with client.timer("block") as timer:
        time.sleep(NAP)

    sent = message(client)
    assert type(timer.result) is int
    assert timer.result >= NAP_MS
    assert (sent.type, sent.payload) == ("timer", str(timer.result))
    assert sent.fields == {"name": ["block"], "rate": [1.0]}


def test_a_function_is_timed_at_each_call_and_stays_itself(client):
    @client.timer("calls")
    def add(x, y=1):
        """Add."""
        return x + y

    assert messages(client) == []
    assert [add(1), add(2, y=3)] == [2, 5]

    assert [first_value(sent, "name") for sent in messages(client)] == ["calls", "calls"]
    assert (add.__name__, add.__doc__) == ("add", "Add.")


def test_logger_severity_and_fields_are_sent(client):
    with client.timer("n", "other", 3, {"extra": 1}):
        pass

    sent = message(client)
    assert (sent.logger, sent.severity) == ("other", 3)
    assert first_value(sent, "extra") == 1


def test_an_exception_passes_and_the_time_is_sent(client):
    with pytest.raises(KeyError), client.timer("n"):
        raise KeyError("x")

    assert message(client).type == "timer"


@pytest.mark.parametrize("what", ["foo", 5, None])
def test_only_callables_can_be_decorated(client, what):
    with pytest.raises((ValueError, TypeError)):
        client.timer("n")(what)


# ---- what the old timers got wrong --------------------------------------------------------------


def test_nested_timers_of_one_name_keep_their_own_times(client):
    with client.timer("n") as outer:
        time.sleep(NAP)
        with client.timer("n") as inner:
            pass
        time.sleep(NAP)

    assert outer.result >= 2 * NAP_MS
    assert inner.result < outer.result
    assert [int(sent.payload) for sent in messages(client)] == [inner.result, outer.result]


def test_timers_of_one_name_keep_their_own_arguments(client):
    with client.timer("n", fields={"which": "outer"}), client.timer("n", fields={"which": "inner"}):
        pass

    assert [first_value(sent, "which") for sent in messages(client)] == ["inner", "outer"]


def test_one_timer_object_may_be_entered_again(client):
    timer = client.timer("n")
    with timer:
        time.sleep(NAP)
        with timer:
            pass

    inner, outer = (int(sent.payload) for sent in messages(client))
    assert outer >= NAP_MS
    assert inner <= outer


def test_a_recursive_function_is_timed_at_each_level(client):
    @client.timer("n")
    def descend(levels):
        time.sleep(NAP / 2)
        if levels:
            descend(levels - 1)

    descend(2)

    times = [int(sent.payload) for sent in messages(client)]
    assert len(times) == 3
    assert times[2] >= 3 * NAP_MS // 2
    assert times == sorted(times)


def test_a_decorated_function_may_be_called_from_any_thread(client):
    failures = []
    together = threading.Barrier(4)

    @client.timer("n")
    def work(seconds):
        together.wait(10)
        time.sleep(seconds)

    def call(seconds):
        try:
            work(seconds)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=call, args=(step * NAP,)) for step in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    times = sorted(int(sent.payload) for sent in messages(client))
    assert failures == []
    assert len(times) == 4
    assert times[3] >= 3 * NAP_MS


def test_results_of_threads_do_not_mix(client):
    """Each thread sees the time of its own block, though the name is the same."""
    results = {}
    together = threading.Barrier(2)

    def block(key, seconds):
        with client.timer("n") as timer:
            together.wait(10)
            time.sleep(seconds)
        together.wait(10)
        results[key] = timer.result

    threads = [
        threading.Thread(target=block, args=("short", 0.0)),
        threading.Thread(target=block, args=("long", 4 * NAP)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert results["long"] >= 4 * NAP_MS
    assert {int(sent.payload) for sent in messages(client)} == set(results.values())


def test_one_timer_object_may_be_used_by_two_threads(client):
    """The second one starts later; the first does not take its start."""
    timer = client.timer("n")
    entered, left = threading.Event(), threading.Event()

    def second():
        with timer:
            entered.set()
            left.wait(30)

    thread = threading.Thread(target=second)
    with timer:
        time.sleep(2 * NAP)
        thread.start()
        entered.wait(30)
    left.set()
    thread.join(30)

    first, _ = (int(sent.payload) for sent in messages(client))
    assert first >= 2 * NAP_MS


def test_a_decorator_is_sampled_at_each_call(client):
    """The old one was sampled once, when it decorated: all calls were sent, or none."""

    @client.timer("n", rate=0.5)
    def work():
        return 7

    assert {work() for _ in range(400)} == {7}

    sent = messages(client)
    assert 0 < len(sent) < 400  # otherwise by chance once in 2**399
    assert {first_value(one, "rate") for one in sent} == {0.5}


def test_a_clock_that_is_set_back_does_not_matter(client, monkeypatch):
    hours = iter(range(1_000_000, 0, -3600))
    with client.timer("n") as timer:
        monkeypatch.setattr(time, "time", lambda: next(hours))
        time.sleep(NAP)

    assert NAP_MS <= timer.result < 60_000


# ---- disabled -----------------------------------------------------------------------------------


@pytest.mark.parametrize("disabled", ["n", "*"])
def test_a_disabled_timer_sends_nothing_and_has_no_result(client, disabled):
    client._disabled_timers.add(disabled)
    with client.timer("n") as timer:
        pass
    assert timer.result is None
    assert messages(client) == []

    client._disabled_timers.remove(disabled)
    with client.timer("n") as timer:
        pass
    assert timer.result is not None
    assert len(messages(client)) == 1


@pytest.mark.parametrize("disabled", ["n", "*"])
def test_a_function_decorated_by_a_disabled_timer_works(client, disabled):
    client._disabled_timers.add(disabled)

    @client.timer("n")
    def work():
        return 7

    assert work() == 7
    assert messages(client) == []


def test_other_timers_are_not_disabled(client):
    client._disabled_timers.add("n")

    with client.timer("another"):
        pass

    assert first_value(message(client), "name") == "another"


@pytest.mark.parametrize(
    "disabled",
    ["slow", ["slow"], ("slow", "other"), {"slow"}],
    ids=["text", "list", "tuple", "set"],
)
def test_timers_may_be_disabled_at_construction(disabled):
    client = capturing(disabled_timers=disabled)

    with client.timer("slow"):
        pass

    assert "slow" in client._disabled_timers
    assert messages(client) == []


def test_timer_send_is_not_disabled(client):
    """It only sends: the name is that of a measurement somebody else has taken."""
    client._disabled_timers.add("*")

    client.timer_send("n", 5)

    assert message(client).payload == "5"

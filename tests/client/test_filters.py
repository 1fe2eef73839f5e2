"""Filters: which messages each admits, its arguments, threads and processes."""

from __future__ import annotations

import os
import random
import sys
import threading

import pytest
from delivery.support import run_threads

import heka
from heka import filters
from heka.exceptions import ConfigError


class Clock:
    """A clock in seconds that the test advances."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def sent(one, count, type="t", severity=6):
    return sum(one.admits(type, severity) for _ in range(count))


# ---- the four of old -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "config", "admitted"),
    [
        pytest.param("severity_max", {"severity": 3}, {("foo", 3), ("bar", 3)}, id="severity"),
        pytest.param("severity_max", {"severity": "3"}, {("foo", 3), ("bar", 3)}, id="as-text"),
        pytest.param("type_blacklist", {"types": {"foo"}}, {("bar", 3), ("bar", 6)}, id="black"),
        pytest.param("type_whitelist", {"types": ["foo"]}, {("foo", 3), ("foo", 6)}, id="white"),
        pytest.param("type_whitelist", {"types": "foo"}, {("foo", 3), ("foo", 6)}, id="one"),
        pytest.param("type_whitelist", {"types": []}, set(), id="white-nothing"),
        pytest.param(
            "type_severity_max",
            {"types": {"foo": {"severity": 5}}},
            {("foo", 3), ("bar", 3), ("bar", 6)},
            id="type-severity",
        ),
        pytest.param(
            "type_severity_max",
            {"types": {"foo": 5, "bar": "2"}},
            {("foo", 3)},
            id="type-severity-short",
        ),
    ],
)
def test_which_types_and_severities_each_filter_admits(provider, config, admitted):
    one = getattr(filters, f"{provider}_provider")(**config)
    asked = [(type, severity) for type in ("foo", "bar") for severity in (3, 6)]

    assert {pair for pair in asked if one.admits(*pair)} == admitted
    assert {pair for pair in asked if one(heka.Message(pair[0], severity=pair[1]))} == admitted
    assert (one.__name__, one.func_name, one.stateful) == (provider, provider, False)


def test_types_given_as_one_text_are_one_type():
    """heka-py 0.30 tested ``'fo' in 'foo'``."""
    assert not filters.type_whitelist_provider("foo").admits("fo", 6)


def test_configuration_is_neither_changed_nor_kept():
    config = {"foo": {"severity": 3}}
    types = ["foo"]
    one = filters.type_severity_max_provider(config)
    other = filters.type_blacklist_provider(types)

    assert (config, types) == ({"foo": {"severity": 3}}, ["foo"])
    config["foo"]["severity"] = 7
    types.clear()
    assert not one.admits("foo", 4)
    assert not other.admits("foo", 4)


def test_attributes_that_a_client_reads():
    assert filters.SeverityMax(3).severity == 3
    assert filters.TypeBlacklist(["a", "b"]).types == frozenset("ab")
    assert filters.TypeWhitelist(["a"]).types == frozenset("a")
    assert filters.TypeSeverityMax({"a": {"severity": 3}}).levels == {"a": 3}
    assert filters.rate_limit_provider(5).stateful


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (filters.SeverityMax(3), "SeverityMax(3)"),
        (filters.TypeBlacklist("a"), "TypeBlacklist(['a'])"),
        (filters.TypeSeverityMax({"a": 3}), "TypeSeverityMax({'a': 3})"),
    ],
)
def test_repr_is_the_constructor_call(one, text):
    assert repr(one) == text


# ---- rate limit ----------------------------------------------------------------------------------


def test_a_burst_then_the_rate():
    clock = Clock()
    one = filters.RateLimit(10, burst=3, clock=clock)

    assert sent(one, 5) == 3
    clock.now += 0.1
    assert sent(one, 5) == 1
    clock.now += 0.25
    assert sent(one, 5) == 2
    clock.now += 60
    assert sent(one, 5) == 3
    assert one.dropped == 2 + 4 + 3 + 2


def test_the_burst_is_a_seconds_worth():
    clock = Clock()

    assert sent(filters.RateLimit(20, clock=clock), 100) == 20
    assert sent(filters.RateLimit(100, per=60, clock=clock), 1000) == 100
    assert sent(filters.RateLimit(0.5, clock=clock), 100) == 1


@pytest.mark.parametrize("rate", [1, 3, 7, 10, 1000, 0.3])
def test_over_a_long_time_the_rate_is_kept(rate):
    """Called at ten times the rate, for 1000 intervals."""
    clock = Clock()
    one = filters.RateLimit(rate, burst=1, clock=clock)
    total = 0
    for step in range(10_000):
        clock.now = 1000.0 + step / (10 * rate)
        total += one.admits("t", 6)

    assert total in (1000, 999)  # the clock itself is rounded


def test_each_type_has_its_own_limit():
    one = filters.RateLimit(1, burst=2, clock=Clock())

    assert (sent(one, 9, "a"), sent(one, 9, "b")) == (2, 2)


def test_all_types_together():
    one = filters.RateLimit(1, burst=2, by_type=False, clock=Clock())

    assert (sent(one, 1, "a"), sent(one, 9, "b")) == (1, 1)


def test_only_some_types_and_severities_are_limited():
    one = filters.RateLimit(1, types=["a"], exempt_severity=3, clock=Clock())

    assert sent(one, 9, "b") == 9
    assert sent(one, 9, "a", severity=3) == 9
    assert sent(one, 9, "a", severity=4) == 1
    assert one.dropped == 8


def test_a_clock_that_does_not_advance_admits_the_burst_only():
    one = filters.RateLimit(1e9, burst=1, clock=Clock())

    assert sent(one, 9) == 1


def test_memory_is_bounded_for_any_number_of_types():
    clock = Clock()
    one = filters.RateLimit(1, clock=clock)
    size = sys.getsizeof(one._due)
    for number in range(5000):
        one.admits(f"t{number}", 6)

    assert len(one._due) == 1024
    assert sys.getsizeof(one._due) < size + 200_000
    assert not one.admits("t4999", 6)  # those that were asked for last are remembered


def test_threads_together_get_no_more_than_the_limit():
    one = filters.RateLimit(1, burst=500, clock=Clock())

    totals = run_threads(4, lambda index: sent(one, 1000))

    assert sum(totals) == 500
    assert one.dropped == 3500


def test_only_one_thread_at_a_time_computes_the_limit():
    """No other thread reads the budget between a thread's read and write of it."""
    inside, most = [], []

    def clock():
        inside.append(1)
        most.append(len(inside))
        threading.Event().wait(0.001)
        inside.pop()
        return 1000.0

    one = filters.RateLimit(1, burst=20, clock=clock)

    assert sum(run_threads(4, lambda index: sent(one, 10))) == 20
    assert set(most) == {1}


def test_the_real_clock_is_monotonic_time():
    one = filters.rate_limit_provider(rate=1, per=3600)

    assert sent(one, 3) == 1
    assert one(heka.Message("t", severity=6)) is False


# ---- sampling ------------------------------------------------------------------------------------


def test_each_number_below_the_rate_is_sent():
    numbers = iter([0.0, 0.24, 0.25, 0.9])
    one = filters.Sample(0.25, random=lambda: next(numbers))

    assert [one.admits("t", 6) for _ in range(4)] == [True, True, False, False]
    assert one.dropped == 2
    assert one.rate == 0.25


@pytest.mark.parametrize(("rate", "count"), [(0, 0), ("1", 50), (1.0, 50)])
def test_rate_zero_admits_none_and_rate_one_admits_all(rate, count):
    assert sent(filters.sample_provider(rate), 50) == count


def test_about_as_many_as_the_rate():
    """Six standard deviations of 10,000 throws: one run in 10**9 fails."""
    assert abs(sent(filters.Sample(0.5), 10_000) - 5000) < 300


def test_only_some_types_and_severities_are_sampled():
    one = filters.Sample(0, types="a", exempt_severity="2")

    assert (sent(one, 5, "b"), sent(one, 5, "a", 2), sent(one, 5, "a", 3)) == (5, 5, 0)


def test_sample_does_not_use_the_programs_random_generator():
    random.seed(5)
    expected = [random.random() for _ in range(3)]
    random.seed(5)

    sent(filters.Sample(0.5), 10)

    assert [random.random() for _ in range(3)] == expected


# ---- processes -----------------------------------------------------------------------------------


def in_child(work):
    """Return the result of ``work()`` in a forked child, as text."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of 3.12
def test_a_forked_child_draws_different_random_numbers():
    one = filters.Sample(0.5)

    def draw():
        return [one.admits("t", 6) for _ in range(100)]

    childs = in_child(draw)

    assert childs != str(draw())
    assert childs.count(",") == 99


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of 3.12
def test_a_lock_held_during_a_fork_does_not_block_the_child():
    """A thread holds the filter's lock while the process forks."""
    entered, go_on = threading.Event(), threading.Event()
    here = os.getpid()

    def clock():
        if os.getpid() == here:
            entered.set()
            go_on.wait(30)
        return 1000.0

    one = filters.RateLimit(1, clock=clock)
    thread = threading.Thread(target=one.admits, args=("t", 6))
    thread.start()
    assert entered.wait(30)
    try:
        assert in_child(lambda: (sent(one, 3), one.dropped)) == "(1, 2)"
    finally:
        go_on.set()
        thread.join()


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "config", "said"),
    [
        pytest.param(
            "severity_max",
            (8,),
            r"severity: expected a severity from 0 .* to 7 .*, or a name \(.*\), got 8",
            id="8",
        ),
        pytest.param("severity_max", (-1,), "severity: expected .* got -1", id="negative"),
        pytest.param("severity_max", ("high",), "severity: .* got 'high'", id="word"),
        pytest.param("severity_max", (True,), "severity: .* got True", id="bool"),
        pytest.param("severity_max", (3.0,), r"severity: .* got 3\.0", id="float"),
        pytest.param("type_blacklist", (5,), "types: expected a message type or", id="types-int"),
        pytest.param("type_blacklist", (b"a",), "types: expected a message type", id="types-bytes"),
        pytest.param("type_whitelist", (["a", 5],), "types as text, got 5", id="type-int"),
        pytest.param("type_whitelist", (None,), "types: .* got None", id="types-none"),
        pytest.param("type_severity_max", (["a"],), "types: expected {type: ", id="no-mapping"),
        pytest.param(
            "type_severity_max", ({"a": {"max": 3}},), r"types\['a'\]: expected", id="other-key"
        ),
        pytest.param(
            "type_severity_max",
            ({"a": {"severity": 9}},),
            r"types\['a'\]\['severity'\]: expected a severity from 0 .* to 7 .*, got 9",
            id="level-9",
        ),
        pytest.param("type_severity_max", ({5: 3},), "types: .* got 5", id="key-int"),
        pytest.param("rate_limit", (0,), "rate: expected a number of messages, more", id="rate-0"),
        pytest.param("rate_limit", ("fast",), "rate: .* got 'fast'", id="rate-word"),
        pytest.param("rate_limit", (float("nan"),), "rate: .* got nan", id="rate-nan"),
        pytest.param("rate_limit", (float("inf"),), "rate: .* got inf", id="rate-inf"),
        pytest.param("rate_limit", (True,), "rate: .* got True", id="rate-bool"),
        pytest.param("rate_limit", (1, -1), "per: expected seconds, more than 0", id="per"),
        pytest.param("rate_limit", (1, 1, 0), "burst: expected a whole number, 1", id="burst-0"),
        pytest.param("rate_limit", (1, 1, 1.5), r"burst: .* got 1\.5", id="burst-float"),
        pytest.param("rate_limit", (1, 1, 1, 5), "types: expected", id="limit-types"),
        pytest.param("rate_limit", (1, 1, 1, None, 9), "exempt_severity: expected", id="exempt"),
        pytest.param(
            "rate_limit", (1, 1, 1, None, None, 2), "by_type: expected true or", id="by-type"
        ),
        pytest.param("sample", (1.1,), r"rate: expected a probability from 0 to 1", id="above-1"),
        pytest.param("sample", (-0.1,), "rate: expected a probability", id="below-0"),
        pytest.param("sample", (None,), "rate: .* got None", id="none"),
    ],
)
def test_what_makes_no_sense_is_refused(provider, config, said):
    with pytest.raises(ConfigError, match=said):
        getattr(filters, f"{provider}_provider")(*config)

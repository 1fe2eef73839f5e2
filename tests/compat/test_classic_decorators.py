"""Decorators of the old client, evaluated before any client is configured."""

from __future__ import annotations

import os
import socket

import pytest
from compat.support import capturing, message, messages

from heka.decorators import HekaDecorator, incr_count, timeit
from heka.holder import CLIENT_HOLDER
from heka.message import first_value


@timeit
def timed_add(x, y):
    """Decorated when the module is imported."""
    return x + y


@pytest.fixture
def client(monkeypatch):
    """The default client, configured after ``timed_add`` was decorated."""
    monkeypatch.setattr(CLIENT_HOLDER, "_clients", {})
    monkeypatch.setattr(CLIENT_HOLDER, "_default_clientname", None)
    made = capturing()
    CLIENT_HOLDER.set_client("_decorator_test", made)
    return made


def names(sent) -> list[tuple[str, str]]:
    """Type and name of each message."""
    return [(one.type, first_value(one, "name")) for one in sent]


def test_a_function_of_a_module_is_timed_by_its_full_name(client):
    assert [timed_add(3, 4), timed_add(4, 5)] == [7, 9]

    assert names(messages(client)) == [("timer", f"{__name__}.timed_add")] * 2


def test_without_a_client_a_decorated_function_is_only_called(monkeypatch):
    monkeypatch.setattr(CLIENT_HOLDER, "_clients", {})
    monkeypatch.setattr(CLIENT_HOLDER, "_default_clientname", None)

    assert timed_add(3, 4) == 7


def test_the_next_default_client_is_used(client):
    timed_add(1, 2)
    another = capturing()
    CLIENT_HOLDER.set_client("another", another)
    CLIENT_HOLDER.set_default_client_name("another")

    timed_add(1, 2)

    assert [len(messages(one)) for one in (client, another)] == [1, 1]


def test_a_name_may_be_given(client):
    @timeit("different.timer.name")
    def timed(x, y):
        return x + y

    assert timed(3, 5) == 8
    assert names(messages(client)) == [("timer", "different.timer.name")]


def test_the_inner_decorator_tells_first(client):
    @incr_count
    @timeit
    def ordering_1(x, y):
        return x + y

    @timeit
    @incr_count
    def ordering_2(x, y):
        return x + y

    assert [ordering_1(5, 6), ordering_2(5, 6)] == [11, 11]

    assert names(messages(client)) == [
        ("timer", f"{__name__}.ordering_1"),
        ("counter", f"{__name__}.ordering_1"),
        ("counter", f"{__name__}.ordering_2"),
        ("timer", f"{__name__}.ordering_2"),
    ]


def test_methods_keep_their_self_and_their_names(client):
    class Stub:
        def __init__(self, value):
            self.value = value

        @incr_count
        @timeit
        def get_value(self):
            return self.value

        @timeit
        def get_other(self):
            return -self.value

    one, two = Stub(7), Stub(8)

    assert [one.get_value(), two.get_value(), one.get_other(), two.get_other()] == [7, 8, -7, -8]
    assert names(messages(client)) == [
        ("timer", f"{__name__}.get_value"),
        ("counter", f"{__name__}.get_value"),
        ("timer", f"{__name__}.get_value"),
        ("counter", f"{__name__}.get_value"),
        ("timer", f"{__name__}.get_other"),
        ("timer", f"{__name__}.get_other"),
    ]


def test_incr_count_takes_the_arguments_of_incr(client):
    @incr_count(name="qdo.foo", count=5, logger="somelogger", severity=2)
    def simple(x, y):
        return x + y

    assert simple(5, 6) == 11

    sent = message(client)
    assert (sent.type, sent.payload) == ("counter", "5")
    assert (sent.logger, sent.severity) == ("somelogger", 2)
    assert sent.fields == {"name": ["qdo.foo"], "rate": [1.0]}
    assert (sent.pid, sent.hostname) == (os.getpid(), socket.gethostname())


def test_timeit_takes_the_arguments_of_timer(client):
    """A rate above 1 is sent as it is, as it always was."""
    fields = {"anumber": 42, "atext": "foo"}

    @timeit(name="qdo.timeit", logger="timeit_logger", severity=5, fields=fields, rate=7)
    def simple(x, y):
        return x + y

    simple(5, 6)

    sent = message(client)
    assert (sent.type, sent.logger, sent.severity) == ("timer", "timeit_logger", 5)
    assert {name: list(values) for name, values in sent.fields.items()} == {
        "anumber": [42],
        "atext": ["foo"],
        "name": ["qdo.timeit"],
        "rate": [7.0],
    }
    assert fields == {"anumber": 42, "atext": "foo"}


@pytest.mark.parametrize("decorator", [incr_count, timeit])
def test_an_argument_that_there_is_not_is_a_type_error(decorator):
    """Where the decorator stands; the old ones raised at the first call."""
    with pytest.raises(TypeError, match="bad_arg"):
        decorator(name="qdo.foo", bad_arg=42)


@pytest.mark.parametrize("disabled", ["simple", "*"])
def test_a_timer_is_disabled_by_name_at_any_time(client, disabled):
    @timeit
    def simple():
        return 1

    @timeit
    def simple2():
        return 2

    client._disabled_timers = {f"{__name__}.simple" if disabled == "simple" else "*"}
    assert [simple(), simple2()] == [1, 2]
    assert [name for _, name in names(messages(client))] == (
        [f"{__name__}.simple2"] if disabled == "simple" else []
    )

    client._disabled_timers = set()
    simple()
    assert len(messages(client)) == 1


def test_what_a_function_raises_goes_to_its_caller_and_is_told(client):
    @timeit
    @incr_count
    def fails():
        raise KeyError("x")

    with pytest.raises(KeyError):
        fails()

    assert [sent.type for sent in messages(client)] == ["counter", "timer"]


def test_a_decorator_of_the_program_asks_its_predicate_at_each_call(client):
    class Announced(HekaDecorator):
        wanted = True

        def predicate(self):
            return self.wanted

        def heka_call(self, *args, **kwargs):
            self.client.heka("call", payload=self._fn_fq_name)
            return self._invoke(*args, **kwargs)

    @Announced
    def work(x):
        return x

    assert [work(1), work(2)] == [1, 2]
    Announced.wanted = False
    assert work(3) == 3

    assert [sent.payload for sent in messages(client)] == [f"{__name__}.work"] * 2

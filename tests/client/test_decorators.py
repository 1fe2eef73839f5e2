"""timeit, incr_count and derived decorators: the messages they send, and to which client."""

from __future__ import annotations

import functools

import pytest
from client.decorating import BOTH, default_client, empty_holder, told
from client.messages import Kept, kept_by

from heka.client import HekaClient
from heka.decorators import HekaDecorator, incr_count, timeit
from heka.holder import CLIENT_HOLDER

HERE = __name__


@pytest.fixture
def client(monkeypatch):
    return default_client(monkeypatch)


@timeit
def timed_add(x: int, y: int = 2) -> int:
    """Add two numbers."""
    return x + y


# ---- what is told --------------------------------------------------------------------------------


def test_call_is_timed_under_module_and_name(client):
    assert timed_add(3, 4) == 7
    assert [row[:2] for row in told(client)] == [("timer", f"{HERE}.timed_add")]


@pytest.mark.parametrize(
    ("ns", "payload"), [(0, "0"), (499_999, "0"), (1_500_001, "2"), (61_000_000_000, "61000")]
)
def test_time_is_in_whole_milliseconds(client, clock, ns, payload):
    timeit("n")(clock.go_on)(ns)

    assert told(client) == [("timer", "n", payload)]


def test_call_is_counted(client):
    @incr_count
    def counted(x):
        return x

    assert counted(1) == 1
    assert told(client) == [("counter", f"{HERE}.counted", "1")]


@BOTH
def test_defaults_are_the_clients(client, decorator, kind):
    decorator("n")(abs)(-1)

    (message,) = kept_by(client).messages
    assert (message.type, message.logger, message.severity) == (kind, "tests", 6)
    assert message.fields == {"name": ["n"], "rate": [1.0]}


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(((), {"name": "n", "logger": "l", "severity": 2}), id="by-name"),
        pytest.param((("n", "l", 2), {}), id="by-position"),
        pytest.param((("n", "l"), {"severity": 2}), id="mixed"),
    ],
)
def test_arguments_of_timeit(client, arguments):
    args, kwargs = arguments
    timeit(*args, fields={"a": 1}, rate=7, **kwargs)(abs)(-1)

    (message,) = kept_by(client).messages
    assert (message.logger, message.severity) == ("l", 2)
    assert message.fields == {"a": [1], "name": ["n"], "rate": [7.0]}
    assert message.fields["rate"].value_type == type(message.fields["rate"]).DOUBLE


def test_arguments_of_incr_count(client):
    incr_count(name="n", count=5, logger="l", severity=2)(abs)(-1)

    (message,) = kept_by(client).messages
    assert (message.logger, message.severity, message.payload) == ("l", 2, "5")


@BOTH
def test_fields_are_left_as_they_are(client, decorator, kind):
    fields = {"a": 1, "odd": None, "other": 1j}
    client.bad_values = "raise"
    decorator("n", fields=fields)(abs)(-1)

    (message,) = kept_by(client).messages
    assert fields == {"a": 1, "odd": None, "other": 1j}
    assert "odd" not in message.fields
    assert message.fields["other"] == ["1j"]


@pytest.mark.parametrize(
    ("decorate", "types"),
    [
        pytest.param(lambda fn: incr_count(timeit(fn)), ["timer", "counter"], id="count-outside"),
        pytest.param(lambda fn: timeit(incr_count(fn)), ["counter", "timer"], id="time-outside"),
    ],
)
def test_decorators_nest_under_one_name(client, decorate, types):
    """The inner decorator sends first."""

    def fn(x, y):
        return x + y

    assert decorate(fn)(5, 6) == 11
    assert [(kind, name) for kind, name, _ in told(client)] == [(t, f"{HERE}.fn") for t in types]


def test_outer_decorator_takes_the_name_of_the_inner_one(client):
    """Even if the function has no name."""
    incr_count(timeit(functools.partial(abs, 1)))()

    assert [row[1] for row in told(client)] == ["builtins.abs"] * 2


@BOTH
def test_function_that_raises_is_measured_and_the_exception_passes(client, decorator, kind):
    @decorator("n")
    def fail():
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        fail()
    assert [row[:2] for row in told(client)] == [(kind, "n")]


# ---- which client --------------------------------------------------------------------------------


@BOTH
def test_function_decorated_without_a_client_is_only_called(client, decorator, kind, monkeypatch):
    """A module may be imported and used before a client is configured."""
    fn = decorator(lambda x: x)
    empty_holder(monkeypatch)

    assert fn(1) == 1


def test_client_is_looked_up_by_each_call(client):
    """Calls after a change of the default client go to the new one."""
    fn = timeit("n")(abs)
    fn(1)
    other = HekaClient(Kept(), "other")
    CLIENT_HOLDER.set_client("other", other)
    CLIENT_HOLDER.set_default_client_name("other")
    fn(1)

    assert len(told(client)) == len(told(other)) == 1


def test_client_may_be_named(client):
    fn = timeit("n", client_name="later")(abs)
    fn(1)
    assert CLIENT_HOLDER.find_client("later") is None

    CLIENT_HOLDER.get_client("later").setup(Kept(), logger="later")
    fn(1)

    assert told(client) == []
    assert len(told(CLIENT_HOLDER.get_client("later"))) == 1


def test_client_may_be_given(client):
    other = HekaClient(Kept(), "other")
    timeit("n", client=other, client_name="ignored")(abs)(1)

    assert told(client) == []
    assert len(told(other)) == 1


def test_function_of_an_inactive_client_is_only_called():
    assert timeit(client=HekaClient(None, ""))(abs)(-1) == 1


# ---- sampling and disabling ----------------------------------------------------------------------


@BOTH
def test_each_call_is_sampled_for_itself(client, decorator, kind):
    fn = decorator("n", rate=0.5)(abs)
    for _ in range(400):
        fn(1)

    assert 100 < len(told(client)) < 300  # 10 standard deviations


@BOTH
def test_rate_of_none_sends_every_call(client, decorator, kind):
    decorator("n", rate=None)(abs)(1)

    assert kept_by(client).messages[0].fields["rate"] == [1.0]


@BOTH
def test_rate_zero_of_a_decorator_sends_nothing(client, decorator, kind):
    assert decorator("n", rate=0)(abs)(-1) == 1
    assert told(client) == []


@pytest.mark.parametrize("disabled", ["*", "abs", "builtins.abs"])
def test_disabled_timer_of_a_decorator_sends_nothing(client, disabled):
    """Disabled by ``*``, by the function's name or by the timer's name."""
    client._disabled_timers.add(disabled)
    assert timeit(abs)(-1) == 1
    incr_count("n")(abs)(-1)

    assert [row[0] for row in told(client)] == ["counter"]


def test_timer_may_be_enabled_again_and_others_stay_enabled(client):
    fn, other = timeit("n")(abs), timeit("other")(abs)
    client._disabled_timers.add("n")
    assert (fn(-1), other(-1)) == (1, 1)
    assert [row[1] for row in told(client)] == ["other"]

    client._disabled_timers = set()
    fn(1)
    assert [row[1] for row in told(client)] == ["other", "n"]


# ---- troubles ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        pytest.param(lambda: timeit("n", bad=7), "timeit: .*unexpected.*'bad'", id="unknown"),
        pytest.param(lambda: incr_count(bad=7), "incr_count: .*unexpected.*'bad'", id="counter"),
        pytest.param(lambda: incr_count("n", name="m"), "incr_count: multiple values", id="twice"),
        pytest.param(lambda: timeit(5), "timeit: name must be str, not int", id="name"),
        pytest.param(lambda: timeit("n", logger=b"l"), "logger must be str", id="logger"),
        pytest.param(lambda: timeit("n", severity="high"), "severity", id="severity"),
        pytest.param(lambda: timeit("n", fields=[1]), "fields must be a mapping", id="fields"),
        pytest.param(lambda: timeit("n", rate="often"), "timeit: .*often", id="rate"),
        pytest.param(lambda: timeit("n")("m"), "expected a function to decorate", id="no-function"),
        pytest.param(lambda: timeit("n")(), "expected a function to decorate", id="nothing"),
    ],
)
def test_wrong_argument_raises_where_the_decorator_is_applied(make, text):
    with pytest.raises(TypeError, match=text):
        make()


class Raising(HekaClient):
    """Every call for a message fails."""

    def timer_send(self, *args, **kwargs):
        raise RuntimeError("telemetry")

    incr = timer_send


@BOTH
def test_error_while_sending_is_reported_and_does_not_reach_the_caller(decorator, kind, capsys):
    fn = decorator("n", client=Raising(Kept(), ""))(abs)

    assert [fn(-1), fn(-2)] == [1, 2]
    assert capsys.readouterr().err == (
        f"heka: {decorator.__name__} of builtins.abs: RuntimeError: telemetry\n"
    )


@BOTH
def test_error_while_sending_does_not_replace_the_functions_exception(decorator, kind):
    @decorator("n", client=Raising(Kept(), ""))
    def fail():
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        fail()


def test_error_of_a_predicate_sends_nothing(client, capsys):
    class Odd(timeit):
        def predicate(self):
            raise RuntimeError("odd")

    assert Odd("n")(abs)(-1) == 1
    assert told(client) == []
    assert "Odd of builtins.abs: RuntimeError: odd" in capsys.readouterr().err


# ---- decorators of the program's own -------------------------------------------------------------


class announce(HekaDecorator):
    """A derived decorator that sends a message before each call."""

    allowed = True

    def predicate(self):
        return super().predicate() and self.allowed

    def heka_call(self, *args, **kwargs):
        self.client.heka("call", payload=repr((self.args, self.kwargs)))
        return self._invoke(*args, **kwargs)


def test_derived_decorator_without_arguments(client):
    fn = announce(abs)

    assert fn(-1) == 1
    assert kept_by(client).messages[0].payload == "((), {'name': 'builtins.abs'})"
    assert fn.decorator_name == "announce"


def test_derived_decorator_with_arguments(client):
    fn = announce("one", two=2)(abs)

    assert fn(-1) == 1
    payload = kept_by(client).messages[0].payload
    assert payload == "(('one',), {'two': 2, 'name': 'builtins.abs'})"


def test_callable_among_other_arguments_is_an_argument(client):
    decorator = announce(len, two=2)

    assert decorator(abs)(-1) == 1
    assert decorator.args == (len,)


def test_predicate_is_called_for_each_call(client):
    fn = announce(abs)
    fn.allowed = False
    fn(-1)
    fn.allowed = True
    fn(-1)

    assert len(kept_by(client).messages) == 1


def test_derived_decorator_without_a_client_calls_the_function(client, monkeypatch):
    empty_holder(monkeypatch)

    assert announce(abs)(-1) == 1


def test_function_may_be_set_later(client):
    decorator = announce(name="n")
    assert repr(decorator) == "<announce of no function yet>"
    decorator.set_fn(abs)

    assert decorator(-1) == 1
    assert len(kept_by(client).messages) == 1


def test_decorator_without_heka_call_raises_not_implemented(client):
    class Empty(HekaDecorator):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty does not implement heka_call\(\)"):
        Empty(abs)(1)

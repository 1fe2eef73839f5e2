"""``heka.incr``, ``gauge``, ``timer`` and ``exception``: brothers of ``heka.log``."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from decimal import Decimal
from fractions import Fraction

import pytest

import heka
from heka._runtime.forks import importing
from heka.api import _emitter
from heka.client import HekaClient
from heka.testing import capture

#: Each call and its arguments; a client has a method of the same name with the same parameters.
CALLS = {
    "incr": [("a",), ("a", 5), ("a", 1, "log", 3, {"x": 1}, 0.9999999999)],
    "gauge": [("a", 5), ("a", 1.5, "log", 3, {"x": 1}, 0.9999999999)],
    "timer_send": [("a", 5), ("a", 7, "log", 3, {"x": 1}, 0.5)],
}
EVERY = [(name, arguments) for name, all_of in CALLS.items() for arguments in all_of]


@pytest.fixture
def captured():
    with capture() as messages:
        yield messages


def function(name):
    return getattr(_emitter if name == "timer_send" else heka, name)


def content(message):
    """Return what two messages of different clients have in common."""
    return (message.type, message.logger, message.severity, message.payload, message.fields)


# ---- counters, gauges, timers -----------------------------------------------------------------


@pytest.mark.parametrize(("name", "arguments"), EVERY)
def test_a_function_sends_what_the_method_of_a_client_sends(captured, name, arguments):
    client = HekaClient(None, "")

    assert function(name)(*arguments) is True
    assert getattr(client, name)(*arguments) is True

    assert content(captured[0]) == content(captured[1])


def test_the_defaults_are_those_of_configure(captured):
    signer = heka.SignerConfig("me", 1, "key", "sha1")
    heka.configure(logger="shop", signer=signer, level=heka.INFO)
    try:
        heka.incr("a")
        assert heka.gauge("b", 1, severity=heka.DEBUG) is False
        with heka.timer("c"):
            pass
        assert heka.timer("d", severity=heka.DEBUG)(int)() == 0
    finally:
        heka.configure(logger="", signer=None, level=heka.DEBUG)

    assert [message.fields["name"] for message in captured] == [["a"], ["c"]]
    assert {message.logger for message in captured} == {"shop"}
    assert {message.severity for message in captured} == {heka.INFO}
    reader = heka.StreamReader(signers={("me", 1): "key"}, require_signature=True)
    assert len(reader.feed(b"".join(captured.frames))) == 2


@pytest.mark.parametrize("call", [heka.incr, heka.gauge, _emitter.timer_send, heka.timer])
def test_each_takes_a_destination(call):
    class Stream:
        def __init__(self) -> None:
            self.data = b""

        def write(self, data):
            self.data += data

    stream = Stream()

    if call is heka.timer:
        with call("a", to=stream):
            pass
        assert heka.timer("b", to=stream)(int)() == 0
    else:
        call("a", 1, to=stream)

    names = [frame.message.fields["name"][0] for frame in heka.StreamReader().feed(stream.data)]
    assert names == (["a", "b"] if call is heka.timer else ["a"])


@pytest.mark.parametrize("call", [heka.incr, heka.gauge])
def test_sampling(captured, call):
    assert {call("n", 1, rate=0) for _ in range(50)} == {False}
    assert len(captured) == 0


@pytest.mark.parametrize("severity", [-1, 8, logging.ERROR, True, False])
@pytest.mark.parametrize("call", [heka.incr, heka.gauge, _emitter.timer_send, heka.timer])
def test_a_severity_that_is_none_is_refused(captured, call, severity):
    arguments = ("n",) if call is heka.timer else ("n", 1)

    with pytest.raises(ValueError, match=r"0 \(emergency\) to 7 \(debug\)"):
        call(*arguments, severity=severity)

    assert len(captured) == 0


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: heka.incr(), "missing 1 required positional argument: 'name'"),
        (lambda: heka.incr(3), "name must be str"),
        (lambda: heka.incr("n", rate="x"), "rate must be a number"),
        (lambda: heka.gauge("n"), "'value'"),
        (lambda: heka.gauge("n", 1, tag=2), "unexpected keyword"),
        (lambda: heka.timer(5), "name must be str"),
        (lambda: _emitter.admits("t"), "'severity'"),
    ],
)
def test_wrong_arguments_raise(captured, call, text):
    with pytest.raises(TypeError, match=text):
        call()

    assert len(captured) == 0


def test_a_timer_tells_how_long_its_block_took(captured):
    with heka.timer("a", fields={"x": 1}) as timer:
        assert timer.result is None

    assert captured[0].type == "timer"
    assert captured[0].payload == str(timer.result)
    assert captured[0].fields == {"x": [1], "name": ["a"], "rate": [1.0]}


def test_a_timer_decorates_functions_and_coroutines(captured):
    @heka.timer("f")
    def plain(x):
        return x + 1

    @heka.timer("c", rate=1.0)
    async def coroutine(x):
        return x + 2

    assert plain(1) == 2
    assert asyncio.run(coroutine(1)) == 3
    assert [message.fields["name"][0] for message in captured] == ["f", "c"]


# ---- exceptions -------------------------------------------------------------------------------


def test_a_timer_does_not_wait_for_an_import_in_another_thread(captured):
    with heka.timer("first"):
        pass
    begun, end = threading.Event(), threading.Event()

    def work():
        with importing():
            begun.set()
            end.wait()

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    done = []
    timing = threading.Thread(target=lambda: done.append(heka.timer("second")))
    timing.start()
    timing.join(4.0)  # seconds; `importing` waits for 5
    ended = list(done)
    end.set()
    thread.join()
    timing.join()

    assert len(ended) == 1


@pytest.mark.parametrize(("value", "payload"), [(True, "1"), (False, "0"), (Decimal("1.5"), "1.5")])
def test_a_number_of_another_type_is_sent_as_one(captured, value, payload):
    assert heka.gauge("x", value)

    assert captured[0].payload == payload


def test_an_amount_whose_text_is_no_number_is_refused(captured):
    with pytest.raises(ValueError, match=r"value must be a number, .* got Fraction\(1, 3\)"):
        heka.gauge("x", Fraction(1, 3))


def test_an_exception_is_sent_with_text_and_traceback(captured):
    try:
        raise KeyError("door")
    except KeyError:
        assert heka.exception("order %d of %s", 5, "ann", logger="shop", fields={"order": 5})

    message = captured[0]
    assert (message.type, message.logger, message.severity) == ("oldstyle", "shop", heka.ERROR)
    assert message.fields == {"order": [5]}
    assert message.payload.startswith("order 5 of ann\nTraceback (most recent call last):\n")
    assert message.payload.endswith("KeyError: 'door'")


@pytest.mark.parametrize(
    "exc_info",
    [
        pytest.param(lambda error: error, id="exception"),
        pytest.param(lambda error: (type(error), error, None), id="sys.exc_info"),
    ],
)
def test_an_exception_may_be_given(captured, exc_info):
    heka.exception("late", exc_info=exc_info(ValueError("x")))

    assert captured[0].payload == "late\nValueError: x"


def test_without_an_exception_the_text_is_sent(captured):
    """As ``logging`` does it."""
    heka.exception("nothing")
    heka.exception("nothing", exc_info=None)

    assert [message.payload for message in captured] == ["nothing\nNoneType: None", "nothing"]


def test_lone_surrogates_of_an_exception_are_escaped(captured):
    heka.exception("a", exc_info=ValueError("b\ud800"))

    assert captured[0].payload == "a\nValueError: b\\ud800"


class Unreadable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("msg", "args", "text"),
    [
        ("order %d", ("five",), "order %d (not formatted: TypeError: %d format: a real number is "),
        ("order %s", (5, 6), "order %s (not formatted: TypeError: not all arguments converted "),
        ("order %s", (Unreadable(),), "order %s (not formatted: RuntimeError: no text)\nTraceback"),
        (Unreadable(), (), "<Unreadable object, str() failed> (not formatted: RuntimeError: no "),
    ],
)
def test_a_text_that_cannot_be_formatted_does_not_replace_the_exception(captured, msg, args, text):
    try:
        raise KeyError("door")
    except KeyError:
        assert heka.exception(msg, *args)

    assert captured[0].payload.startswith(text)
    assert captured[0].payload.endswith("KeyError: 'door'")


def test_an_exception_above_the_level_is_not_formatted(captured):
    class Text:
        def __str__(self) -> str:
            raise AssertionError("formatted")

    heka.configure(level=heka.CRITICAL)
    try:
        assert heka.exception("%s", Text()) is False
    finally:
        heka.configure(level=heka.DEBUG)

    assert len(captured) == 0


def test_an_exception_needs_few_modules():
    """An ``except`` block is no place to import clients, configurations and streams."""
    code = (
        "import sys, heka, heka.testing\n"
        "with heka.testing.capture() as captured:\n"
        "    heka.configure()\n"
        "    before = set(sys.modules)\n"
        "    heka.exception('x', exc_info=ValueError())\n"
        "    with heka.timer('x'):\n"
        "        pass\n"
        "assert len(captured) == 2\n"
        "new = {name for name in set(sys.modules) - before if name.startswith('heka')}\n"
        "print(sorted(new - {'heka._runtime.asyncgens', 'heka._runtime.chance'}))"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout == "['heka._lines', 'heka._process', 'heka._timer']\n"

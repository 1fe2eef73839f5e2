"""Variables are bounded, and shown without running code of the program."""

from __future__ import annotations

import collections
import decimal
import enum
import sys
import threading
import types

import pytest
from plugins.raven_support import frames, messages, raven_client, reported


def shown(value, **options):
    """Return *value* as the event shows it."""

    def fail():
        thing = value  # noqa: F841
        raise ValueError

    return frames(reported(fail, **options))[-1]["vars"]["'thing'"]


class Plain:
    """An object without a repr."""


class Meta(type):
    """A metaclass whose attributes run code."""

    def __repr__(cls):
        raise AssertionError("asked")

    @property
    def __module__(cls):
        raise AssertionError("asked")


class Odd(metaclass=Meta):
    """One of them."""


def exit_with(*args):
    raise SystemExit("asked")


class Touchy(type):
    """A metaclass whose classes exit when they are compared, hashed or read."""

    __eq__ = __hash__ = exit_with

    def __getattribute__(cls, name):
        if sys._getframe(1).f_globals.get("__name__", "").startswith("heka."):
            raise SystemExit("asked")
        return type.__getattribute__(cls, name)


class Mine(metaclass=Touchy):
    """One of them."""


class MineError(ValueError, metaclass=Touchy):
    """An exception of that metaclass."""


class Impostor:
    """An object whose ``__class__`` is str."""

    @property
    def __class__(self):
        raise AssertionError("asked")


class Text(str):
    """A str with its own repr."""

    def __repr__(self):
        raise AssertionError("asked")

    __str__ = __repr__


class Color(enum.IntEnum):
    """An int with its own repr."""

    RED = 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, None, id="none"),
        pytest.param(True, True, id="bool"),
        pytest.param(5, 5, id="int"),
        pytest.param(-(2**63), "-9223372036854775808", id="int-beyond-json"),
        pytest.param(10**100, "<int of 333 bits>", id="int-long"),
        pytest.param(1 << 100_000, "<int of 100001 bits>", id="int-endless"),
        pytest.param(0.5, 0.5, id="float"),
        pytest.param(float("inf"), "inf", id="inf"),
        pytest.param(float("nan"), "nan", id="nan"),
        pytest.param(1j, "1j", id="complex"),
        pytest.param("it's", '"it\'s"', id="text"),
        pytest.param("a\nb\0", "'a\\nb\\x00'", id="control"),
        pytest.param("\udc80", "'\\udc80'", id="surrogate"),
        pytest.param(b"a\xff", "b'a\\xff'", id="bytes"),
        pytest.param(bytearray(b"a"), "bytearray(b'a')", id="bytearray"),
        pytest.param([1, (2, "x")], [1, [2, "'x'"]], id="sequences"),
        pytest.param({"a": {5: None, b"b": []}}, {"'a'": {"5": None, "b'b'": []}}, id="dicts"),
        pytest.param({1: "a", "1": "b"}, {"1": "'a'", "'1'": "'b'"}, id="keys"),
        pytest.param({None: 1, 1.5: 2}, {"None": 1, "1.5": 2}, id="odd-keys"),
        pytest.param(frozenset({1}), [1], id="frozenset"),
        pytest.param(set(), [], id="empty"),
        pytest.param(Plain(), f"<{__name__}.Plain object>", id="object"),
        pytest.param(Plain, f"<class '{__name__}.Plain'>", id="class"),
        pytest.param(Odd, "<Meta object>", id="odd-class"),
        pytest.param(Odd(), f"<{__name__}.Odd object>", id="odd-object"),
        pytest.param(Mine, f"<{__name__}.Touchy object>", id="touchy-class"),
        pytest.param(Mine(), f"<{__name__}.Mine object>", id="touchy-object"),
        pytest.param([Mine()], [f"<{__name__}.Mine object>"], id="touchy-in-a-list"),
        pytest.param((Mine(), 1), [f"<{__name__}.Mine object>", 1], id="touchy-in-a-pair"),
        pytest.param({"password": Mine()}, {"'password'": "********"}, id="touchy-secret"),
        pytest.param(Impostor(), f"<{__name__}.Impostor object>", id="impostor"),
        pytest.param(Text("x"), f"<{__name__}.Text object>", id="text-subclass"),
        pytest.param(Color.RED, f"<{__name__}.Color object>", id="enum"),
        pytest.param(sys, "<module sys>", id="module"),
        pytest.param(types.ModuleType("m"), "<module m>", id="new-module"),
        pytest.param(len, "<function len>", id="builtin"),
        pytest.param(shown, "<function shown>", id="function"),
        pytest.param(decimal.Decimal(1), "<decimal.Decimal object>", id="decimal"),
        pytest.param(
            collections.OrderedDict(a=1), "<collections.OrderedDict object>", id="dict-subclass"
        ),
    ],
)
def test_value(value, text):
    assert shown(value) == text


def test_keys_that_are_shown_alike_are_all_there():
    found = shown({Plain(): 1, Plain(): 2, "x" * 500: 3, "x" * 501: 4})

    assert list(found.values()) == [1, 2, 3, 4]


def test_text_is_cut_at_400_characters():
    assert shown("x" * 10_000_000) == "'" + "x" * 400 + "...'"
    assert shown("x" * 400) == "'" + "x" * 400 + "'"


def test_bytes_are_cut():
    assert shown(b"x" * 10_000_000) == "b'" + "x" * 400 + "...'"


def test_items_beyond_50_are_counted():
    assert shown(list(range(1000))) == [*range(50), "<950 more>"]
    assert shown({n: n for n in range(1000)})["..."] == "<950 more>"
    assert len(shown(set(range(1000)))) == 51


def test_depth_is_six():
    deep = [[[[[[["bottom"]]]]]]]
    level = shown(deep)

    count = 1
    while isinstance(level, list):
        count += 1
        level = level[0]
    assert level == "[...]"
    assert count == 6


def test_depth_counts_from_the_variable():
    """The same value is cut earlier when it is nested deeper."""
    held = [[[[["bottom"]]]]]

    found = shown({"top": held, "in": [[held]], "again": held})

    assert found == {
        "'top'": [[[["[...]"]]]],
        "'in'": [[[["[...]"]]]],
        "'again'": [[[["[...]"]]]],
    }


def test_value_that_contains_itself():
    circle: list[object] = [1]
    circle.append(circle)

    assert shown(circle) == [1, [1, [1, [1, [1, "[...]"]]]]]


def test_broad_and_deep_value_is_bounded():
    tree: object = 0
    for _ in range(6):
        tree = [tree] * 50

    assert str(shown(tree)).count("0") < 3000


def test_variables_beyond_50_are_counted():
    names = {f"v{number}": number for number in range(200)}
    code = compile("raise ValueError", "<many>", "exec")

    found = frames(reported(lambda: exec(code, {"__builtins__": {}, **names})))[-1]["vars"]

    assert len(found) == 51
    assert found["..."].endswith(" more>")


def test_time_runs_out_between_variables():
    def fail():
        first, second = 1, 2  # noqa: F841
        raise ValueError("late")

    client = raven_client(time_budget=0)
    found = reported(fail, client)

    assert frames(found)[-1]["vars"] == {"...": "<2 more: out of time>"}
    assert found["message"] == "ValueError: late"


class Loud:
    """Objects whose repr runs the given function."""

    def __init__(self, act):
        self.act = act

    def __repr__(self):
        return self.act()


def raises():
    raise OSError("no repr")


def exits():
    raise SystemExit(3)


def recurses():
    return recurses()


def prints():
    print("printed")
    return "printed"


HOSTILE = {
    "raises": (raises, "repr() failed"),
    "exits": (exits, "repr() failed"),
    "recurses": (recurses, "repr() failed"),
    "no-text": (lambda: 5, "repr() failed"),
    "prints": (prints, "printed"),
    "long": (lambda: "x" * 100_000, "x" * 400 + "..."),
    "subclass": (lambda: Text("quiet"), "quiet"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_repr_is_not_called(name):
    assert shown(Loud(HOSTILE[name][0])) == f"<{__name__}.Loud object>"


@pytest.mark.parametrize("name", HOSTILE)
def test_repr_that_is_asked_for_is_contained(name, capsys):
    act, text = HOSTILE[name]

    assert text in shown(Loud(act), repr="full")


def test_repr_that_reports_is_not_reported():
    client = raven_client(repr="full")

    def act():
        try:
            raise KeyError("inside")
        except KeyError:
            return f"sent: {client.raven()}"

    def fail():
        loud = Loud(act)  # noqa: F841
        raise ValueError("outside")

    found = reported(fail, client)

    assert frames(found)[-1]["vars"]["'loud'"] == "sent: False"
    assert len(messages(client)) == 1


def test_ctrl_c_during_a_repr_is_raised():
    def interrupt():
        raise KeyboardInterrupt

    client = raven_client(repr="full")
    loud = Loud(interrupt)
    try:
        raise ValueError(loud)
    except ValueError:
        with pytest.raises(KeyboardInterrupt):
            client.raven()

    assert client.raven(exc_info=ValueError("next"))


class Silent(Exception):
    """An exception whose str() fails."""

    def __init__(self, act):
        super().__init__()
        self.act = act

    def __str__(self):
        return self.act()


@pytest.mark.parametrize("name", ["raises", "exits", "recurses", "no-text"])
def test_exception_that_cannot_be_shown(name):
    found = reported(Silent(HOSTILE[name][0]))

    assert found["message"] == f"Silent: <{__name__}.Silent object, str() failed>"


def test_str_of_an_exception_with_a_huge_argument_is_not_called():
    found = reported(ValueError([Loud(raises)] * 10_000))

    assert found["message"] == "ValueError: <list object> with 10000 items"


def test_exception_whose_metaclass_exits():
    error = MineError("text")
    error.__notes__ = Mine()
    client = raven_client()

    def fail():
        __traceback_hide__ = Mine()
        raise error

    assert client.raven(Mine(), error, severity=Mine(), one=Mine(), many=[Mine(), Mine()])
    assert reported(fail)["message"] == "MineError: text"


def test_text_of_an_exception_is_cut():
    found = reported(ValueError("x" * 10_000_000))

    assert found["message"] == "ValueError: " + "x" * 1000 + "..."


def test_container_that_another_thread_changes():
    shared = {"a": 1}
    stop = threading.Event()

    def change():
        number = 0
        while not stop.is_set():
            number += 1
            shared[number % 100] = number
            shared.pop((number * 7) % 100, None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(50):
            assert isinstance(shown(shared), dict)
    finally:
        stop.set()
        thread.join()

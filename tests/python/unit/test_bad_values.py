"""``bad_values='repr'`` and ``default=``: no message is lost for a value that has no type."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from python.unit.support import BoomError, Float, Index, Plain, Text, boom, nested

import heka
from heka.testing import Captured, capture


@pytest.fixture(autouse=True)
def captured() -> Iterator[Captured]:
    with capture() as messages:
        yield messages


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    yield
    heka.configure(bad_values="convert", default=None)


def sent(captured: Captured, fields: Any, **options: Any) -> dict[str, heka.Field]:
    """Log *fields* and return those that came."""
    assert heka.log("t", fields=fields, **options) is True
    return captured[-1].fields


def sent_anyhow(captured: Captured, fields: Any) -> dict[str, heka.Field]:
    return sent(captured, fields, bad_values="repr")


class Silent:
    def __repr__(self) -> str:
        return boom()


class Wrong:
    def __repr__(self) -> Any:
        return 5


class Hostile:
    def __repr__(self) -> str:
        return "lone \ud800 surrogate"


class Huge:
    def __repr__(self) -> str:
        return "h" * 100_000


def endless() -> dict[str, Any]:
    """A dict that holds itself twice: written out, it would be 2^32 fields."""
    circle: dict[str, Any] = {}
    circle.update(left=circle, right=circle)
    return circle


REPRS = [
    pytest.param(None, "None", id="None"),
    pytest.param([], "[]", id="empty-list"),
    pytest.param([1, "a"], "[1, 'a']", id="mixed"),
    pytest.param([1, None], "[1, None]", id="None-in-a-list"),
    pytest.param([[1], [2]], "[[1], [2]]", id="nested-lists"),
    pytest.param([{"a": 1}], "[{'a': 1}]", id="dict-in-a-list"),
    pytest.param(2**63, str(2**63), id="int-beyond-int64"),
    pytest.param([0, 2**63], f"[0, {2**63}]", id="int-beyond-int64-in-a-list"),
    pytest.param(Fraction(10**400), repr(Fraction(10**400)), id="beyond-double"),
    pytest.param(1j, "1j", id="complex"),
    pytest.param(datetime.date(2020, 1, 2), "datetime.date(2020, 1, 2)", id="date"),
    pytest.param("a\ud800b", "'a\\ud800b'", id="lone-surrogate"),
    pytest.param(["a\udc80"], "['a\\udc80']", id="lone-surrogate-in-a-list"),
    pytest.param(Decimal("sNaN"), "Decimal('sNaN')", id="__float__-raises"),
    pytest.param(heka.Field([], "s"), "Field([], 's')", id="empty-Field"),
    pytest.param(heka.Field("x", value_type=2), "Field(['x'], value_type=Field.INTEGER)", id="F"),
    pytest.param(Silent(), "<Silent object, repr() failed>", id="repr-raises"),
    pytest.param([Silent()], "<list object, repr() failed>", id="repr-of-an-item-raises"),
    pytest.param(Wrong(), "<Wrong object, repr() failed>", id="repr-is-no-str"),
    pytest.param(Hostile(), "lone \\ud800 surrogate", id="repr-has-a-lone-surrogate"),
    pytest.param(Huge(), "h" * 1021 + "...", id="repr-is-huge"),
]


@pytest.mark.parametrize(("value", "text"), REPRS)
def test_value_without_a_type_is_sent_as_its_repr(captured, value, text):
    assert sent_anyhow(captured, {"before": 1, "k": value, "behind": "x"}) == {
        "before": [1],
        "k": [text],
        "behind": ["x"],
    }
    assert captured[-1].fields["k"].value_type == heka.Field.STRING


@pytest.mark.parametrize(("value", "text"), REPRS)
def test_value_without_a_type_inside_a_mapping_is_sent_as_its_repr(captured, value, text):
    fields = {"o": Plain({"p": {"a": 1, "k": value, "z": 2}})}

    assert sent_anyhow(captured, fields) == {"o.p.a": [1], "o.p.k": [text], "o.p.z": [2]}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Index(act=boom), id="__index__"),
        pytest.param(lambda: [Index(1), Index(act=boom)], id="__index__-later"),
        pytest.param(lambda: Float(act=boom), id="__float__"),
        pytest.param(lambda: (boom() for _ in range(1)), id="__next__"),
        pytest.param(lambda: Plain({"a": 1}, boom), id="mapping"),
        pytest.param(lambda: Index("no int"), id="answer"),
    ],
)
def test_exception_of_a_values_own_code_affects_only_that_value(captured, make):
    fields = sent_anyhow(captured, {"before": 1, "k": make(), "behind": 2})

    assert (fields["before"], fields["behind"]) == ([1], [2])
    assert fields["k"][0].startswith("<") or fields["k"][0].startswith("[<")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_keyboard_interrupt_and_system_exit_are_not_caught(captured, kind):
    def end() -> None:
        raise kind

    with pytest.raises(kind):
        heka.log("t", fields={"k": Index(act=end)}, bad_values="repr")
    assert len(captured) == 0


def test_memory_errors_are_not_caught(captured):
    """The next allocation would fail too."""

    def fail() -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        heka.log("t", fields={"k": Index(act=fail)}, bad_values="repr")


# ---- names, depth, collisions -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        pytest.param({1: 1}, ["1"], id="int"),
        pytest.param({None: 1}, ["None"], id="None"),
        pytest.param({b"a": 1}, ["b'a'"], id="bytes"),
        pytest.param({(1, "a"): 1}, ["(1, 'a')"], id="tuple"),
        pytest.param({"a\ud800": 1}, ["a\\ud800"], id="lone-surrogate"),
        pytest.param({"\ud800": {"b": 1}}, ["\\ud800.b"], id="lone-surrogate-outside"),
        pytest.param({"o": {1: {2: 3}}}, ["o.1.2"], id="inside"),
        pytest.param({Text("a"): 1}, ["a"], id="str-subclass"),
    ],
)
def test_any_name_is_sent(captured, fields, names):
    assert list(sent_anyhow(captured, fields)) == names


def test_a_name_whose_repr_fails(captured):
    class Key(Silent):
        __hash__ = object.__hash__

    assert sent_anyhow(captured, {Key(): 1}) == {"<Key object, repr() failed>": [1]}


def test_of_two_fields_of_a_name_both_are_sent(captured):
    """Receivers use the first one; raising would lose the record."""
    sent_anyhow(captured, {"a": {"b": 1}, "a.b": 2})

    assert captured[-1].fields == {"a.b": [1]}
    assert captured.frames[-1].count(b"a.b") == 2


def test_mapping_nested_too_deeply_is_sent_as_one_value(captured):
    fields = sent_anyhow(captured, {"k": nested(40), "z": 1})

    assert fields["k"][0].startswith("{'a': {'a': ")
    assert fields["z"] == [1]


def test_container_that_holds_itself_is_sent_as_one_value(captured):
    assert sent_anyhow(captured, {"k": endless(), "z": 1}) == {
        "k": ["{'left': {...}, 'right': {...}}"],
        "z": [1],
    }


def test_fields_that_hold_themselves(captured):
    fields = endless()
    fields["z"] = 1

    assert sent_anyhow(captured, fields)["z"] == [1]


# ---- text -------------------------------------------------------------------------------------


def test_text_that_utf8_cannot_hold_is_escaped(captured):
    assert heka.log("a\ud800", "b\udcff", payload="€\udfff", bad_values="repr")

    message = captured[-1]
    assert (message.type, message.logger, message.payload) == ("a\\ud800", "b\\udcff", "€\\udfff")


def test_such_text_raises_with_raise(captured):
    for arguments in (("\ud800",), ("t", "\ud800"), ("t", "l", 6, None, "\ud800")):
        with pytest.raises(heka.EncodeError, match="lone surrogate"):
            heka.log(*arguments, bad_values="raise")
    assert len(captured) == 0


@pytest.mark.parametrize("arguments", [(1,), ("t", 1), ("t", "l", 6, None, b"x"), ("t", "l", 6, 5)])
def test_arguments_of_a_wrong_type_raise_with_bad_values_repr(captured, arguments):
    """A wrong argument is a mistake in the call, not in the data."""
    with pytest.raises(TypeError, match="must be"):
        heka.log(*arguments, bad_values="repr")


# ---- default ----------------------------------------------------------------------------------


def test_default_converts_a_value_without_a_type(captured):
    fields = {"when": datetime.date(2020, 1, 2), "n": 1}

    assert sent(captured, fields, default=str) == {"when": ["2020-01-02"], "n": [1]}


@pytest.mark.parametrize("value", [1, "x", True, 1.5, b"x", [1], {"a": 1}, Index(1), range(2)])
def test_default_is_not_called_for_values_with_a_type(captured, value):
    sent(captured, {"k": value}, default=boom)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(5, {"k": [5]}, id="int"),
        pytest.param([1, 2], {"k": [1, 2]}, id="list"),
        pytest.param({"a": 1, "b": {"c": 2}}, {"k.a": [1], "k.b.c": [2]}, id="mapping"),
        pytest.param(Index(3), {"k": [3]}, id="runs-code"),
    ],
)
def test_default_may_return_any_value_that_has_a_type(captured, answer, expected):
    assert sent(captured, {"k": object()}, default=lambda value: answer) == expected


def test_default_is_called_for_each_value_of_a_list(captured):
    values = [datetime.date(2020, 1, day) for day in (1, 2)]

    assert sent(captured, {"k": values}, default=str) == {"k": ["2020-01-01", "2020-01-02"]}


def test_default_is_called_inside_mappings(captured):
    assert sent(captured, {"o": {"p": None}}, default=json.dumps) == {"o.p": ["null"]}


def test_default_is_called_once_per_value(captured):
    """A result without a type is refused, not converted again."""
    asked = []

    with pytest.raises(heka.FieldError, match="field 'k': None has no type"):
        heka.log("t", fields={"k": object()}, default=asked.append, bad_values="raise")
    assert len(asked) == 1


def test_exception_of_default_is_passed_on(captured):
    with pytest.raises(BoomError):
        heka.log("t", fields={"k": None}, default=boom, bad_values="raise")


def test_with_repr_a_default_that_fails_is_replaced_by_the_repr(captured):
    """Whether it raises or returns a value without a type."""
    for default in (boom, lambda value: None, lambda value: [], lambda value: [1, "a"]):
        assert sent(captured, {"k": None}, default=default, bad_values="repr") == {"k": ["None"]}


def test_default_has_priority_over_repr(captured):
    assert sent(captured, {"k": None}, default=lambda v: 0, bad_values="repr") == {"k": [0]}


def test_default_may_change_what_is_being_read(captured):
    fields: dict[str, Any] = {"a": None, "z": "z" * 100}

    def default(value: object) -> str:
        fields.clear()
        heka.configure(default=None)
        return "x"

    heka.configure(default=default)

    assert sent(captured, fields) == {"a": ["x"], "z": ["z" * 100]}


# ---- where they are set -----------------------------------------------------------------------


def test_bad_values_and_default_may_be_configured(captured):
    heka.configure(bad_values="repr")
    assert sent(captured, {"k": None}) == {"k": ["None"]}

    heka.configure(default=lambda value: "by default")
    assert sent(captured, {"k": None}) == {"k": ["by default"]}


def test_arguments_of_the_call_override_the_configuration(captured):
    heka.configure(bad_values="repr", default=lambda value: "configured")

    assert sent(captured, {"k": None}, default=lambda value: "called") == {"k": ["called"]}
    heka.configure(default=None)
    with pytest.raises(heka.FieldError):
        heka.log("t", fields={"k": None}, bad_values="raise")


def test_none_means_the_configured_value(captured):
    heka.configure(bad_values="repr", default=lambda value: "configured")

    assert sent(captured, {"k": None}, default=None, bad_values=None) == {"k": ["configured"]}


@pytest.mark.parametrize("word", ["", "Repr", "ignore", "repr ", "\ud800"])
def test_unknown_bad_values_is_a_value_error(word):
    with pytest.raises(ValueError, match="bad_values must be 'raise', 'repr' or 'convert', got "):
        heka.log("t", bad_values=word)
    with pytest.raises(ValueError, match="bad_values must be 'raise', 'repr' or 'convert', got "):
        heka.configure(bad_values=word)


@pytest.mark.parametrize("value", [True, 1, b"repr"])
def test_bad_values_that_is_not_str_is_a_type_error(value):
    with pytest.raises(TypeError, match="bad_values must be str, not"):
        heka.log("t", bad_values=value)


@pytest.mark.parametrize("value", [1, "str", []])
def test_default_is_callable(value):
    with pytest.raises(TypeError, match="default must be callable or None, not"):
        heka.log("t", default=value)
    with pytest.raises(TypeError, match="default must be callable or None, not"):
        heka.configure(default=value)


def test_message_and_pack_are_strict_whatever_is_configured():
    heka.configure(bad_values="repr", default=str)

    for make in (heka.Message, heka.pack):
        with pytest.raises(heka.FieldError):
            make(fields={"k": None})

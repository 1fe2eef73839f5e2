"""Field values that are refused, and user code that runs while values are read."""

from __future__ import annotations

import datetime
import pathlib
import uuid
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from python.unit.support import STRICT_WAYS, BoomError, Float, Index, Plain, Text, boom, nested

import heka


def holds_itself() -> dict[str, Any]:
    circle: dict[str, Any] = {}
    circle["x"] = circle
    return circle


def list_in_itself() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


#: The value, what the error says of its type, and what it says to do about it.
REFUSED = [
    pytest.param(None, "None", "leave the field out", id="None"),
    pytest.param([None], "NoneType at index 0", "leave it out", id="None-in-a-list"),
    pytest.param([1, None], "NoneType at index 1", "leave it out", id="None-behind-an-int"),
    pytest.param(object(), "object", "convert it to str, int", id="object"),
    pytest.param(1j, "complex", "convert it to str, int", id="complex"),
    pytest.param(print, "builtin_function_or_method", "convert it to str", id="function"),
    pytest.param(pathlib.PurePosixPath("/x"), "PurePosixPath", "convert it to str", id="path"),
    pytest.param(uuid.UUID(int=1), "UUID", "convert it to str", id="uuid"),
    pytest.param(datetime.date(2020, 1, 1), "datetime.date", "convert it to str", id="date"),
    pytest.param([object()], "object at index 0", "convert it", id="object-in-a-list"),
    pytest.param([], "empty list", "leave the field out", id="empty-list"),
    pytest.param((), "empty tuple", "leave the field out", id="empty-tuple"),
    pytest.param(set(), "empty set", "leave the field out", id="empty-set"),
    pytest.param(iter(()), "empty tuple_iterator", "leave the field out", id="empty-iterator"),
    pytest.param(heka.Field([]), "empty heka.Field", "leave the field out", id="empty-Field"),
    pytest.param([1, "a"], "int first, str at index 1", "convert them", id="int-and-str"),
    pytest.param([1, 1.5], "int first, float at index 1", "convert them", id="int-and-float"),
    pytest.param([1.5, 1], "float first, int at index 1", "convert them", id="float-and-int"),
    pytest.param([True, 1], "bool first, int at index 1", "convert them", id="bool-and-int"),
    pytest.param([0, 1, False], "int first, bool at index 2", "two fields", id="int-and-bool"),
    pytest.param([b"a", "a"], "bytes first, str at index 1", "convert them", id="bytes-and-str"),
    pytest.param([1, Decimal(2)], "decimal.Decimal at index 1", "convert them", id="int-Decimal"),
    pytest.param([[1]], "list at index 0", "flatten it", id="list-in-a-list"),
    pytest.param([1, (2,)], "tuple at index 1", "flatten it", id="tuple-in-a-list"),
    pytest.param([{"a": 1}], "dict at index 0", "flatten it", id="dict-in-a-list"),
    pytest.param([heka.Field(1)], "heka.Field at index 0", "flatten it", id="Field-in-a-list"),
    pytest.param(list_in_itself(), "list at index 0", "flatten it", id="list-in-itself"),
    pytest.param(2**63, "an int does not fit", "send it as str or float", id="2^63"),
    pytest.param(-(2**63) - 1, "an int does not fit", "send it as str", id="-2^63-1"),
    pytest.param([0, 2**63], "an int at index 1 does not fit", "as str", id="2^63-in-a-list"),
    pytest.param(Index(2**64), "an int does not fit", "send it as str", id="__index__-too-big"),
    pytest.param(Fraction(10**400), "does not fit in a DOUBLE", "as str", id="Fraction-too-big"),
    pytest.param("a\ud800", "lone surrogate U+D800 (character 1)", "replace it", id="surrogate"),
    pytest.param("😀\udfff", "surrogate U+DFFF (character 1)", "replace it", id="after-wide"),
    pytest.param(Text("\udc80"), "surrogate U+DC80 (character 0)", "replace it", id="escape"),
    pytest.param(["", "\udc80"], "str at index 1 holds", "replace it", id="surrogate-in-a-list"),
    pytest.param(heka.Field("a", "s", heka.Field.INTEGER), "INTEGER", "convert it", id="Field-str"),
    pytest.param(heka.Field(1.5, "", heka.Field.INTEGER), "float", "convert it", id="Field-float"),
    pytest.param(heka.Field(True, "", heka.Field.INTEGER), "bool", "convert it", id="Field-bool"),
    pytest.param(heka.Field(1, "", heka.Field.BOOL), "int", "convert it", id="Field-int-as-bool"),
    pytest.param(heka.Field(b"", "", heka.Field.STRING), "bytes", "convert it", id="Field-bytes"),
    pytest.param(heka.Field(True, "", heka.Field.DOUBLE), "bool", "convert", id="Field-bool-real"),
    pytest.param(heka.Field([1, "a"]), "int first, str", "convert them", id="Field-mixed"),
]


@pytest.mark.parametrize("way", STRICT_WAYS.values(), ids=STRICT_WAYS)
@pytest.mark.parametrize(("value", "seen", "remedy"), REFUSED)
def test_refused(way, value, seen, remedy):
    """The error names the field, the type that was seen, and what to do."""
    with pytest.raises(heka.FieldError) as error:
        way({"k": value})

    text = str(error.value)
    assert text.startswith("field 'k': ")
    assert seen in text
    assert remedy in text


@pytest.mark.parametrize(("value", "seen", "remedy"), REFUSED)
def test_refused_inside_a_mapping(value, seen, remedy):
    """The error has the flattened name."""
    if not hasattr(value, "__next__"):
        with pytest.raises(heka.FieldError) as error:
            heka.Message(fields={"fine": Index(1), "outer": {"in": Plain({"k": value})}})

        assert str(error.value).startswith("field 'outer.in.k': ")
        assert seen in str(error.value)
        assert remedy in str(error.value)


@pytest.mark.parametrize("kind", [ValueError, TypeError, heka.EncodeError, heka.HekaError])
def test_a_field_error_is_caught_as(kind):
    """FieldError is a ValueError and a TypeError."""
    with pytest.raises(kind):
        heka.Message(fields={"k": None})


def test_nothing_is_sent_and_nothing_is_kept_of_what_is_refused():
    message = heka.Message(fields={"a": 1})

    with pytest.raises(heka.FieldError):
        message.fields = {"b": 2, "c": None}

    assert message.fields == {"a": [1]}


# ---- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", STRICT_WAYS.values(), ids=STRICT_WAYS)
@pytest.mark.parametrize(
    ("key", "name", "kind"),
    [(1, "1", "int"), (None, "None", "NoneType"), (b"a", "b'a'", "bytes"), (True, "True", "bool")],
)
def test_a_name_that_is_no_str(way, key, name, kind):
    for fields, where in (
        ({key: 1}, name),
        ({"o": {key: 1}}, f"o.{name}"),
        (Plain({key: 1}), name),
    ):
        with pytest.raises(heka.FieldError) as error:
            way(fields)

        assert str(error.value) == (
            f"field {where!r}: field names must be str, not {kind}; use str(name)"
        )


@pytest.mark.parametrize("way", STRICT_WAYS.values(), ids=STRICT_WAYS)
@pytest.mark.parametrize(
    ("fields", "name"),
    [
        pytest.param({"\udc80": 1}, r"\udc80", id="name"),
        pytest.param({"\ud800": {"a": 1}}, r"\ud800", id="outer-name"),
        pytest.param({"a": {"b\udfff": 1}}, r"a.b\udfff", id="inner-name"),
    ],
)
def test_a_lone_surrogate_in_a_name(way, fields, name):
    with pytest.raises(heka.FieldError, match="lone surrogate in its name") as error:
        way(fields)

    assert str(error.value).startswith(f"field '{name}': ")


@pytest.mark.parametrize("way", STRICT_WAYS.values(), ids=STRICT_WAYS)
@pytest.mark.parametrize(
    ("fields", "name"),
    [
        pytest.param({"a.b": 1, "a": {"b": 2}}, "a.b", id="dot-before-dict"),
        pytest.param({"a": {"b": 2}, "a.b": 1}, "a.b", id="dict-before-dot"),
        pytest.param({"a": {"b": {"c": 1}, "b.c": 2}}, "a.b.c", id="deeper"),
        pytest.param({"a.b": {"c": 1}, "a": {"b.c": 2}}, "a.b.c", id="two-dicts"),
        pytest.param({"": {"": 1}, ".": 2}, ".", id="nothing-but-dots"),
        pytest.param({"é.b": 1, "é": {"b": 2}}, "é.b", id="beyond-ascii"),
        pytest.param(
            {"a.longer-name": Index(1), "a": {"longer-name": 2}}, "a.longer-name", id="runs-code"
        ),
    ],
)
def test_two_names_that_are_equal_once_flattened(way, fields, name):
    with pytest.raises(heka.FieldError) as error:
        way(fields)

    assert str(error.value) == (
        f"field '{name}': two fields have this name once mappings are flattened; rename one"
    )


class Name(str):
    """Equal to nothing but itself, so that a dict holds two of a kind."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def test_two_names_that_only_their_class_tells_apart():
    with pytest.raises(heka.FieldError, match="field 'a': two fields have this name"):
        heka.Message(fields={Name("a"): 1, Name("a"): 2})


# ---- depth ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", STRICT_WAYS.values(), ids=STRICT_WAYS)
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(nested(33), id="33-deep"),
        pytest.param(nested(33, Index(1)), id="33-deep-runs-code"),
        pytest.param(nested(2000), id="2000-deep"),
        pytest.param(holds_itself(), id="holds-itself"),
        pytest.param(Plain(holds_itself()), id="in-a-mapping"),
    ],
)
def test_more_than_32_mappings_deep(way, value):
    with pytest.raises(heka.FieldError, match="nested more than 32 deep"):
        way({"k": value})


def test_an_empty_mapping_below_the_limit_is_too_deep_as_well():
    """It would send no field, but such a depth is a mistake."""
    assert heka.Message(fields={"k": nested(31, {})}).fields == {}
    with pytest.raises(heka.FieldError):
        heka.Message(fields={"k": nested(32, {})})


# ---- the fields themselves --------------------------------------------------------------------


@pytest.mark.parametrize("way", STRICT_WAYS.values(), ids=STRICT_WAYS)
@pytest.mark.parametrize("fields", [1, "ab", [("a", 1)], ("a",), {"a"}, iter({"a": 1}), b""])
def test_fields_that_are_no_mapping(way, fields):
    with pytest.raises(
        TypeError, match=f"fields must be a mapping or None, not .*{type(fields).__name__}"
    ):
        way(fields)


# ---- code of the user's -----------------------------------------------------------------------


class Raising:
    """Raises after some values."""

    def __init__(self, after: int) -> None:
        self.after = after

    def __iter__(self) -> Any:
        if self.after < 0:
            boom()
        yield from range(self.after)
        boom()


class RaisingMapping(Mapping[str, Any]):
    """A mapping of which *where* raises."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __getitem__(self, key: str) -> Any:
        return boom() if self.where == "getitem" else 1

    def __iter__(self) -> Any:
        return boom() if self.where == "iter" else iter("ab")

    def __len__(self) -> int:
        return 2

    def keys(self) -> Any:
        return boom() if self.where == "keys" else super().keys()


@pytest.mark.parametrize("way", STRICT_WAYS.values(), ids=STRICT_WAYS)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Index(act=boom), id="__index__"),
        pytest.param(lambda: [1, Index(act=boom)], id="__index__-in-a-list"),
        pytest.param(lambda: Float(act=boom), id="__float__"),
        pytest.param(lambda: {"a": Float(act=boom)}, id="__float__-in-a-mapping"),
        pytest.param(lambda: Raising(-1), id="__iter__"),
        pytest.param(lambda: Raising(0), id="__next__-first"),
        pytest.param(lambda: Raising(3), id="__next__-later"),
        pytest.param(lambda: heka.Field([Index(act=boom)], "s"), id="in-a-Field"),
        pytest.param(lambda: RaisingMapping("getitem"), id="__getitem__"),
        pytest.param(lambda: RaisingMapping("iter"), id="mapping-__iter__"),
        pytest.param(lambda: RaisingMapping("keys"), id="keys"),
    ],
)
def test_exception_of_a_values_own_code_is_passed_on_unchanged(way, make):
    with pytest.raises(BoomError, match="the user's own"):
        way({"before": 1, "k": make(), "behind": 2})


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        pytest.param(Index("x"), TypeError, id="__index__"),
        pytest.param(Float("x"), TypeError, id="__float__"),
        pytest.param(Decimal("sNaN"), ValueError, id="signalling-nan"),
    ],
)
def test_number_whose_index_or_float_returns_a_wrong_type_is_refused(value, kind):
    with pytest.raises(kind):
        heka.Message(fields={"k": value})


@pytest.mark.parametrize("way", STRICT_WAYS.values(), ids=STRICT_WAYS)
@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda d: d.clear(), id="clear"),
        pytest.param(lambda d: d.update({str(i): i for i in range(1000)}), id="grow"),
        pytest.param(lambda d: d.pop("z"), id="remove-what-comes"),
        pytest.param(lambda d: d.pop("k"), id="remove-itself"),
        pytest.param(lambda d: d.__setitem__("z", None), id="replace-what-comes"),
    ],
)
def test_a_dict_that_changes_while_it_is_read(way, act):
    """The values are those at the beginning of the read."""
    fields: dict[str, Any] = {"a": "x" * 100, "z": ["y" * 100]}
    fields = {"a": fields["a"], "k": Index(1, lambda: act(fields)), "z": fields["z"]}

    assert way(fields) == {"a": ["x" * 100], "k": [1], "z": ["y" * 100]}


@pytest.mark.parametrize("way", STRICT_WAYS.values(), ids=STRICT_WAYS)
def test_an_inner_dict_that_changes_while_it_is_read(way):
    inner: dict[str, Any] = {}
    inner.update(a=Index(1, inner.clear), b="x" * 100)
    fields = {"o": inner, "z": 1}

    assert way(fields) == {"o.a": [1], "o.b": ["x" * 100], "z": [1]}


@pytest.mark.parametrize("way", STRICT_WAYS.values(), ids=STRICT_WAYS)
@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda values: values.clear(), id="clear"),
        pytest.param(lambda values: values.extend([None] * 1000), id="grow"),
        pytest.param(lambda values: values.__setitem__(2, "str"), id="replace"),
    ],
)
@pytest.mark.parametrize("kind", [list, heka.Field])
def test_a_list_that_changes_while_it_is_read(way, kind, act):
    values: Any = kind([])
    values.extend([10**6, Index(2, lambda: act(values)), 10**7])

    assert way({"k": values}) == {"k": [10**6, 2, 10**7]}


def test_a_field_that_gets_another_unit_while_it_is_read():
    field = heka.Field([], "seconds" * 20)

    def change() -> None:
        field.representation = ""
        field.value_type = heka.Field.STRING

    field.append(Index(1, change))
    sent = heka.Message(fields={"k": field}).fields["k"]

    assert (sent, sent.representation) == ([1], "seconds" * 20)


def test_a_bytearray_that_is_cut_while_its_message_is_made():
    data = bytearray(b"x" * 1000)
    fields = {"a": Index(1, data.clear), "b": data}

    assert heka.Message(fields=fields).fields == {"a": [1], "b": [b""]}


def test_code_that_runs_may_log_and_encode_itself():
    message = heka.Message(fields={"k": 1})
    inner = []
    message.fields["k"] = [Index(2, lambda: inner.append(heka.pack(fields={"i": Index(3)})))]

    message.encode()

    assert len(inner) == 1


def test_the_last_reference_to_a_value_may_go_while_it_is_read():
    """An iterable that keeps no reference to its values."""
    fields = {"k": (bytes([i]) * 1000 for i in range(50))}

    assert len(heka.Message(fields=fields).fields["k"]) == 50


# ---- numbers that no double holds, or that are none ----


@pytest.mark.parametrize("way", STRICT_WAYS.values(), ids=STRICT_WAYS)
@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(Decimal("1E400"), "a number does not fit in a DOUBLE", id="Decimal"),
        pytest.param(Decimal("-1E400"), "a number does not fit in a DOUBLE", id="negative"),
        pytest.param(
            [Decimal(1), Decimal("1E400")], "a number at index 1 does not", id="in-a-list"
        ),
        pytest.param(heka.Field(Decimal("1E400")), "a number at index 0 does not", id="Field"),
        pytest.param(
            Decimal("sNaN"),
            "decimal.Decimal cannot be read as a number: cannot convert signaling NaN to float; "
            "send it as str",
            id="signalling-nan",
        ),
        pytest.param([Decimal("sNaN")], "decimal.Decimal at index 0 cannot be read", id="nan-list"),
        pytest.param(Float("x"), "cannot be read as a number: ", id="__float__-returns-a-str"),
        pytest.param(Index("x"), "cannot be read as a number: ", id="__index__-returns-a-str"),
    ],
)
def test_number_that_no_double_holds_is_refused_by_name(way, value, text):
    with pytest.raises(heka.FieldError) as error:
        way({"k": value})

    assert str(error.value).startswith("field 'k': ")
    assert text in str(error.value)


@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "NaN"])
def test_decimal_that_is_infinite_or_no_number_is_sent_as_such(text):
    message = heka.Message(fields={"k": Decimal(text)})

    assert repr(message.fields["k"][0]) == repr(float(text))


def test_own_subclass_of_value_error_is_passed_on_unchanged():
    class OwnError(ValueError):
        pass

    def fail():
        raise OwnError("the user's own")

    with pytest.raises(OwnError, match="the user's own"):
        heka.Message(fields={"k": Float(act=fail)})


@pytest.mark.parametrize(
    "text",
    [
        "ma.masked",
        "ma.array(5, mask=True)",
        "ma.array(1.5, mask=True)",
        "ma.array([1.5, 2.5], mask=[False, True])",
    ],
)
def test_masked_value_of_numpy_is_refused_by_name(text):
    np = pytest.importorskip("numpy")
    value = eval(f"np.{text}", {"np": np})

    with pytest.raises(heka.FieldError, match=r"^field 'k': Heka has no type for \w*Masked"):
        heka.Message(fields={"k": value})


def test_value_of_numpy_that_is_not_masked_is_sent():
    np = pytest.importorskip("numpy")

    assert heka.Message(fields={"k": np.ma.array([1.5, 2.5])}).fields["k"] == [1.5, 2.5]
    assert heka.Message(fields={"k": np.ma.array(1.5)}).fields["k"] == [1.5]


def test_finite_longdouble_that_no_double_holds_is_refused_by_name():
    np = pytest.importorskip("numpy")
    value = np.longdouble("1e400")
    if np.isinf(value):
        pytest.skip("longdouble is double here")

    with pytest.raises(heka.FieldError, match=r"^field 'k': a number does not fit in a DOUBLE"):
        heka.Message(fields={"k": value})
    assert heka.Message(fields={"k": np.longdouble("inf")}).fields["k"] == [float("inf")]

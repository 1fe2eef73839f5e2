"""Field values: which Python value becomes which type on the wire."""

from __future__ import annotations

import array
import collections
import enum
import types
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from python.unit.support import WAYS, Exactly, Float, Index, Plain, Text, described, nested

import heka

STRING, BYTES, INTEGER, DOUBLE, BOOL = range(5)
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


class Number(enum.Enum):
    ONE = 1
    HALF = 0.5
    WORD = "word"
    RAW = b"raw"
    SEVERAL = (1, 2)
    SHAPE = {"side": 3}  # noqa: RUF012


class Answer(enum.Enum):
    YES = True


class Whole(enum.IntEnum):
    TWO = 2


class Bits(enum.Flag):
    LOW = 1
    HIGH = 4


class Word(str, enum.Enum):
    HELLO = "hello"


class Outer(enum.Enum):
    INNER = Number.ONE


class Int(int):
    """An int subclass with another ``__index__``."""

    def __index__(self) -> int:
        return 99


class Real(float):
    def __float__(self) -> float:
        return 99.0


class Raw(bytes):
    pass


class Both:
    """Has ``__index__`` and ``__float__``: the first decides."""

    def __index__(self) -> int:
        return 3

    def __float__(self) -> float:
        return 3.5


class Sequence:
    """Iterable by ``__iter__`` only."""

    def __iter__(self) -> Any:
        return iter(["x", "y"])


SCALARS = [
    pytest.param(True, True, BOOL, id="True"),
    pytest.param(False, False, BOOL, id="False"),
    pytest.param(0, 0, INTEGER, id="zero"),
    pytest.param(-1, -1, INTEGER, id="negative"),
    pytest.param(INT64_MAX, INT64_MAX, INTEGER, id="largest-int64"),
    pytest.param(INT64_MIN, INT64_MIN, INTEGER, id="smallest-int64"),
    pytest.param(Int(5), 5, INTEGER, id="int-subclass"),
    pytest.param(Index(7), 7, INTEGER, id="__index__"),
    pytest.param(Index(INT64_MIN), INT64_MIN, INTEGER, id="__index__-smallest"),
    pytest.param(Both(), 3, INTEGER, id="__index__-before-__float__"),
    pytest.param(1.0, 1.0, DOUBLE, id="float"),
    pytest.param(-0.0, -0.0, DOUBLE, id="negative-zero"),
    pytest.param(5e-324, 5e-324, DOUBLE, id="smallest-float"),
    pytest.param(1.7976931348623157e308, 1.7976931348623157e308, DOUBLE, id="largest-float"),
    pytest.param(float("inf"), float("inf"), DOUBLE, id="inf"),
    pytest.param(float("nan"), float("nan"), DOUBLE, id="nan"),
    pytest.param(Real(2.5), 2.5, DOUBLE, id="float-subclass"),
    pytest.param(Float(1.5), 1.5, DOUBLE, id="__float__"),
    pytest.param(Decimal("0.1"), 0.1, DOUBLE, id="Decimal"),
    pytest.param(Decimal(3), 3.0, DOUBLE, id="whole-Decimal"),
    pytest.param(Decimal("NaN"), float("nan"), DOUBLE, id="Decimal-nan"),
    pytest.param(Fraction(1, 4), 0.25, DOUBLE, id="Fraction"),
    pytest.param("", "", STRING, id="empty-str"),
    pytest.param("abc", "abc", STRING, id="str-is-one-value"),
    pytest.param("é", "é", STRING, id="latin1-str"),
    pytest.param("€", "€", STRING, id="two-byte-str"),
    pytest.param("😀", "😀", STRING, id="four-byte-str"),
    pytest.param("a\0b", "a\0b", STRING, id="nul-in-str"),
    pytest.param(Text("sub"), "sub", STRING, id="str-subclass"),
    pytest.param(b"", b"", BYTES, id="empty-bytes"),
    pytest.param(b"\xff\0", b"\xff\0", BYTES, id="bytes"),
    pytest.param(Raw(b"sub"), b"sub", BYTES, id="bytes-subclass"),
    pytest.param(bytearray(b"ba"), b"ba", BYTES, id="bytearray"),
    pytest.param(memoryview(b"view"), b"view", BYTES, id="memoryview"),
    pytest.param(memoryview(b"a-b-c-")[::2], b"abc", BYTES, id="memoryview-with-gaps"),
    pytest.param(memoryview(b"abc")[::-1], b"cba", BYTES, id="memoryview-backwards"),
    pytest.param(memoryview(array.array("H", [257])), b"\1\1", BYTES, id="memoryview-of-shorts"),
    pytest.param(
        memoryview(bytes(range(6))).cast("B", (2, 3)), bytes(range(6)), BYTES, id="memoryview-2d"
    ),
    pytest.param(Number.ONE, 1, INTEGER, id="Enum-of-int"),
    pytest.param(Number.HALF, 0.5, DOUBLE, id="Enum-of-float"),
    pytest.param(Number.WORD, "word", STRING, id="Enum-of-str"),
    pytest.param(Number.RAW, b"raw", BYTES, id="Enum-of-bytes"),
    pytest.param(Answer.YES, True, BOOL, id="Enum-of-bool"),
    pytest.param(Whole.TWO, 2, INTEGER, id="IntEnum"),
    pytest.param(Bits.HIGH | Bits.LOW, 5, INTEGER, id="Flag"),
    pytest.param(Word.HELLO, "hello", STRING, id="str-Enum"),
    pytest.param(Outer.INNER, 1, INTEGER, id="Enum-of-Enum"),
]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("value", "read", "value_type"), SCALARS)
def test_one_value(way, value, read, value_type):
    assert described(way({"k": value})) == {"k": ([read], value_type)}


@pytest.mark.parametrize(("value", "read", "value_type"), SCALARS)
def test_one_value_is_the_same_beside_one_that_runs_code(value, read, value_type):
    """One value of another type disables the fast path for exact built-in types."""
    fields = described(WAYS["Message"]({"k": value, "other": Index(1)}))

    assert fields == {"k": ([read], value_type), "other": ([1], INTEGER)}


@pytest.mark.parametrize(("value", "read", "value_type"), SCALARS)
def test_the_value_in_a_list_has_the_type_that_it_has_alone(value, read, value_type):
    assert described(WAYS["Message"]({"k": [value, value]})) == {"k": ([read, read], value_type)}


def test_minus_zero_keeps_its_sign():
    """Equal to zero, so the table cannot tell."""
    (value,) = heka.Message(fields={"k": -0.0}).fields["k"]

    assert str(value) == "-0.0"


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    ("make", "read", "value_type"),
    [
        pytest.param(lambda: [1, 2], [1, 2], INTEGER, id="list"),
        pytest.param(lambda: (1, 2), [1, 2], INTEGER, id="tuple"),
        pytest.param(lambda: [7], [7], INTEGER, id="list-of-one"),
        pytest.param(lambda: [True, False], [True, False], BOOL, id="bools"),
        pytest.param(lambda: [0.5, 1.5], [0.5, 1.5], DOUBLE, id="floats"),
        pytest.param(lambda: ["a", "é", ""], ["a", "é", ""], STRING, id="strs"),
        pytest.param(
            lambda: [b"a", bytearray(b"b"), memoryview(b"c")], [b"a", b"b", b"c"], BYTES, id="bytes"
        ),
        pytest.param(lambda: [1, Index(2), Whole.TWO], [1, 2, 2], INTEGER, id="kinds-of-int"),
        pytest.param(
            lambda: [1.0, Decimal(2), Fraction(3)], [1.0, 2.0, 3.0], DOUBLE, id="kinds-of-float"
        ),
        pytest.param(lambda: ["a", Text("b"), Word.HELLO], ["a", "b", "hello"], STRING, id="texts"),
        pytest.param(lambda: {3}, [3], INTEGER, id="set"),
        pytest.param(lambda: frozenset([3]), [3], INTEGER, id="frozenset"),
        pytest.param(lambda: range(3), [0, 1, 2], INTEGER, id="range"),
        pytest.param(lambda: (i / 2 for i in range(3)), [0.0, 0.5, 1.0], DOUBLE, id="generator"),
        pytest.param(lambda: map(str, [1, 2]), ["1", "2"], STRING, id="map"),
        pytest.param(lambda: iter([1]), [1], INTEGER, id="iterator"),
        pytest.param(lambda: {"a": 1, "b": 2}.keys(), ["a", "b"], STRING, id="keys"),
        pytest.param(lambda: {"a": 1, "b": 2}.values(), [1, 2], INTEGER, id="values"),
        pytest.param(lambda: array.array("q", [1, -2]), [1, -2], INTEGER, id="array-of-ints"),
        pytest.param(lambda: array.array("d", [0.5]), [0.5], DOUBLE, id="array-of-doubles"),
        pytest.param(lambda: collections.deque([1, 2]), [1, 2], INTEGER, id="deque"),
        pytest.param(lambda: collections.UserList(["a"]), ["a"], STRING, id="UserList"),
        pytest.param(Sequence, ["x", "y"], STRING, id="__iter__"),
        pytest.param(lambda: Number.SEVERAL, [1, 2], INTEGER, id="Enum-of-tuple"),
        pytest.param(lambda: list(range(5000)), list(range(5000)), INTEGER, id="5000-values"),
    ],
)
def test_several_values(way, make, read, value_type):
    assert described(way({"k": make()})) == {"k": (read, value_type)}


def test_a_generator_is_read_once_and_to_its_end():
    done = []

    def values():
        yield 1
        yield 2
        done.append(True)

    heka.pack(fields={"k": values()})

    assert done == [True]


def test_the_values_of_an_int_subclass_are_not_asked_for_again():
    """``__index__`` of an int subclass is not called."""
    assert WAYS["Message"]({"k": Int(5)})["k"] == [5]


# ---- mappings ---------------------------------------------------------------------------------


MAPPINGS = [
    pytest.param(dict, id="dict"),
    pytest.param(collections.OrderedDict, id="OrderedDict"),
    pytest.param(types.MappingProxyType, id="MappingProxyType"),
    pytest.param(collections.ChainMap, id="ChainMap"),
    pytest.param(collections.UserDict, id="UserDict"),
    pytest.param(Plain, id="Mapping-subclass"),
]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("kind", MAPPINGS)
def test_the_fields_may_be_any_mapping(way, kind: Callable[[dict[str, Any]], Any]):
    fields = way(kind({"a": 1, "b": "x"}))

    assert list(fields.items()) == [("a", [1]), ("b", ["x"])]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("kind", MAPPINGS)
def test_a_mapping_inside_is_flattened(way, kind: Callable[[dict[str, Any]], Any]):
    fields = way({"o": kind({"a": 1, "b": "x"}), "p": 2})

    assert list(fields.items()) == [("o.a", [1]), ("o.b", ["x"]), ("p", [2])]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_fields_keep_the_order_of_insertion(way):
    assert list(way({"z": 1, "a": {"y": 1, "b": 1}, "m": 1})) == ["z", "a.y", "a.b", "m"]


def test_an_enum_of_a_mapping_is_flattened():
    assert heka.Message(fields={"k": Number.SHAPE}).fields == {"k.side": [3]}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    "empty", [{}, {"a": {}}, {"a": {"b": {}}}, Plain({}), {"a": Plain({})}, None]
)
def test_an_empty_mapping_sends_nothing(way, empty):
    assert way(empty) == {}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("inner", [1, Index(1)], ids=["plain", "runs-code"])
def test_32_mappings_deep(way, inner):
    """One more is a mistake, or a mapping that holds itself: see the refusals."""
    assert way({"k": nested(32, inner)}) == {"k" + ".a" * 32: [1]}


def test_lists_of_lists_are_counted_on_each_branch():
    """Depth is that of one branch, not the number of mappings."""
    fields = heka.Message(fields={str(i): nested(32) for i in range(40)}).fields

    assert len(fields) == 40


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        pytest.param({"": 1}, [""], id="empty-name"),
        pytest.param({"a": {"": 1}}, ["a."], id="empty-inner-name"),
        pytest.param({"": {"": 1}}, ["."], id="both-empty"),
        pytest.param({"a.b": 1, "c": {"d": 2}}, ["a.b", "c.d"], id="dots-of-ones-own"),
        pytest.param({"é": {"€": 1, "😀": 2}}, ["é.€", "é.😀"], id="any-text"),
        pytest.param({"n\0": 1}, ["n\0"], id="nul"),
        pytest.param({Text("a"): 1}, ["a"], id="str-subclass"),
        pytest.param({"x" * 5000: {"y" * 5000: 1}}, ["x" * 5000 + "." + "y" * 5000], id="long"),
    ],
)
def test_names(fields, names):
    assert list(heka.Message(fields=fields).fields) == names


def test_names_come_back_as_plain_str():
    (name,) = heka.Message(fields={Text("a"): 1}).fields

    assert type(name) is str


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_callers_dict_stays_as_it_is(way):
    inner = {"b": [1, 2]}
    mine = {"a": inner, "c": heka.Field(1, "B")}

    way(mine)

    assert mine == {"a": {"b": [1, 2]}, "c": [1]}
    assert mine["a"] is inner


# ---- Field ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    ("field", "read", "value_type"),
    [
        pytest.param(heka.Field(12, "KiB"), [12], INTEGER, id="unit"),
        pytest.param(heka.Field([1, 2], "s", heka.Field.DOUBLE), [1.0, 2.0], DOUBLE, id="ints"),
        pytest.param(
            heka.Field([1, 2.5], "s", heka.Field.DOUBLE), [1.0, 2.5], DOUBLE, id="int-and-float"
        ),
        pytest.param(heka.Field("a", "é", heka.Field.STRING), ["a"], STRING, id="text"),
        pytest.param(heka.Field(Index(4), "n"), [4], INTEGER, id="runs-code"),
    ],
)
def test_a_field_brings_its_unit_and_its_type(way, field, read, value_type):
    sent = way({"k": field})

    assert described(sent) == {"k": (read, value_type)}
    assert sent["k"].representation == field.representation


def test_values_without_a_field_have_an_empty_representation():
    assert heka.Message(fields={"k": 1}).fields["k"].representation == ""


def test_a_field_inside_a_mapping():
    sent = heka.Message(fields={"o": {"k": heka.Field(12, "KiB")}}).fields

    assert (sent["o.k"], sent["o.k"].representation) == ([12], "KiB")


# ---- numpy ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def np():
    return pytest.importorskip("numpy")


@pytest.mark.parametrize(
    ("text", "read", "value_type"),
    [
        ("bool_(True)", True, BOOL),
        ("bool_(False)", False, BOOL),
        ("int8(-3)", -3, INTEGER),
        ("int64(2**62)", 2**62, INTEGER),
        ("uint64(2**63 - 1)", INT64_MAX, INTEGER),
        ("float16(0.5)", 0.5, DOUBLE),
        ("float32(0.5)", 0.5, DOUBLE),
        ("float64(0.1)", 0.1, DOUBLE),
        ("longdouble(0.5)", 0.5, DOUBLE),
        ("str_('text')", "text", STRING),
        ("bytes_(b'raw')", b"raw", BYTES),
        ("array(5)", 5, INTEGER),
        ("array(True)", True, BOOL),
        ("array(0.5)", 0.5, DOUBLE),
        ("array('text')", "text", STRING),
    ],
)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_numpy_scalars(np, way, text, read, value_type):
    value = eval(f"np.{text}")

    assert described(way({"k": value})) == {"k": ([read], value_type)}


@pytest.mark.parametrize(
    ("text", "read", "value_type"),
    [
        ("array([1, 2])", [1, 2], INTEGER),
        ("array([True, False])", [True, False], BOOL),
        ("array([0.5, 1.5], dtype='f4')", [0.5, 1.5], DOUBLE),
        ("array(['a', 'b'])", ["a", "b"], STRING),
        ("arange(6)[::2]", [0, 2, 4], INTEGER),
        ("array([[1, 2]]).flat", [1, 2], INTEGER),
    ],
)
def test_numpy_arrays_are_several_values(np, text, read, value_type):
    value = eval(f"np.{text}")

    assert described(WAYS["Message"]({"k": value})) == {"k": (read, value_type)}


@pytest.mark.parametrize(
    "text", ["datetime64('2020-01-01')", "timedelta64(1, 's')", "complex64(1j)", "void(b'x')"]
)
def test_numpy_scalars_that_are_no_number(np, text):
    """Every numpy scalar has ``__float__``, which drops the imaginary part of a complex number."""
    value = eval(f"np.{text}")

    with pytest.raises(heka.FieldError, match=r"field 'k': Heka has no type for numpy\.\w+;"):
        heka.Message(fields={"k": value})


def test_exactly_tells_types_apart():
    """A plain ``==`` would take True for 1."""
    assert Exactly(1) != True  # noqa: E712
    assert Exactly(1.0) != 1
    assert Exactly(float("nan")) == float("nan")

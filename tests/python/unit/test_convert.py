"""``bad_values='convert'``, the default: ordinary values are sent, and no value raises."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import ipaddress
import os
import pathlib
import uuid
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

import pytest
from python.unit.support import Index, Plain, boom

import heka
from heka.client import HekaClient
from heka.testing import Captured, capture

UTC = datetime.timezone.utc
MOMENT = datetime.datetime(2026, 3, 1, 14, 2, 11, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def captured() -> Iterator[Captured]:
    with capture() as messages:
        yield messages


def sent(captured: Captured, fields: Any, **options: Any) -> dict[str, heka.Field]:
    """Log *fields* and return those that came."""
    assert heka.log("t", fields=fields, **options) is True
    return captured[-1].fields


def altered_by(fields: Any, **options: Any) -> int:
    before = heka.stats()["altered"]
    assert heka.log("t", fields=fields, **options) is True
    return heka.stats()["altered"] - before


class Colour(enum.Enum):
    RED = "red"
    NOTHING = None
    MOMENT = MOMENT
    PAIR = (1, "a")


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Address:
    street: str
    since: datetime.date | None = None


@dataclasses.dataclass
class User:
    name: str
    home: Address
    password: str = dataclasses.field(default="secret", repr=False)
    friend: Any = None
    kind: ClassVar[str] = "user"


class Model:
    """As a model of pydantic: it can be iterated, and gives its fields as a dict."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def model_dump(self) -> dict[str, Any]:
        return self.fields

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fields.items())


class PydanticModel(Model):
    __pydantic_serializer__ = object()

    def model_dump(self, *, warnings: bool = True) -> dict[str, Any]:
        assert warnings is False, "it would be printed on the program's stderr"
        return self.fields


CONVERTED = [
    pytest.param(MOMENT, "2026-03-01T14:02:11.000005+00:00", id="datetime"),
    pytest.param(datetime.datetime(2026, 3, 1), "2026-03-01T00:00:00", id="naive-datetime"),
    pytest.param(datetime.date(2026, 3, 1), "2026-03-01", id="date"),
    pytest.param(datetime.time(14, 2), "14:02:00", id="time"),
    pytest.param(datetime.timedelta(1, 5), "1 day, 0:00:05", id="timedelta"),
    pytest.param(uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005", id="uuid"),
    pytest.param(pathlib.PurePosixPath("/var/x"), "/var/x", id="path"),
    pytest.param(pathlib.PureWindowsPath("c:/x"), "c:\\x", id="windows-path"),
    pytest.param(pathlib.PurePosixPath("/x\udcff"), "/x\\udcff", id="path-that-is-not-utf8"),
    pytest.param(ipaddress.ip_address("10.0.0.1"), "10.0.0.1", id="ipv4"),
    pytest.param(ipaddress.ip_address("::1"), "::1", id="ipv6"),
    pytest.param(ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8", id="network"),
    pytest.param(ipaddress.ip_interface("10.0.0.1/8"), "10.0.0.1/8", id="interface"),
    pytest.param(Colour.RED, "red", id="enum"),
    pytest.param(Colour.MOMENT, MOMENT.isoformat(), id="enum-of-a-datetime"),
    pytest.param(Level.HIGH, 3, id="int-enum"),
    pytest.param(Decimal("1.5"), 1.5, id="decimal"),
    pytest.param(Fraction(1, 2), 0.5, id="fraction"),
    pytest.param([datetime.date(2026, 3, d) for d in (1, 2)], ["2026-03-01", "2026-03-02"], id="l"),
    pytest.param([uuid.UUID(int=5), "x"], [str(uuid.UUID(int=5)), "x"], id="uuid-and-text"),
    pytest.param(heka.Field(MOMENT, "iso"), MOMENT.isoformat(), id="Field"),
]


@pytest.mark.parametrize(("value", "expected"), CONVERTED)
def test_value_is_sent_as_a_type_of_the_wire(captured, value, expected):
    expected = expected if isinstance(expected, list) else [expected]

    assert sent(captured, {"k": value, "other": 1}) == {"k": expected, "other": [1]}
    assert sent(captured, {"o": Plain({"k": value})}) == {"o.k": expected}


def test_the_unit_of_a_converted_value_is_kept(captured):
    assert sent(captured, {"k": heka.Field(MOMENT, "iso")})["k"].representation == "iso"


def test_a_subclass_is_asked_for_its_own_text(captured):
    class Nanoseconds(datetime.datetime):
        def isoformat(self, *args: Any, **options: Any) -> str:
            return "with nanoseconds"

    class Named(pathlib.PurePosixPath):
        pass

    assert sent(captured, {"a": Nanoseconds(2026, 3, 1), "b": Named("/x")}) == {
        "a": ["with nanoseconds"],
        "b": ["/x"],
    }


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        pytest.param(Address("x"), {"k.street": ["x"]}, id="dataclass"),
        pytest.param(
            User("ann", Address("x", datetime.date(2026, 3, 1))),
            {"k.name": ["ann"], "k.home.street": ["x"], "k.home.since": ["2026-03-01"]},
            id="nested-dataclass-without-what-its-repr-hides",
        ),
        pytest.param(Model(a=1, b=None, c={"d": MOMENT}), None, id="model"),
        pytest.param(PydanticModel(a=1, b=None, c={"d": MOMENT}), None, id="pydantic"),
        pytest.param(Colour.NOTHING, {}, id="enum-of-none"),
    ],
)
def test_value_is_sent_as_a_mapping(captured, value, fields):
    expected = {"k.a": [1], "k.c.d": [MOMENT.isoformat()]} if fields is None else fields

    assert sent(captured, {"k": value}) == expected


def test_a_model_of_pydantic(captured):
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Order", id=(int, ...), at=(datetime.datetime, ...))

    assert sent(captured, {"k": model(id=1, at=MOMENT)}) == {
        "k.id": [1],
        "k.at": [MOMENT.isoformat()],
    }


def test_attributes_of_a_dataclass_that_cannot_be_read(captured):
    @dataclasses.dataclass
    class Odd:
        fine: int
        missing: int
        broken: int

        def __getattribute__(self, name: str) -> Any:
            return boom() if name == "broken" else super().__getattribute__(name)

    value = Odd(1, 2, 3)
    del value.missing

    assert sent(captured, {"k": value}) == {
        "k.fine": [1],
        "k.broken": ["<BoomError when it was read>"],
    }


def test_numpy(captured):
    np = pytest.importorskip("numpy")
    fields = {
        "int": np.int32(5),
        "float": np.float32(0.5),
        "bool": np.bool_(True),
        "str": np.str_("x"),
        "when": np.datetime64("2026-03-01T14:02"),
        "took": np.timedelta64(5, "s"),
        "array": np.arange(3),
        "whens": np.array(["2026-03-01", "2026-03-02"], dtype="datetime64[D]"),
        "none": np.array([]),
        "over": np.uint64(2**64 - 1),
        "complex": np.complex64(1j),
        "square": np.array([[1, 2], [3, 4]]),
        "large": np.zeros((100, 100)),
        "masked": np.ma.masked,
    }

    found = sent(captured, fields)
    assert found.pop("large")[0].startswith("array([[0., 0., 0., ..., 0., 0., 0.],")
    assert found == {
        "int": [5],
        "float": [0.5],
        "bool": [True],
        "str": ["x"],
        "when": ["2026-03-01T14:02"],
        "took": ["5 seconds"],
        "array": [0, 1, 2],
        "whens": ["2026-03-01", "2026-03-02"],
        "over": [str(2**64 - 1)],
        "complex": ["1j"],
        "square": ["[[1, 2], [3, 4]]"],
        "masked": ["masked"],
    }


@pytest.mark.parametrize("value", [None, [], (), set(), frozenset(), iter(()), heka.Field([])])
def test_none_and_what_is_empty_is_left_out(captured, value):
    assert altered_by({"k": value, "o": {"p": None, "q": 1}}) == 2
    assert captured[-1].fields == {"o.q": [1]}


def test_empty_text_is_a_value(captured):
    assert sent(captured, {"a": "", "b": b"", "c": {}}) == {"a": [""], "b": [b""]}
    assert altered_by({"a": "", "b": b"", "c": {}}) == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param([1, "a"], "[1, 'a']", id="mixed"),
        pytest.param([1, None], "[1, None]", id="none-in-a-list"),
        pytest.param([{"a": 1}], "[{'a': 1}]", id="dict-in-a-list"),
        pytest.param(2**64, str(2**64), id="beyond-int64"),
        pytest.param(1 << 200_000, "<int of 200,001 bits>", id="more-digits-than-python-writes"),
        pytest.param("a\ud800", "'a\\ud800'", id="lone-surrogate"),
        pytest.param(1j, "1j", id="no-type"),
        pytest.param(Colour.PAIR, "<Colour.PAIR: (1, 'a')>", id="enum-of-a-mixed-tuple"),
        pytest.param(
            heka.Field("x", value_type=2), "Field(['x'], value_type=Field.INTEGER)", id="F"
        ),
    ],
)
def test_all_else_is_sent_as_its_repr(captured, value, text):
    assert altered_by({"k": value, "z": 1}) == 1
    assert captured[-1].fields == {"k": [text], "z": [1]}


# ---- the count --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        pytest.param({"a": 1, "b": [1, 2], "c": {"d": "x"}, "e": Index(1)}, 0, id="none"),
        pytest.param({"a": MOMENT, "b": 1}, 1, id="one"),
        pytest.param({"a": [MOMENT, MOMENT]}, 2, id="each-of-a-list"),
        pytest.param({"a": [MOMENT, None]}, 1, id="a-list-that-is-sent-as-repr"),
        pytest.param({"a": Address("x")}, 2, id="a-dataclass-and-its-none"),
        pytest.param({1: 1, "a\ud800": 1}, 2, id="names"),
        pytest.param({"a": Colour.RED, "b": Decimal(1), "c": True}, 0, id="typed"),
    ],
)
def test_each_value_that_is_not_sent_as_given_is_counted(fields, count):
    assert altered_by(fields) == count


def test_text_that_is_escaped_is_counted():
    before = heka.stats()["altered"]
    heka.log("a\ud800", "b\udcff", payload="€\udfff")

    assert heka.stats()["altered"] == before + 3


def test_values_of_repr_are_counted_too():
    assert altered_by({"a": None, "b": 1, "c": MOMENT}, bad_values="repr") == 2


def test_a_client_counts_its_own():
    client = HekaClient("heka.streams.NullStream", "tests")
    before = heka.stats()["altered"]

    assert client.bad_values == "convert"
    assert client.heka("t", fields={"a": None, "b": MOMENT}) is True
    assert client.incr("n", fields={"a": None}) is True
    assert (client.stats()["altered"], heka.stats()["altered"]) == (3, before)


def test_a_child_process_counts_from_zero():
    heka.log("t", fields={"a": None})
    client = HekaClient("heka.streams.NullStream", "tests")
    client.heka("t", fields={"a": None})
    child = os.fork()
    if child == 0:
        counts = (heka.stats()["altered"], client.stats()["altered"])
        os._exit(0 if counts == (0, 0) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# ---- default, strictness ----------------------------------------------------------------------


def test_default_is_asked_first(captured):
    assert sent(captured, {"k": MOMENT, "n": None}, default=lambda value: f"<{value}>") == {
        "k": [f"<{MOMENT}>"],
        "n": ["<None>"],
    }


def test_what_default_returns_is_converted(captured):
    assert sent(captured, {"k": object(), "l": 1j}, default=lambda value: MOMENT) == {
        "k": [MOMENT.isoformat()],
        "l": [MOMENT.isoformat()],
    }
    assert sent(captured, {"k": object(), "l": 1}, default=lambda value: None) == {"l": [1]}


def test_a_default_that_raises_is_replaced_by_the_repr(captured):
    assert sent(captured, {"k": 1j}, default=boom) == {"k": ["1j"]}


def test_raise_and_repr_mean_what_they_did(captured):
    with pytest.raises(heka.FieldError, match=r"field 'k': Heka has no type for datetime\.d"):
        heka.log("t", fields={"k": MOMENT}, bad_values="raise")
    assert sent(captured, {"k": MOMENT, "n": None}, bad_values="repr") == {
        "k": [repr(MOMENT)],
        "n": ["None"],
    }


@pytest.mark.parametrize("make", [heka.Message, heka.pack])
def test_message_and_pack_are_strict(make):
    for value in (None, MOMENT, [], Address("x")):
        with pytest.raises(heka.FieldError):
            make(fields={"k": value})


@pytest.mark.parametrize("arguments", [(1,), ("t", 1), ("t", "l", 6, None, b"x"), ("t", "l", 6, 5)])
def test_arguments_of_a_wrong_type_raise(arguments):
    with pytest.raises(TypeError, match="must be"):
        heka.log(*arguments)

"""``bad_values='convert'`` by hypothesis: no call raises, and the decoded message is right."""

from __future__ import annotations

import datetime
import pathlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import heka
from heka._values import SHOWN_MAX, show
from heka.testing import capture

TYPED = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.binary(max_size=20),
)
#: With a text each.
ISO = st.one_of(
    st.datetimes(timezones=st.none() | st.timezones()),
    st.dates(),
    st.times(),
)
AS_TEXT = st.one_of(
    st.uuids(),
    st.ip_addresses(),
    st.builds(pathlib.PurePosixPath, st.text("abc/", min_size=1)),
)
LEFT_OUT = st.sampled_from([None, [], (), set()])
AS_REPR = st.one_of(
    st.integers(2**63),
    st.integers(max_value=-(2**63) - 1),
    st.complex_numbers(),
    st.tuples(st.integers(), st.text("ab")),
    st.lists(TYPED, min_size=1).map(lambda values: [*values, values]),
    st.text("\ud800\udfff", min_size=1),
)

#: Special methods that C and the converter call, and what looking at a value calls.
METHODS = (
    *("__iter__", "__next__", "__index__", "__float__", "__int__", "__bool__", "__len__"),
    *("__repr__", "__str__", "__eq__", "__hash__", "__getattr__", "__class__", "__getitem__"),
    *("keys", "isoformat", "model_dump", "__dataclass_fields__", "__fspath__", "utcoffset"),
    *("value", "item", "mask", "tolist", "ndim", "__array__", "__buffer__"),
)
BASES = (object, str, int, float, bytes, list, tuple, dict, set, datetime.datetime, datetime.date)
ERRORS = (ValueError, TypeError, RuntimeError, AttributeError, OverflowError, StopIteration)


def behaviour(answer: Any) -> Any:
    def method(*args: Any, **kwargs: Any) -> Any:
        if isinstance(answer, type) and issubclass(answer, Exception):
            raise answer
        return args[0] if answer == "self" and args else answer

    return method


@st.composite
def hostile(draw: st.DrawFn) -> Any:
    """Return an object of a class of which some methods raise, or return what they must not."""
    base = draw(st.sampled_from(BASES))
    answers = st.sampled_from([*ERRORS, "self", None, 5, "text", b"x", 1.5, [], {}, 2**70])
    names = draw(st.lists(st.sampled_from(METHODS), unique=True, max_size=5))
    members: dict[str, Any] = {}
    for name in names:
        method = behaviour(draw(answers))
        members[name] = property(method) if draw(st.booleans()) else method
    kind: Any = type("Hostile", (base,), members)
    arguments = (2026, 3, 1) if issubclass(base, datetime.date) else ()
    return kind.__new__(kind, *arguments)


def same(got: heka.Field, wanted: list[Any]) -> bool:
    return len(got) == len(wanted) and all(
        type(a) is type(b) and (a == b or (a != a and b != b))
        for a, b in zip(got, wanted, strict=True)
    )


VALUES = st.one_of(
    TYPED.map(lambda value: (value, [value])),
    ISO.map(lambda value: (value, [value.isoformat()])),
    AS_TEXT.map(lambda value: (value, [str(value)])),
    LEFT_OUT.map(lambda value: (value, None)),
    AS_REPR.map(lambda value: (value, [show(value)])),
    st.lists(st.integers(-5, 5), min_size=1).map(lambda values: (values, values)),
    st.lists(ISO, min_size=1).map(lambda values: (values, [v.isoformat() for v in values])),
)
NAMES = st.text("abc", min_size=1, max_size=3)
#: Values and nested mappings, with what is expected of each.
FIELDS = st.recursive(
    VALUES, lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
).filter(lambda fields: isinstance(fields, dict))


def given_of(tree: Any) -> Any:
    return {k: given_of(v) for k, v in tree.items()} if isinstance(tree, dict) else tree[0]


def expected_of(tree: Any, prefix: str = "") -> dict[str, list[Any]]:
    flat: dict[str, list[Any]] = {}
    for name, one in tree.items():
        if isinstance(one, dict):
            flat.update(expected_of(one, f"{prefix}{name}."))
        elif one[1] is not None:
            flat[f"{prefix}{name}"] = one[1]
    return flat


@given(FIELDS)
def test_ordinary_values_arrive_as_they_should(tree):
    with capture() as messages:
        assert heka.log("t", fields=given_of(tree)) is True

    (message,) = messages
    expected = expected_of(tree)
    assert list(message.fields) == list(expected)
    for name, wanted in expected.items():
        assert same(message.fields[name], wanted), name


@settings(max_examples=500)
@given(FIELDS, st.lists(hostile() | st.lists(hostile(), max_size=3), max_size=4))
def test_no_call_raises_and_no_other_value_suffers(tree, bad):
    fields = {**{f"bad{i}": value for i, value in enumerate(bad)}, "good": given_of(tree)}
    with capture() as messages:
        assert heka.log("t", fields=fields) is True
        assert heka.log("t", fields={"o": fields, "last": 1}) is True

    plain, nested = messages
    for name, wanted in expected_of(tree, "good.").items():
        assert same(plain.fields[name], wanted)
        assert same(nested.fields[f"o.{name}"], wanted)
    assert nested.fields["last"] == [1]
    for field in plain.fields.values():
        texts = [value for value in field if isinstance(value, str)]
        assert all(len(text) <= SHOWN_MAX for text in texts)


@given(AS_REPR | ISO | AS_TEXT | TYPED | LEFT_OUT | st.lists(TYPED | AS_REPR))
def test_show_is_the_repr_cut(value):
    text = repr(value)
    text = text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."

    assert show(value) == text.encode("utf-8", "backslashreplace").decode()

"""``msg.fields``: a snapshot, then a plain dict that is validated when it is encoded."""

from __future__ import annotations

from typing import Any

import pytest
from python.unit.support import HEAD, BoomError, Index, boom
from wire.pieces import chunk, field, message, number

import heka


def one(name: bytes, *values: int, unit: bytes = b"") -> bytes:
    """Return the wire bytes of a Field of integers."""
    entry = [chunk(1, name), number(2, 2), chunk(3, unit)]
    return field(*entry, *([chunk(6, bytes(values))] if values else []))


def canonical(*fields: bytes) -> bytes:
    """Return a message, in the one form that we write, with *fields*."""
    head = [chunk(3, b"t"), chunk(4, b""), number(5, 7), chunk(6, b""), chunk(7, b"")]
    return message(*head, number(8, 0), chunk(9, b""), *fields)


def resent(msg: heka.Message) -> dict[str, heka.Field]:
    """Return the fields as a receiver gets them."""
    return heka.Message.decode(msg.encode()).fields


# ---- reading ----------------------------------------------------------------------------------


def test_construction_takes_a_snapshot():
    inner = [1, 2]
    mine: dict[str, Any] = {"a": inner}
    msg = heka.Message(fields=mine)

    inner.append(3)
    mine["b"] = 1

    assert msg.fields == {"a": [1, 2]}


def test_it_is_a_plain_dict_of_fields():
    msg = heka.Message(fields={"a": 1, "b": heka.Field(["x", "y"], "unit")})

    assert type(msg.fields) is dict
    assert [type(value) for value in msg.fields.values()] == [heka.Field, heka.Field]
    assert msg.fields["b"].representation == "unit"
    assert msg.fields["b"].value_type == heka.Field.STRING


def test_it_is_the_same_dict_each_time():
    msg = heka.Message(fields={"a": 1})

    assert msg.fields is msg.fields


def test_two_messages_share_none():
    data = heka.Message(fields={"a": 1}).encode()
    first, second = heka.Message.decode(data), heka.Message.decode(data)

    first.fields["a"].append(2)

    assert second.fields == {"a": [1]}


SHAPES = [
    pytest.param(canonical(), id="none"),
    pytest.param(canonical(one(b"a", 1)), id="one"),
    pytest.param(canonical(one(b"a", 1, unit=b"KiB"), one(b"b", 2, 3)), id="two"),
    pytest.param(canonical(one(b"a", 1), one(b"a", 2)), id="a-name-twice"),
    pytest.param(canonical(one(b"a", 1), one(b"b", 2), one(b"a", 1)), id="a-field-twice"),
    pytest.param(canonical(one(b"\xff", 1, unit=b"\xfe")), id="no-utf8"),
    pytest.param(canonical(one(b"a.b", 1), one(b"a", 1)), id="dots"),
    pytest.param(canonical(one(b"", 1)), id="empty-name"),
]


@pytest.mark.parametrize("data", SHAPES)
def test_reading_changes_nothing(data):
    """Even if the wire has duplicates, which a dict cannot show."""
    msg = heka.Message.decode(data)

    assert msg.encode() == data
    dict(msg.fields)
    assert msg.encode() == data


@pytest.mark.parametrize("data", SHAPES)
def test_a_change_that_is_taken_back_changes_nothing(data):
    msg = heka.Message.decode(data)

    msg.fields["new"] = 1
    assert msg.encode() != data
    del msg.fields["new"]

    assert msg.encode() == data


@pytest.mark.parametrize("data", SHAPES)
def test_values_that_are_equal_change_nothing(data):
    """The wire bytes are compared: a list is the same as a Field without a unit."""
    msg = heka.Message.decode(data)

    for name, value in msg.fields.items():
        msg.fields[name] = heka.Field(list(value), value.representation)

    assert msg.encode() == data


# ---- names that come twice, fields without values ---------------------------------------------


def test_of_two_fields_of_a_name_the_first_shows():
    msg = heka.Message.decode(canonical(one(b"a", 1), one(b"b", 5), one(b"a", 2)))

    assert msg.fields == {"a": [1], "b": [5]}


def test_both_are_sent_while_the_dict_is_unchanged():
    data = canonical(one(b"a", 1), one(b"a", 2))
    msg = heka.Message.decode(data)
    msg.fields["a"][0] = 1

    assert msg.encode() == data


def test_after_a_change_the_dict_is_encoded():
    msg = heka.Message.decode(canonical(one(b"a", 1), one(b"a", 2)))

    msg.fields["a"][0] = 3

    assert msg.encode() == canonical(one(b"a", 3))


def test_a_field_without_values_shows_and_is_not_sent():
    """Such a field breaks receivers, so it is not sent."""
    msg = heka.Message.decode(canonical(one(b"a", 1), one(b"none"), one(b"b", 2)))

    assert msg.fields == {"a": [1], "none": [], "b": [2]}
    assert msg.encode() == canonical(one(b"a", 1), one(b"b", 2))


def test_a_field_without_values_may_get_some():
    msg = heka.Message.decode(canonical(one(b"none", unit=b"s")))

    msg.fields["none"].append(4)

    assert msg.encode() == canonical(one(b"none", 4, unit=b"s"))


def test_a_field_without_values_does_not_hide_a_change_of_another():
    msg = heka.Message.decode(canonical(one(b"a", 1), one(b"none")))

    msg.fields["a"].append(2)

    assert msg.encode() == canonical(one(b"a", 1, 2))


def test_values_taken_away_by_hand_are_refused():
    """Unlike a field that arrived without values."""
    msg = heka.Message.decode(canonical(one(b"a", 1), one(b"none")))

    msg.fields["a"].clear()

    with pytest.raises(heka.FieldError, match="field 'a': an empty heka"):
        msg.encode()


# ---- changing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda f: f.update(c=3), {"a": [1], "b": ["x"], "c": [3]}, id="add"),
        pytest.param(lambda f: f.pop("a"), {"b": ["x"]}, id="remove"),
        pytest.param(lambda f: f.clear(), {}, id="remove-all"),
        pytest.param(lambda f: f["a"].append(2), {"a": [1, 2], "b": ["x"]}, id="append"),
        pytest.param(lambda f: f.update(a="y"), {"a": ["y"], "b": ["x"]}, id="another-type"),
        pytest.param(lambda f: f.update(a=[1, 2]), {"a": [1, 2], "b": ["x"]}, id="a-list"),
        pytest.param(
            lambda f: f.update(o={"p": {"q": 1}}), {"a": [1], "b": ["x"], "o.p.q": [1]}, id="nested"
        ),
        pytest.param(lambda f: f.update(a=Index(9)), {"a": [9], "b": ["x"]}, id="runs-code"),
    ],
)
def test_changes_are_sent(change, expected):
    msg = heka.Message(fields={"a": 1, "b": "x"})

    change(msg.fields)

    assert resent(msg) == expected


def test_the_order_of_the_dict_is_that_of_the_wire():
    msg = heka.Message(fields={"a": 1, "b": 2})

    msg.fields["a"] = msg.fields.pop("a")

    assert list(resent(msg)) == ["b", "a"]


def test_a_unit_may_be_set():
    msg = heka.Message(fields={"a": 1})

    msg.fields["a"].representation = "KiB"

    assert resent(msg)["a"].representation == "KiB"


def test_what_a_double_holds_may_be_given_as_int():
    msg = heka.Message(fields={"a": 1.5})

    msg.fields["a"].append(2)

    assert resent(msg)["a"].value_type == heka.Field.DOUBLE
    assert resent(msg) == {"a": [1.5, 2.0]}


def test_the_type_may_be_changed():
    msg = heka.Message(fields={"a": 1})

    msg.fields["a"].value_type = heka.Field.DOUBLE

    assert resent(msg)["a"].value_type == heka.Field.DOUBLE


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param(lambda f: f.update(b=None), "field 'b': None has no type", id="None"),
        pytest.param(lambda f: f["a"].append("x"), "field 'a': value_type INTEGER", id="another"),
        pytest.param(lambda f: f["a"].append(2**63), "field 'a': an int at index 1", id="too-big"),
        pytest.param(lambda f: f["a"].clear(), "field 'a': an empty heka.Field", id="empty"),
        pytest.param(lambda f: f.update(b=[]), "field 'b': an empty list", id="empty-list"),
        pytest.param(lambda f: f.update(b=[1, "x"]), "field 'b': mixed types", id="mixed"),
        pytest.param(lambda f: f.update({1: 1}), "field '1': field names must be str", id="name"),
        pytest.param(lambda f: f.update(b="\ud800"), "field 'b': a str holds", id="surrogate"),
        pytest.param(lambda f: f.update(b=f), "nested more than 32 deep", id="itself"),
        pytest.param(
            lambda f: f.update({"o": {"x": 1}, "o.x": 2}),
            "field 'o.x': two fields have",
            id="twice",
        ),
    ],
)
def test_wrong_changes_are_named_when_encoded(change, text):
    """The dict is not changed."""
    msg = heka.Message(fields={"a": 1})

    change(msg.fields)

    with pytest.raises(heka.FieldError, match=text):
        msg.encode()
    assert "a" in msg.fields


def test_encoding_works_again_once_the_change_is_right():
    msg = heka.Message(fields={"a": 1}, **HEAD)
    before = msg.encode()
    msg.fields["b"] = None
    with pytest.raises(heka.FieldError):
        msg.encode()

    del msg.fields["b"]

    assert msg.encode() == before


# ---- replacing --------------------------------------------------------------------------------


def test_replaced_fields_are_a_snapshot_too():
    mine: dict[str, Any] = {"b": [2]}
    msg = heka.Message(fields={"a": 1})

    msg.fields = mine
    mine["b"].append(3)

    assert msg.fields == {"b": [2]}
    assert type(msg.fields["b"]) is heka.Field


def test_changes_to_a_replaced_dict_have_no_effect():
    msg = heka.Message(fields={"a": 1})
    old = msg.fields

    msg.fields = {"b": 2}
    old["c"] = None

    assert resent(msg) == {"b": [2]}


def test_fields_of_another_message_are_taken_with_their_units():
    other = heka.Message(fields={"a": heka.Field(1, "KiB")})
    msg = heka.Message()

    msg.fields = other.fields

    assert msg.fields["a"].representation == "KiB"
    assert msg.fields["a"] is not other.fields["a"]


def test_its_own_dict_may_be_assigned():
    msg = heka.Message(fields={"a": 1})
    fields = msg.fields
    fields["b"] = 2

    msg.fields = fields

    assert msg.fields == {"a": [1], "b": [2]}


def test_replacing_a_name_that_came_twice_forgets_the_second():
    msg = heka.Message.decode(canonical(one(b"a", 1), one(b"a", 2)))

    msg.fields = msg.fields

    assert msg.encode() == canonical(one(b"a", 1))


# ---- text that is no UTF-8 --------------------------------------------------------------------


def odd() -> heka.Message:
    return heka.Message.decode(canonical(field(chunk(1, b"a"), chunk(3, b""), chunk(4, b"\xff"))))


def test_bytes_that_are_no_utf8_go_back_beside_a_change():
    msg = odd()

    msg.fields["b"] = 1

    assert resent(msg) == {"a": ["\udcff"], "b": [1]}


def test_undecodable_bytes_are_accepted_only_where_they_came_from():
    """A lone surrogate in any other place is refused."""
    msg = odd()

    msg.fields["b"] = list(msg.fields["a"])

    with pytest.raises(heka.FieldError, match=r"field 'b': .* lone surrogate"):
        msg.encode()


def test_undecodable_bytes_do_not_permit_other_lone_surrogates():
    msg = odd()

    msg.fields["a"].append("\udcfe")

    with pytest.raises(heka.FieldError, match=r"field 'a': .* lone surrogate"):
        msg.encode()


# ---- equality ---------------------------------------------------------------------------------


def test_the_order_of_fields_does_not_count():
    assert heka.Message(fields={"a": 1, "b": 2}, **HEAD) == heka.Message(
        fields={"b": 2, "a": 1}, **HEAD
    )


def test_the_order_of_values_counts():
    assert heka.Message(fields={"a": [1, 2]}, **HEAD) != heka.Message(fields={"a": [2, 1]}, **HEAD)


@pytest.mark.parametrize(
    "other",
    [{}, {"a": 2}, {"b": 1}, {"a": 1, "b": 1}, {"a": True}, {"a": 1.0}, {"a": heka.Field(1, "s")}],
    ids=repr,
)
def test_fields_that_differ(other):
    """They may differ in name, number, type or unit."""
    assert heka.Message(fields={"a": 1}, **HEAD) != heka.Message(fields=other, **HEAD)


def test_it_does_not_count_whether_the_fields_were_read():
    read, unread = (heka.Message(fields={"a": 1, "b": "x"}, **HEAD) for _ in range(2))

    assert read.fields
    assert read == unread
    assert unread == read


def test_changes_through_the_dict_count():
    changed, other = (heka.Message(fields={"a": 1}, **HEAD) for _ in range(2))

    changed.fields["b"] = 1
    assert changed != other
    other.fields["b"] = [1]
    assert changed == other


def test_every_field_of_a_name_counts():
    twice = heka.Message.decode(canonical(one(b"a", 1), one(b"a", 2)))

    assert twice != heka.Message.decode(canonical(one(b"a", 1)))
    assert twice != heka.Message.decode(canonical(one(b"a", 1), one(b"a", 3)))
    assert twice == heka.Message.decode(canonical(one(b"a", 2), one(b"a", 1)))


def test_comparing_a_message_that_cannot_be_encoded():
    """The error is that of encode()."""
    bad = heka.Message(fields={"a": 1}, **HEAD)
    bad.fields["b"] = None

    with pytest.raises(heka.FieldError, match="field 'b'"):
        bad == heka.Message(fields={"a": 1}, **HEAD)  # noqa: B015


# ---- code of the user's that runs meanwhile ---------------------------------------------------


def test_exception_of_a_values_own_code_is_passed_on_by_encode():
    msg = heka.Message(fields={"a": 1})
    msg.fields["b"] = Index(act=boom)

    with pytest.raises(BoomError):
        msg.encode()


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda msg: setattr(msg, "fields", {"other": "y" * 500}), id="replaces-all"),
        pytest.param(lambda msg: msg.fields.clear(), id="clears"),
        pytest.param(lambda msg: msg.fields.update(z="other"), id="changes"),
        pytest.param(lambda msg: msg.encode() if len(msg.fields) == 1 else None, id="encodes"),
    ],
)
def test_fields_that_change_while_they_are_encoded(act):
    """The fields are those at the beginning of encode()."""
    msg = heka.Message.decode(canonical(one(b"a", 1), one(b"a", 2)))
    msg.fields["k"] = Index(5, lambda: act(msg))
    msg.fields["z"] = "z" * 500

    assert resent(msg) == {"a": [1], "k": [5], "z": ["z" * 500]}


def test_fields_that_change_while_they_are_compared():
    left, right = (heka.Message(fields={"a": 1, "b": "x" * 500}, **HEAD) for _ in range(2))
    left.fields["a"] = Index(1, lambda: setattr(right, "fields", None))

    assert left != right


def test_fields_that_are_read_while_they_are_replaced():
    msg = heka.Message(fields={"a": "x" * 500})
    seen = []

    msg.fields = {"b": Index(1, lambda: seen.append(msg.fields))}

    assert seen == [{"a": ["x" * 500]}]
    assert msg.fields == {"b": [1]}


# ---- many fields ------------------------------------------------------------------------------

# Compared with each other, these would take minutes, with the GIL held; the number of comparisons
# is counted in tests/core/test_names.c.
MANY = 60_000


def encoded_fields(*fields: bytes) -> bytes:
    return heka.Message("t").encode() + b"".join(
        b"\x52" + bytes([len(field)]) + field for field in fields
    )


def test_many_fields_without_values_are_encoded_again():
    names = [f"{n:05}".encode() for n in range(MANY)]
    data = encoded_fields(*(b"\x0a\x05" + name + b"\x10\x00\x1a\x00" for name in names))
    message = heka.Message.decode(data)

    assert len(message.fields) == MANY
    assert heka.Message.decode(message.encode()).fields == {}


def test_many_fields_that_are_no_utf8_are_compared_with_the_wire():
    names = [b"\xff" + f"{n:05}".encode() for n in range(MANY)]
    data = encoded_fields(*(b"\x0a\x06" + name + b"\x10\x00\x1a\x00\x22\x01v" for name in names))
    message = heka.Message.decode(data)

    assert len(message.fields) == MANY
    with pytest.raises(heka.EncodeError, match=r"a message of 10200\d\d bytes"):
        message.encode()

"""``heka.Field``: a list with a unit and a type."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from python.unit.support import BoomError, Plain, Text, boom

import heka
from heka import Field

PICKLES = range(pickle.HIGHEST_PROTOCOL + 1)
DUPLICATES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle-{p}": lambda f, p=p: pickle.loads(pickle.dumps(f, p)) for p in PICKLES},
}


def parts(field: Field) -> tuple[list[Any], str, int | None]:
    return list(field), field.representation, field.value_type


# ---- construction -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "items"),
    [
        pytest.param(1, [1], id="int"),
        pytest.param(None, [None], id="None"),
        pytest.param("abc", ["abc"], id="str-is-one"),
        pytest.param(Text("abc"), ["abc"], id="str-subclass-is-one"),
        pytest.param(b"abc", [b"abc"], id="bytes-are-one"),
        pytest.param(bytearray(b"abc"), [b"abc"], id="bytearray-is-one"),
        pytest.param(memoryview(b"abc"), [b"abc"], id="memoryview-is-one"),
        pytest.param([1, 2], [1, 2], id="list"),
        pytest.param((1, "x"), [1, "x"], id="tuple"),
        pytest.param([], [], id="empty"),
        pytest.param({5}, [5], id="set"),
        pytest.param(range(3), [0, 1, 2], id="range"),
        pytest.param({"a": 1}.values(), [1], id="dict-view"),
        pytest.param(Field([1, 2], "s"), [1, 2], id="Field"),
    ],
)
def test_values(values, items):
    assert list(Field(values)) == items


def test_a_generator_is_read():
    assert Field(i * i for i in range(3)) == [0, 1, 4]


def test_by_default_it_has_no_unit_and_no_type():
    assert parts(Field(1)) == ([1], "", None)


def test_arguments_by_position_and_by_name():
    assert parts(Field([1], "s", 3)) == ([1], "s", 3)
    assert parts(Field(value_type=3, representation="s", values=[1])) == ([1], "s", 3)


def test_the_types_have_names():
    """The constants have the numbers of the wire format."""
    assert (Field.STRING, Field.BYTES, Field.INTEGER, Field.DOUBLE, Field.BOOL) == (0, 1, 2, 3, 4)


@pytest.mark.parametrize("mapping", [{}, {"a": 1}])
def test_a_dict_is_no_list_of_values(mapping):
    with pytest.raises(TypeError, match="values must be one value or an iterable of values, not d"):
        Field(mapping)


def test_another_mapping_is_read_as_its_names():
    """As ``list()`` reads it."""
    assert Field(Plain({"a": 1, "b": 2})) == ["a", "b"]


@pytest.mark.parametrize("value", [1, None, b"s"])
def test_a_unit_is_a_str(value):
    with pytest.raises(TypeError, match="representation must be str, not"):
        Field(1, value)


def test_a_unit_with_a_lone_surrogate_is_refused_with_the_field():
    """A Field from the wire may have one and can be copied."""
    field = Field(1, "\ud800")

    with pytest.raises(heka.FieldError, match=r"field 'size': .* lone surrogate .* represent"):
        heka.pack(fields={"size": field})


@pytest.mark.parametrize("value", [5, -1, 2**70, -(2**70)])
def test_a_type_that_does_not_exist(value):
    with pytest.raises(ValueError, match=r"value_type must be 0 .STRING., .* got -?\d+"):
        Field(1, "", value)


@pytest.mark.parametrize("value", ["STRING", 1.0, str])
def test_a_type_that_is_no_number(value):
    with pytest.raises(TypeError, match=r"value_type must be one of Field\.STRING, BYTES"):
        Field(1, "", value)


class Broken:
    def __iter__(self) -> Any:
        return boom()


def test_an_iterable_that_raises():
    with pytest.raises(BoomError):
        Field(Broken())


def test_new_makes_an_empty_one():
    assert parts(Field.__new__(Field)) == ([], "", None)


def test_init_may_be_called_again():
    field = Field([1, 2], "s", 2)

    field.__init__("x", "t")  # type: ignore[misc]

    assert parts(field) == (["x"], "t", None)


def test_init_that_fails_changes_nothing():
    field = Field([1, 2], "s", 2)

    for arguments in ((Broken(), "t"), ([9], "t", 77), ({}, "t"), ([9], 1)):
        with pytest.raises((BoomError, ValueError, TypeError)):
            field.__init__(*arguments)  # type: ignore[misc]

    assert parts(field) == ([1, 2], "s", 2)


# ---- a list in the first place ----------------------------------------------------------------


def test_it_is_a_list():
    field = Field([3, 1, 2], "s")

    assert isinstance(field, list)
    assert (len(field), field[0], field[-1], 1 in field) == (3, 3, 2, True)
    field.sort()
    field.append(4)
    field[0:1] = [0, 1]
    del field[-1]
    assert list(field) == [0, 1, 2, 3]
    assert (field * 1, field[1:], field.copy()) == ([0, 1, 2, 3], [1, 2, 3], [0, 1, 2, 3])


def test_it_is_equal_to_any_list_of_the_same_values():
    """The unit does not count: ``fields == {"size": [12]}`` is what one wants to write."""
    assert Field([1, 2], "s") == [1, 2]
    assert Field([1, 2], "s") == [1, 2]
    assert Field([1, 2], "s") == Field([1, 2], "KiB", 2)
    assert Field([1, 2]) != [1]
    assert Field([1, 2]) < [1, 3]


def test_unhashable():
    with pytest.raises(TypeError, match="unhashable"):
        hash(Field(1))


# ---- attributes -------------------------------------------------------------------------------


def test_attributes_are_writable():
    field = Field(1)

    field.representation = "é€😀"
    field.value_type = Field.DOUBLE
    assert parts(field) == ([1], "é€😀", 3)

    field.representation = ""
    field.value_type = None
    assert parts(field) == ([1], "", None)


def test_a_unit_of_a_subclass_is_kept_as_plain_str():
    field = Field(1, Text("s"))
    assert type(field.representation) is str

    field.representation = Text("t")

    assert (field.representation, type(field.representation)) == ("t", str)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("representation", 1, TypeError),
        ("representation", None, TypeError),
        ("value_type", 5, ValueError),
        ("value_type", "x", TypeError),
    ],
)
def test_wrong_attributes(name, value, kind):
    field = Field(1, "s", 2)

    with pytest.raises(kind, match=name):
        setattr(field, name, value)

    assert parts(field) == ([1], "s", 2)


@pytest.mark.parametrize("name", ["representation", "value_type"])
def test_attributes_cannot_be_deleted(name):
    field = Field(1, "s", 2)

    with pytest.raises(AttributeError, match=f"{name} cannot be deleted; set it to"):
        delattr(field, name)

    assert parts(field) == ([1], "s", 2)


# ---- showing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (Field(1), "Field([1])"),
        (Field([]), "Field([])"),
        (Field("a", "s"), "Field(['a'], 's')"),
        (Field([1, 2], "s", Field.DOUBLE), "Field([1, 2], 's', Field.DOUBLE)"),
        (Field(True, value_type=Field.BOOL), "Field([True], value_type=Field.BOOL)"),
        (Field(b"", value_type=Field.BYTES), "Field([b''], value_type=Field.BYTES)"),
        (Field(1, value_type=Field.INTEGER), "Field([1], value_type=Field.INTEGER)"),
        (Field("", value_type=Field.STRING), "Field([''], value_type=Field.STRING)"),
    ],
)
def test_repr_makes_it_again(field, text):
    assert repr(field) == text
    assert parts(eval(text)) == parts(field)


def test_repr_of_a_field_that_holds_itself():
    field = Field(1)
    field.append(field)

    assert repr(field) == "Field([1, Field([...])])"


def test_repr_raises_what_a_value_raises():
    class Silent:
        def __repr__(self) -> str:
            return boom()

    with pytest.raises(BoomError):
        repr(Field(Silent()))


# ---- copies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", DUPLICATES.values(), ids=DUPLICATES)
@pytest.mark.parametrize(
    "field",
    [
        Field(1),
        Field([]),
        Field(["a"], "s"),
        Field([1], "s", 3),
        Field(1, value_type=0),
        Field("\udcff", "\udcfe"),
    ],
)
def test_copies(duplicate, field):
    made = duplicate(field)

    assert parts(made) == parts(field)
    assert type(made) is Field
    assert made is not field


def test_a_deep_copy_of_a_field_in_itself():
    """A value that occurs twice is copied once."""
    inner = [1]
    field = Field([inner, inner])

    made = copy.deepcopy(field)

    assert made[0] is made[1]
    assert made[0] is not inner


def test_pickle_names_the_public_class():
    assert b"_core" not in pickle.dumps(Field(1), 0)


# ---- the garbage collector --------------------------------------------------------------------


def test_a_deep_nest_of_fields_is_freed():
    """Without the trashcan each level uses C stack."""
    field = Field([])
    for _ in range(200_000):
        field = Field([field])

    del field

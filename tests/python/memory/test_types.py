"""What holds for every type of the extension: its references, attributes, copies, subclasses."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import types
import weakref
from typing import Any

import pytest
from python.memory.kinds import EXCEPTIONS, KINDS, MADE, name_of
from python.memory.ledger import settle

from heka import _core

each_kind = pytest.mark.parametrize("kind", KINDS, ids=name_of)
each_made = pytest.mark.parametrize("kind", MADE, ids=name_of)
COUNT = 50


def attributes(type_: type[Any]) -> list[str]:
    """Name the attributes that are written in C."""
    descriptors = (types.GetSetDescriptorType, types.MemberDescriptorType)
    return [
        name
        for base in type_.__mro__
        for name, value in vars(base).items()
        if isinstance(value, descriptors) and base.__module__.startswith("heka")
    ]


def test_no_type_of_the_extension_is_left_out_here():
    found = {value for value in vars(_core).values() if isinstance(value, type)}

    assert found == {kind.type for kind in KINDS} | set(EXCEPTIONS)


@each_made
def test_creating_and_deleting_instances_keeps_the_types_reference_count(kind):
    """Each instance holds a reference to its type."""
    before = sys.getrefcount(kind.type)
    made = [kind.make() for _ in range(COUNT)]
    during = sys.getrefcount(kind.type)
    del made
    after = sys.getrefcount(kind.type)

    assert during >= before + COUNT
    assert after == before


@each_kind
def test_failed_constructions_keep_the_types_reference_count(kind):
    def refuse() -> None:
        for _ in range(COUNT):
            with pytest.raises((TypeError, ValueError, LookupError)):
                kind.fail()
        settle()  # tracebacks

    refuse()
    before = sys.getrefcount(kind.type)
    refuse()

    assert abs(sys.getrefcount(kind.type) - before) < COUNT


@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: error.__name__)
def test_creating_and_deleting_exceptions_keeps_the_types_reference_count(error):
    before = sys.getrefcount(error)
    made = [error("text") for _ in range(COUNT)]
    during = sys.getrefcount(error)
    del made

    assert during == before + COUNT
    assert sys.getrefcount(error) == before


@each_kind
def test_new_without_arguments_makes_a_complete_object_or_raises(kind):
    """No __init__ has run."""
    try:
        made = kind.type.__new__(kind.type)
    except TypeError:
        return

    assert repr(made)
    assert made == made
    for name in dir(made):
        getattr(made, name)
    for name in ("encode", "__reduce__", "__copy__", "close", "counts"):
        if name in vars(kind.type):
            getattr(made, name)()


def test_types_that_new_without_arguments_creates():
    made = []
    for kind in KINDS:
        try:
            kind.type.__new__(kind.type)
            made.append(kind.name)
        except TypeError:
            pass

    assert made == [
        *("Message", "Field", "StreamReader", "BlockReader"),
        *("StatTable", "Client", "NoTimer"),
    ]


@each_made
def test_attributes_cannot_be_deleted(kind):
    """Those that mean "none" for it are set to None by it, and both are as they were otherwise."""
    made = kind.make()
    for name in attributes(kind.type):
        before = getattr(made, name)
        try:
            delattr(made, name)
        except (AttributeError, TypeError):
            assert getattr(made, name) == before, name
        else:
            assert (kind.name, name) in EMPTIED, name
            assert getattr(made, name) in (None, True), name


#: Attributes that may be deleted, which makes them what they are at first.
EMPTIED = {
    *((name, "default") for name in ("Emitter", "Client")),
    ("Emitter", "capture"),
    *(("Sink", name) for name in ("framed", "on_drop")),
}


@each_made
def test_no_other_attributes_can_be_set(kind):
    made = kind.make()

    with pytest.raises(AttributeError, match="nonsense"):
        made.nonsense = 1


@each_kind
def test_each_type_names_its_module_and_is_in_it(kind):
    assert kind.type.__module__ in ("heka", "heka._core", "heka.matcher")
    assert getattr(_core, kind.name) is kind.type


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.is_final], ids=name_of)
def test_final_types_cannot_be_subclassed(kind):
    with pytest.raises(TypeError, match=f"{kind.name}.* is not an acceptable base type"):
        type("Sub", (kind.type,), {})


def test_instances_of_a_subclass_keep_both_reference_counts():
    class Sub(_core.Client):
        pass

    before = sys.getrefcount(Sub), sys.getrefcount(_core.Client)
    made = [Sub() for _ in range(COUNT)]
    for one in made:
        one.itself = one
    during = sys.getrefcount(Sub)
    del made, one
    gc.collect()

    assert during >= before[0] + COUNT
    assert (sys.getrefcount(Sub), sys.getrefcount(_core.Client)) == before


def test_a_subclass_can_be_collected_itself():
    class Sub(_core.Client):
        pass

    Sub.instance = Sub()
    gone = weakref.ref(Sub)
    del Sub
    gc.collect()

    assert gone() is None


@each_made
def test_weak_references_are_refused_or_cleared(kind):
    made = kind.make()
    try:
        reference = weakref.ref(made)
    except TypeError:
        return
    del made

    assert reference() is None


@each_made
def test_copies_are_equal_or_refused(kind):
    """Types without a useful copy refuse it."""
    made = kind.make()
    ways = [copy.copy, copy.deepcopy]
    ways += [
        lambda value, protocol=protocol: pickle.loads(pickle.dumps(value, protocol))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    ]
    for way in ways:
        if kind.name in ("Message", "Field", "SignerConfig", "Clause"):
            assert way(made) == made
        elif kind.name == "NoTimer":  # which is all there is to one
            assert type(way(made)) is kind.type
        else:
            with pytest.raises(TypeError):
                way(made)


@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: error.__name__)
def test_pickled_exceptions_keep_their_arguments_and_offset(error):
    made = error("text")
    made.offset = 5
    again = pickle.loads(pickle.dumps(made))

    assert type(again) is error
    assert again.args == ("text",)
    assert again.offset == 5


@each_made
def test_traversal_visits_the_type(kind):
    """A heap type that its instances do not visit could never be collected."""
    made = kind.make()

    assert bool(kind.type.__flags__ & (1 << 14)) is kind.is_collected  # Py_TPFLAGS_HAVE_GC
    if kind.is_collected:
        assert kind.type in gc.get_referents(made)

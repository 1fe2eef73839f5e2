"""The garbage collector: which objects it tracks, which cycles it finds, and finalizers."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from python.memory.groups import CORE
from python.memory.table import outcome
from python.memory.world import World, emitter_to, sink

import heka
from heka._core import Bound, Client, Emitter, Ring, Sink


@pytest.fixture(scope="module")
def frozen() -> Iterator[None]:
    """Leave what was there before these tests out of their collections, which it makes slow."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def collector_off(frozen: None) -> Iterator[None]:
    """Disable automatic collection for the test."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Link:
    """An object that an object of heka refers to and that refers back to it."""

    def __init__(self) -> None:
        self.to: Any = None

    def __call__(self, *args: object) -> Any:
        """Stand for any callable that heka calls."""
        return None


def message(link: Link) -> Any:
    made = heka.Message()
    made.fields["link"] = link
    return made


def reset_message(link: Link) -> Any:
    """Return a message whose fields were read, replaced, and read again."""
    made = message(link)
    made.fields = {}
    made.fields["link"] = link
    return made


def field(link: Link) -> Any:
    return heka.Field([link])


def field_in_field(link: Link) -> Any:
    made = field(link)
    for _ in range(50):
        made = heka.Field([made])
    return made


def frame(link: Link) -> Any:
    made = heka.StreamReader().feed(heka.pack("t"))[0]
    made.message.fields["link"] = link
    return made


def emitter_open(link: Link) -> Any:
    return Emitter(link)


def emitter_to_link(link: Link) -> Any:
    made = emitter_to(None)
    made.to = link
    return made


def emitter_capture(link: Link) -> Any:
    made = emitter_to(None)
    made.capture = link
    return made


def emitter_default(link: Link) -> Any:
    made = emitter_to(None)
    made.default = link
    return made


def emitter_sinks(link: Link) -> Any:
    made = emitter_to(Sink(link))
    made.log("t", to="x:1")
    return made


def emitter_sink(link: Link) -> Any:
    made = emitter_to(Sink(link))
    made.log("t")
    return made


def sink_deliver(link: Link) -> Any:
    return Sink(link)


def sink_stream(link: Link) -> Any:
    made = sink()
    made.attach_stream(SimpleNamespace(write=link), str)
    return made


def sink_failed(link: Link) -> Any:
    made = sink()
    made.attach_stream(SimpleNamespace(write=len), link)
    return made


def ring_start(link: Link) -> Any:
    made = Ring(4096, 1000)
    made.start = link
    return made


def ring_pause(link: Link) -> Any:
    made = Ring(4096, 1000)
    made.pause = link
    return made


def ring_error(link: Link) -> Any:
    """Return a ring whose exception class refers to the link."""
    made = Ring(4096, 1000)
    made.full_error = type("Full", (Exception,), {"link": link})
    return made


def sink_ring(link: Link) -> Any:
    made = sink()
    made.attach_ring(ring_start(link))
    return made


def bound(link: Link) -> Any:
    return Bound({"link": link})


def client_with(**attributes: Any) -> Client:
    made = Client()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def client_sink(link: Link) -> Any:
    return client_with(sink=Sink(link))


def client_filters(link: Link) -> Any:
    return client_with(filters=[link])


def client_timer(link: Link) -> Any:
    return client_with(_noop_timer=link)


def client_disabled(link: Link) -> Any:
    return client_with(_disabled_timers={link})


def client_default(link: Link) -> Any:
    return client_with(default=link)


def client_plan(link: Link) -> Any:
    made = Client()
    made._set_plan((link,), 7, {link}, {link}, {link: 1}, (link,), link)
    return made


CYCLES: list[Callable[[Link], Any]] = [
    *(message, reset_message, field, field_in_field, frame, bound),
    *(emitter_open, emitter_to_link, emitter_capture, emitter_default),
    *(emitter_sinks, emitter_sink, sink_deliver, sink_stream, sink_failed),
    *(ring_start, ring_pause, ring_error, sink_ring),
    *(client_sink, client_filters, client_timer, client_disabled, client_default, client_plan),
]
each_cycle = pytest.mark.parametrize("make", CYCLES, ids=lambda make: make.__name__)


def tie(make: Callable[[Link], Any], link: Link) -> None:
    """Create a cycle of the link and an object of heka."""
    link.to = make(link)


@each_cycle
def test_a_cycle_is_collected(make, collector_off, monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", bool)  # a link delivers nothing
    link = Link()
    gone = weakref.ref(link)
    tie(make, link)
    del link
    assert gone() is not None

    gc.collect()

    assert gone() is None


class Finalized(Link):
    """Uses the object of its cycle in its finalizer."""

    used: list[str] = []  # noqa: RUF012

    def __del__(self) -> None:
        for use in USES:
            try:
                use(self.to)
            except (AttributeError, TypeError, ValueError):
                continue
            self.used.append(type(self.to).__name__)


USES: list[Callable[[Any], Any]] = [
    *(repr, lambda one: one.encode(), lambda one: one.fields, lambda one: one.message.encode()),
    *(lambda one: one.log("t"), lambda one: one.heka("t"), lambda one: one.timer("t")),
    *(lambda one: one.write(b"frame", 0), lambda one: one.counts(), lambda one: one.append(1)),
    *(lambda one: one.put(b"frame"), lambda one: one.flush(0), lambda one: one.stats()),
]


@each_cycle
def test_a_finalizer_may_use_what_is_collected_with_it(make, collector_off, monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", bool)
    monkeypatch.setattr(Finalized, "used", [])
    link = Finalized()
    gone = weakref.ref(link)
    tie(make, link)
    del link

    gc.collect()

    assert gone() is None
    assert Finalized.used


class Cleared(Link):
    """Resurrects the object of its cycle in its finalizer."""

    held: list[Any] = []  # noqa: RUF012

    def __del__(self) -> None:
        self.held.append(self.to)


@each_cycle
def test_an_object_resurrected_by_a_finalizer_can_be_used(make, collector_off, monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", bool)
    monkeypatch.setattr(Cleared, "held", [])
    link = Cleared()
    tie(make, link)
    del link

    gc.collect()

    (back,) = Cleared.held
    for use in USES:
        outcome(lambda use=use: use(back))
    assert repr(back)


# ---- what it has to look at ----------------------------------------------------------------------


def test_a_message_is_tracked_by_the_collector_only_after_its_fields_were_read():
    made = heka.Message("t", fields={"a": 1})
    assert not gc.is_tracked(made)
    made.encode()
    repr(made)
    assert made == heka.Message.decode(made.encode())
    assert not gc.is_tracked(made)

    assert made.fields["a"] == [1]
    assert gc.is_tracked(made)

    made.fields = {"a": 2}
    assert not gc.is_tracked(made)
    assert made.fields["a"] == [2]
    assert gc.is_tracked(made)


def test_a_frame_is_tracked_by_the_collector_only_after_its_message_was_read():
    (made,) = heka.StreamReader().feed(heka.pack("t"))
    assert not gc.is_tracked(made)
    assert made.payload
    assert not gc.is_tracked(made)

    assert made.message
    assert gc.is_tracked(made)


def test_retained_messages_and_frames_are_not_tracked_by_the_collector():
    before = len(gc.get_objects())
    messages = [heka.Message("t", fields={"a": [1], "b": {"c": "d"}}) for _ in range(1000)]
    frames = heka.StreamReader().feed(heka.pack("t") * 1000)

    assert len(messages) == len(frames) == 1000
    assert len(gc.get_objects()) - before < 50  # the two lists, and what pytest does meanwhile


def test_fields_that_were_never_read_are_not_built_by_comparing_or_copying():
    made = heka.Message("t", fields={"a": 1})
    again = heka.Message.decode(made.encode())
    assert made == again
    assert made != heka.Message("t")

    assert not gc.is_tracked(made)
    assert not gc.is_tracked(again)


# ---- a collection at any moment ------------------------------------------------------------------


@pytest.mark.parametrize("group", CORE)
def test_a_collection_with_every_allocation_changes_no_outcome(group, monkeypatch):
    """The collector would see incomplete objects if they were tracked too early."""
    monkeypatch.setattr(sys, "unraisablehook", bool)
    world = World()
    gc.collect()
    gc.freeze()
    before = gc.get_threshold()
    wrong = []
    try:
        for call in CORE[group]:
            act = call.bind(world)
            gc.set_threshold(1, 1, 1)
            error = outcome(act)
            gc.set_threshold(*before)
            world.settle()
            if not call.expects(error):
                wrong.append(f"{call.name}: {error!r}, expected {call.raises}")
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
        world.close()

    assert wrong == []


class Replacing:
    """An object whose finalizer replaces a message's fields."""

    def __init__(self, message: heka.Message) -> None:
        self._message = message
        self.itself = self

    def __del__(self) -> None:
        self._message.fields = {"new": "x" * 2000}


def test_a_finalizer_may_replace_the_fields_that_are_being_read(collector_off):
    """Reading allocates objects, each of which may start a collection (before 3.12)."""
    for allocations in range(1, 40):
        made = heka.Message("t", fields={f"name{i}": [i, i] for i in range(20)})
        Replacing(made)
        gc.set_threshold(allocations)
        gc.enable()
        fields = made.fields
        gc.disable()
        gc.set_threshold(700, 10, 10)
        assert set(fields) in ({"new"}, {f"name{i}" for i in range(20)})
        gc.collect()
        assert set(made.fields) == {"new"}


class Feeding:
    """An object whose finalizer uses a reader."""

    def __init__(self, reader: heka.StreamReader, seen: list[str]) -> None:
        self._reader = reader
        self._seen = seen
        self.itself = self

    def __del__(self) -> None:
        for use in (lambda: self._reader.feed(b"x"), self._reader.close):
            error = outcome(use)
            self._seen.append(type(error).__name__)


def test_a_finalizer_cannot_feed_a_reader_that_is_reading(collector_off):
    """feed() raises in the finalizer, and the outer feed() is complete."""
    seen: list[str] = []
    reader = heka.StreamReader()
    frames = heka.pack("t", fields={"a": 1}) * 20
    for allocations in range(1, 30):
        Feeding(reader, seen)
        gc.set_threshold(allocations)
        gc.enable()
        read = reader.feed(frames)
        gc.disable()
        gc.set_threshold(700, 10, 10)
        assert [frame.message.fields["a"] for frame in read] == [[1]] * 20
        gc.collect()

    if sys.version_info < (3, 12):  # from there on nothing is collected while C code runs
        assert "RuntimeError" in seen
    assert reader.delivered_bytes == 29 * len(frames)

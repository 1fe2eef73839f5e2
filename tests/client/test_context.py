"""Fields that a context adds: merged into heka.log and clients, right in threads and tasks."""

from __future__ import annotations

import asyncio
import datetime
import threading

import pytest

import heka
from heka.client import HekaClient
from heka.streams import NullStream
from heka.testing import capture


def logged(**fields):
    """Return the fields of a message that was logged now with *fields*."""
    with capture() as messages:
        heka.log("t", fields=fields or None)
    return dict(messages[0].fields)


def in_thread(function):
    """Run *function* in a new thread and return its result."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(function()))
    thread.start()
    thread.join()
    return answers[0]


@pytest.fixture(autouse=True)
def nothing_bound():
    """Each test begins and ends without fields."""
    heka.unbind()
    yield
    heka.unbind()


def test_without_context_nothing_is_added():
    assert logged() == {}


def test_context_adds_its_fields_inside_only():
    with heka.context(request_id="r1"):
        inside = logged(a=1)

    assert inside == {"a": [1], "request_id": ["r1"]}
    assert logged() == {}


def test_contexts_nest_and_the_inner_one_wins():
    with heka.context(a=1, b=2), heka.context(b=3, c=4):
        assert logged() == {"a": [1], "b": [3], "c": [4]}


def test_explicit_field_wins():
    with heka.context(a=1, b=2):
        assert logged(a="own") == {"a": ["own"], "b": [2]}


def test_nested_names_are_compared_as_they_are_sent():
    with heka.context(**{"outer.inner": 1}):
        assert logged(outer={"inner": 2}) == {"outer.inner": [2]}


def test_bind_stays_until_unbind():
    heka.bind(a=1, b=2)
    heka.bind(b=3)
    assert logged() == {"a": [1], "b": [3]}

    heka.unbind("a", "unknown")
    assert heka.bound() == {"b": 3}

    heka.unbind()
    assert logged() == {}


def test_bind_inside_a_context_ends_with_it():
    with heka.context(a=1):
        heka.bind(b=2)
        assert logged() == {"a": [1], "b": [2]}

    assert logged() == {}


def test_bound_returns_a_copy():
    heka.bind(a=1)
    heka.bound()["a"] = 2

    assert logged() == {"a": [1]}


def test_a_value_is_taken_when_it_is_bound():
    values = [1, 2]
    heka.bind(a=values)
    values.append(3)

    assert logged() == {"a": [1, 2]}


def test_value_without_a_type_is_converted_left_out_or_sent_as_its_repr():
    with heka.context(a=None, b=[1, "x"], c=datetime.date(2026, 1, 2)):
        assert logged() == {"b": ["[1, 'x']"], "c": ["2026-01-02"]}


def test_a_unit_is_kept():
    with heka.context(size=heka.Field(12, "KiB")), capture() as messages:
        heka.log("t")

    assert messages[0].fields["size"].representation == "KiB"


def test_message_and_pack_ignore_the_context():
    with heka.context(a=1):
        assert heka.Message("t").fields == {}
        (frame,) = heka.StreamReader().feed(heka.pack("t"))

    assert frame.message.fields == {}


def test_a_thread_begins_without_fields():
    with heka.context(a=1):
        assert in_thread(heka.bound) == {}


def test_fields_bound_in_a_thread_are_not_seen_in_others():
    in_thread(lambda: heka.bind(a=1))

    assert heka.bound() == {}


def test_tasks_have_their_parents_fields_and_their_own():
    async def work(name):
        heka.bind(task=name)
        await asyncio.sleep(0)
        return heka.bound()

    async def main():
        heka.bind(parent=True)
        return await asyncio.gather(work("a"), work("b")), heka.bound()

    (first, second), parent = asyncio.run(main())

    assert first == {"parent": True, "task": "a"}
    assert second == {"parent": True, "task": "b"}
    assert parent == {"parent": True}


def test_decorator_binds_in_each_call():
    @heka.context(job="sync")
    def work(depth):
        """Docstring."""
        return work(depth - 1) if depth else heka.bound()

    assert work(2) == {"job": "sync"}
    assert heka.bound() == {}
    assert (work.__name__, work.__doc__) == ("work", "Docstring.")


def test_decorator_binds_in_each_coroutine():
    @heka.context(job="async")
    async def work():
        await asyncio.sleep(0)
        return heka.bound()

    async def main():
        return await asyncio.gather(work(), work()), heka.bound()

    assert asyncio.run(main()) == ([{"job": "async"}, {"job": "async"}], {})


def test_one_context_is_entered_by_several_threads():
    shared = heka.context(a=1)
    both_inside = threading.Barrier(2)
    seen = []

    def work():
        with shared:
            both_inside.wait(10)
            seen.append(heka.bound())
        seen.append(heka.bound())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen.count({"a": 1}) == 2
    assert seen.count({}) == 2


def test_context_ends_with_an_exception():
    with pytest.raises(KeyError), heka.context(a=1):
        raise KeyError

    assert heka.bound() == {}


def test_many_fields_on_both_sides():
    """Each name once, the message's own values where both have it."""
    heka.bind(**{f"n{i}": i for i in range(100)})

    fields = logged(**{f"n{i}": -i for i in range(50, 150)})

    assert fields == {f"n{i}": [i] if i < 50 else [-i] for i in range(150)}


def test_own_fields_win_over_those_of_the_context_where_there_are_many():
    """From 1,024 bytes of fields on, an index says which names a message has."""
    heka.bind(**{f"k{n}": "bound" for n in range(200)})

    fields = logged(**{f"k{n}": "own" for n in range(0, 300, 2)})

    own = {f"k{n}": ["own"] for n in range(0, 300, 2)}
    bound = {f"k{n}": ["bound"] for n in range(1, 200, 2)}
    assert fields == {**own, **bound}
    assert list(fields) == [*own, *bound]


def test_many_fields_are_compared_with_many_of_the_context():
    """In a message that is too large then; compared with each other, these would take minutes."""
    heka.bind(**{f"k{n}": 1 for n in range(60_000)})

    with pytest.raises(heka.EncodeError):
        heka.log("t", fields={f"own{n}": 2 for n in range(60_000)}, oversize="raise")


#: A field that fits into a message by itself, but not twice.
HALF = "x" * (9 << 20)


@pytest.mark.parametrize(
    ("bound", "own"),
    [
        pytest.param("x" * (17 << 20), "", id="context"),
        pytest.param(["a", 5, "x" * (17 << 20)], "", id="repr"),
        pytest.param(HALF, HALF, id="together"),
    ],
)
def test_a_context_that_no_message_can_hold_costs_the_messages_only(bound, own):
    """They are counted, as those whose own fields are too large."""
    client = HekaClient(NullStream(), "app")
    is_sent = isinstance(bound, list)  # its repr is short

    with heka.context(bound=bound):
        calls = [
            client.heka("t", fields={"own": own}),
            client.incr("t", fields={"own": own}),
            client.info("text", fields={"own": own}),
        ]
        assert heka.bound() == {"bound": bound}
        if not is_sent:
            with pytest.raises(heka.EncodeError, match="more than 16777216 bytes"):
                heka.log("t", fields={"own": own}, to="udp://127.0.0.1:9", oversize="raise")

    assert calls == [is_sent] * 3
    assert client.stats()["dropped"] == ({} if is_sent else {"oversize": 3})

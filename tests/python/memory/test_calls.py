"""Every call of the table has the listed outcome and keeps no reference to its arguments."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from python.memory.groups import ALL, CORE
from python.memory.ledger import SANITIZED, settle
from python.memory.table import Call, outcome
from python.memory.world import World

import heka
from heka import _core

#: Calls between two counts: more than anything else adds to the counts of None and its like.
REPEATS = 10 if SANITIZED else 30

TYPES = [
    *(heka.Message, heka.Field, heka.SignerConfig, heka.StreamReader, heka.Frame),
    *(_core.Block, _core.BlockReader),
    *(_core.Sink, _core.Ring, _core.Emitter, _core.Client, _core.Settings, _core.Bound),
    *(heka.HekaError, heka.EncodeError, heka.FieldError, heka.DecodeError),
    *(heka.SignatureError, heka.ConfigError, _core.MatcherError, _core.Matcher, _core.Clause),
    _core.StatTable,
]
SINGLETONS: list[Any] = [None, True, False, "", b"", (), 0, 1, NotImplemented]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def frozen_heap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Silence reports of a failing deliver(), and freeze the rest of the heap."""
    monkeypatch.setattr(sys, "unraisablehook", bool)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def make(call: Call, world: World) -> BaseException | None:
    error = outcome(call.bind(world))
    world.settle()
    return None if error is None else error.with_traceback(None)


def counts(counted: list[Any]) -> list[int]:
    settle()
    return [sys.getrefcount(value) for value in counted]


def names(counted: list[Any], before: list[int], after: list[int], least: int) -> list[str]:
    """Describe the objects whose counts went up or down."""
    return [
        f"{value!r:.60}: {count - old:+}"
        for value, old, count in zip(counted, before, after, strict=True)
        if abs(count - old) >= least
    ]


def test_each_call_of_the_table_has_a_name_of_its_own():
    seen = Counter(call.name for group in ALL.values() for call in group)

    assert [name for name, count in seen.items() if count > 1] == []


@pytest.mark.parametrize("group", ALL)
def test_every_call_comes_out_as_the_table_says_each_time(group, world):
    wrong = []
    for call in ALL[group] * 2:
        error = make(call, world)
        if not call.expects(error):
            wrong.append(f"{call.name}: {error!r}, expected {call.raises}")

    assert wrong == []


@pytest.mark.parametrize("group", CORE)
def test_no_call_changes_the_reference_counts_of_what_it_was_given(group, world):
    """Arguments, what they hold, and the types and exceptions of heka."""
    counted = [*world.values(), *TYPES]
    wrong = {}
    for call in CORE[group]:
        make(call, world)  # what is kept from a first call, and replaced by each later one
        make(call, world)
        before = counts(counted)
        for _ in range(REPEATS):
            make(call, world)
        after = counts(counted)
        if before != after:
            wrong[call.name] = names(counted, before, after, 1)

    assert wrong == {}


def drift(call: Call, world: World) -> list[str]:
    """Describe the singletons whose counts change by one with each call, or more."""
    make(call, world)
    before = counts(SINGLETONS)
    for _ in range(REPEATS):
        make(call, world)
    return names(SINGLETONS, before, counts(SINGLETONS), REPEATS)


@pytest.mark.parametrize("group", CORE)
def test_no_call_loses_or_keeps_references_to_singletons(group, world):
    """A leak shows each time, the threads of earlier tests once. Most are immortal from 3.12."""
    drifting = [call for call in CORE[group] if drift(call, world)]

    assert [(call.name, found) for call in drifting if (found := drift(call, world))] == []

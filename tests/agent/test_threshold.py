"""ThresholdFilter: one message for each change of a state, also over a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from agent.support import Shelf, block_of

from heka._core import monotonic, pack
from heka.agent.filters.threshold import ThresholdFilter, ThresholdOptions
from heka.agent.graph import Feed, Graph
from heka.agent.world import World
from heka.exceptions import ConfigError
from heka.framing import Block, BlockReader
from heka.message import Message


def made(base: Path, said: list[str] | None = None, **options: Any) -> ThresholdFilter:
    """Return a filter that has begun, but whose thread has not: ticks are called by hand."""
    world = World("here", str(base), lambda name: None, [].append if said is None else said.append)
    feed = Feed(Graph([Shelf().consumer]), "disk", world)
    plugin = ThresholdFilter("disk", ThresholdOptions(**options), feed)
    plugin._outbox.start = lambda: None  # type: ignore[method-assign]
    plugin.start()
    return plugin


def states(messages: list[Message]) -> list[tuple[Any, ...]]:
    return [tuple(m.fields[name][0] for name in ("key", "before", "state")) for m in messages]


def from_logger(name: str, count: int) -> Block:
    [block] = BlockReader().feed(pack("t", logger=name) * count)
    return block


def test_a_count_is_told_once_and_again_when_it_is_good(tmp_path: Path) -> None:
    plugin = made(tmp_path, key="%Logger%", over=60.0, warning=5, critical=10)
    plugin.accept(from_logger("a", 10))
    plugin.accept(from_logger("b", 4))
    now = monotonic()
    [told] = plugin.tick(now)
    assert states([told]) == [("a", "OK", "CRITICAL")]
    assert (told.severity, told.logger, told.hostname) == (2, "disk", "here")
    assert told.payload == "CRITICAL: a: 10 messages in 60 s (warning 5, critical 10)"
    assert plugin.tick(now + 1) == plugin.tick(now + 2) == [], "once, also at the limit itself"
    [told] = plugin.tick(now + 70)
    assert told.payload == "OK: a: 0 messages in 60 s (warning 5, critical 10)"
    assert plugin.account()["states"] == {"OK": 2}


def test_messages_leave_the_count_when_their_time_is_over(tmp_path: Path) -> None:
    plugin = made(tmp_path, over=60.0, warning=5)
    plugin._started -= 1000
    plugin.accept(from_logger("a", 5))
    now = monotonic()
    assert states(plugin.tick(now + 59)) == [("all", "OK", "WARNING")]
    assert states(plugin.tick(now + 64)) == [("all", "WARNING", "OK")]


def test_a_rate_is_for_a_second(tmp_path: Path) -> None:
    plugin = made(tmp_path, value="rate", over=10.0, warning=2)
    plugin.accept(from_logger("a", 19))
    assert plugin.tick(monotonic()) == []
    plugin.accept(from_logger("a", 1))
    [told] = plugin.tick(monotonic())
    assert told.payload.startswith("WARNING: all: 2 messages a second over 10 s")


def test_a_state_ends_beyond_its_hysteresis(tmp_path: Path) -> None:
    plugin = made(
        tmp_path, value="stat", stat="stats.gauges.*", warning=80, critical=90, hysteresis=5
    )
    told = []
    for value in (79, 80, 76, 91, 86, 84, 75.5, 75):
        plugin.accept(block_of(f"stats.gauges.disk {value} 1\nstats.counters.x.rate 99 1\n"))
        told += plugin.tick(monotonic())
    assert states(told) == [
        ("stats.gauges.disk", "OK", "WARNING"),
        ("stats.gauges.disk", "WARNING", "CRITICAL"),
        ("stats.gauges.disk", "CRITICAL", "WARNING"),
        ("stats.gauges.disk", "WARNING", "OK"),
    ]


def test_limits_may_be_passed_downwards(tmp_path: Path) -> None:
    plugin = made(tmp_path, value="stat", below=True, warning=10, critical=5)
    told = []
    for value in (11, 10, 5, 11):
        plugin.accept(block_of(f"free {value} 1"))
        told += plugin.tick(monotonic())
    assert [state for _, _, state in states(told)] == ["WARNING", "CRITICAL", "OK"]


def test_absence_is_told_and_ends_with_the_next_message(tmp_path: Path) -> None:
    plugin = made(tmp_path, value="absent", key="%Logger%", critical=30)
    plugin.accept(from_logger("a", 1))
    now = monotonic()
    assert plugin.tick(now + 29) == []
    [told] = plugin.tick(now + 31)
    assert told.payload.startswith("CRITICAL: a: no message for 31.")
    plugin.accept(from_logger("a", 1))
    [told] = plugin.tick(monotonic())
    assert told.payload.startswith("OK: a: messages again")


def test_a_restart_tells_nothing_twice_and_no_false_good_state(tmp_path: Path) -> None:
    options: dict[str, Any] = {"over": 60.0, "critical": 5}
    plugin = made(tmp_path, **options)
    plugin.accept(from_logger("a", 5))
    assert len(plugin.tick(monotonic())) == 1
    plugin = made(tmp_path, **options)
    now = monotonic()
    assert plugin.tick(now + 1) == []
    plugin.accept(from_logger("a", 9))
    assert plugin.tick(now + 2) == [], "it is critical still"
    assert states(plugin.tick(now + 200)) == [("all", "CRITICAL", "OK")]
    assert made(tmp_path, **options).account()["states"] == {}


def test_a_state_that_is_not_good_is_told_again_when_so_wanted(tmp_path: Path) -> None:
    plugin = made(tmp_path, value="stat", warning=1, repeat_interval=100.0)
    plugin.accept(block_of("x 2 1"))
    assert len(plugin.tick(monotonic())) == 1
    assert plugin.tick(monotonic()) == []
    plugin._watched["x"].told_at -= 100
    assert states(plugin.tick(monotonic())) == [("x", "WARNING", "WARNING")]


def test_states_that_are_rotten_are_told_anew(tmp_path: Path) -> None:
    plugin = made(tmp_path, value="stat", warning=1)
    plugin.accept(block_of("x 2 1"))
    assert len(plugin.tick(monotonic())) == 1
    path = Path(plugin._path)
    path.write_bytes(path.read_bytes()[:-3])
    said: list[str] = []
    plugin = made(tmp_path, said, value="stat", warning=1)
    plugin.accept(block_of("x 2 1\nno number 1\n"))
    assert len(plugin.tick(monotonic())) == 1
    assert "states are told anew" in said[0]
    assert plugin.account()["bad_lines"] == 1


def test_keys_are_bounded_and_forgotten(tmp_path: Path) -> None:
    plugin = made(tmp_path, key="%Logger%", over=10.0, warning=5, max_keys=2)
    for name in "abc":
        plugin.accept(from_logger(name, 1))
    assert (plugin.account()["keys"], plugin.account()["over_max_keys"]) == (2, 1)
    plugin.tick(monotonic() + 21)
    assert plugin.account()["keys"] == 0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "critical: expected a number"),
        ({"warning": 5, "critical": 4}, "critical: expected at least warning"),
        ({"warning": 5, "critical": 6, "below": True}, "critical: expected at most warning"),
        ({"warning": 5, "over": 0.0}, "over: expected 1 second"),
        ({"warning": 5, "hysteresis": -1.0}, "hysteresis: expected 0 or more"),
        ({"warning": 5, "key": "%a"}, "key: expected pairs"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        ThresholdOptions(**options)

"""Filters: what they make of the messages that they get, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from agent.support import Box, soon

from heka import matcher
from heka._core import monotonic, pack
from heka.agent.filters.counter import CounterFilter, CounterOptions
from heka.agent.filters.heartbeat import HeartbeatFilter, HeartbeatOptions
from heka.agent.filters.outbox import WAITING_MAX, Outbox
from heka.agent.filters.sample import SampleFilter, SampleOptions
from heka.agent.filters.stat import MetricOptions, StatFilter, StatOptions
from heka.agent.filters.throttle import OTHER, ThrottleFilter, ThrottleOptions
from heka.agent.filters.unique import UniqueItemsFilter, UniqueItemsOptions
from heka.agent.filters.variables import Template
from heka.agent.graph import HOPS_MAX, Consumer, Feed, Graph
from heka.agent.inputs.stat_accum import StatAccumInput, StatAccumOptions
from heka.agent.running import RunningFilter
from heka.agent.world import World
from heka.exceptions import ConfigError
from heka.framing import Block, BlockReader
from heka.message import MESSAGE_MAX, Message

LONG = 3600.0  # seconds; no test waits for a tick of it
WORLD = World("here", "", lambda name: None)


def block(*messages: dict[str, Any]) -> Block:
    """Return a block of messages with these keywords."""
    [made] = BlockReader().feed(b"".join(pack(**each) for each in messages))
    return made


class Bench:
    """A filter that runs, and a box for what it makes."""

    def __init__(self, room: int | None = None, world: World = WORLD) -> None:
        self.box = Box(room)
        self.feed = Feed(Graph([self.box.consumer]), "filter", world)
        self.plugin: Any = None

    def run(self, kind: type[Any], options: Any) -> Any:
        self.plugin = kind("filter", options, self.feed)
        self.plugin.start()
        return self.plugin

    def made(self, least: int = 1) -> list[Message]:
        """Return what was made, as soon as it is *least* messages."""
        soon(lambda: len(self.box.messages) >= least)
        return self.box.messages

    def ended(self) -> list[Message]:
        """Return what was made, after the end."""
        self.plugin.stop(monotonic() + 30)
        return self.box.messages


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.plugin.stop(monotonic() + 30)


# ---- variables ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("%Logger%.%Hostname%", "app.web1"),
        ("a.%n%.%Fields[s]%", "a.3.text"),
        ("%several%", "1"),
        ("%Severity%/%Type%", "6/t"),
        ("%missing%", None),
        ("%flag%", None),
        ("%raw%", None),
    ],
)
def test_a_template_takes_values_of_the_message(text: str, expected: str | None) -> None:
    fields = {"n": 3, "s": "text", "several": [1, 2], "flag": True, "raw": b"x"}
    message = Message("t", "app", 6, fields, hostname="web1")
    assert Template(text).of(message) == expected


@pytest.mark.parametrize("text", ["", "50%", "%a%b%"])
def test_a_template_without_pairs_of_percent_signs_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected"):
        Template(text)


# ---- StatFilter ---------------------------------------------------------------------------------


def lines_of(metrics: dict[str, MetricOptions], *messages: dict[str, Any]) -> tuple[set[str], Any]:
    """Return 'key value' of what StatFilter makes, and its account."""
    accum = StatAccumInput("StatAccumInput", StatAccumOptions(ticker_interval=1.0), Bench().feed)
    bench = Bench(world=World("here", "", {"StatAccumInput": accum}.get))
    filter_ = bench.run(StatFilter, StatOptions(Metric=metrics))
    assert filter_.accept(block(*messages))
    text = b"".join(accum.table.flush(1, 60000)).decode()
    found = {line.rpartition(" ")[0] for line in text.splitlines()}
    return {line for line in found if "numStats" not in line}, filter_.account()


def test_each_metric_of_a_message_is_a_stat() -> None:
    metrics = {
        "hits": MetricOptions(type="Counter", name="hits.%Hostname%", value="1"),
        "bytes": MetricOptions(type="Gauge", name="bytes", value="%bytes%"),
    }
    found, account = lines_of(
        metrics,
        {"hostname": "web1", "fields": {"bytes": 5}},
        {"hostname": "web1", "fields": {"bytes": 7.5}},
    )
    assert {"stats.counters.hits.web1.count 2", "stats.gauges.bytes 7.5"} <= found
    assert account == {"stats": 4, "without_value": 0, "refused": 0}


def test_a_gauge_is_set_to_a_negative_value() -> None:
    metrics = {"depth": MetricOptions(type="Gauge", name="depth", value="%v%")}
    found, _ = lines_of(metrics, {"fields": {"v": 5}}, {"fields": {"v": -3}})
    assert found == {"stats.gauges.depth -3"}


@pytest.mark.parametrize("fields", [{}, {"v": "fast"}, {"v": True}, {"v": b"1"}, {"v": ""}])
def test_a_message_without_a_number_makes_no_stat(fields: dict[str, Any]) -> None:
    metrics = {"m": MetricOptions(type="Counter", name="m", value="%v%")}
    found, account = lines_of(metrics, {"fields": fields or None})
    assert found == set()
    assert account == {"stats": 0, "without_value": 1, "refused": 0}


def test_a_value_in_a_name_makes_no_second_stat() -> None:
    metrics = {
        "m": MetricOptions(type="Gauge", name="m.%s%", value="1", replace_dot=True),
    }
    found, _ = lines_of(metrics, {"fields": {"s": "a.b:1|c\nevil:9"}})
    assert found == {"stats.gauges.m.a_b_1_c_evil_9 1"}


# ---- CounterFilter ------------------------------------------------------------------------------


def test_counts_and_rates_are_told_and_summed_up_after_ten(bench: Bench) -> None:
    counter = bench.run(CounterFilter, CounterOptions(ticker_interval=LONG))
    start = monotonic()
    told = []
    for second in range(1, 11):
        counter.accept(block(*[{"type": "t"}] * second))
        counter._since = start
        told = list(counter.tick(start + 1.0))
    assert [each.payload for each in told] == [
        "Got 55 messages. 10.00 msg/sec",
        "AGG Sum. Min: 1.00   Max: 10.00   Mean: 5.50",
    ]
    assert {each.type for each in told} == {"heka.counter-output"}
    assert list(counter.tick(start + 2.0)) == [], "nothing came"


def test_a_counter_tells_the_last_interval_at_its_end() -> None:
    bench = Bench()
    bench.run(CounterFilter, CounterOptions(ticker_interval=LONG)).accept(block({}, {}))
    [message] = bench.ended()
    assert (message.logger, message.hostname) == ("filter", "here")
    assert message.payload.startswith("Got 2 messages.")


# ---- HeartbeatFilter ----------------------------------------------------------------------------


def test_a_silent_sender_is_told_once_and_again_when_it_is_back(bench: Bench) -> None:
    options = HeartbeatOptions(heartbeat_timeout=1000.0)
    heart = bench.run(HeartbeatFilter, options)
    heart.accept(block({"logger": "a"}, {"logger": "b"}))
    now = monotonic()
    assert list(heart.tick(now)) == []
    told = list(heart.tick(now + 1001.0))
    assert [each.payload[:25] for each in told] == [
        "WARNING: no message of a ",
        "WARNING: no message of b ",
    ]
    assert list(heart.tick(now + 5000.0)) == [], "once"
    assert heart.account()["silent"] == 2
    heart.accept(block({"logger": "b"}))
    [back] = heart.tick(monotonic())
    assert back.payload.startswith("OK: b is back after ")
    assert heart.account()["silent"] == 1


def test_a_sender_that_stays_silent_is_told_again_when_so_wanted(bench: Bench) -> None:
    options = HeartbeatOptions(heartbeat_timeout=10.0, repeat_interval=100.0)
    heart = bench.run(HeartbeatFilter, options)
    heart.accept(block({"logger": "a"}))
    now = monotonic()
    assert [len(list(heart.tick(now + each))) for each in (11.0, 50.0, 112.0, 113.0)] == [
        1,
        0,
        1,
        0,
    ]


def test_a_sender_with_a_long_name_is_told_with_a_short_one(bench: Bench) -> None:
    heart = bench.run(HeartbeatFilter, HeartbeatOptions(sender="%Payload%"))
    heart.accept(block({"payload": "x" * 60_000}))
    [told] = heart.tick(monotonic() + 31.0)
    assert len(told.payload) < 600


def test_senders_over_the_limit_are_counted(bench: Bench) -> None:
    heart = bench.run(HeartbeatFilter, HeartbeatOptions(max_senders=2))
    heart.accept(block(*({"logger": name} for name in "abcab")))
    assert (heart.account()["senders"], heart.account()["over_max_senders"]) == (2, 1)


# ---- UniqueItemsFilter --------------------------------------------------------------------------


def test_distinct_values_are_counted_for_each_interval() -> None:
    bench = Bench()
    options = UniqueItemsOptions(message_variable="Fields[user]", ticker_interval=LONG)
    unique = bench.run(UniqueItemsFilter, options)
    unique.accept(block(*({"fields": {"user": name}} for name in "abca"), {}))
    [message] = unique.tick(0.0)
    assert message.payload == "3 values in 5 messages"
    assert unique.account() == {"without_value": 1}
    assert list(unique.tick(0.0)) == [], "nothing came"


def test_over_max_items_the_count_is_a_minimum(bench: Bench) -> None:
    options = UniqueItemsOptions(message_variable="Payload", max_items=2, ticker_interval=LONG)
    unique = bench.run(UniqueItemsFilter, options)
    unique.accept(block(*({"payload": name} for name in "abc")))
    [message] = unique.tick(0.0)
    assert message.payload == "at least 2 values in 3 messages"


# ---- SampleFilter, ThrottleFilter ---------------------------------------------------------------


def test_one_of_so_many_messages_is_passed_on_across_blocks(bench: Bench) -> None:
    sample = bench.run(SampleFilter, SampleOptions(every=3))
    for first in (0, 2, 3, 8):
        sample.accept(block(*({"type": "t", "payload": str(n)} for n in range(first, first + 4))))
    assert [each.payload for each in bench.made(6)] == ["0", "3", "4", "4", "8", "11"]
    assert {each.type for each in bench.made()} == {"sampled.t"}


def test_a_copy_keeps_what_is_not_the_type(bench: Bench) -> None:
    original = block({"type": "t", "fields": {"n": 1}, "payload": "p"})
    bench.run(SampleFilter, SampleOptions(every=1)).accept(original)
    [copy] = bench.made()
    copy.type = "t"
    assert copy == original[0].message


def test_a_copy_that_would_be_too_large_is_left_out_and_counted(bench: Bench) -> None:
    sample = bench.run(SampleFilter, SampleOptions(every=1))
    least = len(Message("t", payload="").encode())
    sample.accept(block({"type": "t", "payload": "x" * (MESSAGE_MAX - least - 8)}))
    assert sample.account() == {"too_large": 1}


def test_over_its_share_a_key_is_left_out_and_told() -> None:
    bench = Bench()
    throttle = bench.run(ThrottleFilter, ThrottleOptions(messages=2, ticker_interval=LONG))
    throttle.accept(block(*({"type": "t", "logger": name} for name in "aababa")))
    found = bench.ended()
    assert [(each.type, each.logger) for each in found] == [
        *[("throttled.t", name) for name in "aabb"],
        ("heka.throttled", "filter"),
    ]
    assert found[-1].payload == "2 of 4 messages of a were left out"
    assert throttle.account() == {"left_out": 2, "too_large": 0}


def test_keys_over_the_limit_count_as_one() -> None:
    bench = Bench()
    options = ThrottleOptions(messages=1, max_keys=1, ticker_interval=LONG)
    bench.run(ThrottleFilter, options).accept(block(*({"logger": name} for name in "abc")))
    assert bench.ended()[-1].payload == f"1 of 2 messages of {OTHER} were left out"


def test_a_filter_that_passes_on_is_full_when_its_feed_is_paused() -> None:
    bench = Bench(room=0)
    sample = bench.run(SampleFilter, SampleOptions(every=1))
    taken = 0
    while sample.accept(block({"payload": str(taken)})):
        taken += 1
    assert taken == WAITING_MAX
    bench.box.room = None
    assert [each.payload for each in bench.ended()] == [str(number) for number in range(taken)]


def test_messages_pass_so_many_filters_and_no_more() -> None:
    graph = Graph()
    feeds = [Feed(graph, name, WORLD) for name in ("ping", "pong")]
    samples = [SampleFilter(feed.name, SampleOptions(every=1), feed) for feed in feeds]
    any_message = matcher.compile("TRUE")
    graph.replace([Consumer(each.name, any_message, each.accept) for each in samples])
    for sample in samples:
        sample.start()
    assert Feed(graph, "ping", WORLD).offer(block({"type": "t"})), "it goes to pong"
    soon(lambda: any(feed.dropped for feed in feeds))
    for sample in samples:
        sample.stop(monotonic() + 30)
    assert sum(feed.messages for feed in feeds) == HOPS_MAX
    assert [dict(feed.dropped) for feed in feeds] in ([{"loop": 1}, {}], [{}, {"loop": 1}])


def test_a_filter_does_not_get_what_it_made_itself(bench: Bench) -> None:
    sample = bench.run(SampleFilter, SampleOptions(every=1))
    graph = bench.feed._graph
    own = Consumer("filter", matcher.compile("TRUE"), sample.accept)
    graph.replace([own, *graph.consumers])
    assert Feed(graph, "in", WORLD).offer(block({"payload": "p"}))
    assert [each.type for each in bench.made(2)] == ["", "sampled."]
    assert own.matched == 1


def test_a_filter_that_raises_stops_nothing_and_is_counted() -> None:
    class Broken:
        Options = CounterOptions

        def __init__(self, name: str, options: Any, feed: Feed) -> None:
            self.outbox = Outbox(feed, 0.01, self.tick)
            self.start, self.stop = self.outbox.start, self.outbox.stop

        def accept(self, block: Block) -> bool:
            raise KeyError("accept")

        def tick(self, now: float) -> list[Message]:
            raise ValueError("tick")

        def account(self) -> dict[str, object]:
            return {}

    said: list[str] = []
    section: Any = SimpleNamespace(
        name="broken", plugin=Broken, options=None, matcher=matcher.compile("TRUE"), signer=""
    )
    world = World("here", "", lambda name: None, said.append)
    running = RunningFilter(section, Graph(), world)
    running.start()
    other = Box()
    feed = Feed(Graph([running.consumer, other.consumer]), "in", WORLD)
    assert feed.offer(block({"payload": "a"}, {"payload": "b"}))
    assert other.payloads == ["a", "b"]
    soon(lambda: running.feed.failures > 3)  # it ticks on
    running.stop(monotonic() + 30)
    assert running.account()["dropped"] == {"failed": 2}
    assert len(said) == 1
    assert "broken raised" in said[0]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (lambda: CounterOptions(ticker_interval=0.0), "ticker_interval: expected 0.01"),
        (lambda: HeartbeatOptions(heartbeat_timeout=0.0), "heartbeat_timeout: expected 0.05"),
        (lambda: HeartbeatOptions(sender="%a"), "sender: expected pairs"),
        (lambda: UniqueItemsOptions(message_variable=""), "message_variable: expected a name"),
        (lambda: SampleOptions(every=0), "every: expected 1"),
        (lambda: SampleOptions(every=1, type_prefix=""), "type_prefix: expected 1"),
        (lambda: ThrottleOptions(messages=0), "messages: expected 1"),
        (lambda: ThrottleOptions(messages=1, key="%"), "key: expected pairs"),
        (lambda: MetricOptions(type="Counter", name="", value="1"), "name: expected text"),
    ],
)
def test_wrong_options_are_refused(options: Any, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        options()

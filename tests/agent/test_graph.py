"""The graph: each consumer gets its part once, in order, also after a pause."""

from __future__ import annotations

import threading

from agent.support import WORLD, Shelf, block_of

from heka import matcher
from heka._core import monotonic
from heka.agent.graph import HOPS_MAX, Consumer, Feed, Graph


def test_each_consumer_gets_what_its_matcher_meets() -> None:
    errors, every, none = (
        Shelf("errors", "Payload == 'b'"),
        Shelf("every"),
        Shelf("none", "FALSE"),
    )
    feed = Feed(Graph(shelf.consumer for shelf in (errors, every, none)), "in", WORLD)
    assert feed.offer(block_of("a", "b", "c"))
    assert (errors.payloads, every.payloads, none.payloads) == (["b"], ["a", "b", "c"], [])
    assert [shelf.consumer.matched for shelf in (errors, every, none)] == [1, 3, 0]
    assert (feed.messages, feed.paused_since) == (3, None)


def test_a_full_consumer_pauses_the_feed_and_gets_its_part_once() -> None:
    full, other = Shelf("full", room=1), Shelf("other")
    feed = Feed(Graph([full.consumer, other.consumer]), "in", WORLD)
    assert feed.offer(block_of("a"))
    assert not feed.offer(block_of("b", "c"))
    assert not feed.retry()
    assert feed.paused_since is not None
    assert feed.messages == 1, "a message is in when every consumer has it"
    full.room = None
    assert feed.retry()
    assert full.payloads == other.payloads == ["a", "b", "c"]
    assert (feed.messages, feed.paused_since) == (3, None)
    assert feed.paused_seconds > 0


def test_a_full_consumer_gets_later_blocks_after_earlier_ones() -> None:
    shelf = Shelf(room=2)
    graph = Graph([shelf.consumer])
    parts = [(shelf.consumer, block_of(*texts)) for texts in (("a", "b", "c"), ("d",))]
    left = graph.accept(parts, 1)
    assert (shelf.payloads, len(left)) == ([], 2), "d has room, but it comes after c"
    shelf.room = None
    assert graph.accept(left, 1) == []
    assert shelf.payloads == ["a", "b", "c", "d"]


def test_give_waits_until_there_is_room_or_the_graph_is_closed() -> None:
    shelf = Shelf(room=0)
    graph = Graph([shelf.consumer])
    feed = Feed(graph, "in", WORLD)

    def make_room(seconds: float) -> None:
        shelf.room = 2

    shelf.consumer.wait = make_room
    assert feed.give(block_of("a", "b"))
    assert shelf.payloads == ["a", "b"]

    shelf.consumer.wait = None
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(feed.give(block_of("c", "d", "e"))))
    thread.start()
    graph.close()
    thread.join()
    assert results == [False]
    assert feed.dropped == {"stopped": 3}
    assert not feed.retry_until(monotonic()) or feed.paused_since is None


def test_a_signed_only_consumer_gets_nothing_unsigned() -> None:
    shelf = Shelf()
    consumer = Consumer("signed", matcher.compile("TRUE"), shelf.accept, signer="ops")
    assert Feed(Graph([consumer]), "in", WORLD).offer(block_of("a"))
    assert (shelf.payloads, consumer.matched) == ([], 0)


def test_messages_that_filters_make_of_their_own_end_after_some_hops() -> None:
    graph = Graph()
    feed = Feed(graph, "in", WORLD)
    seen: list[str] = []
    feeds = [Feed(graph, f"echo{i}", WORLD) for i in range(HOPS_MAX + 2)]

    def echo(block: object) -> bool:
        seen.append("x")
        return feeds[len(seen)].offer(block_of("x"))

    graph.replace([Consumer("echo", matcher.compile("TRUE"), echo)])
    assert feed.offer(block_of("x"))
    assert len(seen) == HOPS_MAX + 1
    assert feeds[len(seen)].dropped == {"loop": 1}
    assert graph.hops == 0


def test_what_a_retired_consumer_is_still_offered_is_dropped_and_counted() -> None:
    shelf = Shelf(room=0)
    feed = Feed(Graph([shelf.consumer]), "in", WORLD)
    assert not feed.offer(block_of("a", "b"))
    shelf.consumer.retire()
    assert feed.retry()
    assert (shelf.payloads, shelf.consumer.retired) == ([], 2)


def test_concurrent_feeds_lose_no_count() -> None:
    shelf = Shelf(match="Payload != ''")
    graph = Graph([shelf.consumer])
    block = block_of("a", "b", "c")

    def offer() -> None:
        feed = Feed(graph, "in", WORLD)
        for _ in range(500):
            assert feed.offer(block)

    threads = [threading.Thread(target=offer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shelf.consumer.matched == len(shelf.payloads) == 4 * 500 * 3

"""The graph: which blocks go where, from inputs to filters and outputs.

::

    input -> Feed -> Graph -> for each Consumer: its matcher -> its part of the block -> accept()

A consumer accepts its part at once or says that it is full. A feed keeps the parts that were not
accepted and offers them again; until all are accepted it takes no further block: the input is
paused. Parts are accepted whole, so a message is never half stored.

Several threads may use feeds of one graph. Knows blocks and matchers; knows no sockets, queues or
configuration.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from heka._core import monotonic

if TYPE_CHECKING:
    from heka.agent.world import World
    from heka.framing import Block
    from heka.matcher import Matcher

__all__ = ["HOPS_MAX", "Consumer", "Feed", "Graph", "Rewriting"]

#: A message that filters made may lead to further messages this many times, as in hekad.
HOPS_MAX: Final = 4
#: Seconds between two offers of what a full consumer did not accept, at most.
_AGAIN: Final = 0.05


class Consumer:
    """A filter or an output as the graph sees it.

    Attributes:
        name: Of its section.
        matched: Messages that its matcher has met.
        retired: Messages that were offered after ``retire``, and dropped.
    """

    def __init__(
        self,
        name: str,
        matcher: Matcher,
        accept: Callable[[Block], bool],
        *,
        signer: str = "",
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Make one.

        Args:
            name: Of its section.
            matcher: Which messages it gets.
            accept: Called with each part; False: it is full, nothing was taken.
            signer: It gets only messages whose verified signer has this name; empty: all.
            wait: Waits until there may be room, at most the given seconds.
        """
        self.name = name
        self.matched = 0
        self.retired = 0
        self.accept = accept
        self.wait = wait
        self._signer = signer
        self._matcher = None if matcher.text.strip() == "TRUE" else matcher
        self._lock = threading.Lock()

    def retire(self) -> None:
        """Accept and drop what is still offered: the section is gone."""

        def drop(part: Block) -> bool:
            self.retired += len(part)
            return True

        self.accept = drop

    def part_of(self, block: Block) -> Block:
        """Return the messages of *block* that it gets, and count them; *block* itself if all."""
        if self._signer and block.signer != self._signer:
            return block[:0]
        part = block if self._matcher is None else self._matcher.filter(block)
        if len(part):
            with self._lock:
                self.matched += len(part)
        return part


class Graph:
    """The consumers, which ``replace`` exchanges as a whole while feeds are in use."""

    def __init__(self, consumers: Iterable[Consumer] = ()) -> None:
        """Begin with *consumers*."""
        self.consumers = tuple(consumers)
        #: Called with each block that was accepted whole; None: nobody wants copies.
        self.copy: Callable[[Block], object] | None = None
        self.closed = threading.Event()
        self._depth = threading.local()

    def replace(self, consumers: Iterable[Consumer]) -> None:
        """Route to *consumers* from the next block on."""
        self.consumers = tuple(consumers)

    def close(self) -> None:
        """End every wait of a feed: what is not accepted now is given up, and counted."""
        self.closed.set()

    def parts_of(self, block: Block, maker: str) -> list[tuple[Consumer, Block]]:
        """Return what each consumer gets of *block*; nothing for those that get nothing.

        Args:
            block: The messages.
            maker: Section that made them: a filter does not get what it made itself.
        """
        pairs = (
            (consumer, consumer.part_of(block))
            for consumer in self.consumers
            if consumer.name != maker
        )
        return [(consumer, part) for consumer, part in pairs if len(part)]

    def accept(
        self, parts: list[tuple[Consumer, Block]], hops: int
    ) -> list[tuple[Consumer, Block]]:
        """Offer each part to its consumer; return those that were not accepted.

        Args:
            parts: Of ``parts_of``.
            hops: How many filters they have come through.
        """
        before = self.hops
        self._depth.hops = hops
        left: list[tuple[Consumer, Block]] = []
        full: set[Consumer] = set()  # gets no later part before an earlier one
        try:
            for consumer, part in parts:
                if consumer in full or not consumer.accept(part):
                    full.add(consumer)
                    left.append((consumer, part))
        finally:
            self._depth.hops = before
        return left

    @property
    def hops(self) -> int:
        """How many filters what a thread makes now has come through: 0 outside of ``accept``."""
        return getattr(self._depth, "hops", 0)


class Rewriting(Protocol):
    """What a feed does with its blocks before it routes them."""

    def decode(self, block: Block) -> Sequence[Block]:
        """Return what is routed instead of *block*."""

    def flush(self) -> Sequence[Block]:
        """Return what was kept, at the end of the input."""

    def account(self) -> dict[str, object]:
        """Return its counts, for a report."""


class Feed:
    """The way of one input, or of one filter, into the graph. One thread at a time uses it.

    Attributes:
        name: Of the section.
        world: What its plugin may know of the agent.
        messages: Messages that were accepted by every consumer that gets them.
        bytes: Their bytes, decoded.
        dropped: Messages that were not, by reason: ``stopped`` (the agent ended while the input was
            paused), ``loop`` (over HOPS_MAX), ``failed`` (its filter raised).
        failures: How often its plugin has raised.
        paused_since: When ``offer`` said False (``heka._core.monotonic``); None: not paused.
    """

    def __init__(self, graph: Graph, name: str, world: World) -> None:
        """Make the feed of the section *name*."""
        self.name = name
        self.world = world
        self.messages = 0
        self.bytes = 0
        self.dropped: Counter[str] = Counter()
        self.failures = 0
        self.paused_since: float | None = None
        self.paused_seconds = 0.0
        #: Rewrites each block before it is routed; None: blocks are routed as they came.
        self.decoding: Rewriting | None = None
        self._graph = graph
        self._blocks: Sequence[Block] = ()  # offered, and not yet accepted by all
        self._left: list[tuple[Consumer, Block]] = []
        self._hops = 0  # of that block

    @property
    def hops(self) -> int:
        """How many filters what this thread makes now has come through, this one counted."""
        return self._graph.hops

    def offer(self, block: Block, hops: int | None = None) -> bool:
        """Decode *block*, and offer it to every consumer that it concerns; does not wait.

        Args:
            block: The messages.
            hops: How many filters they have come through; None: what this thread makes now.

        Returns:
            True: all have accepted. False: the feed is paused; call ``retry`` until it returns
            True, then offer the next block. Nothing of this one is lost.
        """
        assert not self._blocks
        blocks: Sequence[Block] = (block,)
        if self.decoding is not None and len(block):
            blocks = self.decoding.decode(block)
        hops = self._graph.hops if hops is None else hops
        if hops > HOPS_MAX:
            self.dropped["loop"] += sum(map(len, blocks))
            return True
        return self._offer_all(blocks, hops)

    def _offer_all(self, blocks: Sequence[Block], hops: int) -> bool:
        self._blocks = [block for block in blocks if len(block)]
        self._hops = hops
        parts = [pair for each in self._blocks for pair in self._graph.parts_of(each, self.name)]
        self._left = self._graph.accept(parts, hops + 1)
        return self._is_accepted()

    def retry(self) -> bool:
        """Offer again what was not accepted; True: it is, or there is nothing to accept."""
        if not self._blocks:
            return True
        self._left = self._graph.accept(self._left, self._hops + 1)
        return self._is_accepted()

    def give(self, block: Block, hops: int | None = None) -> bool:
        """Offer *block* as ``offer`` does, and wait while the feed is paused.

        Returns:
            False: the agent stops; the block was dropped and counted.
        """
        return self.offer(block, hops) or self.retry_until(math.inf)

    def retry_until(self, deadline: float) -> bool:
        """Offer again what was not accepted until *deadline* (of ``heka._core.monotonic``).

        Returns:
            False: it was not accepted in time, or the graph is closed; it was dropped and counted.
        """
        while not self.retry():
            left = deadline - monotonic()
            if left <= 0 or self._graph.closed.is_set():
                self.give_up()
                return False
            wait = self._left[0][0].wait or self._graph.closed.wait
            wait(min(left, _AGAIN))
        return True

    def finish(self, deadline: float) -> None:
        """Offer until *deadline* what the decoder has kept: its input has ended."""
        blocks = () if self.decoding is None else self.decoding.flush()
        if blocks and not self._blocks and not self._offer_all(blocks, 0):
            self.retry_until(deadline)

    def withdraw(self) -> None:
        """Take back what was offered and not accepted by all: its source has it still."""
        self._end_pause()
        self._blocks, self._left = (), []

    def give_up(self) -> None:
        """Drop what was offered and not accepted, and count it."""
        if self._blocks:
            waiting: Counter[Consumer] = Counter()
            for consumer, part in self._left:
                waiting[consumer] += len(part)
            self.dropped["stopped"] += max(waiting.values())
            self.withdraw()

    def fail(self, failure: Exception, messages: int) -> None:
        """Count that the plugin of this feed has raised, and that it dropped *messages*; say it."""
        self.failures += 1
        if messages:
            self.dropped["failed"] += messages
        if self.failures == 1:  # the report counts the others
            self.world.say(f"{self.name} raised {failure!r}")

    def account(self) -> dict[str, object]:
        """Return the counts, for a report."""
        since = self.paused_since
        return {
            "in": self.messages,
            "bytes": self.bytes,
            "dropped": dict(self.dropped),
            **({"failures": self.failures} if self.failures else {}),
            "paused": 0.0 if since is None else round(monotonic() - since, 3),
            "paused_seconds": round(self.paused_seconds, 3),
            **({} if self.decoding is None else {"decoder": self.decoding.account()}),
        }

    def _is_accepted(self) -> bool:
        if self._left:
            if self.paused_since is None:
                self.paused_since = monotonic()
            return False
        blocks, self._blocks = self._blocks, ()
        self._end_pause()
        copy = self._graph.copy
        for block in blocks:
            self.messages += len(block)
            self.bytes += block.nbytes
            if copy is not None:
                copy(block)
        return True

    def _end_pause(self) -> None:
        if self.paused_since is not None:
            self.paused_seconds += monotonic() - self.paused_since
            self.paused_since = None

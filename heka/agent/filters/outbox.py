"""The thread of a filter: it gives to the feed what the filter has made, and works at intervals."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from heka._core import frame, monotonic
from heka.framing import Block, BlockReader
from heka.message import Message

if TYPE_CHECKING:
    from heka.agent.graph import Feed

__all__ = ["WAITING_MAX", "Outbox", "block_of"]

#: Blocks that wait in an outbox.
WAITING_MAX: Final = 64


def block_of(messages: Iterable[Message]) -> list[Block]:
    """Return *messages* in as few blocks as hold them."""
    return BlockReader().feed(b"".join(frame(message.encode()) for message in messages))


class Outbox:
    """Blocks on their way from a filter into its feed.

    A filter is called by the threads of inputs, which must not wait: it puts its blocks here.
    ``tick`` is called by the outbox's own thread each *interval*, with the monotonic time, and once
    more at the end. What it returns is given to the feed too.
    """

    def __init__(
        self,
        feed: Feed,
        interval: float = 0.0,
        tick: Callable[[float], Iterable[Message]] | None = None,
    ) -> None:
        """Prepare; *interval* is in seconds, and 0 without *tick*."""
        self._feed = feed
        self._interval = interval
        self._tick = tick
        self._waiting: deque[tuple[int, Block]] = deque()  # (hops, block)
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"heka {feed.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, deadline: float) -> None:
        """Tick once more, and give what waits until *deadline* (``heka._core.monotonic``)."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline - monotonic()))

    @property
    def is_full(self) -> bool:
        """Whether the filter should refuse what it is offered: its feed is paused."""
        return len(self._waiting) >= WAITING_MAX

    def put(self, blocks: Iterable[Block]) -> None:
        """Give *blocks* soon; they come one filter further than what this thread offers."""
        hops = self._feed.hops
        with self._changed:
            self._waiting.extend((hops, block) for block in blocks)
            self._changed.notify()

    def _ticked(self, tick: Callable[[float], Iterable[Message]]) -> list[Block]:
        try:
            return block_of(tick(monotonic()))
        except Exception as failure:  # its thread has to go on
            self._feed.fail(failure, 0)
            return []

    def _run(self) -> None:
        due = monotonic() + self._interval
        while True:
            with self._changed:
                left = max(0.0, due - monotonic()) if self._tick is not None else None
                self._changed.wait_for(lambda: self._waiting or self._stopping, left)
                found = list(self._waiting)
                is_last = self._stopping
            for hops, block in found:
                self._feed.give(block, hops)
                with self._changed:
                    self._waiting.popleft()
            if self._tick is not None and (is_last or monotonic() >= due):
                for block in self._ticked(self._tick):
                    self._feed.give(block)
                missed = max(0.0, monotonic() - due) // self._interval
                due += (missed + 1) * self._interval
            if is_last:
                return

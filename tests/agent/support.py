"""Blocks and consumers for the tests of the agent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from heka import matcher
from heka._core import monotonic, pack
from heka.agent.graph import Consumer
from heka.agent.world import World
from heka.framing import Block, BlockReader
from heka.message import Message

WORLD = World("here", "", lambda name: None)


def block_of(*payloads: str, type: str = "t") -> Block:
    """Return a block of one message for each payload."""
    [block] = BlockReader().feed(b"".join(pack(type, payload=text) for text in payloads))
    return block


class Shelf:
    """A consumer that takes messages until it holds *room*; None: any number."""

    def __init__(self, name: str = "shelf", match: str = "TRUE", room: int | None = None) -> None:
        self.payloads: list[str] = []
        self.room = room
        self.consumer = Consumer(name, matcher.compile(match), self.accept)

    def accept(self, block: Block) -> bool:
        if self.room is not None and len(self.payloads) + len(block) > self.room:
            return False
        self.payloads += block.column("payload")
        return True


class Box(Shelf):
    """A shelf that keeps the messages too."""

    def __init__(self, room: int | None = None) -> None:
        super().__init__(room=room)
        self.messages: list[Message] = []

    def accept(self, block: Block) -> bool:
        taken = super().accept(block)
        self.messages += [frame.message for frame in block] if taken else []
        return taken


def soon(what: Callable[[], Any], seconds: float = 30) -> Any:
    """Return what *what* returns as soon as it is true."""
    end = monotonic() + seconds
    while not (found := what()):
        assert monotonic() < end, "it did not come"
        time.sleep(0.002)
    return found

"""Blocks and consumers for the tests of the agent."""

from __future__ import annotations

from heka import matcher
from heka._core import pack
from heka.agent.graph import Consumer
from heka.agent.world import World
from heka.framing import Block, BlockReader

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

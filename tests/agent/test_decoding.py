"""An input's decoder: each block is decoded before it is routed, and nothing stops the input."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from agent.support import WORLD, Shelf, block_of

from heka._core import pack
from heka.agent.decoding import UNDECODED, Decoding
from heka.agent.graph import Feed, Graph
from heka.framing import Block, BlockReader


class Shouter:
    """Decodes what is lower case to upper case, and raises for 'raise'."""

    undecoded = 0

    def __init__(self) -> None:
        self.kept: list[Block] = []

    def decode(self, block: Block) -> list[Block]:
        frames = []
        for text in block.column("payload"):
            if text == "raise":
                raise KeyError(text)
            is_decoded = text.islower()
            self.undecoded += not is_decoded
            fields = None if is_decoded else {UNDECODED: "no text"}
            frames.append(pack("t", payload=text.upper(), fields=fields))
        return BlockReader().feed(b"".join(frames))

    def flush(self) -> list[Block]:
        return self.kept

    def account(self) -> dict[str, object]:
        return {"undecoded": self.undecoded}


def fed(say: list[str], **flags: Any) -> tuple[Feed, Shelf, Shouter]:
    """Return a feed with a decoder, and what gets its blocks."""
    shelf, shouter = Shelf(), Shouter()
    feed = Feed(Graph([shelf.consumer]), "in", WORLD)
    section: Any = SimpleNamespace(
        name="in", **{"send_decode_failures": True, "log_decode_failures": True, **flags}
    )
    feed.decoding = Decoding(section, shouter, say.append)
    return feed, shelf, shouter


def test_a_block_is_decoded_before_it_is_routed() -> None:
    said: list[str] = []
    feed, shelf, _ = fed(said)
    assert feed.offer(block_of("a", "1"))
    assert feed.offer(block_of("2", "b"))
    assert shelf.payloads == ["A", "1", "2", "B"]
    assert feed.account()["decoder"] == {"undecoded": 2}
    assert said == ["in: 1 more messages could not be decoded"], "once a minute"


def test_what_cannot_be_decoded_is_dropped_and_counted_if_so_wanted() -> None:
    said: list[str] = []
    feed, shelf, _ = fed(said, send_decode_failures=False, log_decode_failures=False)
    assert feed.offer(block_of("a", "1"))
    assert feed.offer(block_of("2"))
    assert shelf.payloads == ["A"]
    assert feed.account()["decoder"] == {"undecoded": 2, "dropped": 2}
    assert said == []


def test_messages_go_on_as_they_came_when_a_decoder_raises() -> None:
    said: list[str] = []
    feed, shelf, _ = fed(said)
    assert feed.offer(block_of("a", "raise"))
    assert shelf.payloads == ["a", "raise"]
    assert feed.account()["decoder"] == {"undecoded": 0, "failed": 2}
    assert said == ["in: its decoder raised KeyError('raise'); messages go on as they came"]


def test_what_the_decoder_has_kept_is_routed_at_the_end() -> None:
    feed, shelf, shouter = fed([])
    feed.finish(0.0)
    shouter.kept = [block_of("rest"), block_of("more")]
    feed.finish(0.0)
    assert shelf.payloads == ["rest", "more"], "and it is not decoded again"

"""MultiDecoder: tries several decoders, or has each one work on what the one before has made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from heka.agent.options import REQUIRED, choice, option
from heka.exceptions import ConfigError
from heka.framing import Block, BlockReader

if TYPE_CHECKING:
    from heka.agent.plugin import Decoder
    from heka.agent.world import World

__all__ = ["MultiDecoder", "MultiOptions"]


@dataclass(frozen=True)
class MultiOptions:
    """Options of ``MultiDecoder``: hekad's."""

    subs: tuple[str, ...] = option(REQUIRED, "names", "The decoders: sections, or types.")
    cascade_strategy: str = option(
        "first-wins",
        choice("first-wins", "all"),
        "first-wins: the first that can decode a message does. all: each one gets what those "
        "before it have made.",
    )
    log_sub_errors: bool = option(False, "boolean", "No effect: 'heka agent status' counts them.")

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        if not self.subs:
            raise ConfigError("subs: expected at least one decoder, got none")


class MultiDecoder:
    """Decodes by several decoders; a message that none can decode goes on as it came."""

    Options: ClassVar[type] = MultiOptions

    def __init__(
        self, name: str, options: MultiOptions, world: World, subs: Sequence[Decoder]
    ) -> None:
        """Keep the decoders."""
        self.undecoded = 0
        self._names = options.subs
        self._subs = subs
        self._has_all = options.cascade_strategy == "all"

    def decode(self, block: Block) -> Sequence[Block]:
        """Return the decoded messages."""
        decode = self._by_all if self._has_all else self._by_first
        made = b"".join(
            bytes(each) for index in range(len(block)) for each in decode(block[index : index + 1])
        )
        return BlockReader().feed(made)

    def flush(self) -> Sequence[Block]:
        """Return what the decoders have kept."""
        return [
            block for sub in self._subs for block in (sub.flush() if hasattr(sub, "flush") else ())
        ]

    def account(self) -> Mapping[str, object]:
        """Return how many messages no decoder could decode, and the counts of each."""
        counts = {name: sub.account() for name, sub in zip(self._names, self._subs, strict=True)}
        return {"undecoded": self.undecoded, "subs": counts}

    def _by_first(self, one: Block) -> Sequence[Block]:
        made: Sequence[Block] = (one,)
        for sub in self._subs:
            before = sub.undecoded
            made = sub.decode(one)
            if sub.undecoded == before:
                return made
        self.undecoded += 1
        return made

    def _by_all(self, one: Block) -> Sequence[Block]:
        made: Sequence[Block] = (one,)
        failed: Sequence[Block] = ()
        is_decoded = False
        for sub in self._subs:
            before = sub.undecoded
            following = [block for each in made for block in sub.decode(each)]
            if sub.undecoded == before:
                made, is_decoded = following, True
            else:
                failed = following
        if is_decoded:
            return made
        self.undecoded += 1
        return failed

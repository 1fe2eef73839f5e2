"""What an input does with its decoder: makes it, decodes each block, counts what it could not.

Knows the protocol ``Decoder`` and nothing of any format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from heka import matcher
from heka._core import monotonic
from heka.agent.registry import plugin_class
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka.agent.config import Section
    from heka.agent.plugin import Decoder
    from heka.agent.world import World
    from heka.framing import Block

__all__ = ["UNDECODED", "Decoding", "decoder_of"]

_T = TypeVar("_T")
#: The field of a message that no decoder could decode; its value says why.
UNDECODED: Final = "heka.undecoded"
#: Seconds between two lines about what could not be decoded.
_SAY_EACH: Final = 60.0


class Decoding:
    """A decoder at work for one feed, whose thread calls it."""

    def __init__(
        self,
        section: Section,
        decoder: Decoder,
        say: Callable[[str], object],
    ) -> None:
        """Use *decoder* as *section*, an input, wants it; *say* gets lines for people."""
        self.failed = 0  # messages of blocks for which the decoder raised
        self.dropped = 0  # messages that could not be decoded, and were not to be sent
        self._decoder = decoder
        self._name = section.name
        self._say = say if section.log_decode_failures else None
        self._said_at: float | None = None
        self._said = 0
        self._decoded: matcher.Matcher | None = None
        if not section.send_decode_failures:
            self._decoded = matcher.compile(f"Fields[{UNDECODED}] == NIL")

    def decode(self, block: Block) -> Sequence[Block]:
        """Return what is to be routed instead of *block*."""
        before = self._decoder.undecoded
        try:
            made = self._decoder.decode(block)
        except Exception as failure:  # a decoder may be anybody's: its input must go on
            self.failed += len(block)
            self._tell(f"its decoder raised {failure!r}; messages go on as they came")
            return (block,)
        undecoded = self._decoder.undecoded
        if undecoded != before:
            more = undecoded - self._said
            if self._tell(f"{more} more messages could not be decoded"):
                self._said = undecoded
            if self._decoded is not None:
                kept = [self._decoded.filter(each) for each in made]
                self.dropped += sum(map(len, made)) - sum(map(len, kept))
                made = kept
        return made

    def flush(self) -> Sequence[Block]:
        """Return what the decoder has kept, at the end of its input."""
        flush = getattr(self._decoder, "flush", None)
        found: Sequence[Block] = () if flush is None else flush()
        return found

    def account(self) -> dict[str, object]:
        """Return the counts, for a report."""
        counts = {"failed": self.failed, "dropped": self.dropped}
        return {**self._decoder.account(), **{name: n for name, n in counts.items() if n}}

    def _tell(self, text: str) -> bool:
        now = monotonic()
        if self._said_at is not None and now - self._said_at < _SAY_EACH:
            return False
        self._said_at = now
        if self._say is not None:
            self._say(f"{self._name}: {text}")
        return True


def decoder_of(
    name: str,
    sections: Iterable[Section],
    world: World,
    attempt: Callable[[Section, str, Callable[[], _T]], _T],
) -> Decoder | None:
    """Return a new decoder of *name*: another section, or a type without options.

    Args:
        name: What the input says.
        sections: Of the plan.
        world: For the decoder.
        attempt: Calls the third argument, and names the section in the error of what it raises.

    Returns:
        None: the input itself decodes, as with ProtobufDecoder.
    """
    by_name = {each.name: each for each in sections if each.kind == "decoder"}
    return _made(name, by_name, world, attempt)


def _made(
    name: str, by_name: Mapping[str, Section], world: World, attempt: Callable[..., Any]
) -> Decoder | None:
    section = by_name.get(name)
    plugin: Any = plugin_class(name) if section is None else section.plugin
    if not hasattr(plugin, "decode"):
        return None
    if section is None:
        decoder: Decoder = plugin(name, plugin.Options(), world)
        return decoder
    make = partial(plugin, name, section.options, world)
    subs = getattr(section.options, "subs", ())
    if subs:
        found = [_made(sub, by_name, world, attempt) for sub in subs]
        if None in found:
            raise ConfigError(f"{section.place}: {name}.subs: a decoder of Heka messages is none")
        make = partial(plugin, name, section.options, world, found)
    made: Decoder = attempt(section, "be made", make)
    return made

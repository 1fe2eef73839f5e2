"""What a plugin is: the interfaces of inputs, decoders, filters, encoders and outputs.

A plugin is a class with ``Options``, a frozen dataclass whose fields are made by
``heka.agent.options.option``; the configuration makes its instance from the section. The classes
here are protocols: a plugin need not inherit from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from heka._delivery.outlets import Outlet
    from heka.agent.graph import Feed
    from heka.agent.world import World
    from heka.framing import Block

__all__ = ["Decoder", "Encoder", "Filter", "Input", "Output", "Source"]


class Input(Protocol):
    """Makes blocks of messages and gives them to its feed, from a thread of its own."""

    Options: ClassVar[type]

    def __init__(self, name: str, options: Any, feed: Feed) -> None:
        """Keep the arguments; opens nothing."""

    def start(self) -> None:
        """Open what it reads, then begin to read; OSError or ConfigError when it cannot open."""

    def stop(self, deadline: float) -> None:
        """Read no more, give what was read until *deadline* (``heka._core.monotonic``), close."""

    def account(self) -> Mapping[str, object]:
        """Return its counts beside those of its feed, for a report."""


class Source(Protocol):
    """An input without a thread: the intake calls ``read`` when its descriptor can be read."""

    name: str

    def fileno(self) -> int:
        """Return the descriptor."""

    def read(self) -> None:
        """Read some, and offer it to the feed."""

    def retry(self) -> bool:
        """Go on after a pause: offer what waits; True: the pause is over."""

    @property
    def is_paused(self) -> bool:
        """Whether the feed is paused: ``read`` must not be called."""

    @property
    def due(self) -> float | None:
        """Seconds after which ``read`` is to be called in any case; None: no such time."""


class Decoder(Protocol):
    """Rewrites the blocks of one input before they are routed; its feed's thread calls it.

    A decoder that joins messages may also have ``flush() -> Sequence[Block]``: what it has kept,
    at the end of its input.

    Attributes:
        undecoded: Messages so far that it could not decode. They are in the blocks that ``decode``
            returns, as they came, with the field ``heka.undecoded``.
    """

    Options: ClassVar[type]
    undecoded: int

    def __init__(self, name: str, options: Any, world: World) -> None:
        """Keep the arguments; ConfigError when an option is wrong."""

    def decode(self, block: Block) -> Sequence[Block]:
        """Return the messages to route instead of *block*; raises for no content of a message."""

    def account(self) -> Mapping[str, object]:
        """Return its counts, for a report."""


class Filter(Protocol):
    """Gets blocks that its matcher meets, and may give others to its feed."""

    Options: ClassVar[type]

    def __init__(self, name: str, options: Any, feed: Feed) -> None:
        """Keep the arguments."""

    def start(self) -> None:
        """Begin."""

    def accept(self, block: Block) -> bool:
        """Take *block*; False: nothing was taken, it is to be offered again."""

    def stop(self, deadline: float) -> None:
        """Give what is left until *deadline*."""

    def account(self) -> Mapping[str, object]:
        """Return its counts beside those of its feed, for a report."""


class Encoder(Protocol):
    """Turns blocks into the bytes that an output writes."""

    Options: ClassVar[type]

    def __init__(self, name: str, options: Any) -> None:
        """Keep the arguments."""

    def encode(self, block: Block) -> bytes:
        """Return the bytes for all messages of *block*."""


class Output(Protocol):
    """Says where a queue is drained to; its thread and its queue belong to the agent."""

    Options: ClassVar[type]

    def __init__(self, name: str, options: Any, encoder: Encoder | None) -> None:
        """Check the arguments; opens nothing. None: frames are sent as they are."""

    def outlet(self) -> Outlet:
        """Return a new outlet, which one thread uses."""

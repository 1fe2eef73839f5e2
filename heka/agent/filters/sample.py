"""SampleFilter: passes on one of so many messages."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from heka.agent.filters.outbox import Outbox
from heka.agent.filters.passing import check_prefix, passed_on
from heka.agent.options import REQUIRED, option
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka.agent.graph import Feed
    from heka.framing import Block

__all__ = ["SampleFilter", "SampleOptions"]


@dataclass(frozen=True)
class SampleOptions:
    """Options of ``SampleFilter``."""

    every: int = option(REQUIRED, "integer", "Of so many messages the first is passed on.")
    type_prefix: str = option(
        "sampled.", "text", "What the Type of the passed messages begins with; their own follows."
    )

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        if not 1 <= self.every <= 1_000_000_000:
            raise ConfigError(f"every: expected 1 to 1000000000, got {self.every}")
        check_prefix(self.type_prefix)


class SampleFilter:
    """Passes on one of ``every`` messages, under another Type.

    An output gets the sample by a matcher such as ``Type =~ /^sampled/``.
    """

    Options: ClassVar[type] = SampleOptions

    def __init__(self, name: str, options: SampleOptions, feed: Feed) -> None:
        """Keep the arguments."""
        self.name = name
        self._options = options
        self._lock = threading.Lock()
        self._until_next = 0  # messages that are left out before the next one
        self._too_large = 0
        self._outbox = Outbox(feed)

    @staticmethod
    def sample(name: str, options: SampleOptions) -> dict[str, Any]:
        """Return keywords of a message as it is made."""
        return {"type": options.type_prefix}

    def start(self) -> None:
        """Begin."""
        self._outbox.start()

    def accept(self, block: Block) -> bool:
        """Pass on some of *block*; False while its feed is paused."""
        with self._lock:
            if self._outbox.is_full:
                return False
            chosen = range(self._until_next, len(block), self._options.every)
            following = chosen[-1] + self._options.every if chosen else self._until_next
            self._until_next = following - len(block)
            frames = (block[index] for index in chosen)
            blocks, too_large = passed_on(frames, self._options.type_prefix)
            self._too_large += too_large
            self._outbox.put(blocks)
        return True

    def stop(self, deadline: float) -> None:
        """Pass on what waits."""
        self._outbox.stop(deadline)

    def account(self) -> Mapping[str, object]:
        """Return how many chosen messages were too large to be passed on."""
        return {"too_large": self._too_large}

"""ThrottleFilter: passes on at most so many messages in an interval, and tells what it left out."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka.agent.filters.counter import check_interval
from heka.agent.filters.outbox import Outbox
from heka.agent.filters.passing import check_prefix, passed_on
from heka.agent.filters.variables import NAME_MAX, Template
from heka.agent.options import REQUIRED, option
from heka.exceptions import ConfigError
from heka.message import Message

if TYPE_CHECKING:
    from heka.agent.graph import Feed
    from heka.framing import Block

__all__ = ["ThrottleFilter", "ThrottleOptions"]

TYPE: Final = "heka.throttled"
#: Stands for keys over ``max_keys``, and for messages without a value for the key.
OTHER: Final = "(other)"


@dataclass(frozen=True)
class ThrottleOptions:
    """Options of ``ThrottleFilter``."""

    messages: int = option(REQUIRED, "integer", "Messages of a key that pass in an interval.")
    ticker_interval: float = option(60.0, "seconds", "Seconds of an interval.")
    key: str = option("%Logger%", "text", "What is counted by itself, as '%Hostname% %Type%'.")
    max_keys: int = option(
        10_000, "integer", "Keys that are told apart in an interval; further ones count as one."
    )
    type_prefix: str = option(
        "throttled.", "text", "What the Type of the passed messages begins with; their own follows."
    )

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        check_interval(self.ticker_interval)
        check_prefix(self.type_prefix)
        for name, most in (("messages", 1_000_000_000), ("max_keys", 10_000_000)):
            if not 1 <= getattr(self, name) <= most:
                raise ConfigError(f"{name}: expected 1 to {most}, got {getattr(self, name)}")
        try:
            Template(self.key)
        except ConfigError as problem:
            raise ConfigError(f"key: {problem}") from None


class ThrottleFilter:
    """Passes on the first messages of each key in an interval, under another Type.

    At the end of an interval, a message ``heka.throttled`` for each key tells how many were left
    out.
    """

    Options: ClassVar[type] = ThrottleOptions

    def __init__(self, name: str, options: ThrottleOptions, feed: Feed) -> None:
        """Keep the arguments."""
        self.name = name
        self._feed = feed
        self._options = options
        self._key = Template(options.key, NAME_MAX)
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()  # in this interval
        self._left_out = 0
        self._too_large = 0
        self._outbox = Outbox(feed, options.ticker_interval, self.tick)

    @staticmethod
    def sample(name: str, options: ThrottleOptions) -> dict[str, Any]:
        """Return keywords of a message as it is made."""
        return {"type": options.type_prefix}

    def start(self) -> None:
        """Begin."""
        self._outbox.start()

    def accept(self, block: Block) -> bool:
        """Pass on what may pass of *block*; False while its feed is paused."""
        options = self._options
        with self._lock:
            if self._outbox.is_full:
                return False
            chosen = []
            for each in block:
                key = self._key.of(each.message) or OTHER
                if key not in self._seen and len(self._seen) >= options.max_keys:
                    key = OTHER
                self._seen[key] += 1
                if self._seen[key] <= options.messages:
                    chosen.append(each)
            self._left_out += len(block) - len(chosen)
            blocks, too_large = passed_on(chosen, options.type_prefix)
            self._too_large += too_large
            self._outbox.put(blocks)
        return True

    def stop(self, deadline: float) -> None:
        """Pass on what waits, and tell what was left out."""
        self._outbox.stop(deadline)

    def account(self) -> Mapping[str, object]:
        """Return how many messages were left out, and how many were too large to be passed on."""
        return {"left_out": self._left_out, "too_large": self._too_large}

    def tick(self, now: float) -> Iterator[Message]:
        """Yield what is to tell of the interval that ends *now*."""
        with self._lock:
            seen, self._seen = self._seen, Counter()
        for key, count in seen.items():
            left_out = count - self._options.messages
            if left_out > 0:
                fields = {"key": key, "left_out": left_out}
                text = f"{left_out} of {count} messages of {key} were left out"
                hostname = self._feed.world.hostname
                yield Message(TYPE, self.name, 6, fields, text, hostname=hostname)

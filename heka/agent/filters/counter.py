"""CounterFilter: tells at intervals how many messages there were."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka._core import monotonic
from heka.agent.filters.outbox import Outbox
from heka.agent.options import option
from heka.exceptions import ConfigError
from heka.message import Message

if TYPE_CHECKING:
    from heka.agent.graph import Feed
    from heka.framing import Block

__all__ = ["CounterFilter", "CounterOptions"]

TYPE: Final = "heka.counter-output"
#: After so many rates comes a message of their smallest, largest and mean, as in hekad.
_SUMMED_UP: Final = 10


def check_interval(seconds: float) -> None:
    """Raise ConfigError unless *seconds* is a ``ticker_interval`` of a filter."""
    if not 0.01 <= seconds <= 86_400:
        raise ConfigError(f"ticker_interval: expected 0.01 to 86400 seconds, got {seconds}")


@dataclass(frozen=True)
class CounterOptions:
    """Options of ``CounterFilter``."""

    ticker_interval: float = option(5.0, "seconds", "Seconds from message to message.")

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        check_interval(self.ticker_interval)


class CounterFilter:
    """Makes messages of the number of messages that it got, and of their rate.

    Nothing is made for an interval without a message.
    """

    Options: ClassVar[type] = CounterOptions

    def __init__(self, name: str, options: CounterOptions, feed: Feed) -> None:
        """Keep the arguments."""
        self.name = name
        self._feed = feed
        self._lock = threading.Lock()
        self._count = 0
        self._told = 0  # of these, in earlier messages
        self._since = monotonic()
        self._rates: list[float] = []
        self._outbox = Outbox(feed, options.ticker_interval, self.tick)

    @staticmethod
    def sample(name: str, options: CounterOptions) -> dict[str, Any]:
        """Return keywords of a message as it is made."""
        return {"type": TYPE, "logger": name}

    def start(self) -> None:
        """Begin to count."""
        self._since = monotonic()
        self._outbox.start()

    def accept(self, block: Block) -> bool:
        """Count the messages of *block*."""
        with self._lock:
            self._count += len(block)
        return True

    def stop(self, deadline: float) -> None:
        """Tell the last interval."""
        self._outbox.stop(deadline)

    def account(self) -> Mapping[str, object]:
        """Return nothing more than its feed has."""
        return {}

    def tick(self, now: float) -> Iterator[Message]:
        """Yield what is to tell of the interval that ends *now*."""
        with self._lock:
            count = self._count
        new, seconds = count - self._told, now - self._since
        self._told, self._since = count, now
        if not new:
            return
        rate = new / seconds if seconds > 0 else float(new)
        yield self._message(
            f"Got {count} messages. {rate:.2f} msg/sec", {"count": count, "rate": rate}
        )
        self._rates.append(rate)
        if len(self._rates) == _SUMMED_UP:
            low, high = min(self._rates), max(self._rates)
            mean = sum(self._rates) / _SUMMED_UP
            self._rates.clear()
            yield self._message(
                f"AGG Sum. Min: {low:.2f}   Max: {high:.2f}   Mean: {mean:.2f}",
                {"min": low, "max": high, "mean": mean},
            )

    def _message(self, payload: str, fields: dict[str, Any]) -> Message:
        hostname = self._feed.world.hostname
        return Message(TYPE, self.name, 6, fields, payload, hostname=hostname)

"""UniqueItemsFilter: tells at intervals how many distinct values a variable had."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka.agent.filters.counter import check_interval
from heka.agent.filters.outbox import Outbox
from heka.agent.filters.variables import Value, variable
from heka.agent.options import REQUIRED, option
from heka.exceptions import ConfigError
from heka.message import Message

if TYPE_CHECKING:
    from heka.agent.graph import Feed
    from heka.framing import Block

__all__ = ["UniqueItemsFilter", "UniqueItemsOptions"]

TYPE: Final = "heka.unique-items"


@dataclass(frozen=True)
class UniqueItemsOptions:
    """Options of ``UniqueItemsFilter``."""

    message_variable: str = option(
        REQUIRED, "text", "What is counted: Logger, Hostname or another attribute, or Fields[NAME]."
    )
    ticker_interval: float = option(60.0, "seconds", "Seconds from message to message.")
    max_items: int = option(
        100_000,
        "integer",
        "Values that are told apart in an interval; over that, the count is a minimum.",
    )

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        check_interval(self.ticker_interval)
        if not 1 <= self.max_items <= 100_000_000:
            raise ConfigError(f"max_items: expected 1 to 100000000, got {self.max_items}")
        if not self.message_variable:
            raise ConfigError("message_variable: expected a name such as 'Fields[user]', got ''")


class UniqueItemsFilter:
    """Makes messages of the number of distinct values in each interval.

    Field ``is_minimum`` is true when there were more than ``max_items``.
    """

    Options: ClassVar[type] = UniqueItemsOptions

    def __init__(self, name: str, options: UniqueItemsOptions, feed: Feed) -> None:
        """Keep the arguments."""
        self.name = name
        self._feed = feed
        self._options = options
        self._read = variable(options.message_variable)
        self._lock = threading.Lock()
        # Hashes of values stand for them: 8 bytes each, and seldom two for one.
        self._items: set[int] = set()
        self._is_minimum = False
        self._messages = 0
        self._without = 0
        self._outbox = Outbox(feed, options.ticker_interval, self.tick)

    @staticmethod
    def sample(name: str, options: UniqueItemsOptions) -> dict[str, Any]:
        """Return keywords of a message as it is made."""
        return {"type": TYPE, "logger": name}

    def start(self) -> None:
        """Begin to count."""
        self._outbox.start()

    def accept(self, block: Block) -> bool:
        """Count the values of *block*."""
        values = [self._read(each.message) for each in block]
        found = {self._key(value) for value in values if value is not None}
        with self._lock:
            self._messages += len(values)
            self._without += values.count(None)
            for key in found:
                if key in self._items:
                    continue
                if len(self._items) >= self._options.max_items:
                    self._is_minimum = True
                    break
                self._items.add(key)
        return True

    def stop(self, deadline: float) -> None:
        """Tell the last interval."""
        self._outbox.stop(deadline)

    def account(self) -> Mapping[str, object]:
        """Return how many messages had no such value."""
        return {"without_value": self._without}

    def tick(self, now: float) -> Iterator[Message]:
        """Yield what is to tell of the interval that ends *now*; nothing without a message."""
        with self._lock:
            count, self._items = len(self._items), set()
            messages, self._messages = self._messages, 0
            is_minimum, self._is_minimum = self._is_minimum, False
        if not messages:
            return
        fields = {"unique": count, "messages": messages, "is_minimum": is_minimum}
        text = f"{'at least ' if is_minimum else ''}{count} values in {messages} messages"
        hostname = self._feed.world.hostname
        yield Message(TYPE, self.name, 6, fields, text, hostname=hostname)

    @staticmethod
    def _key(value: Value) -> int:
        return hash((type(value), value))

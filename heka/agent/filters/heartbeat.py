"""HeartbeatFilter: tells when a sender has been silent, and when it is back."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka._core import monotonic
from heka.agent.filters.outbox import Outbox
from heka.agent.filters.variables import NAME_MAX, Template
from heka.agent.options import option
from heka.exceptions import ConfigError
from heka.message import Message

if TYPE_CHECKING:
    from heka.agent.graph import Feed
    from heka.framing import Block

__all__ = ["HeartbeatFilter", "HeartbeatOptions"]

TYPE: Final = "heka.heartbeat"


@dataclass(frozen=True)
class HeartbeatOptions:
    """Options of ``HeartbeatFilter``."""

    heartbeat_timeout: float = option(
        30.0, "seconds", "A sender is silent when it has sent nothing for so long."
    )
    sender: str = option("%Logger%", "text", "What tells senders apart, as '%Hostname% %Logger%'.")
    repeat_interval: float = option(
        0.0, "seconds", "Tell again of a sender that stays silent; 0: only once."
    )
    max_senders: int = option(
        10_000, "integer", "Senders that are known; a further one is counted, and not watched."
    )

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        if not 0.05 <= self.heartbeat_timeout <= 31_536_000:
            raise ConfigError(
                f"heartbeat_timeout: expected 0.05 seconds to a year, got {self.heartbeat_timeout}"
            )
        if not 1 <= self.max_senders <= 10_000_000:
            raise ConfigError(f"max_senders: expected 1 to 10000000, got {self.max_senders}")
        try:
            Template(self.sender)
        except ConfigError as problem:
            raise ConfigError(f"sender: {problem}") from None


class HeartbeatFilter:
    """Makes a message when a sender has been silent for ``heartbeat_timeout``, and when it is back.

    A sender is known from its first message on. Which senders there are is not kept over a restart.
    """

    Options: ClassVar[type] = HeartbeatOptions

    def __init__(self, name: str, options: HeartbeatOptions, feed: Feed) -> None:
        """Keep the arguments."""
        self.name = name
        self._feed = feed
        self._options = options
        self._sender = Template(options.sender, NAME_MAX)
        self._lock = threading.Lock()
        self._heard: OrderedDict[str, float] = OrderedDict()  # the longest silent first
        self._silent: dict[str, tuple[float, float]] = {}  # (heard, when it was told last)
        self._back: dict[str, float] = {}  # seconds of silence, to be told
        self._counts = {"without_sender": 0, "over_max_senders": 0}
        self._outbox = Outbox(feed, min(1.0, options.heartbeat_timeout / 10), self.tick)

    @staticmethod
    def sample(name: str, options: HeartbeatOptions) -> dict[str, Any]:
        """Return keywords of a message as it is made."""
        return {"type": TYPE, "logger": name, "severity": 4}

    def start(self) -> None:
        """Begin to watch."""
        self._outbox.start()

    def accept(self, block: Block) -> bool:
        """Note who sent the messages of *block*."""
        senders = [self._sender.of(each.message) for each in block]
        now = monotonic()
        with self._lock:
            for sender in senders:
                if sender is None:
                    self._counts["without_sender"] += 1
                elif sender in self._silent:
                    self._back[sender] = now - self._silent.pop(sender)[0]
                    self._heard[sender] = now
                elif sender in self._heard or self._has_room():
                    self._heard[sender] = now
                    self._heard.move_to_end(sender)
                else:
                    self._counts["over_max_senders"] += 1
        return True

    def stop(self, deadline: float) -> None:
        """Tell what is due."""
        self._outbox.stop(deadline)

    def account(self) -> Mapping[str, object]:
        """Return how many senders are known and how many are silent."""
        with self._lock:
            return {
                "senders": len(self._heard) + len(self._silent),
                "silent": len(self._silent),
                **self._counts,
            }

    def tick(self, now: float) -> Iterator[Message]:
        """Yield what is to tell at *now*."""
        with self._lock:
            back, self._back = self._back, {}
            silent = list(self._newly_silent(now))
            repeat = self._options.repeat_interval
            for sender, (heard, told) in self._silent.items():
                if repeat and now - told >= repeat:
                    silent.append((sender, now - heard))
                    self._silent[sender] = (heard, now)
        for sender, seconds in back.items():
            yield self._message(6, "OK", f"{sender} is back after {seconds:.1f} s", sender, seconds)
        for sender, seconds in silent:
            text = f"no message of {sender} for {seconds:.1f} s"
            yield self._message(4, "WARNING", text, sender, seconds)

    def _has_room(self) -> bool:
        return len(self._heard) + len(self._silent) < self._options.max_senders

    def _newly_silent(self, now: float) -> Iterator[tuple[str, float]]:
        while self._heard:
            sender, heard = next(iter(self._heard.items()))
            if now - heard < self._options.heartbeat_timeout:
                return
            del self._heard[sender]
            self._silent[sender] = (heard, now)
            yield sender, now - heard

    def _message(
        self, severity: int, state: str, text: str, sender: str, seconds: float
    ) -> Message:
        fields = {"sender": sender, "state": state, "silent": seconds}
        hostname = self._feed.world.hostname
        return Message(TYPE, self.name, severity, fields, f"{state}: {text}", hostname=hostname)

"""ThresholdFilter: tells when a count, a rate, a stat or a silence passes a limit."""

from __future__ import annotations

import fnmatch
import math
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka._core import monotonic
from heka.agent import kept
from heka.agent.filters.outbox import Outbox
from heka.agent.filters.variables import NAME_MAX, Template
from heka.agent.options import choice, option
from heka.exceptions import ConfigError
from heka.message import Message

if TYPE_CHECKING:
    from heka.agent.graph import Feed
    from heka.framing import Block

__all__ = ["ThresholdFilter", "ThresholdOptions"]

TYPE: Final = "heka.threshold"
#: States in their order, with the severity of the message that tells of them.
SEVERITIES: Final = {"OK": 6, "WARNING": 4, "CRITICAL": 2}
_STATES: Final = tuple(SEVERITIES)
#: Parts of the time ``over``: a message leaves the count a part late at most.
_PARTS: Final = 20


@dataclass(frozen=True)
class ThresholdOptions:
    """Options of ``ThresholdFilter``."""

    value: str = option(
        "count",
        choice("count", "rate", "stat", "absent"),
        "What is compared: messages in the time over, messages a second, a stat in messages of a "
        "StatAccumInput, or seconds without a message.",
    )
    key: str = option(
        "all", "text", "What is watched by itself, as '%Hostname% %Logger%'; not with stat."
    )
    stat: str = option(
        "*", "text", "With stat: keys of the stats that are watched, as 'stats.gauges.queue.*'."
    )
    over: float = option(60.0, "seconds", "Time of count and rate.")
    warning: float | None = option(None, "number", "Limit of the state WARNING.")
    critical: float | None = option(None, "number", "Limit of the state CRITICAL.")
    below: bool = option(False, "boolean", "The limits are passed when the value is below them.")
    hysteresis: float = option(
        0.0, "number", "A state ends when the value is so far on the good side of its limit."
    )
    repeat_interval: float = option(
        0.0, "seconds", "Tell again of a state that is not OK; 0: only when it changes."
    )
    max_keys: int = option(
        10_000, "integer", "Keys that are watched; messages of further ones are counted only."
    )

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        if self.warning is None and self.critical is None:
            raise ConfigError("critical: expected a number here or as warning")
        if self.warning is not None and self.critical is not None:
            low, high = sorted((self.warning, self.critical))
            if self.critical != (low if self.below else high):
                side = "at most" if self.below else "at least"
                raise ConfigError(f"critical: expected {side} warning, got {self.critical:g}")
        if not 1 <= self.over <= 86_400 * 31:
            raise ConfigError(f"over: expected 1 second to 31 days, got {self.over:g}")
        if self.hysteresis < 0:
            raise ConfigError(f"hysteresis: expected 0 or more, got {self.hysteresis:g}")
        if not 1 <= self.max_keys <= 1_000_000:
            raise ConfigError(f"max_keys: expected 1 to 1000000, got {self.max_keys}")
        try:
            Template(self.key)
        except ConfigError as problem:
            raise ConfigError(f"key: {problem}") from None

    def state_of(self, value: float, before: str) -> str:
        """Return the state at *value*, after the state *before*."""
        sign = -1.0 if self.below else 1.0
        for state, limit in (("CRITICAL", self.critical), ("WARNING", self.warning)):
            if limit is None:
                continue
            beyond = sign * (value - limit)
            is_held = _STATES.index(before) >= _STATES.index(state)
            if beyond >= 0 or (is_held and beyond > -self.hysteresis):
                return state
        return "OK"


@dataclass
class _Watched:
    """A key.

    Attributes:
        counts: (end of the part, messages), the oldest first.
        value: Of a stat; None: it has none yet.
        heard: When the last message came, monotonic.
        state: That was told.
        told_at: When, in seconds since 1970; 0: never.
    """

    heard: float
    counts: deque[list[float]] = field(default_factory=deque)
    value: float | None = None
    state: str = "OK"
    told_at: float = 0.0


class ThresholdFilter:
    """Makes a message when a value passes a limit, and when it is good again.

    Its payload begins with the state, as NagiosOutput reads it. States are kept over a restart.
    """

    Options: ClassVar[type] = ThresholdOptions

    def __init__(self, name: str, options: ThresholdOptions, feed: Feed) -> None:
        """Keep the arguments."""
        self.name = name
        self._feed = feed
        self._options = options
        self._key = Template(options.key, NAME_MAX)
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        names = ("without_key", "over_max_keys", "bad_lines", "not_kept")
        self._counts: Counter[str] = Counter(dict.fromkeys(names, 0))
        self._part = options.over / _PARTS
        self._started = monotonic()
        self._path = ""
        self._outbox = Outbox(feed, min(1.0, self._part), self.tick)

    @staticmethod
    def sample(name: str, options: ThresholdOptions) -> dict[str, Any]:
        """Return keywords of a message as it is made."""
        return {"type": TYPE, "logger": name, "severity": 2}

    def start(self) -> None:
        """Read the states that were told, and begin; OSError without a directory for them."""
        directory = os.path.join(self._feed.world.base_dir, "thresholds")
        os.makedirs(directory, exist_ok=True)
        self._path = os.path.join(directory, kept.name_of(self.name))
        self._started = monotonic()
        try:
            states = kept.load(self._path) or {}
        except (kept.RottenError, OSError) as failure:
            self._feed.world.say(f"{self.name}: {failure}; states are told anew")
            states = {}
        for key, told in states.items():
            if isinstance(told, list) and len(told) == 2 and told[0] in SEVERITIES:
                self._watched[key] = _Watched(self._started, state=told[0], told_at=told[1])
        self._outbox.start()

    def accept(self, block: Block) -> bool:
        """Count the messages of *block*, or read their stats."""
        now = monotonic()
        if self._options.value == "stat":
            found = [pair for text in block.column("payload") for pair in self._stats(text)]
            with self._lock:
                for key, value in found:
                    watched = self._watch(key, now)
                    if watched is not None:
                        watched.value = value
            return True
        counts = Counter(self._key.of(each.message) for each in block)
        with self._lock:
            for name, count in counts.items():
                watched = self._watch(name, now) if name is not None else None
                if name is None:
                    self._counts["without_key"] += count
                elif watched is None:
                    self._counts["over_max_keys"] += count
                else:
                    self._add(watched.counts, now, count)
        return True

    def stop(self, deadline: float) -> None:
        """Tell what has changed."""
        self._outbox.stop(deadline)

    def account(self) -> Mapping[str, object]:
        """Return how many keys are watched, and how many are in which state."""
        with self._lock:
            states = Counter(each.state for each in self._watched.values())
            return {"keys": len(self._watched), "states": dict(states), **self._counts}

    def tick(self, now: float) -> list[Message]:
        """Return what is to tell at *now*."""
        wall = time.time()
        with self._lock:
            told = [each for each in self._changes(now, wall) if each is not None]
            for key in [key for key, each in self._watched.items() if self._is_over(each, now)]:
                del self._watched[key]
            states = {
                key: [each.state, each.told_at]
                for key, each in self._watched.items()
                if each.state != "OK"
            }
        if told and self._path:
            try:
                kept.save(self._path, states)
            except OSError:
                self._counts["not_kept"] += 1
        return told

    # ---- the values -----------------------------------------------------------------------------

    def _watch(self, key: str, now: float) -> _Watched | None:
        watched = self._watched.get(key)
        if watched is None:
            if len(self._watched) >= self._options.max_keys:
                return None
            watched = self._watched[key] = _Watched(now)
        watched.heard = now
        return watched

    def _add(self, counts: deque[list[float]], now: float, count: int) -> None:
        if not counts or counts[-1][0] <= now:
            counts.append([now + self._part, 0])
        counts[-1][1] += count

    def _stats(self, payload: str) -> Iterator[tuple[str, float]]:
        for line in payload.splitlines():
            key, _, rest = line.partition(" ")
            try:
                value = float(rest.partition(" ")[0])
            except ValueError:
                self._counts["bad_lines"] += 1
                continue
            if math.isfinite(value) and fnmatch.fnmatchcase(key, self._options.stat):
                yield key[:NAME_MAX], value

    def _value(self, watched: _Watched, now: float) -> float | None:
        """Return what is compared; None: it is not known yet."""
        kind = self._options.value
        if kind == "stat":
            return watched.value
        if kind == "absent":
            return now - watched.heard
        while watched.counts and watched.counts[0][0] <= now - self._options.over:
            watched.counts.popleft()
        is_whole = now - self._started >= self._options.over
        total = sum(count for _, count in watched.counts)
        if not is_whole and (self._options.below or watched.state != "OK"):
            return None  # not all of the time was seen: the value is too low
        return total if kind == "count" else total / self._options.over

    def _is_over(self, watched: _Watched, now: float) -> bool:
        """Return whether a key is forgotten: nothing came, and nothing is to be told."""
        if watched.state != "OK" or self._options.value == "absent" or self._options.below:
            return False
        return now - watched.heard > 2 * self._options.over

    def _changes(self, now: float, wall: float) -> Iterable[Message | None]:
        options = self._options
        for key, watched in self._watched.items():
            value = self._value(watched, now)
            if value is None:
                continue
            state = options.state_of(value, watched.state)
            is_again = (
                state != "OK"
                and options.repeat_interval > 0
                and wall - watched.told_at >= options.repeat_interval
            )
            if state != watched.state or is_again:
                yield self._message(key, value, state, watched.state)
                watched.state, watched.told_at = state, wall

    def _message(self, key: str, value: float, state: str, before: str) -> Message:
        options = self._options
        words = {
            "count": f"{value:g} messages in {options.over:g} s",
            "rate": f"{value:.6g} messages a second over {options.over:g} s",
            "stat": f"{value:.6g}",
            "absent": f"no message for {value:.1f} s" if state != "OK" else "messages again",
        }
        limits = f" (warning {_shown(options.warning)}, critical {_shown(options.critical)})"
        fields = {"key": key, "state": state, "before": before, "value": float(value)}
        payload = f"{state}: {key}: {words[options.value]}{limits}"
        hostname = self._feed.world.hostname
        return Message(TYPE, self.name, SEVERITIES[state], fields, payload, hostname=hostname)


def _shown(limit: float | None) -> str:
    return "none" if limit is None else f"{limit:g}"

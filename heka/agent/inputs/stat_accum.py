"""StatAccumInput: sums up what StatsdInputs read, and gives messages of the sums.

::

    StatsdInput -> table -> ticker: flush -> waiting (at most 8 flushes) -> giver: feed.give

Each ``ticker_interval`` one flush becomes messages of Type ``heka.statmetric``, as many as it
needs: their payload is lines ``key value time``, cut between lines, with one time in all. While a
queue is full, the giver waits; the ticker goes on, and of more than 8 flushes the oldest is
dropped.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka._core import StatTable, monotonic, pack
from heka.agent.options import KINDS, Kind, choice, option
from heka.exceptions import ConfigError
from heka.framing import Block, BlockReader
from heka.message import MESSAGE_MAX, Message

if TYPE_CHECKING:
    from heka.agent.graph import Feed
    from heka.agent.world import World

__all__ = ["WAITING_MAX", "StatAccumInput", "StatAccumOptions", "accumulator"]

#: Flushes that wait while the input is paused.
WAITING_MAX: Final = 8
#: Bytes by which a header of a message may grow: varints of lengths.
_SPARE: Final = 16
#: A field takes at most this many times the bytes of its line: its head has up to 22.
_FIELD_FACTOR: Final = 4


def _read_percents(value: Any) -> tuple[float, ...]:
    numbers = KINDS["numbers"].read(value if isinstance(value, list) else [value])
    return tuple(numbers)


@dataclass(frozen=True)
class StatAccumOptions:
    """Options of ``StatAccumInput``: hekad's, and those behind ``dialect``."""

    ticker_interval: float = option(
        10.0, "seconds", "Seconds from flush to flush; fractions are allowed."
    )
    message_type: str = option("heka.statmetric", "text", "Type of the messages.")
    emit_in_payload: bool = option(True, "boolean", "Write the sums as lines of the payload.")
    emit_in_fields: bool = option(False, "boolean", "Write the sums as fields.")
    percent_threshold: tuple[float, ...] = option(
        (90.0,),
        Kind("numbers", "a number or a list of numbers", _read_percents),
        "Percentages N of the keys mean_N and upper_N of timers.",
    )
    delete_idle_stats: bool = option(
        False, "boolean", "Drop a key for which nothing arrived in an interval."
    )
    legacy_namespaces: bool = option(
        False, "boolean", "Write the keys of early versions of statsd: stats.K, stats_counts.K."
    )
    global_prefix: str = option("stats", "text", "First part of all keys.")
    counter_prefix: str = option("counters", "text", "Second part of keys of counters.")
    timer_prefix: str = option("timers", "text", "Second part of keys of timers.")
    gauge_prefix: str = option("gauges", "text", "Second part of keys of gauges.")
    set_prefix: str = option("sets", "text", "Second part of keys of sets.")
    statsd_prefix: str = option("statsd", "text", "Second part of the key numStats.")
    dialect: str = option(
        "statsd",
        choice("heka", "statsd"),
        "How lines are read and sums written: as by whom.",
        hekad="heka",
    )
    flush_aligned: bool = option(
        False, "boolean", "Flush when the wall clock shows a multiple of ticker_interval."
    )
    max_stats: int = option(
        1_000_000, "integer", "Keys in the table; a value of a further key is dropped and counted."
    )
    max_values: int = option(
        10_000_000,
        "integer",
        "Values of timers, members of sets in an interval; further ones are dropped and counted.",
    )
    idle_ttl: float = option(
        0.0, "seconds", "Drop a key for which nothing arrived so long; 0: keep it for ever."
    )

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        if not 0.01 <= self.ticker_interval <= 86_400:
            raise ConfigError(
                f"ticker_interval: expected 0.01 to 86400 seconds, got {self.ticker_interval}"
            )
        if not (self.emit_in_payload or self.emit_in_fields):
            raise ConfigError("emit_in_payload: expected true, as emit_in_fields is false")
        for name in ("max_stats", "max_values"):
            if not 1 <= getattr(self, name) < 1 << 32:
                raise ConfigError(f"{name}: expected 1 to 4294967295, got {getattr(self, name)}")
        for name, prefix in zip(_PREFIXES, self.prefixes(), strict=True):
            if any(character <= " " or character == "\x7f" for character in prefix):
                raise ConfigError(f"{name}: expected text without blanks, got {prefix!r}")
        self.table()

    def prefixes(self) -> tuple[str, str, str, str, str, str]:
        """Return the prefixes in the order of StatTable."""
        return (
            self.global_prefix,
            self.counter_prefix,
            self.timer_prefix,
            self.gauge_prefix,
            self.set_prefix,
            self.statsd_prefix,
        )

    def table(self) -> StatTable:
        """Return a new table; ConfigError for percentages or prefixes that it refuses."""
        idle = math.ceil(self.idle_ttl / self.ticker_interval)
        try:
            return StatTable(
                "heka" if self.dialect == "heka" else "statsd",
                self.ticker_interval,
                percents=tuple(sorted(self.percent_threshold)),
                prefixes=self.prefixes(),
                legacy=self.legacy_namespaces,
                delete_idle=self.delete_idle_stats,
                idle_flushes=min(idle, (1 << 32) - 1),
                max_stats=self.max_stats,
                max_values=self.max_values,
            )
        except ValueError as problem:
            raise ConfigError(f"percent_threshold or prefixes: {problem}") from None


_PREFIXES: Final = (
    *("global_prefix", "counter_prefix", "timer_prefix"),
    *("gauge_prefix", "set_prefix", "statsd_prefix"),
)


class Ticker:
    """When the next flush is due.

    Time between flushes is monotonic: a clock that is set back or forth makes no flush come twice
    and none stay away.
    """

    def __init__(self, interval: float, *, aligned: bool, now: float, wall: float) -> None:
        """Begin at *now* (monotonic), when the wall clock shows *wall*; both in seconds."""
        self._interval = interval
        self._aligned = aligned
        self.due = now + (self._until_multiple(wall) if aligned else interval)

    def advance(self, now: float, wall: float) -> None:
        """Set ``due`` to the time after that of a flush at *now*."""
        interval = self._interval
        if self._aligned:
            wait = self._until_multiple(wall)
            self.due = now + (wait if wait >= interval / 2 else wait + interval)
            return
        missed = max(0.0, now - self.due) // interval  # while the machine was suspended
        self.due += (missed + 1) * interval

    def _until_multiple(self, wall: float) -> float:
        return self._interval - wall % self._interval


class StatAccumInput:
    """Makes messages of the sums of a table.

    Attributes:
        table: What StatsdInputs feed.
    """

    Options: ClassVar[type] = StatAccumOptions
    #: The agent stops it after the inputs that feed its table.
    STOPS_LAST: ClassVar[bool] = True

    def __init__(self, name: str, options: StatAccumOptions, feed: Feed) -> None:
        """Keep the arguments, make the table."""
        self.name = name
        self.table = options.table()
        self._options = options
        self._feed = feed
        self._ticks = threading.Event()  # set: stop
        self._changed = threading.Condition()
        self._waiting: deque[list[Block]] = deque()  # flushes, the oldest first
        self._is_last = False  # no flush follows those that wait
        self._dropped = {"flushes": 0, "messages": 0}
        self._failed = 0
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to flush."""
        for run in (self._run_ticker, self._run_giver):
            thread = threading.Thread(target=run, name=f"heka {self.name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, deadline: float) -> None:
        """Flush once more, and give what waits until *deadline*."""
        self._ticks.set()
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))

    def account(self) -> Mapping[str, object]:
        """Return the counts of the table, and of flushes that were dropped."""
        with self._changed:
            return {
                **self.table.account(),
                "dropped_flushes": self._dropped["flushes"],
                "dropped_messages": self._dropped["messages"],
                "failed_flushes": self._failed,
                "waiting_flushes": len(self._waiting),
            }

    # ---- the two threads ------------------------------------------------------------------------

    def _run_ticker(self) -> None:
        options = self._options
        ticker = Ticker(
            options.ticker_interval,
            aligned=options.flush_aligned,
            now=monotonic(),
            wall=time.time(),
        )
        is_last = False
        while not is_last:
            is_last = self._ticks.wait(max(0.0, ticker.due - monotonic()))
            try:
                blocks = self.blocks(time.time_ns())
            except MemoryError:  # what arrived in this interval is lost; the next one may fit
                blocks = []
                with self._changed:
                    self._failed += 1
            self._add(blocks, is_last)
            ticker.advance(monotonic(), time.time())

    def _add(self, blocks: list[Block], is_last: bool) -> None:
        with self._changed:
            if len(self._waiting) >= WAITING_MAX:
                oldest = self._waiting.popleft()
                self._dropped["flushes"] += 1
                self._dropped["messages"] += sum(map(len, oldest))
            self._waiting.append(blocks)
            self._is_last = is_last
            self._changed.notify()

    def _run_giver(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_last)
                if not self._waiting:
                    return
                blocks = self._waiting.popleft()
            for block in blocks:
                self._feed.give(block)  # False: the agent stops, the feed has counted it

    # ---- the messages ----------------------------------------------------------------------------

    def blocks(self, now_ns: int) -> list[Block]:
        """Flush the table, and return the messages with the time *now_ns*."""
        head: dict[str, Any] = {
            "type": self._options.message_type,
            "logger": self.name,
            "hostname": self._feed.world.hostname,
            "timestamp_ns": now_ns,
            "pid": os.getpid(),
        }
        seconds = now_ns // 1_000_000_000
        frames = []
        for part in self.table.flush(seconds, self._most(head)):
            lines = part.decode()
            fields = _fields_of(lines, seconds) if self._options.emit_in_fields else None
            payload = lines if self._options.emit_in_payload else ""
            frames.append(pack(**head, fields=fields, payload=payload))
        return BlockReader().feed(b"".join(frames))

    def _most(self, head: Mapping[str, Any]) -> int:
        """Return how many bytes of lines fit into a message."""
        room = MESSAGE_MAX - len(Message(**head).encode()) - _SPARE
        if not self._options.emit_in_fields:
            return room
        return room // (_FIELD_FACTOR + self._options.emit_in_payload)


def _fields_of(lines: str, seconds: int) -> dict[str, int | float]:
    """Return the lines as fields, and the time as ``timestamp``, as hekad does."""
    fields: dict[str, int | float] = {"timestamp": seconds}
    for line in lines.splitlines():
        key, value, _ = line.rsplit(" ", 2)
        is_whole = value.lstrip("-").isdecimal()
        fields[key] = int(value) if is_whole else float(value)
    return fields


def accumulator(world: World, name: str, user: str) -> StatAccumInput:
    """Return the StatAccumInput *name*, which the section *user* feeds; ConfigError without it."""
    found = world.find(name)
    if not isinstance(found, StatAccumInput):
        raise ConfigError(
            f"stat_accum_name: {user} needs a section of type StatAccumInput with the name {name!r}"
        )
    return found

"""What ``heka top`` counts: totals, rates of the last seconds, frequent names, newest messages.

Counts are made by blocks, without an object for each message, and are bounded: of each kind the
most frequent names are kept. Knows no terminal and no sockets. Threads may share a model.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from heka._core import monotonic
from heka.cli.show.frequent import Frequent
from heka.cli.show.statistics import shortened_names
from heka.framing import Block, Frame

#: Kinds of names, and the column of a block that has them.
KINDS: Final[Mapping[str, Literal["type", "logger", "hostname"]]] = {
    "type": "type",
    "logger": "logger",
    "host": "hostname",
}
SORTS: Final = ("rate", "total", "name")
NEWEST: Final = 200  # messages that are kept
WINDOW: Final = 5  # whole seconds over which a rate is measured
HISTORY: Final = 60  # seconds
_NAMES: Final = 2_000  # of each kind


@dataclass(frozen=True)
class Row:
    """One name: messages per second, and messages so far (at most the error too low)."""

    name: str
    rate: float
    total: int


@dataclass(frozen=True)
class View:
    """The counts of one moment; ``tables`` has rows by kind, ``rest`` what is not in them."""

    messages: int
    bytes: int
    lost: int
    rate: float
    volume: float
    history: tuple[int, ...]  # messages of the last whole seconds, the oldest first
    severities: tuple[int, ...]  # messages of severity 0 to 7, then all others
    tables: dict[str, list[Row]]
    rest: dict[str, int]
    newest: list[Frame]


class _Second:
    """What came in one second."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.messages = 0
        self.bytes = 0
        self.names = {kind: Frequent(_NAMES) for kind in KINDS}


class Model:
    """Counts blocks; ``view`` returns the counts of now."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        with self._lock:
            self._messages = self._bytes = self._lost = 0
            self._began = self._clock()
            self._names = {kind: Frequent(_NAMES) for kind in KINDS}
            self._severities = [0] * 9
            self._seconds: deque[_Second] = deque(maxlen=WINDOW + 1)
            self._history: deque[tuple[int, int]] = deque(maxlen=HISTORY + 1)
            self._newest: deque[Block] = deque()
            self._held = 0

    def lose(self, count: int) -> None:
        """Count copies that did not come."""
        with self._lock:
            self._lost += count

    def add(self, block: Block) -> None:
        """Count the messages of *block*."""
        if not len(block):
            return
        names = {
            kind: shortened_names(Counter(block.column(column))) for kind, column in KINDS.items()
        }
        severities = Counter(block.column("severity"))
        with self._lock:
            second = self._second()
            self._messages += len(block)
            self._bytes += block.nbytes
            second.messages += len(block)
            second.bytes += block.nbytes
            for kind, found in names.items():
                self._names[kind].add(found)
                second.names[kind].add(found)
            for severity, count in severities.items():
                self._severities[severity if 0 <= severity < 8 else 8] += count
            number, count = self._history[-1] if self._history else (-1, 0)
            if number == second.number:
                self._history[-1] = (number, count + len(block))
            else:
                self._history.append((second.number, len(block)))
            # A slice has bytes of its own: the chunk that was read is not kept.
            tail = block[-NEWEST:]
            half = len(tail) // 2
            for part in (tail[:half], tail[half:]) if half else (tail,):
                self._newest.append(part)
                self._held += len(part)
            while self._held - len(self._newest[0]) >= NEWEST:
                self._held -= len(self._newest.popleft())

    def view(self, sort: str = "rate", rows: int = 10, newest: int = 50) -> View:
        """Return the counts with at most *rows* names of each kind and the *newest* messages."""
        with self._lock:
            now = int(self._clock())
            recent = [one for one in self._seconds if now - WINDOW <= one.number < now]
            span = max(1, min(WINDOW, now - int(self._began)))
            counts = dict(self._history)
            tables, rest = {}, {}
            for kind, frequent in self._names.items():
                rates: Counter[str] = Counter()
                for one in recent:
                    rates.update(one.names[kind].counts)
                table = [
                    Row(name, rates[name] / span, total) for name, total in frequent.counts.items()
                ]
                table.sort(key=_order(sort))
                tables[kind] = table[:rows]
                rest[kind] = frequent.total - sum(row.total for row in tables[kind])
            frames: list[Frame] = []
            for block in reversed(self._newest):
                for index in range(len(block) - 1, -1, -1):
                    if len(frames) < min(newest, NEWEST):
                        frames.append(block[index])
            return View(
                messages=self._messages,
                bytes=self._bytes,
                lost=self._lost,
                rate=sum(one.messages for one in recent) / span,
                volume=sum(one.bytes for one in recent) / span,
                history=tuple(counts.get(now - ago, 0) for ago in range(HISTORY, 0, -1)),
                severities=tuple(self._severities),
                tables=tables,
                rest=rest,
                newest=frames,
            )

    def _second(self) -> _Second:
        number = int(self._clock())
        if not self._seconds or self._seconds[-1].number != number:
            self._seconds.append(_Second(number))
        return self._seconds[-1]


def _order(sort: str) -> Callable[[Row], tuple[float | str, ...]]:
    if sort == "name":
        return lambda row: (row.name,)
    if sort == "total":
        return lambda row: (-row.total, row.name)
    return lambda row: (-row.rate, -row.total, row.name)

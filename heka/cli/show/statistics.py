"""Counts of messages by type, logger, host, severity and signer, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from heka._display.escape import counted, shortened, visible
from heka._display.values import local_time, severity_name
from heka.framing import Block

#: Different names that are counted of each kind; messages with further ones are counted as "other".
DISTINCT: Final = 10_000
_SHOWN: Final = 20  # names of each kind in the text, the most frequent first
_NAME: Final = 100  # characters of a name


class Statistics:
    """What is known of the messages so far. A name is kept up to 100 characters."""

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0
        self._sizes = (0, 0)  # the smallest and the largest message
        self._times = (0, 0)
        self._counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("type", "logger", "severity", "host", "signer")
        }
        self._other: Counter[str] = Counter()

    def add(self, block: Block) -> None:
        """Count the messages of *block*."""
        if not block:
            return
        sizes, times = block.column("size"), block.column("timestamp")
        low, high = min(sizes), max(sizes)
        first, last = min(times), max(times)
        if self.messages:
            low, high = min(low, self._sizes[0]), max(high, self._sizes[1])
            first, last = min(first, self._times[0]), max(last, self._times[1])
        self._sizes, self._times = (low, high), (first, last)
        self.messages += len(block)
        self.bytes += sum(sizes)
        self._count("type", Counter(block.column("type")))
        self._count("logger", Counter(block.column("logger")))
        self._count("host", Counter(block.column("hostname")))
        for severity, count in Counter(block.column("severity")).items():
            self._count("severity", Counter({severity_name(severity): count}))
        if block.signer is not None:
            self._count("signer", Counter({f"{block.signer} v{block.signer_version}": len(block)}))

    def _count(self, kind: str, found: Counter[str]) -> None:
        counts = self._counts[kind]
        for name, count in found.items():
            key = name if len(name) <= _NAME else shortened(name, _NAME)
            if key in counts or len(counts) < DISTINCT:
                counts[key] += count
            else:
                self._other[kind] += count

    def lines(self) -> Iterator[str]:
        """Yield the counts as lines without a newline; names are escaped."""
        yield f"{counted(self.messages, 'message')}, {counted(self.bytes, 'byte')}"
        if not self.messages:
            return
        low, high = self._sizes
        yield f"size: {low:,} to {high:,} bytes, {self.bytes / self.messages:,.1f} on average"
        yield f"time: {local_time(self._times[0])} to {local_time(self._times[1])}"
        for kind, counts in self._counts.items():
            if not counts:
                continue
            yield f"{kind}:"
            shown = counts.most_common(_SHOWN)
            rest = self.messages if kind != "signer" else counts.total() + self._other[kind]
            width = len(f"{shown[0][1]:,}")
            for name, count in shown:
                yield f"  {count:>{max(width, 7)},}  {visible(name) or '(empty)'}"
                rest -= count
            if rest:
                yield f"  {rest:>{max(width, 7)},}  other"

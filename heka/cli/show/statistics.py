"""Counts of messages by type, logger, host, severity and signer, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from heka._display.escape import counted, shortened, visible
from heka._display.values import local_time, severity_name
from heka.cli.show.frequent import Frequent
from heka.framing import Block

#: Names that are kept of each kind, the most frequent; up to twice as many are counted exactly.
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
        self._counts = {
            name: Frequent(DISTINCT) for name in ("type", "logger", "severity", "host", "signer")
        }

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
        self._counts[kind].add(shortened_names(found))

    def lines(self) -> Iterator[str]:
        """Yield the counts as lines without a newline; names are escaped."""
        yield f"{counted(self.messages, 'message')}, {counted(self.bytes, 'byte')}"
        if not self.messages:
            return
        low, high = self._sizes
        yield f"size: {low:,} to {high:,} bytes, {self.bytes / self.messages:,.1f} on average"
        yield f"time: {local_time(self._times[0])} to {local_time(self._times[1])}"
        for kind, counts in self._counts.items():
            if not counts.total:
                continue
            yield f"{kind}:{_accuracy(counts)}"
            shown = counts.most(_SHOWN)
            rest = counts.total
            width = max(7, len(f"{counts.total:,}"))
            for name, count in shown:
                yield f"  {count:>{width},}  {visible(name) or '(empty)'}"
                rest -= count
            if rest:
                yield f"  {rest:>{width},}  other"


def shortened_names(found: Counter[str]) -> Counter[str]:
    """Return *found* with long names cut, which may make several names one."""
    if all(len(name) <= _NAME for name in found):
        return found
    names: Counter[str] = Counter()
    for name, count in found.items():
        names[name if len(name) <= _NAME else shortened(name, _NAME)] += count
    return names


def _accuracy(counts: Frequent) -> str:
    """Return what is to be known of counts that are not exact, else an empty text."""
    if not counts.error:
        return ""
    return f" (more than {2 * DISTINCT:,} names: a count may be up to {counts.error:,} too low)"

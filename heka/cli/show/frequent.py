"""The most frequent names of a stream, in bounded memory and with a known error.

The algorithm is that of Misra and Gries, by batches: when there are twice as many names as are
kept, the count of the first one that is left out is taken off all counts, and names without a count
go. With up to ``2 * limit`` different names every count is exact.
"""

from __future__ import annotations

from collections.abc import Mapping


class Frequent:
    """Counts of the most frequent names.

    A count is at most ``error`` too low, never too high. Every name that came more often than
    ``error`` is there. ``error`` is at most ``total / limit``.
    """

    def __init__(self, limit: int) -> None:
        self.total = 0  # of all names, exact
        self.error = 0
        self.counts: dict[str, int] = {}
        self._limit = limit

    def add(self, found: Mapping[str, int]) -> None:
        """Count names."""
        counts = self.counts
        for name, count in found.items():
            counts[name] = counts.get(name, 0) + count
            self.total += count
            if len(counts) > 2 * self._limit:
                self._reduce()
                counts = self.counts

    def most(self, number: int) -> list[tuple[str, int]]:
        """Return the names with the highest counts, the highest first, then by name."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:number]

    def _reduce(self) -> None:
        """Leave at most ``limit`` names."""
        cut = sorted(self.counts.values(), reverse=True)[self._limit]
        self.counts = {name: count - cut for name, count in self.counts.items() if count > cut}
        self.error += cut

"""How many messages a display shows when more arrive than it can show.

A display may use a small share of the time, and a reserve that it gathers while little arrives. So
it shows everything that arrives now and then, and samples of a flood.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from heka._core import monotonic

_SHARE: Final = 0.05  # of the time
_RESERVE: Final = 0.25  # seconds
_DEBT: Final = -0.5  # seconds that a display which was blocked has to wait for, at most the share


class Budget:
    """The time that a display may use.

    ``begin`` and ``end`` enclose a turn of the display; in it, ``is_left`` says whether one more
    message may be shown. The one who shows adds to ``skipped`` what was not.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.skipped = 0
        self._clock = clock
        self._left = _RESERVE
        self._ended = self._began = clock()

    def begin(self) -> None:
        """Begin a turn."""
        self._began = self._clock()
        gathered = (self._began - self._ended) * _SHARE
        self._left = min(self._left + gathered, _RESERVE)

    def is_left(self) -> bool:
        """Return whether there is time for one more message."""
        return self._clock() - self._began < self._left

    def end(self) -> None:
        """End the turn, with all that was written in it."""
        self._ended = self._clock()
        self._left = max(self._left - (self._ended - self._began), _DEBT)

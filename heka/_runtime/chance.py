"""Random numbers for sampling: of a generator of heka's own, seeded anew in each process.

Not the module ``random``: the program may have seeded that one, in all of its processes alike.
"""

from __future__ import annotations

import os
from random import Random

__all__ = ["random_unit"]


class _Generator:
    """One generator for each process; the process is known by its pid, however it was forked."""

    def __init__(self) -> None:
        self._of: tuple[int, Random] = (os.getpid(), Random())

    def unit(self) -> float:
        """Return a number from 0 to 1, 1 excluded."""
        pid, generator = self._of
        if pid != os.getpid():
            generator = Random()
            self._of = (os.getpid(), generator)
        return generator.random()


#: Returns a number in [0, 1).
random_unit = _Generator().unit

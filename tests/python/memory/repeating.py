"""Worker: repeats each call of a group until memory stays as it is.

python -m python.memory.repeating AT GROUP
"""

from __future__ import annotations

import gc
import sys

from python.memory.groups import ALL
from python.memory.ledger import SANITIZED, growth
from python.memory.table import Call, outcome
from python.memory.workers import work
from python.memory.world import World

#: Calls between two looks at the memory: one block a call shows as many times.
REPEATS = 5 if SANITIZED else 20


def main(at: str, group: str) -> None:
    world = World()

    def repeat(call: Call) -> None:
        for _ in range(REPEATS):
            outcome(call.bind(world))
            world.settle()

    def check(call: Call) -> str | None:
        error = outcome(call.bind(world))
        world.settle()
        if not call.expects(error):
            return f"{error!r}, expected {call.raises}"
        error = None
        grown = growth(lambda: repeat(call))
        return f"memory grows by {grown} bytes in {REPEATS} calls each" if grown else None

    sys.unraisablehook = bool  # what is written to stderr is none of this
    gc.collect()
    gc.freeze()
    work(at, ALL[group], check, {})
    world.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

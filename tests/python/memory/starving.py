"""Worker: fails every allocation in each call of a group, alone and with all that follow.

    python -m python.memory.starving AT GROUP python|c

``python``: those of Python's allocators, by ``_testcapi.set_nomemory``. ``c``: those of the C
library, by another one in front of it; they are the core's, libcrypto's, and those that Python
makes there, which are all of them or the large ones, as PYTHONMALLOC says.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from python.memory.groups import CORE
from python.memory.ledger import SANITIZED, growth, in_use, settle
from python.memory.table import Bound, Call, outcome
from python.memory.workers import work
from python.memory.world import World

Arm = Callable[[int, bool], object]

#: More allocations than any call makes.
LIMIT = 2000
#: The same for one with code in Python, where their number is not known.
LIMIT_WITH_FRAMES = 150
#: Bytes that tell whether allocations fail now: of the C library as well, whatever PYTHONMALLOC is.
PROBE_SIZE = 5000
#: Sweeps that memory may take to become level.
SWEEPS = 12
#: CPython aborts, or loses the exception, when a frame of Python is left without memory.
FRAGILE_FRAMES = sys.version_info < (3, 12)

#: Outcomes that are neither MemoryError nor the table's, and right.
ACCEPTED: dict[str, type[BaseException] | None] = {
    # They run out of memory before they are interrupted: that is counted, and not raised.
    "sink-write-interrupted": None,
    "sink-stream-interrupted": None,
    "sink-raw-interrupted": None,
    # What ``start`` raises is not the producer's, unless it is an interruption.
    "ring-start-interrupted": None,
    "ring-flush-interrupted": None,
    "ring-blocked-interrupted": None,
}
#: CPython's list(list) leaks without memory, until 3.12.
LEAKS_OF_PYTHON = {"field-list"}
#: Not swept: without memory pickle leaks, and takes a failed import for a missing module (what it
#: asks of heka, __reduce__, is swept); types that are made without memory come out as no exception
#: at all, or in 3.13 as a crash, so a module cannot do better.
NOT_SWEPT = ("pickle-", "module")


def python_arms() -> tuple[Arm, Callable[[], object]]:
    """Return the functions that start and stop failing allocations of Python."""
    import _testcapi

    arm = _testcapi.set_nomemory
    return lambda n, once: arm(n, n + 1 if once else 0), _testcapi.remove_mem_hooks


def c_arms() -> tuple[Arm, Callable[[], object]]:
    """Return the same functions for the C library."""
    library = ctypes.CDLL(None)
    library.failing_arm.argtypes = [ctypes.c_ulong, ctypes.c_int]
    library.failing_arm.restype = None
    library.failing_disarm.restype = None
    return library.failing_arm, library.failing_disarm


class Frames:
    """Counts the frames of Python that a call enters, and those that it leaves by an exception."""

    def __init__(self, act: Bound) -> None:
        self.entered = 0
        self.broken = 0
        sys.settrace(self._trace)
        try:
            act()
        except BaseException:
            pass
        finally:
            sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.entered += event == "call"
        self.broken += event == "exception"
        return self._trace


class Sweep:
    """All the failures of one call's allocations."""

    def __init__(self, call: Call, world: World, arms: tuple[Arm, Callable[[], object]]) -> None:
        self._call = call
        self._world = world
        self._arm, self._disarm = arms
        self.failure = ""
        self.tried = 0

    def _attempt(self, number: int, once: bool) -> bool:
        """Make the call with that allocation failing, and where not *once* all that follow.

        Returns:
            Whether those behind the call fail, too; so there may be more to fail in it.
        """
        act = self._call.bind(self._world)
        settle()  # empties the free lists too: what comes from them cannot fail
        here = sys._getframe()  # made now, as an exception that comes here needs it
        error: BaseException | None = None
        starved = True
        arm = self._arm
        try:
            arm(number, once)
            act()
        except BaseException as caught:
            error = caught
        if not once:
            try:
                bytearray(PROBE_SIZE)
                starved = False
            except MemoryError:
                pass
        self._disarm()
        self._world.settle()
        del here
        self._judge(error, number, once)
        return starved

    def _judge(self, error: BaseException | None, number: int, once: bool) -> None:
        self.tried += 1
        if isinstance(error, MemoryError) or self._call.expects(error):
            return
        accepted = ACCEPTED.get(self._call.name, MemoryError)
        if error is None if accepted is None else type(error) is accepted:
            return
        how = "alone" if once else "and all that follow"
        self.failure = f"allocation {number} {how} failing: {error!r}"

    def run(self, with_rest: bool) -> None:
        """Fail each allocation once."""
        number = 0
        if with_rest:
            while self._attempt(number, once=False):
                number += 1
                assert number < LIMIT, "there is no end to the allocations"
        else:
            number = LIMIT_WITH_FRAMES
        for single in range(number + 3):  # it may make a few more at times
            self._attempt(single, once=True)


def main(at: str, group: str, of: str) -> None:
    world = World()
    arms = {"python": python_arms, "c": c_arms}[of]()
    facts = {"tried": 0, "not_swept": 0}

    def check(call: Call) -> str | None:
        if call.name.startswith(NOT_SWEPT):
            facts["not_swept"] += 1
            return None
        outcome(call.bind(world))
        world.settle()
        frames = Frames(call.bind(world))
        world.settle()
        if FRAGILE_FRAMES and frames.broken:
            facts["not_swept"] += 1
            return None
        sweep = Sweep(call, world, arms)
        with_rest = not (FRAGILE_FRAMES and frames.entered)
        sweep.run(with_rest)
        facts["tried"] += sweep.tried
        if sweep.failure:
            return sweep.failure
        error = outcome(call.bind(world))
        world.settle()
        if not call.expects(error):
            return f"afterwards {error!r}, expected {call.raises}"
        error = None
        if in_use is None or SANITIZED or call.name in LEAKS_OF_PYTHON:
            return None
        grown = growth(lambda: sweep.run(with_rest), SWEEPS)
        return f"memory grows by {grown} bytes in each sweep" if grown else None

    sys.unraisablehook = bool  # in C
    gc.collect()
    gc.freeze()
    work(at, CORE[group], check, facts)
    world.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

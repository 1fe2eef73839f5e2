"""Worker: fails every allocation of Python's while ``heka.log`` finds, connects and sends.

    python -m python.memory.starving_package AT

Whatever becomes of that message, the connection is left to the next one, and every outcome counted.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

from python.memory.peers import Peers
from python.memory.starving import python_arms
from python.memory.table import Call
from python.memory.workers import work

import heka
import heka.api

#: More allocations than any of these calls makes: the last ones do not fail.
ATTEMPTS = 200


def destination(to: str) -> Any:
    """Return the open destination for *to*, or None."""
    return next((its for its in heka.api._open.values() if its.name == to), None)


def attempt(to: str, number: int, arms: Any) -> str:
    """Log over a new connection with that allocation failing; return what is wrong."""
    arm, disarm = arms
    heka.api._open.clear()
    heka.api._emitter.forget()
    here = sys._getframe()  # made now, as an exception that comes here needs it
    error: BaseException | None = None
    try:
        arm(number, True)
        heka.log("starved", to=to, timeout=10)
    except BaseException as caught:
        error = caught
    disarm()
    del here
    if not isinstance(error, (MemoryError, type(None))):
        return f"allocation {number}: {error!r}"
    its = destination(to)
    if its is not None:
        if its.sink.busy or its.sink.pending:
            return f"allocation {number} failing: the connection stays with the call"
        its._retry_at = 0.0  # it is in back-off
    if not heka.log("next", to=to, timeout=10):
        return f"allocation {number} failing: the next message is {heka.stats()['dropped']}"
    counts = destination(to).stats()
    if counts["offered"] != counts["sent"] + sum(counts["dropped"].values()):
        return f"allocation {number} failing: {counts}"
    return ""


def main(at: str) -> None:
    peers = Peers()
    arms = python_arms()

    def check(call: Call) -> str | None:
        to = peers.urls[call.name]
        heka.log("first", to=to)
        failures = [attempt(to, number, arms) for number in range(ATTEMPTS)]
        return next(filter(None, failures), None)

    sys.unraisablehook = bool
    sys.stderr = None  # type: ignore[assignment]  # where heka would say what it drops
    gc.collect()
    gc.freeze()
    calls = [
        Call(name, lambda w: dict, None) for name in ("udp", "tcp", "unix", "unixgram", "file")
    ]
    work(at, calls, check, {})
    peers.close()


if __name__ == "__main__":
    main(sys.argv[1])

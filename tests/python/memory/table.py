"""The table of calls: every function of heka with good arguments and with each kind of bad ones.

A call is bound to a World first, with no heka running, and then made: a ``partial`` of C functions,
without a frame of Python around it. It may be made any number of times in one World, each time
with the same outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from python.memory.misfits import Oops
from python.memory.world import World

Bound = Callable[[], Any]


class Call(NamedTuple):
    """One call; ``raises`` is the class of what it raises, exactly, or None."""

    name: str
    bind: Callable[[World], Bound]
    raises: type[BaseException] | None

    def expects(self, error: BaseException | None) -> bool:
        """Say whether *error* is the outcome that the table has for this call."""
        if self.raises is Oops:
            return isinstance(error, Oops)
        return error is None if self.raises is None else type(error) is self.raises


class Calls(list[Call]):
    """The calls of one group."""

    def add(
        self,
        name: str,
        bind: Callable[[World], Bound],
        raises: type[BaseException] | None = None,
    ) -> None:
        """Add one."""
        self.append(Call(name, bind, raises))


def outcome(act: Bound) -> BaseException | None:
    """Make a call; return what it raised."""
    try:
        act()
    except BaseException as error:
        return error
    return None

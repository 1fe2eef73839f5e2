"""What the checks of ``doctor`` tell: one line each, and the time that they may take."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from heka._core import monotonic

_Result = TypeVar("_Result")
Level = Literal["ok", "warning", "problem"]

#: The time of the whole run is this many times that of one step.
STEPS: Final = 6


@dataclass(frozen=True)
class Line:
    """The result of one check.

    Attributes:
        level: ``problem``: messages do not arrive. ``warning``: they may not, or only some do.
        subject: What was checked, one word.
        text: What was found.
        remedy: What to do about it; empty only for ``ok``.
    """

    level: Level
    subject: str
    text: str
    remedy: str = ""


def ok(subject: str, text: str) -> Line:
    """Return a line for a check that found no fault."""
    return Line("ok", subject, text)


def warning(subject: str, text: str, remedy: str) -> Line:
    """Return a line for what may be a fault."""
    return Line("warning", subject, text, remedy)


def problem(subject: str, text: str, remedy: str) -> Line:
    """Return a line for a fault."""
    return Line("problem", subject, text, remedy)


class Budget:
    """The time of each step, and of all together."""

    def __init__(self, step: float) -> None:
        """Allow *step* seconds for one step, and STEPS times as many for all."""
        self.step = step
        self._end = monotonic() + STEPS * step

    def deadline(self, longest: float | None = None) -> float:
        """Return when a step that begins now must end, *longest* seconds from now at the latest."""
        step = self.step if longest is None else min(self.step, longest)
        return min(monotonic() + step, self._end)

    @property
    def is_over(self) -> bool:
        """Return whether the time of the whole run is used up."""
        return monotonic() >= self._end


def within(deadline: float, work: Callable[[], _Result]) -> _Result:
    """Return ``work()``, or raise what it raises; TimeoutError when it has not ended by *deadline*.

    It runs in a thread of its own, which a file system that does not answer may block for ever.
    """
    results: list[_Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="heka-doctor", daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - monotonic()))
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError("it did not answer in time")
    return results[0]


def duration(seconds: float) -> str:
    """Return a time as text: ``0.3 ms``, ``1.2 s``."""
    return f"{seconds:.1f} s" if seconds >= 1.0 else f"{seconds * 1000:.1f} ms"


def split_remedy(text: str, remedy: str) -> tuple[str, str]:
    """Split the text of an error of heka at its first semicolon; else *remedy* is the remedy."""
    found, _, own = text.partition("; ")
    return found, own or remedy

"""Reduces events to a size: first variables and source lines, then frames from the middle.

An event is never cut off and never lost; what is left out is marked. Sizes are those of the
compressed payload.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from heka.plugins.raven.blob import FAST, SMALL
from heka.plugins.raven.frames import Caught, Frame, shrunk, without_middle
from heka.plugins.raven.profiles import Event
from heka.plugins.raven.tree import Pairs, shrink

_ALL = 10**9


@dataclass(frozen=True, slots=True)
class Step:
    """How much is left of an event.

    Attributes:
        characters, items, depth: Limits of each variable; 0 characters leaves out all variables.
        context: Source lines before and after; -1 leaves out the line itself too.
        frames: Most frames of each exception.
        text: Characters of other texts, such as exceptions and messages.
        whole: Whether linked exceptions, modules and arguments are kept.
    """

    characters: int = _ALL
    items: int = _ALL
    depth: int = _ALL
    context: int = _ALL
    frames: int = _ALL
    text: int = _ALL
    whole: bool = True


#: Each keeps less than the one before; the first keeps all and only compresses better.
STEPS = (
    Step(),
    Step(200, 30, 5),
    Step(100, 15, 4, 4),
    Step(60, 10, 3, 3),
    Step(40, 6, 3, 2),
    Step(24, 4, 2, 1),
    Step(16, 2, 2, 0),
    Step(0, context=1),
    Step(0, context=0),
    Step(0, context=-1),
    *(Step(0, context=-1, frames=most, text=600) for most in (50, 30, 20, 12, 8)),
    Step(0, context=-1, frames=6, text=300),
    Step(0, context=-1, frames=4, text=200, whole=False),
    Step(0, context=-1, frames=2, text=100, whole=False),
    Step(0, context=-1, frames=1, text=40, whole=False),
    Step(0, context=-1, frames=0, text=16, whole=False),
)


def fit(event: Event, write: Callable[[Event, int], str], room: int) -> str | None:
    """Return *event* written by *write* in at most *room* characters; None if no step fits.

    The second argument of *write* is the compression level.
    """
    payload = write(event, FAST)
    if len(payload) <= room:
        return payload
    best = None
    first, last = 0, len(STEPS) - 1
    while first <= last:  # binary search: each try costs a compression
        middle = (first + last) // 2
        payload = write(reduced(event, STEPS[middle]), SMALL)
        if len(payload) <= room:
            best = payload
            last = middle - 1
        else:
            first = middle + 1
    return best


def reduced(event: Event, step: Step) -> Event:
    """Return *event* reduced to *step*."""
    kept = event.caught
    if not step.whole and len(kept) > 1:
        left_out = len(kept) - 1 + sum(one.left_out for one in kept)
        kept = [shrunk(kept[0], left_out=left_out)]
    return replace(
        event,
        caught=[_caught(one, step) for one in kept],
        msg=_cut(event.msg, step.text),
        logger=_cut(event.logger, step.text),
        server_name=_cut(event.server_name, step.text),
        argv=[_cut(one, step.text) for one in event.argv[: step.items]] if step.whole else [],
        modules=event.modules if step.whole else {},
    )


def _caught(one: Caught, step: Step) -> Caught:
    return shrunk(
        one,
        type=_cut(one.type, step.text),
        value=_cut(one.value, step.text),
        module=_cut(one.module, step.text),
        notes=[_cut(note, step.text) for note in one.notes] if step.whole else [],
        frames=[_frame(frame, step) for frame in without_middle(one.frames, step.frames)],
    )


def _frame(frame: Frame, step: Step) -> Frame:
    variables = frame.variables
    if variables is not None:
        kept = shrink(variables, step.characters, step.items, step.depth)
        variables = kept if step.characters and isinstance(kept, Pairs) else None
    has_text = frame.text is not None and step.context >= 0
    lines = max(0, step.context)
    longest = step.characters or 200
    return replace(
        frame,
        path=_cut(frame.path, step.text),
        filename=_cut(frame.filename, step.text),
        module=None if frame.module is None else _cut(frame.module, step.text),
        function=_cut(frame.function, step.text),
        variables=variables,
        before=[_cut(line, longest) for line in frame.before[-lines:]] if lines else [],
        text=_cut(frame.text or "", max(80, longest)) if has_text else None,
        after=[_cut(line, longest) for line in frame.after[:lines]],
    )


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else type(text)(f"{text[:characters]}...")

"""Exceptions as data: their texts, frames and linked exceptions."""

from __future__ import annotations

import builtins
import functools
import inspect
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import CodeType, FrameType, TracebackType
from typing import Any

from heka.plugins.raven.kinds import LISTS, VALUES
from heka.plugins.raven.limits import Limits
from heka.plugins.raven.scrub import Scrubber, is_secret_name
from heka.plugins.raven.source import Files, context
from heka.plugins.raven.tree import Pairs
from heka.plugins.raven.values import Variables, class_of, locals_of, module_of, said

_HIDE = "__traceback_hide__"
#: Source lines before and after.
_AROUND = 5
#: Most exceptions that are counted.
_MOST_COUNTED = 10_000
_Group: type | None = getattr(builtins, "BaseExceptionGroup", None)
_NAME = type.__dict__["__name__"]
_TRACEBACK = BaseException.__dict__["__traceback__"]
_CAUSE = BaseException.__dict__["__cause__"]
_CONTEXT = BaseException.__dict__["__context__"]
_SUPPRESS = BaseException.__dict__["__suppress_context__"]


@dataclass(slots=True)
class Frame:
    """One frame of a traceback."""

    path: str
    filename: str
    module: str | None
    function: str
    line: int
    before: list[str] = field(default_factory=list)
    text: str | None = None
    after: list[str] = field(default_factory=list)
    variables: Pairs | None = None
    #: Number of frames that this one replaces; 0 for a real frame.
    omitted: int = 0


@dataclass(slots=True)
class Caught:
    """One exception: the one that was raised, or a linked one.

    Attributes:
        frames: Outermost first.
        calls: (module, function) of every frame, including those left out.
        parent: Index of the exception that links to this one; None for the one that was raised.
        source: Attribute of the parent: ``__cause__``, ``__context__``, ``exceptions[0]``.
        left_out: Number of exceptions over the limit that this one links to.
    """

    type: str
    value: str
    module: str
    notes: list[str]
    frames: list[Frame]
    calls: list[tuple[str, str]]
    parent: int | None = None
    source: str = ""
    is_group: bool = False
    left_out: int = 0

    @property
    def remarks(self) -> list[str]:
        """The lines below the exception's text: notes, and how much of a group is left out."""
        if not (self.left_out and self.is_group):
            return self.notes
        what = "exception" if self.left_out == 1 else "exceptions"
        return [*self.notes, f"<{self.left_out} more {what} left out>"]


@dataclass(slots=True)
class _Raised:
    """An exception and its frames as Python objects."""

    error: BaseException | None
    kind: type
    frames: list[tuple[FrameType, int]]
    parent: int | None
    source: str
    left_out: int = 0
    #: Number of frames that are shown from the beginning, and from the end.
    head: int = 0
    tail: int = 0


def caught(
    kind: type,
    error: BaseException | None,
    traceback: TracebackType | None,
    limits: Limits,
    scrubber: Scrubber,
    full: bool,
) -> list[Caught]:
    """Return the exception that was raised, followed by those that it is linked to.

    Secrets are collected from all variables before any of them is shown.
    """
    raised = _chain(kind, error, traceback, limits)
    _distribute_frames(raised, limits.frames)
    for one in raised:
        for frame, _ in reversed(one.frames[len(one.frames) - one.tail :]):
            scrubber.search(_exact_dict(frame))
        for frame, _ in one.frames[: one.head]:
            scrubber.search(_exact_dict(frame))
        for frame, _ in one.frames[one.head : len(one.frames) - one.tail]:
            if _names_secrets(frame.f_code):
                scrubber.search(_exact_dict(frame))
    variables = Variables(limits, scrubber, full)
    files: Files = {}
    return [_caught(one, variables, limits, scrubber, files) for one in raised]


def _chain(
    kind: type, error: BaseException | None, traceback: TracebackType | None, limits: Limits
) -> list[_Raised]:
    """Return exceptions, each after the one that links to it."""
    made = [_Raised(error, kind, list(_walk(traceback)), None, "")]
    if error is None:
        return made
    waiting = [(0, error)]
    seen = {id(error)}
    while waiting:
        index, current = waiting.pop(0)
        for source, inner in _linked(current):
            if id(inner) in seen:
                continue
            seen.add(id(inner))
            if len(made) >= limits.exceptions:
                made[index].left_out += 1 + _count_linked(inner, seen)
                continue
            waiting.append((len(made), inner))
            frames = list(_walk(_TRACEBACK.__get__(inner)))
            made.append(_Raised(inner, type(inner), frames, index, source))
    return made


def _count_linked(error: BaseException, seen: set[int]) -> int:
    """Return the number of exceptions linked to *error* that are not in *seen*; add them to it."""
    count = 0
    waiting = [error]
    while waiting and len(seen) < _MOST_COUNTED:
        for _, inner in _linked(waiting.pop()):
            if id(inner) not in seen:
                seen.add(id(inner))
                waiting.append(inner)
                count += 1
    return count


def _linked(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    cause = _CAUSE.__get__(error)
    if cause is not None:
        yield "__cause__", cause
    elif not _SUPPRESS.__get__(error) and _CONTEXT.__get__(error) is not None:
        yield "__context__", _CONTEXT.__get__(error)
    if _is_group(error):
        inner = _Group.__dict__["exceptions"].__get__(error)
        for index, one in enumerate(inner):
            yield f"exceptions[{index}]", one


def _is_group(error: BaseException | None) -> bool:
    return _Group is not None and issubclass(type(error), _Group)


def _walk(traceback: Any) -> Iterator[tuple[FrameType, int]]:
    """Yield frames and line numbers, outermost first, without those with __traceback_hide__."""
    while type(traceback) is TracebackType:
        frame = traceback.tb_frame
        if not _is_hidden(frame):
            # None for an instruction without a line: use the first line of the function.
            yield frame, traceback.tb_lineno or frame.f_code.co_firstlineno
        traceback = traceback.tb_next


def _is_hidden(frame: FrameType) -> bool:
    code = frame.f_code
    if code.co_flags & inspect.CO_OPTIMIZED and _HIDE not in code.co_varnames:
        return False
    hide = locals_of(frame).get(_HIDE)
    return hide is True or (id(type(hide)) in VALUES and bool(hide))


def _distribute_frames(raised: list[_Raised], most: int) -> None:
    """Set which frames are shown; the exception that was raised has priority."""
    left = most
    for one in raised:
        # Frames near the raise and near the handler tell more than those between.
        shown = min(len(one.frames), max(left, 2))
        one.tail = shown - shown // 2
        one.head = shown // 2
        left = max(0, left - shown)


def _exact_dict(frame: FrameType) -> dict[str, Any]:
    names = locals_of(frame)
    return names if type(names) is dict else dict(names)


def _names_secrets(code: CodeType) -> bool:
    if not code.co_flags & inspect.CO_OPTIMIZED:
        return True
    return any(map(is_secret_name, (*code.co_varnames, *code.co_cellvars, *code.co_freevars)))


def _caught(
    one: _Raised, variables: Variables, limits: Limits, scrubber: Scrubber, files: Files
) -> Caught:
    shown: list[Frame] = []
    dropped = len(one.frames) - one.head - one.tail
    # Innermost first: those variables tell most, and time may run out.
    for frame, line in reversed(one.frames[len(one.frames) - one.tail :]):
        shown.append(_frame(frame, line, variables, limits, scrubber, files))
    if dropped:
        shown.append(omission(dropped))
    for frame, line in reversed(one.frames[: one.head]):
        shown.append(_frame(frame, line, variables, limits, scrubber, files))
    shown.reverse()
    kind = one.kind
    error = one.error
    return Caught(
        type=scrubber.clean(_NAME.__get__(kind), limits.characters),
        value="" if error is None else scrubber.clean(said(error, limits), limits.text),
        module=scrubber.clean(module_of(kind), limits.characters),
        notes=[] if error is None else _notes(error, limits, scrubber),
        frames=shown,
        calls=[(_module(frame) or "", frame.f_code.co_name) for frame, _ in one.frames],
        parent=one.parent,
        source=one.source,
        is_group=_is_group(error),
        left_out=one.left_out,
    )


def _notes(error: BaseException, limits: Limits, scrubber: Scrubber) -> list[str]:
    try:
        notes = object.__getattribute__(error, "__notes__")
    except Exception:
        return []
    if id(type(notes)) not in LISTS:
        return []
    return [
        scrubber.clean(note if type(note) is str else class_of(note), limits.text)
        for note in notes[: limits.items]
    ]


def omission(count: int) -> Frame:
    """Return a frame that replaces *count* frames."""
    return Frame("<heka>", "<heka>", None, f"<{count} frames left out>", 0, omitted=count)


def without_middle(frames: list[Frame], most: int) -> list[Frame]:
    """Return at most *most* of *frames*, and one that replaces the others."""
    if sum(not frame.omitted for frame in frames) <= most:
        return frames
    head, tail = most // 2, most - most // 2
    dropped = frames[head : len(frames) - tail]
    count = sum(frame.omitted or 1 for frame in dropped)
    return [*frames[:head], omission(count), *frames[len(frames) - tail :]]


def _frame(
    frame: FrameType,
    line: int,
    variables: Variables,
    limits: Limits,
    scrubber: Scrubber,
    files: Files,
) -> Frame:
    code = frame.f_code
    module = _module(frame)
    path = code.co_filename

    made = Frame(
        path=scrubber.clean_name(path, limits.characters),
        filename=scrubber.clean_name(_relative(path, module), limits.characters),
        module=None if module is None else scrubber.clean_name(module, limits.characters),
        function=scrubber.clean_name(code.co_name, limits.characters),
        line=line,
        variables=variables.of_frame(locals_of(frame)),
    )
    found = context(path, line, frame.f_globals, _AROUND, files)
    if found is not None:
        before, text, after = found
        clean, most = scrubber.clean_line, limits.characters
        made.before = [clean(each, most) for each in before]
        made.text = clean(text, most)
        made.after = [clean(each, most) for each in after]
    return made


def _module(frame: FrameType) -> str | None:
    name = frame.f_globals.get("__name__")
    return name if type(name) is str else None


def _relative(path: str, module: str | None) -> str:
    """Return *path* relative to the folder of its top-level package."""
    top = sys.modules.get((module or "").partition(".")[0])
    file = getattr(top, "__dict__", {}).get("__file__") if top is not None else None
    if type(file) is not str or path[:1] != os.sep:
        return path
    folder = _above(file)
    return path[len(folder) :] if len(folder) > 1 and path.startswith(folder) else path


@functools.lru_cache(256)
def _above(file: str) -> str:
    """Return the parent of the folder of *file*, with a slash."""
    return os.path.dirname(os.path.dirname(file)) + os.sep


def shrunk(one: Caught, **changes: Any) -> Caught:
    """Return a copy of *one* with some attributes changed."""
    return replace(one, **changes)

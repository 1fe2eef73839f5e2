"""Exceptions as data: what they say, the frames they went through, what they came from."""

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
#: Lines of context either side.
_AROUND = 5
#: Exceptions behind one that are counted.
_MOST_COUNTED = 10_000
_Group: type | None = getattr(builtins, "BaseExceptionGroup", None)
_NAME = type.__dict__["__name__"]
_TRACEBACK = BaseException.__dict__["__traceback__"]
_CAUSE = BaseException.__dict__["__cause__"]
_CONTEXT = BaseException.__dict__["__context__"]
_SUPPRESS = BaseException.__dict__["__suppress_context__"]


@dataclass(slots=True)
class Frame:
    """One call that an exception went through."""

    path: str
    filename: str
    module: str | None
    function: str
    line: int
    before: list[str] = field(default_factory=list)
    text: str | None = None
    after: list[str] = field(default_factory=list)
    variables: Pairs | None = None
    #: How many frames this one stands for; 0: it is itself.
    stands_for: int = 0


@dataclass(slots=True)
class Caught:
    """One exception: that which was raised, or one behind it.

    Attributes:
        frames: Outermost first.
        calls: (module, function) of every frame, those left out included.
        parent: Index of the exception that led here; None for the one that was raised.
        source: What of the parent this one is: ``__cause__``, ``__context__``, ``exceptions[0]``.
        left_out: How many exceptions behind this one are over the limit.
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
    """An exception and its frames, as Python has them."""

    error: BaseException | None
    kind: type
    frames: list[tuple[FrameType, int]]
    parent: int | None
    source: str
    left_out: int = 0
    #: Frames that are shown: so many from the beginning, and so many from the end.
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
    """Return the exception that was raised, and behind it those that it came from.

    Secrets are learnt from all variables before one of them is shown.
    """
    raised = _chain(kind, error, traceback, limits)
    _share(raised, limits.frames)
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
    """Return exceptions, each behind the one that it led to."""
    made = [_Raised(error, kind, list(_walk(traceback)), None, "")]
    if error is None:
        return made
    waiting = [(0, error)]
    seen = {id(error)}
    while waiting:
        index, current = waiting.pop(0)
        for source, inner in _behind(current):
            if id(inner) in seen:
                continue
            seen.add(id(inner))
            if len(made) >= limits.exceptions:
                made[index].left_out += 1 + _count_behind(inner, seen)
                continue
            waiting.append((len(made), inner))
            frames = list(_walk(_TRACEBACK.__get__(inner)))
            made.append(_Raised(inner, type(inner), frames, index, source))
    return made


def _count_behind(error: BaseException, seen: set[int]) -> int:
    """Return how many exceptions *error* came from that are not *seen* yet, and see them."""
    count = 0
    waiting = [error]
    while waiting and len(seen) < _MOST_COUNTED:
        for _, inner in _behind(waiting.pop()):
            if id(inner) not in seen:
                seen.add(id(inner))
                waiting.append(inner)
                count += 1
    return count


def _behind(error: BaseException) -> Iterator[tuple[str, BaseException]]:
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
    """Yield frames and line numbers, outermost first, without those that hide themselves."""
    while type(traceback) is TracebackType:
        frame = traceback.tb_frame
        if not _hides(frame):
            # None where the compiler made the instruction; the line of the function is near.
            yield frame, traceback.tb_lineno or frame.f_code.co_firstlineno
        traceback = traceback.tb_next


def _hides(frame: FrameType) -> bool:
    code = frame.f_code
    if code.co_flags & inspect.CO_OPTIMIZED and _HIDE not in code.co_varnames:
        return False
    hide = locals_of(frame).get(_HIDE)
    return hide is True or (id(type(hide)) in VALUES and bool(hide))


def _share(raised: list[_Raised], most: int) -> None:
    """Decide which frames are shown: most of the exception that was raised, then of the others."""
    left = most
    for one in raised:
        # Where it was raised and where it was caught tell more than what is between.
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
    # From where it was raised: there variables tell most, and time may run out.
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
    """Return what stands for *count* frames that are left out."""
    return Frame("<heka>", "<heka>", None, f"<{count} frames left out>", 0, stands_for=count)


def without_middle(frames: list[Frame], most: int) -> list[Frame]:
    """Return *frames*, at most *most* of them and what stands for the others."""
    if sum(not frame.stands_for for frame in frames) <= most:
        return frames
    head, tail = most // 2, most - most // 2
    dropped = frames[head : len(frames) - tail]
    count = sum(frame.stands_for or 1 for frame in dropped)
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
    """Return *path* below the folder that its top-level package is in."""
    top = sys.modules.get((module or "").partition(".")[0])
    file = getattr(top, "__dict__", {}).get("__file__") if top is not None else None
    if type(file) is not str or path[:1] != os.sep:
        return path
    folder = _above(file)
    return path[len(folder) :] if len(folder) > 1 and path.startswith(folder) else path


@functools.lru_cache(256)
def _above(file: str) -> str:
    """Return the folder that a package is in, of whose folder *file* is."""
    return os.path.dirname(os.path.dirname(file)) + os.sep


def shrunk(one: Caught, **changes: Any) -> Caught:
    """Return a copy of *one* with some attributes changed."""
    return replace(one, **changes)

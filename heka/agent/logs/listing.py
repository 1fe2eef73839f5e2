"""What ``heka agent streams`` prints: the files of each stream, and the place in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from heka.agent.inputs.logstreamer import LogstreamerInput, positions_of
from heka.agent.kept import RottenError
from heka.agent.logs.discover import Candidate, Finder
from heka.agent.logs.position import Position, load, path_of

if TYPE_CHECKING:
    from heka.agent.config import Plan

__all__ = ["listing"]


def listing(plan: Plan) -> Iterator[str]:
    """Yield the lines for all sections that read log files; looks at the disk, opens no log."""
    sections = [each for each in plan.sections if each.plugin is LogstreamerInput]
    if not sections:
        yield "no section is a LogstreamerInput"
    for section in sections:
        yield f"[{section.name}]"
        found = Finder(section.name, section.options.pattern()).find()
        directory = positions_of(plan.settings.base_dir, section.name)
        for name, files in sorted(found.streams.items()):
            yield from _stream(name, files, path_of(directory, name))
        if not found.streams:
            yield "  no file belongs to a stream"
        for path, why in sorted(found.left_out.items()):
            yield f"  left out: {path}: {why}"


def _stream(name: str, files: Sequence[Candidate], path: str) -> Iterator[str]:
    try:
        place = load(path)
    except (RottenError, OSError) as failure:
        yield f"  {name}: {failure}"
        place = None
    at = _index(files, place)
    left = sum(each.size for each in files[max(at, 0) :])
    if place is not None and at >= 0:
        left = max(0, left - place.offset)
    where = "nothing was read" if place is None else f"at byte {place.offset:,} of {place.path}"
    if place is not None and at < 0:
        where += ", which is not here by its inode; it is looked for by its contents"
    yield f"  {name}: {where}, {left:,} bytes left"
    for number, each in enumerate(files):
        state = "read" if number < at else "here" if number == at else "to be read"
        yield f"    {each.path}  {each.size:,} bytes, {state}"


def _index(files: Sequence[Candidate], place: Position | None) -> int:
    """Return which of *files* has the place; -1: none."""
    for number, each in enumerate(files):
        if place is not None and each.id == place.id:
            return number
    return -1

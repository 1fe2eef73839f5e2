"""What ``heka agent streams`` prints: the files of each stream, and the place in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from heka.agent.inputs.logstreamer import LogstreamerInput, positions_of
from heka.agent.kept import RottenError
from heka.agent.logs.discover import Candidate, Finder
from heka.agent.logs.files import is_archive
from heka.agent.logs.position import Place, load, path_of

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
        places = load(path)
    except (RottenError, OSError) as failure:
        yield f"  {name}: {failure}"
        places = None
    known = {place.id: place for place in places or ()}
    states = [_state(each, known.get(each.id)) for each in files]
    left = sum(left for left, _ in states)
    where = "nothing was read, " if places is None else ""
    yield f"  {name}: {where}{left:,} bytes left"
    for each, (_, state) in zip(files, states, strict=True):
        yield f"    {each.path}  {each.size:,} bytes, {state}"


def _state(file: Candidate, place: Place | None) -> tuple[int, str]:
    """Return the bytes that are left of *file*, and what is to be said of it."""
    if place is None:
        return file.size, "not known by its inode: it is looked for by its contents"
    if is_archive(file.path):
        if place.complete:
            return 0, "read"
        return file.size, f"at byte {place.offset:,} of its text"
    if file.size < place.offset:
        return file.size, "written anew"
    left = file.size - place.offset
    return left, f"at byte {place.offset:,}" if left else "read"

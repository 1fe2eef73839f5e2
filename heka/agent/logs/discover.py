"""Which files belong to which stream, and in which order they were written.

As in hekad: ``file_match`` is a regular expression for the path below ``log_directory``; its named
groups order the files of a stream (``priority``) and tell streams apart (``differentiator``). A
plain glob needs neither: its files are streams, and what is named like one of them with an ending,
as app.log.1 or app.log-20261201.gz, is what was rotated away from it.
"""

from __future__ import annotations

import glob
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Candidate", "Finder", "Found", "Pattern"]

_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_DAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
#: Translations that need not be configured.
BUILT_IN: Final[Mapping[str, Mapping[str, int]]] = {
    "MonthName": {
        key: number for number, name in enumerate(_MONTHS, 1) for key in (name, name[:3])
    },
    "DayName": {key: number for number, name in enumerate(_DAYS) for key in (name, name[:3])},
}


@dataclass(frozen=True)
class Candidate:
    """A file of a stream.

    Attributes:
        path: Its path.
        id: Device and inode.
        size, mtime_ns: Bytes on disk; time of its last change, in nanoseconds.
    """

    path: str
    id: tuple[int, int]
    size: int
    mtime_ns: int


@dataclass
class Found:
    """What a look at the disk has found.

    Attributes:
        streams: Name -> its files, the oldest first.
        left_out: Path -> why it is in no stream.
        directories: Where files may appear.
        links: Files of streams that are symbolic links.
    """

    streams: dict[str, list[Candidate]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    links: list[Candidate] = field(default_factory=list)


@dataclass(frozen=True)
class Pattern:
    """Which files there are, by the options of a section; see the module."""

    directory: str
    match: re.Pattern[str] | None
    globs: Sequence[str]
    priority: Sequence[str]
    differentiator: Sequence[str]
    translation: Mapping[str, Mapping[str, int]]
    oldest: float  # seconds; 0: any age


class Finder:
    """Looks for the files of a section."""

    def __init__(self, name: str, pattern: Pattern) -> None:
        """Look for *pattern*; *name* is the section's, for streams without another name."""
        self._name = name
        self._pattern = pattern

    def find(self) -> Found:
        """Look now; what cannot be read is in ``left_out``."""
        found = Found()
        if self._pattern.match is not None:
            self._find_matching(self._pattern.match, found)
        self._find_globs(found)
        return found

    # ---- file_match -----------------------------------------------------------------------------

    def _find_matching(self, match: re.Pattern[str], found: Found) -> None:
        ordered: dict[str, list[tuple[list[int], Candidate]]] = {}
        for path in self._walk(found):
            groups = match.fullmatch(os.path.relpath(path, self._pattern.directory))
            candidate = None if groups is None else self._candidate(path, found)
            if groups is None or candidate is None:
                continue
            try:
                keys = self._keys(groups.groupdict())
            except ValueError as problem:
                found.left_out[path] = str(problem)
                continue
            name = self._stream(groups.groupdict())
            ordered.setdefault(name, []).append((keys, candidate))
        for name, pairs in ordered.items():
            pairs.sort(key=lambda pair: (pair[0], pair[1].mtime_ns, pair[1].path))
            found.streams[name] = _without_doubles([each for _, each in pairs])

    def _walk(self, found: Found) -> Iterator[str]:
        def fail(failure: OSError) -> None:
            found.left_out[str(failure.filename)] = failure.strerror or str(failure)

        for directory, _, names in os.walk(self._pattern.directory, onerror=fail):
            found.directories.add(directory)
            for name in names:
                yield os.path.join(directory, name)

    def _keys(self, groups: Mapping[str, str | None]) -> list[int]:
        """Return the numbers by which a file is ordered; ValueError when a group has none."""
        keys = []
        for each in self._pattern.priority:
            name = each.removeprefix("^")
            number = self._number(name, groups.get(name))
            keys.append(-number if each.startswith("^") else number)
        return keys

    def _number(self, name: str, text: str | None) -> int:
        table = self._pattern.translation.get(name, {})
        if not text:
            return table.get("missing", -1)
        if text in table:
            return table[text]
        known = BUILT_IN.get(name, {}).get(text.lower())
        if known is not None:
            return known
        if text.isascii() and text.isdigit():
            return int(text)
        raise ValueError(f"{text!r} of {name} is no number, and has no translation")

    def _stream(self, groups: Mapping[str, str | None]) -> str:
        parts = self._pattern.differentiator
        name = "".join(str(groups[part] or "") if part in groups else part for part in parts)
        return name or self._name

    # ---- globs ----------------------------------------------------------------------------------

    def _find_globs(self, found: Found) -> None:
        for pattern in self._pattern.globs:
            found.directories.add(os.path.dirname(pattern) or ".")
        paths = {path for pattern in self._pattern.globs for path in glob.glob(pattern)}
        lives = sorted(path for path in paths if not _is_rotated(path, paths))
        rotated = _rotated(set(lives))
        for path in lives:
            found.directories.add(os.path.dirname(path) or ".")
            candidate = self._candidate(path, found)
            others = (self._candidate(each, found) for each in rotated.get(path, ()))
            files = [each for each in others if each is not None]
            files.sort(key=lambda each: (each.mtime_ns, *_age_of(each.path[len(path) :])))
            name = self._name if len(self._pattern.globs) == len(lives) == 1 else path
            whole = [*files, *([candidate] if candidate else [])]
            if whole:
                found.streams[name] = _without_doubles(whole)

    # ---- a file ---------------------------------------------------------------------------------

    def _candidate(self, path: str, found: Found) -> Candidate | None:
        try:
            status = os.stat(path)
        except OSError as failure:
            found.left_out[path] = failure.strerror or str(failure)
            return None
        if not stat.S_ISREG(status.st_mode):
            found.left_out[path] = "it is no regular file"
            return None
        if self._pattern.oldest and time.time() - status.st_mtime > self._pattern.oldest:
            found.left_out[path] = "it has not changed for oldest_duration"
            return None
        id_ = (status.st_dev, status.st_ino)
        made = Candidate(path, id_, status.st_size, status.st_mtime_ns)
        if os.path.islink(path):
            found.links.append(made)
        return made


def _rotated(lives: set[str]) -> dict[str, list[str]]:
    """Return the files that are named like one of *lives* with an ending."""
    found: dict[str, list[str]] = {}
    for directory in {os.path.dirname(path) for path in lives}:
        try:
            names = os.listdir(directory or ".")
        except OSError:
            continue
        for name in names:
            path = os.path.join(directory, name)
            ends = [] if path in lives else re.finditer(r"[.\-_](?=.)", name, re.DOTALL)
            for each in ends:
                live = os.path.join(directory, name[: each.start()])
                if each.start() and live in lives:
                    found.setdefault(live, []).append(path)
                    break
    return found


def _is_rotated(path: str, others: set[str]) -> bool:
    """Return whether *path* is named like a file that was rotated away from one of *others*."""
    directory, name = os.path.split(path)
    ends = (found.start() for found in re.finditer(r"[.\-_]", name) if found.start())
    return any(os.path.join(directory, name[:end]) in others for end in ends)


def _age_of(ending: str) -> tuple[int, str]:
    """Return a key for files that changed at one time: .2 is older than .1, dates are in order."""
    number = re.match(r"\.([0-9]{1,5})(?!\d)", ending)
    return (-int(number[1]) if number else 0), ending


def _without_doubles(files: list[Candidate]) -> list[Candidate]:
    """Return *files* without those that are another name of one before: links."""
    return list({each.id: each for each in files}.values())

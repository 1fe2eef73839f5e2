"""One stream: follows one logical log from file to file, and knows its place in it.

::

    begin -> the place that is on disk, found again by inode and hashes -> read to the end
          -> a newer file? after rotate_wait -> its incarnation to disk -> read it from its start

The bytes before the place are read again with each chunk, and compared: a file that was written
anew is seen, whatever its size. Then the place may be in a copy of the file (logrotate's
copytruncate): it is read to its end first.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from heka._core import monotonic
from heka.agent.kept import RottenError, hash_of
from heka.agent.logs.discover import Candidate
from heka.agent.logs.files import LogFile, is_archive, unpacked
from heka.agent.logs.framer import Framer
from heka.agent.logs.position import (
    PREFIX_MAX,
    TAIL_MAX,
    Position,
    load,
    new_incarnation,
    path_of,
    save,
)
from heka.framing import Block

__all__ = ["Settings", "Stream"]

#: Bytes that are read at once, and in one turn: streams take turns.
_CHUNK: Final = 256 * 1024
_TURN: Final = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """What all streams of a section have in common.

    Attributes:
        directory: Of the position files.
        initial_tail: A stream that is new begins at the end of its newest file.
        rotate_wait: Seconds that a file is read on when there is a newer one.
        position_interval: Seconds between two writings of a position, at least.
        say: Gets lines for people.
    """

    directory: str
    initial_tail: bool
    rotate_wait: float
    position_interval: float
    say: Callable[[str], object]


@dataclass
class _Known:
    """A file that was read, or that was there before the place: it is not read again.

    Attributes:
        position: Behind its last line; None: it was not read here.
        size, mtime_ns: When it was looked at last.
    """

    position: Position | None
    size: int
    mtime_ns: int


class Stream:
    """A logical log.

    Attributes:
        counts: ``lines``, bytes ``read``; ``cut`` lines, ``wrong`` ones with bytes that are no
            UTF-8, bytes ``passed`` over; files ``truncated`` or written anew, ``vanished`` ones,
            broken ``archives``, positions ``not_written``.
    """

    def __init__(self, name: str, framer: Framer, settings: Settings) -> None:
        """Begin nowhere."""
        self.name = name
        self.counts: Counter[str] = Counter()
        self._framer = framer
        self._settings = settings
        self._path = path_of(settings.directory, name)
        self._file: LogFile | None = None
        self._position: Position | None = None
        self._tail = b""  # the last bytes before the place
        self._begin = b""  # the first bytes of the file, up to the place
        self._saved_at = -settings.position_interval
        self._is_saved = True
        self._newer_since: float | None = None
        self._files: Sequence[Candidate] = ()
        self._paths: set[str] = set()
        self._next: tuple[Candidate, Position | None] | None = None
        #: The files on disk are to be looked at before the next turn.
        self.wants_look = False
        self._is_anew = False  # the file was, and the place is to be looked for
        self._known: dict[tuple[int, int], _Known] = {}
        self._seen: tuple[int, int] | None = None  # size and time of change, at the end
        self._said: set[str] = set()

    # ---- the files ------------------------------------------------------------------------------

    def look(self, files: Sequence[Candidate]) -> None:
        """Take over what was found on disk, the oldest first."""
        self._files = files
        self._paths = {each.path for each in files}
        self.wants_look = False
        if self._file is not None:
            self._next = self._following()
        elif self._position is None and files:
            self._start()

    def _start(self) -> None:
        """Find the place that is on disk, or begin."""
        try:
            stored = load(self._path)
        except (RottenError, OSError) as failure:
            self._say(f"{failure}: its files are read from the start, lines may come twice")
            stored = None
        if stored is not None:
            if self._go_on(stored):
                return
            self.counts["vanished"] += 1
            self._say(f"{stored.path!r} is gone, with what was not read of it")
            changed = [each for each in self._files if each.mtime_ns / 1e9 >= stored.time]
            self._pass_by([each for each in self._files if each not in changed])
            if changed:
                self._open(changed[0])
        elif self._settings.initial_tail:
            *older, newest = self._files
            self._pass_by(older)
            if self._open(newest):
                self._go_to_end()
        else:
            self._open(self._files[0])

    def _pass_by(self, files: Sequence[Candidate]) -> None:
        for each in files:
            self._known[each.id] = _Known(None, each.size, each.mtime_ns)

    def _go_on(self, stored: Position) -> bool:
        """Go on at the stored place; False: no file has it.

        The file with the same inode comes first, then the others, the newest first.
        """
        same = [each for each in self._files if each.id == (stored.device, stored.inode)]
        others = [each for each in reversed(self._files) if each not in same]
        if stored.offset == 0:
            others = []  # nothing to know it by
        for candidate in (*same, *others):
            file = self._try_open(candidate)
            if file is None:
                continue
            if stored.is_in(file):
                self._pass_by(self._files[: self._files.index(candidate)])
                self._take(file, stored)
                return True
            file.close()
        if same:  # written anew, while nobody looked
            self.counts["truncated"] += 1
            self._pass_by(self._files[: self._files.index(same[0])])
            return self._open(same[0])
        return False

    def _take(self, file: LogFile, stored: Position) -> None:
        self._file = file
        self._position = stored
        stored.device, stored.inode = file.id
        stored.path = file.path
        size = min(TAIL_MAX, stored.offset)
        self._tail = file.read(stored.offset - size, size)
        self._begin = file.read(0, min(PREFIX_MAX, stored.offset))
        self._seen = None

    def _open(self, candidate: Candidate, place: Position | None = None) -> bool:
        """Open a file at *place*; at its start, with an incarnation that is on disk first."""
        file = self._try_open(candidate)
        if file is None:
            return False
        position = place or self._new_position(file)
        if place is None and not self._write(position):
            file.close()
            return False
        if self._file is not None:
            self._file.close()
        self._take(file, position)
        return True

    @staticmethod
    def _new_position(file: LogFile) -> Position:
        empty = hash_of(b"")
        return Position(
            *(new_incarnation(), *file.id, file.path, 0, empty, 0, empty),
            passing_over=False,
            time=time.time(),
        )

    def _try_open(self, candidate: Candidate) -> LogFile | None:
        try:
            file = LogFile(candidate.path)
        except OSError as failure:
            self._say(f"cannot read {candidate.path!r}: {failure.strerror or failure}")
            return None
        return file

    def _go_to_end(self) -> None:
        """Go behind the last whole line of the file."""
        assert self._file is not None
        assert self._position is not None
        size = self._file.stat()[0]
        while size > 0:
            start = max(0, size - _CHUNK)
            found = self._file.read(start, size - start).rfind(self._framer.delimiter)
            if found >= 0:
                size = start + found + 1
                break
            size = start
        self._position.offset = size
        self._take(self._file, self._position)
        self._is_saved = False

    # ---- reading --------------------------------------------------------------------------------

    def turn(self, give: Callable[[Block], bool]) -> bool:
        """Read some; True: there may be more at once.

        Args:
            give: Takes a block; False: the agent stops, and the block was not taken.
        """
        file = self._file
        if file is None:
            return False
        if self._is_anew:
            self._begin_anew(file)
        elif self._seen is None or file.stat() != self._seen:
            done = 0
            while done < _TURN and not self._is_anew:
                used = self._read(file, give)
                if used is None:
                    return False
                if used == 0:
                    break
                done += used
            if done >= _TURN or self._is_anew:
                return True
        return self._go_further(file, give)

    def _begin_anew(self, file: LogFile) -> None:
        """The file was truncated, or written anew: its copy comes first, then the file again."""
        position = self._position
        assert position is not None
        self._is_anew = False
        for each in reversed(self._files) if position.offset else ():
            if each.id != file.id and each.id not in self._known:
                copy = self._try_open(each)
                if copy is not None and self._stamped().is_in(copy):
                    file.close()
                    self._take(copy, position)
                    self._next = self._following()
                    return
                if copy is not None:
                    copy.close()
        anew = self._new_position(file)
        if self._write(anew):
            self.counts["truncated"] += 1
            self._take(file, anew)
        else:
            self._is_anew = True

    def _read(
        self, file: LogFile, give: Callable[[Block], bool], *, is_last: bool = False
    ) -> int | None:
        """Read a chunk; return the bytes that are done, None when the agent stops.

        Args:
            file: The open file.
            give: As of ``turn``.
            is_last: Nothing more comes: a last line needs no end.
        """
        position = self._position
        assert position is not None
        seen = file.stat()
        before = b"" if file.is_archive else self._tail
        data = file.read(position.offset - len(before), len(before) + _CHUNK)
        if not data.startswith(before):
            self._is_anew = self.wants_look = True
            return 0
        data = data[len(before) :]
        text = data + self._framer.delimiter if is_last and data else data
        made = self._framer.read(text, position.incarnation, position.offset, position.passing_over)
        for block in made.blocks:
            if not give(block):
                return None
        used = min(made.used, len(data))
        if used == 0:
            self._seen = seen
            return 0
        self._tail = (self._tail + data[:used])[-TAIL_MAX:]
        if len(self._begin) < PREFIX_MAX:
            self._begin = (self._begin + data[:used])[:PREFIX_MAX]
        position.offset += used
        position.passing_over = made.passing_over
        self._is_saved = False
        counts = self.counts
        counts["read"] += used
        for name in ("lines", "cut", "wrong", "passed"):
            counts[name] += getattr(made, name)
        self.save(due_only=True)
        return used

    def _go_further(self, file: LogFile, give: Callable[[Block], bool]) -> bool:
        """At the end of a file: go to the next one when there is one; True: it was done."""
        self.save(due_only=True)
        if self._next is None:
            self._newer_since = None
            return False
        now = monotonic()
        if self._newer_since is None:
            self._newer_since = now
        wait = self._settings.rotate_wait
        is_quiet = file.is_archive or time.time() - file.stat()[1] / 1e9 > wait
        if not is_quiet and now - self._newer_since < wait:
            return False
        is_broken = file.is_broken  # then its last line is no whole one
        if not is_broken and self._read(file, give, is_last=True) is None:
            return False
        if self._is_anew:
            return True
        position = self._stamped()
        if file.is_broken:
            self.counts["archives"] += 1
            self._say(f"{file.path!r} is cut or rotten behind byte {position.offset}")
        candidate, place = self._next
        left = _Known(position, *file.stat())
        if not self._open(candidate, place):
            return False
        self._known[file.id] = left
        self._known.pop(candidate.id, None)
        self._newer_since = None
        self._next = self._following()
        return True

    # ---- what comes next ------------------------------------------------------------------------

    def _following(self) -> tuple[Candidate, Position | None] | None:
        """Return the file to be read next, and the place in it; no place: from its start."""
        assert self._file is not None
        ids = {each.id for each in self._files}
        for key in [key for key, known in self._known.items() if key not in ids]:
            if self._known[key].position is None:
                del self._known[key]
        is_before = self._file.id in ids
        for each in self._files:
            if each.id == self._file.id:
                is_before = False
                continue
            known = self._known.get(each.id)
            if known is not None:
                place = self._grown(each, known)
                if place is not None:
                    return each, place[0]
            elif not self._is_copy(each, ids, is_before=is_before):
                return each, None
        self._known = {
            key: known for key, known in self._known.items() if key in ids or known.position
        }
        return None

    def _grown(self, candidate: Candidate, known: _Known) -> tuple[Position | None] | None:
        """Return where to read a file that was left and has changed; None: there is nothing.

        (None,): its inode was used again, it is another file.
        """
        now = (candidate.size, candidate.mtime_ns)
        if now == (known.size, known.mtime_ns) or known.position is None:
            return None
        known.size, known.mtime_ns = now
        file = self._try_open(candidate)
        if file is None:
            return None
        try:
            if not known.position.is_in(file):
                return (None,)
            return (known.position,) if file.read(known.position.offset, 1) else None
        finally:
            file.close()

    def _is_copy(self, candidate: Candidate, ids: set[tuple[int, int]], *, is_before: bool) -> bool:
        """Return whether an unknown file has the contents of one that was read.

        It is the copy of the open file that copytruncate makes, and stands before it; or a file
        that was left, and is now compressed or on another file system.
        """
        if is_archive(candidate.path) and unpacked(candidate.path) in self._paths:
            return True  # it is being written, from the file beside it
        file = self._try_open(candidate)
        if file is None:
            return False
        try:
            here = self._stamped()
            now = (candidate.size, candidate.mtime_ns)
            is_here = is_before
            if here.id not in ids and self._file is not None:  # moved away
                is_here = file.is_archive or now == self._file.stat()
            if is_here and here.offset and here.is_in(file):
                return True
            for key, known in self._known.items():
                if key in ids or known.position is None or not known.position.offset:
                    continue
                is_same = file.is_archive or now == (known.size, known.mtime_ns)
                if is_same and known.position.is_in(file):
                    del self._known[key]
                    self._known[candidate.id] = _Known(
                        known.position, candidate.size, candidate.mtime_ns
                    )
                    return True
        finally:
            file.close()
        return False

    # ---- the place on disk ----------------------------------------------------------------------

    def _stamped(self) -> Position:
        position = self._position
        assert position is not None
        position.prefix_size = len(self._begin)
        position.prefix = hash_of(self._begin)
        position.tail = hash_of(self._tail)
        position.time = time.time()
        return position

    def save(self, *, due_only: bool = False) -> None:
        """Write the place to disk, if it has changed."""
        if self._is_saved or self._position is None:
            return
        now = monotonic()
        if due_only and now - self._saved_at < self._settings.position_interval:
            return
        if self._write(self._stamped()):
            self._is_saved = True
            self._saved_at = now

    def _write(self, position: Position) -> bool:
        try:
            save(self._path, position)
        except OSError as failure:
            self.counts["not_written"] += 1
            self._say(f"cannot write {self._path!r}: {failure.strerror}; the place is kept in mind")
            return False
        return True

    def close(self) -> None:
        """Write the place, and close the file."""
        self.save()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _say(self, text: str) -> None:
        if text not in self._said and len(self._said) < 100:
            self._said.add(text)
            self._settings.say(f"{self.name}: {text}")

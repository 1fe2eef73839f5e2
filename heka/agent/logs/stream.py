"""One stream: a log and its rotated files, read in order, each line once.

Each file that is known has a ``Place``. A look at the directory (``look``) finds the place of each
file: by device and inode if the content is the same, else by content, as for a file that was moved,
copied or compressed. What has no place is new. ``turn`` then reads on where something is unread,
from old to new; a newer file waits until the older one was quiet for ``rotate_wait``.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from heka._core import monotonic
from heka.agent.kept import RottenError
from heka.agent.logs.discover import Candidate
from heka.agent.logs.files import Archive, Plain, Source, is_archive, open_source, unpacked
from heka.agent.logs.framer import Framer, offset_of
from heka.agent.logs.position import PREFIX_MAX, TAIL, Place, load, path_of, save
from heka.framing import Block

__all__ = ["Settings", "Stream"]

#: Bytes that are read at once.
_CHUNK: Final = 192 * 1024
#: Chunks of one stream before others have their turn.
_TURN: Final = 8
#: Bytes at the end of a copy that are compared with the original.
_COMPARED: Final = 64 * 1024
#: Seconds for which a deleted file is quiet before it is closed, if there is no newer one.
_DELETED_WAIT: Final = 60.0
#: Places of files that are gone, at most.
_GONE_MAX: Final = 1000


@dataclass(frozen=True)
class Settings:
    """What all streams of a section have in common.

    Attributes:
        directory: Of the position files.
        initial_tail: A stream that is new begins at the end of its newest file.
        rotate_wait: Seconds that a file is quiet before a newer one is read.
        position_interval: Seconds between two writings of the places, at least.
        oldest: Seconds for which the place of a file that is gone is kept; 0: for ever.
        say: Gets lines for people.
    """

    directory: str
    initial_tail: bool
    rotate_wait: float
    position_interval: float
    oldest: float
    say: Callable[[str], object]


class Stream:
    """A logical log; one thread uses it.

    Attributes:
        counts: ``lines``, bytes ``read``; ``cut`` lines, ``wrong`` ones with bytes that are no
            UTF-8, bytes ``passed`` over; files ``truncated`` or written anew, ``vanished`` ones,
            broken ``archives``, positions ``not_written``.
        files: The places of its files as they were found, the oldest first.
    """

    def __init__(self, name: str, framer: Framer, settings: Settings) -> None:
        """Read the places of an earlier run."""
        self.name = name
        self.counts: Counter[str] = Counter()
        self.files: list[Place] = []
        self._framer = framer
        self._settings = settings
        self._path = path_of(settings.directory, name)
        self._gone: list[Place] = []  # places of files that were not found
        self._held: list[Candidate] = []  # files that are empty, or may be copies
        self._sources: dict[int, Source] = {}  # by the id of the place
        self._grown: dict[int, float] = {}  # when a place was last seen to grow
        self._said: set[str] = set()
        self._paths: set[str] = set()
        self._is_unsaved = False
        self._is_waiting = False
        self._saved_at = -settings.position_interval
        places: list[Place] | None = []
        try:
            places = load(self._path)
        except (RottenError, OSError) as failure:
            self._say(f"{failure}: its files are read from the start, lines may come twice")
        self._tail_first = places is None and settings.initial_tail
        self._gone = places or []
        #: The file that was read last; what was written to it meanwhile is not known.
        self._last = self._gone[-1] if self._gone else None

    # ---- a look at the directory --------------------------------------------------------------

    def look(self, files: Iterable[Candidate]) -> None:
        """Find the place of each of *files*, which are in order."""
        files = list(files)
        self._paths = {each.path for each in files}
        known = [*self._gone, *self.files]
        opened: list[tuple[Candidate, Source | None]] = []
        by_inode = {(place.device, place.inode): place for place in known if place.inode}
        claimed: dict[int, Place] = {}  # index in opened -> place
        for found in files:
            place = by_inode.get(found.id)
            index = len(opened)
            if place is not None and self._is_as_left(place, found):
                place.path = found.path
                claimed[index] = place
                opened.append((found, None))
                continue
            source = self._open(found.path)
            if source is None:
                if place is not None:  # not readable now; it stays what it was
                    claimed[index] = place
                    opened.append((found, None))
                continue
            opened.append((found, source))
            if place is not None and (source.device, source.inode) == (place.device, place.inode):
                if place.is_in(source):
                    self._claim(place, found, source)
                    claimed[index] = place
                else:
                    self._lose_content(place, is_counted=place.path == found.path)
        taken = {id(place) for place in claimed.values()}
        for index, (found, source) in reversed([*enumerate(opened)]):
            if index not in claimed and source is not None:
                place = self._by_content(source, [p for p in known if id(p) not in taken])
                if place is not None:
                    self._claim(place, found, source)
                    claimed[index] = place
                    taken.add(id(place))
        now = time.time()
        self._held = []
        for index, (found, source) in reversed([*enumerate(opened)]):  # a copy is the older one
            if index not in claimed and source is not None:
                if self._is_new(found, source, [claimed[i] for i in claimed if i > index]):
                    claimed[index] = self._begin(found, source)
                else:
                    self._held.append(found)
                    source.close()
        self.files = []
        for index, (found, _) in enumerate(opened):
            place = claimed.get(index)
            if place is None:
                continue
            place.seen, place.size = now, found.size
            self.files.append(place)
        self._tail_first = False
        self._keep_gone(known, now)
        if self._is_unsaved and any(place.offset == 0 for place in self.files):
            self.save()  # the incarnation has to be known before its first line

    def _begin(self, found: Candidate, source: Source) -> Place:
        """Return the place of a file that is new."""
        place = Place(found.path, source.device, source.inode)
        place.begin(source)
        self._is_unsaved = True
        self._sources[id(place)] = source
        if self._tail_first:
            self._move_to_end(place, source)
        return place

    def _is_as_left(self, place: Place, found: Candidate) -> bool:
        """Whether *found* needs no look into it: it is open and has not shrunk, or is unchanged."""
        source = self._sources.get(id(place))
        if source is not None:
            return is_archive(found.path) or (
                found.size >= place.offset and source.size() >= place.offset and place.is_in(source)
            )
        return found.size == place.size and (
            place.complete or found.mtime_ns / 1e9 < place.seen - 1
        )

    def _claim(self, place: Place, found: Candidate, source: Source) -> None:
        """Let *source* be the file of *place* from now on."""
        if not is_archive(found.path) and source.size() < place.offset:
            place.move(source.size(), source)
        place.path, place.device, place.inode = found.path, source.device, source.inode
        place.complete = False
        self._is_unsaved = True
        if id(place) in self._sources:
            source.close()  # the open one has the rest too
        else:
            self._sources[id(place)] = source

    def _lose_content(self, place: Place, *, is_counted: bool = True) -> None:
        """The file of *place* was written anew, or its inode is another file's now."""
        self.counts["truncated"] += is_counted
        place.inode = 0
        self._is_unsaved = True
        self._close(place)

    def _by_content(self, source: Source, places: list[Place]) -> Place | None:
        for place in places:
            if place.prefix[0] and place.is_in(source):
                return place
        for place in places:
            if place.offset and not place.inode and place.part_in(source):
                return place
        return None

    def _is_new(self, found: Candidate, source: Source, newer: Iterable[Place]) -> bool:
        """Whether *source* is no copy of one of the *newer* files, perhaps in the making."""
        if isinstance(source, Archive):
            return unpacked(found.path) not in self._paths
        size = source.size()
        if size == 0:
            return False
        for place in newer:
            original = self._sources.get(id(place)) or self._open(place.path)
            if original is None:
                continue
            try:
                if not place.is_in(original):
                    return False  # it was truncated just now, and the copy is to be its file
                if size <= original.size() and _is_copy(source, original, size):
                    return False
            finally:
                if id(place) not in self._sources:
                    original.close()
        return True

    def _move_to_end(self, place: Place, source: Source) -> None:
        """Read nothing of what there is but a line that has begun."""
        size = source.size()
        begin = max(0, size - _CHUNK)
        place.move(
            begin + source.read_at(begin, size - begin).rfind(self._framer.delimiter) + 1, source
        )

    def _keep_gone(self, known: list[Place], now: float) -> None:
        """Keep the places of files that were not found, for some time."""
        present = {id(place) for place in self.files}
        gone = [place for place in known if id(place) not in present]
        for place in gone:
            if id(place) not in self._sources and (place is self._last or not self._is_done(place)):
                self.counts["vanished"] += 1
                self._say(f"{place.path}: is gone, with what was not read of it")
                place.size, place.complete = place.offset, True
        oldest = self._settings.oldest
        self._last = None
        since = now - oldest if oldest else 0.0
        gone = [
            place
            for place in gone
            if id(place) in self._sources or (place.prefix[0] and place.seen > since)
        ]
        self._gone = sorted(gone, key=lambda place: place.seen)[-_GONE_MAX:]

    # ---- reading ------------------------------------------------------------------------------

    def turn(self, give: Callable[[Block], bool]) -> bool:
        """Read some; True: there may be more at once.

        Args:
            give: Takes a block; False: the agent stops, and the block was not taken.
        """
        self.save(due_only=True)
        self._is_waiting = False
        open_gone = [place for place in self._gone if id(place) in self._sources]
        places = [*open_gone, *self.files]
        for number, place in enumerate(places):
            is_newest = number == len(places) - 1
            if is_newest and id(place) not in self._sources:
                self._measure(place)
            if self._is_done(place):
                continue
            source = self._sources.get(id(place)) or self._reopen(place)
            if source is None:
                continue
            more = self._read_place(place, source, give)
            if more is None:
                return False
            if more:
                return True
            if is_newest and number >= len(open_gone) and isinstance(source, Plain):
                break
            wait = _DELETED_WAIT if is_newest and number < len(open_gone) else None
            if not self._is_quiet(place, source, wait):
                self._is_waiting = True
                break  # a newer file waits
            if not self._finish(place, source, give):
                return False
        return False

    def park(self) -> None:
        """Close the files that were found; they are opened again when they have changed."""
        for place in self.files:
            source = self._sources.get(id(place))
            if source is not None:
                if isinstance(source, Plain):
                    place.size = source.size()
                self._close(place)

    @staticmethod
    def _measure(place: Place) -> None:
        """See how many bytes the file of *place*, which is closed, has by now."""
        with contextlib.suppress(OSError):
            status = os.stat(place.path)
            if (status.st_dev, status.st_ino) == place.id and not is_archive(place.path):
                place.size = status.st_size

    @property
    def is_waiting(self) -> bool:
        """Whether time alone may give it something to do: to go on, to close, to write places."""
        return (
            self._is_waiting or self._is_unsaved or any(id(p) in self._sources for p in self._gone)
        )

    @property
    def is_idle(self) -> bool:
        """Whether there is no file of it, nor one that is open."""
        return not (self.files or self._held or self._sources)

    @property
    def wants_look(self) -> bool:
        """Whether a file has changed in a way that only a look can explain."""
        try:
            if any(os.stat(found.path).st_size != found.size for found in self._held):
                return True
            if not self.files:
                return False
            place = self.files[-1]
            status = os.stat(place.path)
        except OSError:
            return True
        if (status.st_dev, status.st_ino) != (place.device, place.inode):
            return True
        if id(place) in self._sources:
            return status.st_size < place.offset and not is_archive(place.path)
        return status.st_size != place.size

    def _is_done(self, place: Place) -> bool:
        return id(place) not in self._sources and (
            place.complete if is_archive(place.path) else place.offset >= place.size
        )

    def _read_place(
        self, place: Place, source: Source, give: Callable[[Block], bool]
    ) -> bool | None:
        """Read a turn of *place*; whether there is more; None: the agent stops."""
        for _ in range(_TURN):
            used, more = self._read(place, source, give)
            if used is None:
                return None
            if used == 0:
                break  # a line that has no end yet
            self._grown[id(place)] = monotonic()
            if isinstance(source, Plain):
                place.size = max(place.size, place.offset)
            if not more:
                break
        else:
            return True
        return False

    def _read(
        self,
        place: Place,
        source: Source,
        give: Callable[[Block], bool],
        *,
        is_last: bool = False,
    ) -> tuple[int | None, bool]:
        """Read a chunk, and give its lines.

        The bytes before the place come with it, so what was written anew is never read on.

        Args:
            place: Of the file.
            source: The file.
            give: As of ``turn``.
            is_last: Nothing more comes: the last line needs no end.

        Returns:
            The bytes that are done, None when the agent stops; and whether there may be more.
        """
        before = min(TAIL, place.offset)
        data = source.read_at(place.offset - before, before + _CHUNK)
        if not place.is_behind(data[:before]):
            if len(data) >= before:  # a shorter file is found by the next look
                self._lose_content(place)
            return 0, False
        size = len(data) - before
        if size <= 0:
            return 0, False
        text = data[before:] + self._framer.delimiter if is_last else memoryview(data)[before:]
        made = self._framer.read(text, place.incarnation, place.offset, place.passing_over)
        for number, block in enumerate(made.blocks):
            if not give(block):
                if number:  # the blocks before it are in the queues
                    done = offset_of(block) - place.offset
                    place.advance(data, before, done, passing_over=False)
                    self._is_unsaved = True
                return None, False
        used = min(made.used, size)
        if used == 0:
            return 0, False
        place.advance(data, before, used, made.passing_over and not is_last)
        self._is_unsaved = True
        counts = self.counts
        counts["read"] += used
        for name in ("lines", "cut", "wrong", "passed"):
            counts[name] += getattr(made, name)
        self.save(due_only=True)
        return used, size >= _CHUNK or used < size

    def _finish(self, place: Place, source: Source, give: Callable[[Block], bool]) -> bool:
        """The file of *place* is complete: its last line ends with it. False: the agent stops."""
        used: int | None = 1
        while used and not source.damage:  # the last line of a broken archive is not whole
            used, _ = self._read(place, source, give, is_last=True)
        if used is None:
            return False
        if not place.inode:
            return True  # it was written anew just now
        place.complete = isinstance(source, Archive)
        if not place.complete:
            place.size = place.offset
        self._is_unsaved = True
        if source.damage:
            self.counts["archives"] += 1
            self._say(f"{place.path}: cannot be read to its end: {source.damage}")
        self._close(place)
        return True

    def _is_quiet(self, place: Place, source: Source, wait: float | None = None) -> bool:
        wait = self._settings.rotate_wait if wait is None else wait
        if isinstance(source, Archive) or abs(time.time() - source.modified()) >= wait:
            return True
        return monotonic() - self._grown.setdefault(id(place), monotonic()) >= wait

    # ---- files --------------------------------------------------------------------------------

    def _open(self, path: str) -> Source | None:
        try:
            return open_source(path)
        except OSError as failure:
            if not isinstance(failure, FileNotFoundError):
                self._say(f"{path}: cannot be read: {failure.strerror or failure}")
            return None

    def _reopen(self, place: Place) -> Source | None:
        """Open the file of *place* again; None: it is not there, or is another one."""
        source = self._open(place.path)
        if source is None:
            return None
        if (source.device, source.inode) != (place.device, place.inode) or not place.is_in(source):
            source.close()
            return None
        self._sources[id(place)] = source
        return source

    def _close(self, place: Place) -> None:
        source = self._sources.pop(id(place), None)
        self._grown.pop(id(place), None)
        if source is not None:
            source.close()

    def _say(self, text: str) -> None:
        if text not in self._said and len(self._said) < 100:
            self._said.add(text)
            self._settings.say(f"{self.name}: {text}")

    # ---- places -------------------------------------------------------------------------------

    def save(self, *, due_only: bool = False) -> None:
        """Write the places, if they have changed; what cannot be written is tried again."""
        now = monotonic()
        if not self._is_unsaved or (
            due_only and now - self._saved_at < self._settings.position_interval
        ):
            return
        self._saved_at = now
        try:
            save(self._path, [*self._gone, *self.files])
        except OSError as failure:
            self.counts["not_written"] += 1
            self._say(f"cannot write {self._path!r}: {failure.strerror}; the place is kept in mind")
        else:
            self._is_unsaved = False

    def close(self) -> None:
        """Write the places and close all files."""
        self.save()
        for place in [*self._gone, *self.files]:
            self._close(place)


def _is_copy(source: Source, original: Source, size: int) -> bool:
    """Whether the *size* bytes of *source* are the first ones of *original*."""
    if not isinstance(original, Plain):
        return False
    begin = max(0, size - _COMPARED)
    return source.read_at(0, min(size, PREFIX_MAX)) == original.read_at(
        0, min(size, PREFIX_MAX)
    ) and source.read_at(begin, size - begin) == original.read_at(begin, size - begin)

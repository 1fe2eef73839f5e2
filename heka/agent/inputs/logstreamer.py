"""LogstreamerInput: the lines of log files, through rotation and restart."""

from __future__ import annotations

import os
import re
import resource
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka._core import monotonic
from heka.agent.logs.discover import Finder, Found, Pattern
from heka.agent.logs.framer import Framer
from heka.agent.logs.stream import Settings, Stream
from heka.agent.logs.watch import Watch
from heka.agent.options import Kind, choice, option
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka.agent.graph import Feed
    from heka.framing import Block

__all__ = ["LogstreamerInput", "LogstreamerOptions", "positions_of"]


#: Seconds between two offers of what a full queue did not accept.
_AGAIN: Final = 0.05
#: Times of rescan_interval after which there is a look although inotify told of no change.
_SELDOM: Final = 12


def _read_translation(value: Any) -> dict[str, dict[str, int]]:
    if not isinstance(value, Mapping) or not all(
        isinstance(table, Mapping) and all(type(number) is int for number in table.values())
        for table in value.values()
    ):
        raise ValueError
    return {name: dict(table) for name, table in value.items()}


@dataclass(frozen=True)
class LogstreamerOptions:
    """Options of ``LogstreamerInput``: hekad's, and plain globs."""

    log_directory: str = option(
        "/var/log", "text", "Directory of the files of file_match; files below it are found too."
    )
    file_match: str = option(
        "",
        "text",
        "Regular expression of the path below log_directory, with named groups; $ is appended.",
    )
    paths: tuple[str, ...] = option(
        (), "names", "Globs of files, in place of file_match or beside it."
    )
    priority: tuple[str, ...] = option(
        (), "names", "Groups that order the files of a stream, the oldest first; ^NAME: descending."
    )
    differentiator: tuple[str, ...] = option(
        (), "names", "Groups and texts that make up the name of a stream, which is its Logger."
    )
    translation: dict[str, dict[str, int]] = option(
        {},
        Kind("tables", "a table of tables of integers", _read_translation),
        "[X.translation.GROUP]: text = number; missing = the number of a group that is not there.",
    )
    oldest_duration: float = option(
        720 * 3600.0, "seconds", "Files that have not changed for so long are left out; 0: none."
    )
    rescan_interval: float = option(
        5.0,
        "seconds",
        "Seconds between two looks for new files; 12 times as many where inotify tells of them.",
    )
    check_data_interval: float = option(0.25, "seconds", "Seconds between two looks for new lines.")
    initial_tail: bool = option(
        False, "boolean", "Begin a stream that is new at the end of its newest file."
    )
    rotate_wait: float = option(
        5.0, "seconds", "So long a file is still read when there is a newer one."
    )
    position_interval: float = option(
        0.2, "seconds", "A place is written at most so often: after a crash, lines may come again."
    )
    hostname: str = option("", "text", "Of the messages; else the agent's.")
    journal_directory: str = option(
        "", "text", "No effect: where a stream is, is kept in positions of base_dir."
    )
    splitter: str = option("TokenSplitter", choice("TokenSplitter"), "Lines.")
    delimiter: str = option("\n", "text", "What ends a line.")
    max_line: int = option(
        65_536, "size", "Bytes of a line; a longer one is cut and marked. A message has 64 KiB."
    )

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        if not (self.file_match or self.paths):
            raise ConfigError("file_match: expected a regular expression, or globs in paths")
        if len(self.delimiter.encode()) != 1:
            raise ConfigError(f"delimiter: expected one byte, got {self.delimiter!r}")
        if self.max_line < 4:
            raise ConfigError(f"max_line: expected 4 bytes or more, got {self.max_line}")
        for name in ("rescan_interval", "check_data_interval"):
            if not 0.01 <= getattr(self, name) <= 86_400:
                raise ConfigError(
                    f"{name}: expected 0.01 to 86400 seconds, got {getattr(self, name)}"
                )
        groups = () if not self.file_match else self._compiled().groupindex
        for each in self.priority:
            if each.removeprefix("^") not in groups:
                raise ConfigError(f"priority: file_match has no group {each.removeprefix('^')!r}")

    def _compiled(self) -> re.Pattern[str]:
        try:
            return re.compile(self.file_match.removesuffix("$"))
        except re.error as problem:
            raise ConfigError(f"file_match: {problem}") from None

    def pattern(self) -> Pattern:
        """Return which files there are."""
        return Pattern(
            directory=os.path.abspath(self.log_directory),
            match=self._compiled() if self.file_match else None,
            globs=[os.path.abspath(each) for each in self.paths],
            priority=self.priority,
            differentiator=self.differentiator,
            translation=self.translation,
            oldest=self.oldest_duration,
        )


def positions_of(base_dir: str, section: str) -> str:
    """Return the directory of the position files of *section*."""
    return os.path.join(base_dir, "positions", section)


def _directories(found: Found) -> set[str]:
    """Return where files may change: a link's file may be in another directory."""
    real = (os.path.realpath(each.path) for each in found.links)
    return {*found.directories, *map(os.path.dirname, real)}


class LogstreamerInput:
    """Reads log files line by line, and goes on where it was after rotation and restart.

    A message has the Type ``logfile``, the line as Payload, and a uuid that comes from the line's
    place: a line that is read again has it again.
    """

    Options: ClassVar[type] = LogstreamerOptions

    def __init__(self, name: str, options: LogstreamerOptions, feed: Feed) -> None:
        """Keep the arguments; opens nothing."""
        self.name = name
        self._options = options
        self._feed = feed
        self._finder = Finder(name, options.pattern())
        self._watch = Watch()
        # With more streams than half of the descriptors, files are closed while they are quiet.
        self._open_most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
        self._parks = False
        self._names: dict[str, str] = {}  # path -> stream
        self._streams: dict[str, Stream] = {}
        self._left_out: dict[str, str] = {}
        self._said: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._settings: Settings | None = None

    def start(self) -> None:
        """Begin to read; ConfigError when there is no directory for positions."""
        directory = positions_of(self._feed.world.base_dir, self.name)
        os.makedirs(directory, exist_ok=True)
        options = self._options
        self._settings = Settings(
            directory,
            options.initial_tail,
            options.rotate_wait,
            options.position_interval,
            options.oldest_duration,
            lambda line: self._feed.world.say(f"{self.name}: {line}"),
        )
        self._thread = threading.Thread(target=self._run, name=f"heka {self.name}", daemon=True)
        self._thread.start()

    def stop(self, deadline: float) -> None:
        """Read no more; what was read is given until *deadline*."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - monotonic()))

    def account(self) -> Mapping[str, object]:
        """Return the sums of all streams, and how many there are."""
        sums = Counter(self._counts)  # of streams that are gone
        for stream in list(self._streams.values()):
            sums.update(stream.counts)
        return {**sums, "streams": len(self._streams), "left_out": len(self._left_out)}

    # ---- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        options = self._options
        scan_at = monotonic()
        active: set[str] = set()  # streams that have something to do, whatever inotify tells
        while not self._stopped.is_set():
            written, renamed = self._watch.changes()
            if renamed or monotonic() >= scan_at:
                self._scan()
                is_watched = self._watch.is_complete
                scan_at = monotonic() + options.rescan_interval * (_SELDOM if is_watched else 1)
                active = set(self._streams)
            elif self._watch.is_complete:
                active |= {self._names[path] for path in written if path in self._names}
            else:
                active = set(self._streams)
            busy = False
            for name in list(active):
                stream = self._streams.get(name)
                if stream is None or self._stopped.is_set():
                    continue
                is_busy = self._turn(stream)
                if self._parks:
                    stream.park()
                busy |= is_busy
                if stream.wants_look:
                    self._scan()
                elif not (is_busy or stream.is_waiting):
                    active.discard(name)
            if not busy:
                wait = min(options.check_data_interval, scan_at - monotonic())
                self._stopped.wait(max(0.0, wait))
        for stream in self._streams.values():
            stream.close()
        self._watch.close()

    def _turn(self, stream: Stream) -> bool:
        try:
            return stream.turn(self._give)
        except OSError as failure:
            self._counts["failed"] += 1
            self._say(f"{stream.name}: cannot read: {failure.strerror or failure}")
            return False

    def _give(self, block: Block) -> bool:
        """Offer *block* until it is accepted; False: the input was stopped before."""
        if self._feed.offer(block):
            return True
        while not self._feed.retry():
            if self._stopped.wait(_AGAIN):
                self._feed.withdraw()  # it is read again after the next start
                return False
        return True

    def _scan(self) -> None:
        assert self._settings is not None
        found = self._finder.find()
        if self._watch.watch(_directories(found)):
            found = self._finder.find()  # what came before they were watched
        for path, why in found.left_out.items():
            self._say(f"{path!r} is left out: {why}")
        self._left_out = found.left_out
        self._parks = len(found.streams) > self._open_most
        self._names = {each.path: name for name, files in found.streams.items() for each in files}
        for each in found.links:
            if each.path in self._names:
                self._names[os.path.realpath(each.path)] = self._names[each.path]
        for name in self._streams.keys() - found.streams.keys():
            gone = self._streams[name]
            gone.look(())
            if gone.is_idle:
                gone.close()
                self._counts.update(gone.counts)
                del self._streams[name]
        for name, files in found.streams.items():
            stream = self._streams.get(name)
            if stream is None:
                stream = self._streams[name] = self._new_stream(name)
            stream.look(files)
            if self._parks:
                stream.park()

    def _new_stream(self, name: str) -> Stream:
        assert self._settings is not None
        options = self._options
        hostname = options.hostname or self._feed.world.hostname
        logger = os.fsencode(name).decode("utf-8", "replace")
        framer = Framer(logger, hostname, options.delimiter.encode(), options.max_line)
        return Stream(name, framer, self._settings)

    def _say(self, text: str) -> None:
        if text not in self._said and len(self._said) < 1000:
            self._said.add(text)
            self._feed.world.say(f"{self.name}: {text}")

"""The queue of an output: blocks wait on disk until the output has delivered them.

::

    base_dir/queues/NAME/                        0700
        lock                                     flocked by the agent that has the queue open
        cursor, *.heka, next                     see csrc/core/queue/hk_disk.h

What ``offer`` has stored survives the end of the process; the next agent opens the same directory.
Knows directories, limits and counts; who drains the ring is somebody else's.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from heka._core import FRAME_MAX, Block, Ring, StreamReader, lock_file, unlock_file
from heka._delivery.spool import holder_of
from heka._net.options import as_size
from heka._runtime.reporter import Reporter
from heka.agent.options import Kind, choice, option
from heka.exceptions import ConfigError

__all__ = ["OutputQueue", "QueueSettings"]

#: Bytes that may be in flight at once.
_WINDOW: Final = 256 * 1024
#: Bytes of a file: a block and the largest frame fit; the largest that a queue can have.
_SEGMENT_LEAST: Final = 512 * 1024
_SEGMENT_MOST: Final = 256 * 1024 * 1024
#: Bytes of the smallest queue.
_BUFFER_LEAST: Final = 1024 * 1024
#: A queue has at least so many files, so that dropping the oldest one leaves most of it.
_SEGMENTS_LEAST: Final = 8
#: Bytes of a queue without a limit.
_UNLIMITED: Final = 1 << 60
#: Part of a file system, and bytes, that stay unused.
_FREE_PART: Final = 0.05
_FREE_MOST: Final = 1 << 30
#: Seconds between two syncs of the files, with sync = "interval".
_SYNC_INTERVAL: Final = 0.2
#: Capacity and largest frame, in bytes, of the ring of a closed queue.
_SMALL: Final = (4096, 1024)
_LOCK: Final = "lock"


def _read_limit(value: Any) -> int:
    if value == 0 and not isinstance(value, bool):
        return 0
    try:
        return as_size(value, "")
    except ConfigError:
        raise ValueError from None


#: A size, or 0.
_LIMIT: Final = Kind("size", "0, or bytes as a number or as in '64 KiB', '1 GiB'", _read_limit)


@dataclass(frozen=True)
class QueueSettings:
    """The table ``[X.buffering]`` of an output."""

    directory: str = option("", "text", "Its directory; empty: queues/NAME below base_dir.")
    max_buffer_size: int = option(
        1 << 30,
        _LIMIT,
        "Bytes that may wait, at least 1 MiB; 0: only min_free limits them.",
        hekad=0,
    )
    full_action: str = option(
        "block",
        choice("block", "drop_new", "drop_old", "shutdown", "drop"),
        "When the queue is full: pause the inputs, drop what comes (drop is its name in hekad), "
        "drop what has waited longest, or stop the agent.",
        hekad="shutdown",
    )
    max_file_size: int = option(
        64 << 20, "size", "Bytes of a file, 512 KiB to 256 MiB, and at most 1/8 of the queue."
    )
    sync: str = option(
        "interval",
        choice("interval", "never", "batch"),
        "When files are written out to the disk, for a power failure: every 200 ms, when the "
        "kernel does it, or with each block.",
    )
    min_free: int | None = option(
        None,
        _LIMIT,
        "Bytes of the file system that stay unused; at that floor the queue is full. "
        "Default: 5 %, at most 1 GiB.",
    )
    dead_letter: str = option(
        "", "text", "Directory for messages that the destination refuses; empty: they are dropped."
    )
    cursor_update_count: int = option(0, "integer", "Of hekad; has no effect.")

    def __post_init__(self) -> None:
        """Check what one option alone does not show; ConfigError."""
        if 0 < self.max_buffer_size < _BUFFER_LEAST:
            raise ConfigError(
                f"max_buffer_size: expected at least {_BUFFER_LEAST} bytes, or 0 for no limit, "
                f"got {self.max_buffer_size}"
            )

    @property
    def capacity(self) -> int:
        """Bytes that may wait."""
        return self.max_buffer_size or _UNLIMITED

    @property
    def segment(self) -> int:
        """Bytes of a file."""
        most = min(self.max_file_size, _SEGMENT_MOST, self.capacity // _SEGMENTS_LEAST)
        return max(most, _SEGMENT_LEAST)


class OutputQueue:
    """A queue on disk, held by this process until ``close()``.

    Attributes:
        name: Of the output.
        ring: Of the frames; an outlet pumps it.
        wants_shutdown: It was full, and ``full_action`` is ``shutdown``.
    """

    def __init__(self, name: str, directory: str, settings: QueueSettings | None = None) -> None:
        """Open the queue; what an earlier process has left in it waits to be sent.

        Args:
            name: Of the output.
            directory: Of its files, unless the settings name another; made if it is missing.
            settings: As configured.

        Raises:
            BlockingIOError: Another process holds it; the text has its pid.
            OSError: The directory cannot be used.
        """
        self.name = name
        self.wants_shutdown = False
        self.settings = settings = settings or QueueSettings()
        self.directory = os.path.abspath(settings.directory or directory)
        self._action = "drop_new" if settings.full_action == "drop" else settings.full_action
        self._closed = False
        self._late = 0  # messages that were offered after close()
        self._wanted = 1  # bytes of the last block that found no room
        self._rejected: Counter[str] = Counter()
        self._reporter = Reporter()
        os.makedirs(self.directory, 0o700, exist_ok=True)
        self._letters = settings.dead_letter and os.path.abspath(settings.dead_letter)
        if self._letters:
            os.makedirs(self._letters, 0o700, exist_ok=True)
        self._min_free = _floor(self.directory, settings.min_free)
        self._lock = _hold(self.directory)
        try:
            self.ring = Ring(
                settings.capacity,
                FRAME_MAX,
                _WINDOW,
                self.directory,
                segment=settings.segment,
                min_free=self._min_free,
                lazy=True,
            )
        except BaseException:
            unlock_file(self._lock)
            raise
        self._final: dict[str, Any] = {}
        self._sync_lock = threading.Lock()
        self._written = threading.Event()
        self._ending = threading.Event()
        self._syncer: threading.Thread | None = None
        if settings.sync == "interval":
            self._syncer = threading.Thread(
                target=self._sync_always, name=f"heka-sync-{name}", daemon=True
            )
            self._syncer.start()

    # ---- producers ----------------------------------------------------------------------------

    def offer(self, block: Block) -> bool:
        """Store *block*, or drop and count it as ``full_action`` says. Any thread; does not wait.

        Returns:
            False: it is full, and nothing of the block was stored or counted: offer it again.
        """
        if self.ring.put_block(block, drop_old=self._action == "drop_old"):
            if self.settings.sync == "interval":
                self._written.set()
            elif self.settings.sync == "batch":
                self._sync()
            return True
        if self._closed:
            with self._sync_lock:
                self._late += len(block)
            return True
        self._report_disk()
        if self._action in ("block", "shutdown"):
            self._wanted = block.nbytes
            self.wants_shutdown = self._action == "shutdown"
            return False
        self.ring.refuse("full", len(block))
        return True

    def wait_for_room(self, seconds: float) -> bool:
        """Wait until the block that found no room may fit; False when *seconds* have passed."""
        return self.ring.wait_room(self._wanted, seconds)

    def _report_disk(self) -> None:
        code = self.ring.disk_failure
        if code:
            self._reporter.report(
                f"{self.name}: the queue {self.directory} takes no more ({os.strerror(code)}); "
                + ("free some space" if code == errno.ENOSPC else "see that it can be written to")
            )

    # ---- the output ---------------------------------------------------------------------------

    def acknowledge(
        self, outstanding: int = 0, rejected: Mapping[str, list[bytes]] | None = None
    ) -> int:
        """Remove what was taken, but for its last *outstanding* bytes; return how many frames.

        Args:
            outstanding: Bytes of what was taken that have not arrived.
            rejected: Frames that the destination refuses for good, by reason: they are kept in
                ``dead_letter``, if there is one, and counted.
        """
        rejected = rejected or {}
        refused = [frame for frames in rejected.values() for frame in frames]
        if refused:
            self._keep(refused)
        gone = left = self.ring.acknowledge(outstanding, rejected=len(refused))
        for reason, frames in rejected.items():  # no more than have left
            count = min(left, len(frames))
            left -= count
            if count:
                self._rejected[reason] += count
        return gone

    def _keep(self, frames: list[bytes]) -> None:
        """Append *frames* to today's file of the directory for dead letters."""
        if not self._letters:
            return
        path = os.path.join(self._letters, f"{self.name}-{time.strftime('%Y%m%d')}.heka")
        data = b"".join(frames)
        try:
            status = os.statvfs(self._letters)
            if status.f_blocks and status.f_bavail * status.f_frsize < self._min_free + len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
            descriptor = os.open(
                path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
            with open(descriptor, "ab", buffering=0) as file:
                at = file.seek(0, os.SEEK_END)
                if file.write(data) != len(data):
                    file.truncate(at)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        except OSError as failure:
            self._reporter.report(
                f"{self.name}: {len(frames)} refused messages are lost: cannot keep them: {failure}"
            )

    def tick(self) -> None:
        """Called by the output's thread now and then; reports a full disk."""
        self._report_disk()

    # ---- everybody ----------------------------------------------------------------------------

    def account(self) -> dict[str, Any]:
        """Return the counts of messages, but for ``bytes`` and ``oldest``.

        ``put + recovered = acknowledged + waiting + sum(dropped) + sum(rejected)``. ``bytes``
        wait; ``oldest`` is the timestamp of the first message that waits, in ns, or None.
        """
        if self._final:
            closed = self._final["dropped"].get("closed", 0) + self._late
            dropped = {**self._final["dropped"], **({"closed": closed} if closed else {})}
            return {**self._final, "put": self._final["put"] + self._late, "dropped": dropped}
        stats = self.ring.stats()
        dropped = dict(stats["dropped"])
        dropped.pop("rejected", None)
        return {
            "put": stats["offered"],
            "recovered": stats["recovered"],
            "acknowledged": stats["sent"],
            "resent": stats["resent"],
            "waiting": stats["queued"],
            "bytes": self.ring.queued_bytes,
            "dropped": dropped,
            "rejected": dict(self._rejected),
            "oldest": _timestamp_of(self.ring.oldest()),
        }

    def close(self) -> None:
        """Accept no more, and release the directory; what waits stays in it.

        The thread of the output has ended, or its ring is not used any more.
        """
        if self._closed:
            return
        self._closed = True
        self.ring.close()
        self._ending.set()
        self._written.set()
        if self._syncer is not None:
            self._syncer.join()
        if self.settings.sync != "never":
            self._sync()
        self._final = self.account()
        self.ring = Ring(*_SMALL)  # the last reference to the one before closes its files
        self.ring.close()
        unlock_file(self._lock)

    def _sync(self) -> None:
        try:
            with self._sync_lock:
                self.ring.sync()
        except OSError as failure:
            self._reporter.report(f"{self.name}: cannot sync the queue: {failure}")

    def _sync_always(self) -> None:
        while self._written.wait() and not self._ending.is_set():
            self._written.clear()
            self._sync()
            self._ending.wait(_SYNC_INTERVAL)


def _hold(directory: str) -> int:
    """Return the descriptor that holds *directory* locked."""
    path = os.path.join(directory, _LOCK)
    try:
        return lock_file(path)
    except BlockingIOError:
        holder = holder_of(directory)
        by = f"process {holder}" if holder else "another process"
        raise BlockingIOError(
            errno.EWOULDBLOCK, f"the queue is in use by {by}; stop it first", directory
        ) from None


def _floor(directory: str, min_free: int | None) -> int:
    """Return the bytes of the file system of *directory* that stay unused."""
    if min_free is not None:
        return min_free
    status = os.statvfs(directory)
    return min(int(status.f_blocks * status.f_frsize * _FREE_PART), _FREE_MOST)


def _timestamp_of(frame: bytes) -> int | None:
    with contextlib.suppress(ValueError):
        for found in StreamReader().feed(frame):
            return found.message.timestamp
    return None

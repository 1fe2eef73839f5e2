"""The rings of one queue: the one that accepts frames, and those of earlier processes.

Knows where frames are stored, in memory or in a spool, and adds up the accounts; does not drain.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

from heka._core import FRAME_MAX, Ring
from heka._delivery.spool import Spool
from heka._net.options import QueueOptions
from heka._runtime.accounts import total
from heka._runtime.reporter import Reporter
from heka.exceptions import ConfigError

__all__ = ["Rings"]

#: Bytes that may be in flight at once. A ring allocates them beside its capacity, so a small queue
#: gets the smaller window.
_WINDOW = 256 * 1024
_WINDOW_LEAST = 112 * 1024
#: Capacity and largest frame, in bytes, of a placeholder: there is no ring yet, or not any more.
_SMALL = (4096, 1024)
#: The largest size of a whole spool, in capacities of one queue.
_SPOOL_MAX = 16


class Rings:
    """Owns the rings of a queue, and their spool.

    Attributes:
        ring: The ring that accepts frames.
    """

    def __init__(
        self,
        options: QueueOptions,
        max_frame: int,
        prepare: Callable[[Ring | None], None],
        user: str,
    ) -> None:
        """Create the ring, and open the queues of earlier processes in the spool.

        Args:
            options: Capacity and spool.
            max_frame: Bytes of the largest frame.
            prepare: Called with each ring that accepts frames from then on; with None, when the
                first frame has to create it by ``ensure_ring()``.
            user: Name of the destination.

        Raises:
            ConfigError: The spool cannot be used.
        """
        self._options = options
        self._max_frame = max_frame
        self._prepare = prepare
        self._reporter = Reporter()
        self._spool = None if options.spool is None else Spool(options.spool, user)
        self._directory = ""
        self._has_ring = True
        self._closed = False
        self._may_adopt = self._spool is not None
        self._refused_before = 0  # by rings that were replaced
        self._unusable: set[str] = set()  # directories that cannot be opened
        # (Rings of earlier processes with their directories, the oldest first; the account of rings
        # that were removed.) Replaced as a whole, so that readers need no lock.
        self._left: tuple[tuple[tuple[Ring, str], ...], dict[str, Any]] = ((), total([]))
        self._emptied: list[str] = []  # directories of removed rings, still to be deleted
        try:
            self.ring = self._make()
        except OSError as error:
            raise ConfigError(f"spool: {error}") from error
        self._prepare(self.ring)
        self._adopt()
        self.check_size()

    def _make(self) -> Ring:
        options = self._options
        window = _WINDOW if options.capacity >= 4 * _WINDOW else _WINDOW_LEAST
        if self._spool is None:
            return Ring(options.capacity, self._max_frame, window)
        directory = self._spool.own()
        try:
            ring = Ring(
                options.capacity, self._max_frame, window, directory, mapped=options.spool_map
            )
        except BaseException:
            self._spool.release(directory)
            raise
        self._directory = directory
        return ring

    def _adopt(self) -> None:
        """Open the oldest directory that nobody holds; one at a time, until none is left."""
        spool = self._spool
        while self._may_adopt and spool is not None:
            directory = spool.adopt_next(self._unusable)
            if directory is None:
                self._may_adopt = False
                return
            try:  # the capacity does not matter: it accepts no frames
                mapped = self._options.spool_map
                ring = Ring(2 * FRAME_MAX, FRAME_MAX, _WINDOW, directory, mapped=mapped)
            except OSError as error:
                self._reporter.report(f"spool: {error}; it is left as it is")
                self._unusable.add(directory)
                spool.release(directory)
                continue
            ring.close()
            self._left = (((ring, directory),), self._left[1])
            return

    def renew(self) -> bool:
        """Make the directory of this process again if somebody has removed it; True: it was.

        What was in it is sent from memory.
        """
        if self._spool is None or self._closed or not self._has_ring:
            return False
        if os.path.isdir(self._directory):
            return False
        old, gone = self.ring, self._directory
        try:
            self._spool.renew()
            self.ring = self._make()
        except (OSError, ConfigError):
            return False
        self._refused_before += old.refused
        self._prepare(self.ring)
        old.close()
        self._left = ((*self._left[0], (old, gone)), self._left[1])
        self._reporter.report(
            f"spool: {gone} was removed while it was in use, and is made again; "
            "a message in it would not have survived the end of the process"
        )
        return True

    def refusal(self) -> str:
        """Say why new frames find no room, and what to do about it."""
        spool = self._spool
        if spool is not None and self.ring.refuses:
            return (
                f"the spool {spool.path} is over its limit (spool_max); let another process send "
                "what is in it, run 'heka spool replay', or raise spool_max"
            )
        code = self.ring.disk_failure if spool is not None else 0
        if spool is None or not code:
            return "the queue is full; see why the server does not take more, or raise capacity"
        remedies = {
            errno.ENOSPC: "free some space",
            errno.EDQUOT: "raise the quota",
            errno.EFBIG: "raise the limit of file sizes (ulimit -f)",
            errno.EMFILE: "raise the limit of open files (ulimit -n)",
            errno.ENFILE: "raise the limit of open files",
            errno.ELOOP: "remove the symbolic links in it",
            errno.ENOENT: "do not remove directories of a running process",
        }
        remedy = remedies.get(code, "see that the directory can be written to")
        return f"the spool {spool.path} takes no more ({os.strerror(code)}); {remedy}"

    def check_size(self) -> None:
        """Refuse new frames while the spool as a whole, of all processes, is over its limit.

        What is on disk is never dropped; without a limit, a program that starts, fails and starts
        again would fill the disk.
        """
        if self._spool is not None and self._has_ring:
            limit = self._options.spool_max
            if limit is None:
                limit = _SPOOL_MAX * self._options.capacity
            self.ring.refuses = self._spool.size() > limit

    # ---- what is there ----------------------------------------------------------------------

    def in_order(self) -> list[Ring]:
        """Return the rings in the order of draining: those of earlier processes come first."""
        return [*(ring for ring, _ in self._left[0]), self.ring]

    def left(self) -> Ring | None:
        """Return the oldest ring of an earlier process that is not empty; None: there is none."""
        while self._left[0]:
            (ring, directory), *rest = self._left[0]
            if ring.wait(0, 0.0) != "drained" or ring.stats()["queued"]:
                return ring
            self._left = (tuple(rest), total([self._left[1], ring.stats()]))
            self._emptied.append(directory)
            del ring  # the last reference removes its files; a flush may still hold one
            if not rest and not self._closed:
                self._remove_emptied()
                self._adopt()
        self._remove_emptied()
        return None

    def _remove_emptied(self) -> None:
        if self._spool is not None and self._emptied:
            remove = self._spool.remove
            self._emptied = [directory for directory in self._emptied if not remove(directory)]

    def has_more(self) -> bool:
        """Say whether earlier processes may have left more than has been opened yet."""
        return self._may_adopt and not self._closed

    def is_over(self) -> bool:
        """Return whether the ring is closed and empty."""
        return self.ring.wait(0, 0.0) == "drained" and not self.ring.stats()["queued"]

    def interrupt(self) -> None:
        """End the waits of the thread that drains a ring."""
        for ring in self.in_order():
            ring.interrupt()

    def stats(self) -> dict[str, Any]:
        """Return the sum of the accounts of all rings."""
        rings, gone = self._left
        return total([gone, *(ring.stats() for ring, _ in rings), self.ring.stats()])

    def refused(self) -> int:
        """Return how many new frames have found no room in this process."""
        return self._refused_before + self.ring.refused

    # ---- life -------------------------------------------------------------------------------

    def sync(self) -> None:
        """Sync the spool to disk; OSError if that fails."""
        self.ring.sync()

    def close(self, *, drop: bool) -> None:
        """Accept no more frames; *drop* what is queued, unless it is on disk."""
        self._closed = True
        self.ring.close()
        if drop and self._spool is None:
            self.ring.drop_all("closed")

    def release_files(self) -> None:
        """Release the files of a closed queue that no thread drains: others may adopt them."""
        if self._spool is None or not self._closed:
            return
        rings, gone = self._left
        old = [*(ring for ring, _ in rings), self.ring]
        self._refused_before += self.ring.refused
        self._left = ((), total([gone, *(ring.stats() for ring in old)]))
        self.ring = Ring(*_SMALL)
        self.ring.close()
        self._prepare(self.ring)
        del old, rings  # the last reference to an empty ring removes its files
        self._spool.close()

    def reset_after_fork(self) -> None:
        """Reset to empty rings in a child process: the parent keeps what is queued."""
        self._left = ((), total([]))
        self._emptied = []
        self._may_adopt = False
        self._refused_before = -self.ring.refused if self._spool is None else 0
        if self._spool is None:
            self.ring.after_fork()
            return
        self._spool.close_inherited()
        self.ring = Ring(*_SMALL)
        if self._closed:
            self.ring.close()
            self._prepare(self.ring)
        else:
            self._has_ring = False  # most children log nothing, and need no directory
            self._prepare(None)

    def ensure_ring(self) -> Ring:
        """Return the ring that accepts frames; create it if a child process has none yet."""
        if not self._has_ring:
            try:
                self.ring = self._make()
            except OSError as error:
                self._reporter.report(f"spool: {error}; messages are kept in memory")
                self._spool = None
                self.ring = self._make()
            self._has_ring = True
            self._prepare(self.ring)
            self.check_size()
        return self.ring

"""The rings of one queue: the one that accepts frames, and those of earlier processes.

Knows where frames are stored, in memory or in a spool, and adds up the accounts; does not drain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heka._core import FRAME_MAX, Ring
from heka._delivery.spool import Spool, size_of
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
        # (Rings of earlier processes with their directories, the oldest first; the account of rings
        # that were removed.) Replaced as a whole, so that readers need no lock.
        self._left: tuple[tuple[tuple[Ring, str], ...], dict[str, Any]] = ((), total([]))
        self._emptied: list[str] = []  # directories of removed rings, still to be deleted
        try:
            self.ring = self._make()
        except OSError as error:
            raise ConfigError(f"spool: {error}") from error
        self._prepare(self.ring)
        if self._spool is not None:
            self._adopt(self._spool)

    def _make(self) -> Ring:
        options = self._options
        window = _WINDOW if options.capacity >= 4 * _WINDOW else _WINDOW_LEAST
        if self._spool is None:
            return Ring(options.capacity, self._max_frame, window)
        directory = self._spool.own()
        try:
            ring = Ring(options.capacity, self._max_frame, window, directory)
        except BaseException:
            self._spool.release(directory)
            raise
        self._directory = directory
        return ring

    def _adopt(self, spool: Spool) -> None:
        """Open directories that no process holds, newest first, up to the capacity in bytes."""
        room = self._options.capacity
        found: list[tuple[Ring, str]] = []
        for directory in reversed(spool.adopt()):
            try:  # the capacity does not matter: it accepts no frames
                ring = Ring(2 * FRAME_MAX, FRAME_MAX, _WINDOW, directory)
            except OSError as error:
                self._reporter.report(f"spool: {error}; it is left as it is")
                spool.release(directory)
                continue
            ring.close()
            size = size_of(directory)  # after opening, which truncates the preallocated space
            if room < size and found:
                ring.drop_all("full")
            room -= size
            found.append((ring, directory))
        self._left = (tuple(reversed(found)), self._left[1])

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
        if self._spool is not None and self._emptied:
            remove = self._spool.remove
            self._emptied = [directory for directory in self._emptied if not remove(directory)]
        return None

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
        return self.ring

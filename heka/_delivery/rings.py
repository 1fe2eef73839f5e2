"""The rings of one queue: the one that takes frames in, and those that earlier processes left.

Knows where frames lie, in memory or in a spool, and how their accounts add up; not who drains them.
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

#: Bytes that may be under way at once. Where memory is short, what a ring has beside its capacity.
_WINDOW = 256 * 1024
_WINDOW_LEAST = 112 * 1024
#: A ring that stands in for one which is to be made, or is gone: bytes, and of its largest frame.
_SMALL = (4096, 1024)


class Rings:
    """Where the frames of a queue are.

    Attributes:
        ring: Takes frames in.
    """

    def __init__(
        self,
        options: QueueOptions,
        max_frame: int,
        prepare: Callable[[Ring | None], None],
        user: str,
    ) -> None:
        """Make the ring, and open what earlier processes have left in the spool.

        Args:
            options: What the queue is like.
            max_frame: Bytes of the largest frame.
            prepare: Called with each ring that is to take frames in from now on; with None, when
                the first frame has to ask for it by ``demand()``.
            user: The destination, for people.

        Raises:
            ConfigError: The spool cannot be used.
        """
        self._options = options
        self._max_frame = max_frame
        self._prepare = prepare
        self._reporter = Reporter()
        self._spool = None if options.spool is None else Spool(options.spool, user)
        self._directory = ""
        self._demanded = True
        self._closed = False
        # Replaced as a whole, so that who reads it needs no lock: what earlier processes left, the
        # oldest first, and the account of the rings that are gone.
        self._left: tuple[tuple[tuple[Ring, str], ...], dict[str, Any]] = ((), total([]))
        self._emptied: list[str] = []  # directories of those, to be removed
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
        """Open what nobody holds, newest first, as much of it as the capacity says."""
        room = self._options.capacity
        found: list[tuple[Ring, str]] = []
        for directory in reversed(spool.adopt()):
            try:  # with any capacity, as it takes nothing in
                ring = Ring(2 * FRAME_MAX, FRAME_MAX, _WINDOW, directory)
            except OSError as error:
                self._reporter.report(f"spool: {error}; it is left as it is")
                spool.release(directory)
                continue
            ring.close()
            size = size_of(directory)  # now that what was reserved in vain is cut
            if room < size and found:
                ring.drop_all("full")
            room -= size
            found.append((ring, directory))
        self._left = (tuple(reversed(found)), self._left[1])

    # ---- what is there ----------------------------------------------------------------------

    def in_order(self) -> list[Ring]:
        """Return the rings in the order of draining: what earlier processes left comes first."""
        return [*(ring for ring, _ in self._left[0]), self.ring]

    def left(self) -> Ring | None:
        """Return the oldest ring of an earlier process that is not empty; None: there is none."""
        while self._left[0]:
            (ring, directory), *rest = self._left[0]
            if ring.wait(0, 0.0) != "drained" or ring.stats()["queued"]:
                return ring
            self._left = (tuple(rest), total([self._left[1], ring.stats()]))
            self._emptied.append(directory)
            del ring  # which removes its files, unless somebody is just flushing it
        if self._spool is not None and self._emptied:
            remove = self._spool.remove
            self._emptied = [directory for directory in self._emptied if not remove(directory)]
        return None

    def is_over(self) -> bool:
        """Say whether the ring is closed, and nothing is left in it."""
        return self.ring.wait(0, 0.0) == "drained" and not self.ring.stats()["queued"]

    def interrupt(self) -> None:
        """Have whoever drains a ring look up."""
        for ring in self.in_order():
            ring.interrupt()

    def stats(self) -> dict[str, Any]:
        """Return the account of all of them."""
        rings, gone = self._left
        return total([gone, *(ring.stats() for ring, _ in rings), self.ring.stats()])

    # ---- life -------------------------------------------------------------------------------

    def sync(self) -> None:
        """Have the disk hold what is in the spool; OSError where it does not take it."""
        self.ring.sync()

    def close(self, *, drop: bool) -> None:
        """Take in nothing any more; *drop* what is left, unless it lies on the disk."""
        self._closed = True
        self.ring.close()
        if drop and self._spool is None:
            self.ring.drop_all("closed")

    def let_go(self) -> None:
        """Let go of the files, of a closed queue that nobody drains: others may adopt them."""
        if self._spool is None or not self._closed:
            return
        rings, gone = self._left
        old = [*(ring for ring, _ in rings), self.ring]
        self._left = ((), total([gone, *(ring.stats() for ring in old)]))
        self.ring = Ring(*_SMALL)
        self.ring.close()
        self._prepare(self.ring)
        del old, rings  # which removes the files of those that are empty
        self._spool.close()

    def reset_after_fork(self) -> None:
        """Begin with nothing, in a child process: what is queued stays the parent's."""
        self._left = ((), total([]))
        self._emptied = []
        if self._spool is None:
            self.ring.after_fork()
            return
        self._spool.leave_to_parent()
        self.ring = Ring(*_SMALL)
        if self._closed:
            self.ring.close()
            self._prepare(self.ring)
        else:
            self._demanded = False  # most children log nothing, and need no directory
            self._prepare(None)

    def demand(self) -> Ring:
        """Return the ring that takes frames in, made by the first frame of a child process."""
        if not self._demanded:
            try:
                self.ring = self._make()
            except OSError as error:
                self._reporter.report(f"spool: {error}; messages are kept in memory")
                self._spool = None
                self.ring = self._make()
            self._demanded = True
            self._prepare(self.ring)
        return self.ring

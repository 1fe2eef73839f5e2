"""The directories of a spool: one for each process, which holds a lock on it until it exits.

::

    PATH/                                        0700
        01795284551000000000-4711-9f3b12aa/      one process's queue: time, pid and a random number
            lock                                 flocked by that process
            cursor, *.heka, next                 see csrc/core/queue/hk_disk.h

A process that starts adopts the directories of processes that died: it takes their locks.
Knows directories and locks; the format of the files is defined in C.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import time
from collections.abc import Container, Iterator

from heka._core import lock_file, unlock_file
from heka._runtime.reporter import Reporter
from heka.exceptions import ConfigError

__all__ = ["SEGMENT", "Spool", "directories", "holder_of", "size_of"]

#: Suffix of the files that hold frames.
SEGMENT = ".heka"
_LOCK = "lock"
_NAME = re.compile(r"\d{20}-\d+-[0-9a-f]{8}")
#: Prefix of directories that are being created; one older than this many seconds is from a crash.
_MAKING = ".new-"
_MAKING_MAX = 60.0

#: Path and destination of each spool of this process, by device and inode of its directory, which
#: may have several paths: two destinations must not share a spool.
_users: dict[tuple[int, int], tuple[str, str]] = {}


class Spool:
    """The directories of a spool that this process holds: its own, and those it adopted."""

    def __init__(self, path: str, user: str) -> None:
        """Create the directory *path* if it is missing.

        Args:
            path: The spool; a relative path is resolved now, against the working directory.
            user: Name of the destination.

        Raises:
            ConfigError: It cannot be made or used, or others could write to it, or it is another
                destination's.
        """
        self.path = os.path.abspath(path)
        self._user = user
        self._locks: dict[str, int] = {}
        self._pid = os.getpid()
        self._reporter = Reporter()
        self._links: set[str] = set()  # symbolic links that were reported
        self._identity = self._register()

    def _register(self) -> tuple[int, int]:
        """Make the directory if it is missing, and register its user; return its identity."""
        identity = _prepare(self.path)
        path, user = _users.setdefault(identity, (self.path, self._user))
        if user != self._user and _identity_of(path) == identity:
            same = "" if path == self.path else f" (the same directory as {path!r})"
            raise ConfigError(
                f"spool: {self.path!r}{same} is that of {user} in this process; give each "
                "destination a directory of its own"
            )
        _users[identity] = (self.path, self._user)  # the one before was removed
        return identity

    def own(self) -> str:
        """Return a new directory for this process, locked.

        Raises:
            OSError: It cannot be made.
        """
        name = f"{time.time_ns():020d}-{os.getpid()}-{os.urandom(4).hex()}"
        making = os.path.join(self.path, _MAKING + name)
        directory = os.path.join(self.path, name)
        os.mkdir(making, 0o700)
        # Locked before it is renamed, so that no other process adopts it in between.
        descriptor = _lock(making)
        if descriptor is None:
            raise BlockingIOError(f"{making!r} was locked by another process")
        try:
            os.rename(making, directory)
        except BaseException:
            unlock_file(descriptor)
            raise
        self._locks[directory] = descriptor
        return directory

    def renew(self) -> None:
        """Make the spool itself again, if it was removed; ConfigError if that is not possible."""
        before, self._identity = self._identity, self._register()
        if before != self._identity:
            _users.pop(before, None)

    def adopt(self) -> list[str]:
        """Lock and return the directories that no process holds, the oldest first."""
        return list(self._adopt())

    def adopt_next(self, unusable: set[str]) -> str | None:
        """Return the oldest directory that nobody holds, locked by this process; None: none left.

        Args:
            unusable: Directories to pass over.
        """
        return next(self._adopt(unusable), None)

    def size(self) -> int:
        """Return the bytes of all files of frames in the spool, whoever holds them."""
        with contextlib.suppress(OSError):
            return sum(size_of(directory) for directory in directories(self.path))
        return 0

    def _adopt(self, unusable: Container[str] = ()) -> Iterator[str]:
        for name in sorted(os.listdir(self.path)):
            directory = os.path.join(self.path, name)
            if name.startswith(_MAKING):
                _sweep(directory)
            elif _NAME.fullmatch(name) and directory not in unusable:
                link = _link_in(directory)
                if link is not None:
                    self._report_link(link)
                    continue
                descriptor = _lock(directory)
                if descriptor is not None:
                    self._locks[directory] = descriptor
                    yield directory

    def _report_link(self, link: str) -> None:
        if link not in self._links:
            self._links.add(link)
            self._reporter.report(
                f"spool: {link} is a symbolic link, which a spool does not follow; its directory "
                "is left as it is"
            )

    def remove(self, directory: str) -> bool:
        """Remove *directory*, held by this process; False while it has files beside its lock.

        The last reference to an empty queue removes its files.
        """
        with contextlib.suppress(OSError):
            if os.listdir(directory) != [_LOCK]:
                return False
        self.release(directory)
        return True

    def release(self, directory: str) -> None:
        """Release the lock on *directory*, and remove it if no frames are left in it."""
        descriptor = self._locks.pop(directory, None)
        if descriptor is None or os.getpid() != self._pid:
            return  # in a child: the directory is the parent's, and the lock is closed
        with contextlib.suppress(OSError):
            if os.listdir(directory) == [_LOCK]:
                os.unlink(os.path.join(directory, _LOCK))
                os.rmdir(directory)
        unlock_file(descriptor)

    def close_inherited(self) -> None:
        """In a child process, forget the parent's locks; a handler in C has closed them."""
        self._locks = {}
        self._pid = os.getpid()

    def close(self) -> None:
        """Release every directory."""
        for directory in list(self._locks):
            self.release(directory)
        _users.pop(self._identity, None)


def size_of(directory: str) -> int:
    """Return the bytes of the files of frames in *directory*."""
    total = 0
    with contextlib.suppress(OSError):
        for entry in os.scandir(directory):
            if entry.name.endswith(SEGMENT):
                total += entry.stat(follow_symlinks=False).st_size
    return total


def directories(path: str) -> list[str]:
    """Return all directories of the spool at *path*, held or not, the oldest first."""
    found = [os.path.join(path, name) for name in sorted(os.listdir(path)) if _NAME.fullmatch(name)]
    return [directory for directory in found if not os.path.islink(directory)]


def holder_of(directory: str) -> int | None:
    """Return the pid of the process that holds *directory*; 0: unknown; None: no process."""
    try:
        with open(os.path.join(directory, _LOCK), "rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            with contextlib.suppress(OSError), open("/proc/locks", encoding="ascii") as locks:
                for line in locks:
                    # "1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234567 0 EOF"; a waiter has "->"
                    columns = line.split()
                    if columns[1] == "FLOCK" and columns[5].endswith(f":{inode}"):
                        return max(int(columns[4]), 0)
            # The holder may be in another pid namespace, which /proc does not show.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return 0
    return None


def _link_in(directory: str) -> str | None:
    """Return *directory* or a file in it, if that is a symbolic link; None: there is none."""
    if os.path.islink(directory):
        return directory
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        return next((entry.path for entry in entries if entry.is_symlink()), None)
    return None


def _identity_of(path: str) -> tuple[int, int] | None:
    """Return device and inode of *path*; None: there is no such directory."""
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None


def _prepare(path: str) -> tuple[int, int]:
    """Create *path*, check that no other user can write to it; return device and inode."""
    try:
        os.makedirs(path, 0o700, exist_ok=True)
        status = os.stat(path)
    except OSError as error:
        raise ConfigError(f"spool: cannot make the directory {path!r}: {error}") from error
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid() or mode & 0o022:
        raise ConfigError(
            f"spool: {path!r} belongs to uid {status.st_uid} and has mode {mode:04o}; expected one "
            f"of this process's (uid {os.geteuid()}) that nobody else can write to, as mode 0700"
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigError(f"spool: {path!r} cannot be written to by this process")
    return status.st_dev, status.st_ino


def _lock(directory: str) -> int | None:
    """Return the descriptor that holds *directory*; None when another process does."""
    try:
        return lock_file(os.path.join(directory, _LOCK))
    except OSError:
        return None  # held by another process, or removed by it


def _sweep(making: str) -> None:
    """Remove a directory whose creator died before it renamed it."""
    with contextlib.suppress(OSError):
        if time.time() - os.stat(making).st_mtime < _MAKING_MAX:
            return
        descriptor = _lock(making)
        if descriptor is not None:
            shutil.rmtree(making, ignore_errors=True)
            unlock_file(descriptor)

"""Which directories have changed, by inotify; where that does not work, nothing is told.

Knows directories and names; what a change means is somebody else's.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterable
from typing import Final

from heka._core import watch_directory

__all__ = ["Watch"]

_EVENT: Final = struct.Struct("iIII")
_MODIFY: Final = 0x2
_MOVE_SELF: Final = 0x800
_OVERFLOW: Final = 0x4000
_IGNORED: Final = 0x8000
_BYTES: Final = 256 * 1024
#: File systems whose files may be written by another machine: inotify does not tell of that.
_REMOTE: Final = frozenset(
    ("9p", "afs", "ceph", "cifs", "coda", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4")
) | {"ocfs2", "smb3", "smbfs", "vboxsf", "virtiofs"}


class Watch:
    """The watched directories; one thread uses it.

    Attributes:
        is_complete: Every directory of the last ``watch`` is watched.
    """

    def __init__(self) -> None:
        """Watch nothing."""
        self.is_complete = False
        self._fd = -1
        self._paths: dict[int, str] = {}

    def watch(self, directories: Iterable[str]) -> bool:
        """Watch *directories*, and forget the others; True: some were not watched before."""
        wanted = set(directories)
        known = set(self._paths.values())
        self._paths = {number: path for number, path in self._paths.items() if path in wanted}
        remote = _remote_devices() if wanted - known else frozenset()
        complete = bool(wanted)
        for path in wanted - known:
            try:
                if os.stat(path).st_dev in remote:
                    complete = False
                    continue
                self._fd, number = watch_directory(self._fd, path)
            except OSError:  # it is gone, or the user has too many watches
                complete = False
            else:
                self._paths[number] = path
        now = set(self._paths.values())
        self.is_complete = complete and now == wanted
        return not now <= known

    def changes(self) -> tuple[set[str], bool]:
        """Return the files that were written to, and whether names have changed; does not wait."""
        written: set[str] = set()
        renamed = False
        while self._fd >= 0:
            try:
                data = os.read(self._fd, _BYTES)
            except BlockingIOError:
                break
            at = 0
            while at < len(data):
                number, mask, _, size = _EVENT.unpack_from(data, at)
                at += _EVENT.size + size
                name = data[at - size : at].rstrip(b"\0")
                if mask & (_OVERFLOW | _IGNORED | _MOVE_SELF):
                    self._paths.pop(number, None)
                    self.is_complete = False
                    renamed = True
                elif mask & _MODIFY and number in self._paths:
                    written.add(os.path.join(self._paths[number], os.fsdecode(name)))
                elif number in self._paths:
                    renamed = True
        return written, renamed

    def close(self) -> None:
        """Watch nothing any more."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._paths, self.is_complete = -1, {}, False


def _remote_devices() -> frozenset[int]:
    """Return the devices that another machine may write to."""
    found = set()
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            fields, _, more = line.partition(b" - ")
            kind = os.fsdecode(more.split()[0]) if more.strip() else ""
            if kind in _REMOTE or kind.startswith("fuse"):
                major, _, minor = fields.split()[2].partition(b":")
                found.add(os.makedev(int(major), int(minor)))
    return frozenset(found)

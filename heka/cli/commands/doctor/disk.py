"""Files and spool directories: do they exist, may they be written, is there room, what waits?

Makes nothing and changes nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Final

from heka._delivery.snapshot import Part, parts_of
from heka._delivery.spool import directories, size_of
from heka._display.escape import counted
from heka._net.addresses import Address
from heka._net.options import QueueOptions
from heka.cli.commands.doctor.lines import Budget, Line, ok, problem, warning, within

#: Bytes of free space below which there is a warning.
_LITTLE: Final = 64 * 1024 * 1024
#: Bytes of a spool above which its frames are not counted: counting copies the files.
_COUNTED_MAX: Final = 256 * 1024 * 1024
#: A spool without spool_max may hold so many times its capacity.
_CAPACITIES: Final = 16
_STUCK: Final = "see whether its file system answers: it may be on a network"


def file_lines(path: str, budget: Budget) -> Iterator[Line]:
    """Yield whether frames can be appended to the file *path*."""
    yield from _limited("file", path, lambda: list(_file(path)), budget)


def spool_lines(address: Address, queue: QueueOptions, budget: Budget) -> Iterator[Line]:
    """Yield whether the spool of *queue* can be used, and what waits in it."""
    path = os.path.abspath(queue.spool or "")
    lines = _limited("spool", path, lambda: list(_spool(path, queue)), budget)
    yield from lines
    if all(line.level != "problem" for line in lines) and os.path.isdir(path):
        yield from _limited("waiting", path, lambda: list(_waiting(path, address, queue)), budget)


def _limited(subject: str, path: str, work: object, budget: Budget) -> list[Line]:
    assert callable(work)
    try:
        lines: list[Line] = within(budget.deadline(), work)
    except TimeoutError:
        return [problem(subject, f"{path} did not answer in time", _STUCK)]
    except OSError as error:
        return [problem(subject, f"{path}: {error.strerror or error}", "check the path")]
    return lines


# ---- files --------------------------------------------------------------------------------------


def _file(path: str) -> Iterator[Line]:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        yield from _to_be_made("file", path)
        return
    except OSError as error:
        yield problem("file", f"{path}: {error.strerror}", "correct the path, or its permissions")
        return
    if stat.S_ISDIR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "a device" if stat.S_ISBLK(mode) else ""
        yield problem(
            "file",
            f"{path} is {kind or 'a socket'}",
            f"name a file in it: file://{path}/messages.heka"
            if stat.S_ISDIR(mode)
            else "name a file"
            if kind
            else f"use unix://{path}",
        )
        return
    if not os.access(path, os.W_OK):
        yield problem("file", f"{path} exists, but may not be written", _permission(path))
        return
    if stat.S_ISFIFO(mode):
        yield from _fifo(path)
        return
    yield ok("file", f"{path} exists and may be written")
    if stat.S_ISREG(mode):
        yield _room(path, 0)


def _fifo(path: str) -> Iterator[Line]:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        yield problem(
            "file", f"{path} is a FIFO that no program reads", "start the program that reads it"
        )
    else:
        yield ok("file", f"{path} is a FIFO that a program reads")


def _to_be_made(subject: str, path: str) -> Iterator[Line]:
    """Yield whether *path* can be made: a file in its directory, a spool below what exists."""
    above = os.path.dirname(os.path.abspath(path))
    if subject == "spool":
        while not os.path.exists(above):
            above = os.path.dirname(above)
    if not os.path.isdir(above):
        yield problem(
            subject,
            f"{path} cannot be made: there is no directory {above}",
            "make the directory, or correct the path",
        )
    elif not os.access(above, os.W_OK | os.X_OK):
        yield problem(subject, f"{path} cannot be made in {above}", _permission(above))
    else:
        yield ok(subject, f"{path} does not exist; the first message makes it")
        yield _room(above, 0)


def _permission(path: str) -> str:
    owner = os.stat(path).st_uid
    return (
        f"give the user with id {os.geteuid()} write access to {path}, which belongs to the user "
        f"with id {owner}"
    )


def _room(path: str, needed: int) -> Line:
    """Return whether the file system of *path* has room, for *needed* bytes if that is more."""
    status = os.statvfs(path)
    free = status.f_bavail * status.f_frsize
    remedy = f"make room on the file system of {path}"
    if free == 0:
        return problem("room", "the file system is full", remedy)
    if status.f_files and status.f_favail == 0:
        return problem("room", "the file system has no free inodes", remedy)
    text = f"{free:,} bytes are free"
    if free < max(_LITTLE, needed):
        least = f", and the queue may take {needed:,}" if free < needed else ""
        return warning("room", text + least, remedy)
    return ok("room", text)


# ---- spools -------------------------------------------------------------------------------------


def _spool(path: str, queue: QueueOptions) -> Iterator[Line]:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        yield from _to_be_made("spool", path)
        return
    if not stat.S_ISDIR(status.st_mode):
        yield problem("spool", f"{path} is no directory", "name a directory, which may be missing")
        return
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid() or mode & 0o022:
        yield problem(
            "spool",
            f"{path} belongs to the user with id {status.st_uid} and has mode {mode:04o}",
            f"it must belong to the user of the program (here id {os.geteuid()}), and nobody else "
            "may write to it: chmod 700",
        )
        return
    if not os.access(path, os.W_OK | os.X_OK):
        yield problem("spool", f"{path} may not be written", _permission(path))
        return
    yield ok("spool", f"{path} exists and may be written")
    yield _room(path, queue.capacity)


def _waiting(path: str, address: Address, queue: QueueOptions) -> Iterator[Line]:
    size = sum(size_of(directory) for directory in directories(path))
    most = queue.spool_max or _CAPACITIES * queue.capacity
    if size >= most:
        yield problem(
            "waiting",
            f"the spool has {size:,} bytes, and at most {most:,} are allowed: new messages are "
            "dropped as 'full'",
            "repair the destination, or give more with spool_max=",
        )
    if size > _COUNTED_MAX:
        yield ok("waiting", f"{size:,} bytes are stored; 'heka spool inspect {path}' counts them")
        return
    parts = list(parts_of(path))
    if not parts:
        yield ok("waiting", "no frames are stored")
    for part in parts:
        yield _part_line(part, path, address)


def _part_line(part: Part, path: str, address: Address) -> Line:
    waiting = part.frames - part.acknowledged
    text = f"{os.path.basename(part.directory)}: {counted(waiting, 'frame')} waiting"
    if part.corrupt:
        return warning(
            "waiting",
            f"{text}, {counted(part.corrupt, 'corrupt part')}",
            "see whether the disk is healthy; what is corrupt is passed over and counted",
        )
    if part.holder is not None:
        holder = f"process {part.holder}" if part.holder else "a process"
        return ok("waiting", f"{text}; {holder} holds the lock and sends them")
    if not waiting:
        return ok("waiting", text)
    to = str(address).partition("?")[0]
    return warning(
        "waiting",
        f"{text}; the process that stored them has ended",
        f"start the program, which sends them, or run 'heka spool replay {path} --to {to}'",
    )

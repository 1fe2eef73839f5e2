"""A chain of commands: starts them, reads what the last one writes, ends all of them.

Each command is a session, and so a process group, of its own. A command ends with its first
process: what is left of its group then is killed. Knows no messages.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from heka._core import monotonic

__all__ = ["GRACE", "Command", "Ended", "NotStartedError", "run_chain"]

#: Seconds between SIGTERM and SIGKILL.
GRACE: Final = 1.0
#: Seconds between two looks at a process, where the system has no descriptors for them.
_LOOK: Final = 0.05
_CHUNK: Final = 65_536  # bytes of one read
#: Reads after the end of all commands: what a pipe may hold, and more.
_LAST_READS: Final = 64


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        argv: The program and its arguments.
        environment: All of it.
        directory: Where it is started; None: where the agent was.
    """

    argv: Sequence[str] = field(repr=False)  # arguments may be passwords
    environment: Mapping[str, str] = field(repr=False)
    directory: str | None = None


@dataclass(frozen=True)
class Ended:
    """How a chain ended.

    Attributes:
        exit_status: Of the last command; -1: a signal has ended it.
        errors: A line for each command that failed, as hekad writes them.
        timed_out: It took longer than it may.
    """

    exit_status: int
    errors: tuple[str, ...]
    timed_out: bool


class NotStartedError(Exception):
    """A command cannot be started; those before it were ended."""


class _Process:
    """One command that was started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.has_ended = False
        self.descriptor: int | None = None
        with contextlib.suppress(AttributeError, OSError):  # not Linux, or an old one
            self.descriptor = os.pidfd_open(process.pid)

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; the process was not waited for, so it exists."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def look(self) -> bool:
        """Return whether it has just ended; then the rest of its group was killed."""
        if self.has_ended:
            return False
        with contextlib.suppress(ChildProcessError):  # SIGCHLD is ignored: the kernel has reaped it
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            if os.waitid(os.P_PID, self.process.pid, flags) is None:
                return False
            self.signal(signal.SIGKILL)  # before the wait: the number is not another's yet
        self.process.wait()
        self.has_ended = True
        return True

    def close(self) -> None:
        """Kill and wait for it, unless it has ended; close its descriptors."""
        if not self.has_ended:
            self.signal(signal.SIGKILL)
            self.process.wait()
            self.has_ended = True
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def run_chain(
    commands: Sequence[Command],
    take: Mapping[str, Callable[[bytes], object]],
    wake: int,
    timeout: float = 0.0,
) -> Ended:
    """Run *commands*, the standard output of each being the input of the next, until all ended.

    Args:
        commands: At least one.
        take: ``stdout`` and ``stderr``, or one of them: called with what the last command writes
            there; what nobody takes goes to /dev/null.
        wake: A descriptor; once it can be read, the commands are ended.
        timeout: Seconds after which the commands are ended; 0: never.

    Raises:
        NotStartedError: A command cannot be started.
    """
    processes: list[_Process] = []
    try:
        _start(commands, take, processes)
        return _Chain(processes, take, wake, timeout).run()
    finally:
        for process in processes:
            process.close()


def _start(
    commands: Sequence[Command], streams: Mapping[str, object], processes: list[_Process]
) -> None:
    """Start *commands*, and append each to *processes* as soon as it runs."""
    previous = None
    for number, command in enumerate(commands):
        is_last = number == len(commands) - 1
        try:
            process = subprocess.Popen(
                command.argv,
                bufsize=0,
                env=command.environment,
                cwd=command.directory,
                stdin=subprocess.DEVNULL if previous is None else previous,
                stdout=_pipe_if(not is_last or "stdout" in streams),
                stderr=_pipe_if(is_last and "stderr" in streams),
                start_new_session=True,
            )
        except (OSError, subprocess.SubprocessError) as failure:
            reason = getattr(failure, "strerror", None) or repr(failure)
            raise NotStartedError(f"cannot start {command.argv[0]!r}: {reason}") from failure
        finally:
            if previous is not None:
                previous.close()  # it belongs to the next command, or to nobody
        processes.append(_Process(process))
        previous = None if is_last else process.stdout


def _pipe_if(wanted: bool) -> int:
    return subprocess.PIPE if wanted else subprocess.DEVNULL


class _Chain:
    """Commands that run."""

    def __init__(
        self,
        processes: Sequence[_Process],
        take: Mapping[str, Callable[[bytes], object]],
        wake: int,
        timeout: float,
    ) -> None:
        self._processes = processes
        self._take = take
        self._wake = wake
        self._timeout = timeout
        self._ends_at = monotonic() + timeout if timeout else None
        self._kills_at: float | None = None  # SIGTERM was sent
        self._timed_out = False

    def run(self) -> Ended:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake, selectors.EVENT_READ, self._end)
            for process in self._processes:
                if process.descriptor is not None:
                    selector.register(process.descriptor, selectors.EVENT_READ, process)
            last = self._processes[-1].process
            streams = {"stdout": last.stdout, "stderr": last.stderr}
            fds = {name: streams[name].fileno() for name in self._take if streams[name]}  # type: ignore[union-attr]
            for name, fd in fds.items():
                os.set_blocking(fd, False)
                selector.register(fd, selectors.EVENT_READ, name)
            while self._look(selector):
                self._wait(selector)
            for name, fd in fds.items():
                self._read_rest(name, fd)
        return self._ended()

    def _wait(self, selector: selectors.BaseSelector) -> None:
        """Wait for something to happen, and read."""
        for key, _ in selector.select(self._patience()):
            if isinstance(key.data, str):
                if not self._read(key.data, key.fd):
                    selector.unregister(key.fd)
            elif key.data == self._end:
                selector.unregister(key.fd)
                self._end()

    def _look(self, selector: selectors.BaseSelector) -> bool:
        """Send the signals that are due; return whether a command still runs."""
        now = monotonic()
        if self._ends_at is not None and now >= self._ends_at and self._kills_at is None:
            self._timed_out = True
            self._end()
        if self._kills_at is not None and now >= self._kills_at:
            self._signal(signal.SIGKILL)
            self._kills_at = now + GRACE
        for process in self._processes:
            if process.look() and process.descriptor is not None:
                selector.unregister(process.descriptor)
        return not all(process.has_ended for process in self._processes)

    def _patience(self) -> float | None:
        times = [time for time in (self._kills_at or self._ends_at,) if time is not None]
        left = [max(0.0, time - monotonic()) for time in times]
        if any(process.descriptor is None for process in self._processes):
            left.append(_LOOK)
        return min(left, default=None)

    def _end(self) -> None:
        """Ask all commands to end; after GRACE they are killed."""
        if self._kills_at is None:
            self._signal(signal.SIGTERM)
            self._kills_at = monotonic() + GRACE

    def _signal(self, number: int) -> None:
        for process in self._processes:
            if not process.has_ended:
                process.signal(number)

    def _read(self, name: str, fd: int) -> bool:
        """Read some of the stream; False: nothing comes any more."""
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return True
        if data:
            self._take[name](data)
        return bool(data)

    def _read_rest(self, name: str, fd: int) -> None:
        """Read what the pipe has; a process that left the group may keep it open for ever."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(_LAST_READS):
                data = os.read(fd, _CHUNK)
                if not data:
                    return
                self._take[name](data)

    def _ended(self) -> Ended:
        errors = []
        for number, process in enumerate(self._processes):
            code = process.process.returncode
            if code:
                said = f"exit status {code}" if code > 0 else f"signal: {_name_of(-code)}"
                errors.append(f"Subcommand[{number}] returned an error: [{said}]")
        if self._timed_out:
            errors.append(f"timed out after {self._timeout:g} s")
        last = self._processes[-1].process.returncode
        return Ended(max(last, -1), tuple(errors), self._timed_out)


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)

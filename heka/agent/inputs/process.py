"""ProcessInput: what commands write, as messages.

A chain of commands is run each ``ticker_interval``, or kept running when that is 0. With
NullSplitter the output of a run is one message; with TokenSplitter each line is one. Lines of a
chain that is kept running are given as they come, everything else at the end of the run, with how
it ended. While a queue is full nothing is read, so a command that writes waits.
"""

from __future__ import annotations

import math
import os
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka._core import monotonic, pack
from heka._delivery.backoff import Backoff
from heka._runtime.reporter import Reporter
from heka.agent.inputs.commands import Command, Ended, NotStartedError, run_chain
from heka.agent.inputs.lines import LineReader
from heka.agent.options import REQUIRED, choice, option, tables_of
from heka.exceptions import ConfigError
from heka.framing import Block, BlockReader
from heka.message import MESSAGE_MAX, Message

if TYPE_CHECKING:
    from heka.agent.graph import Feed

__all__ = ["ProcessInput", "ProcessOptions"]

#: Variables of the agent's environment that a command gets by default.
_PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
_AGAIN: Final = 0.05  # seconds between two offers to a queue that is full
#: Bytes by which a header of a message may grow: varints of lengths.
_SPARE: Final = 16
_DAY: Final = 86_400


@dataclass(frozen=True)
class CommandOptions:
    """Options of ``[X.command.0]``."""

    bin: str = option(
        REQUIRED, "text", "The program: a path, or a name that is looked for in PATH."
    )
    args: tuple[str, ...] = option((), "names", "Its arguments; no shell reads them.")
    env: tuple[str, ...] | None = option(
        None, "names", "Its environment, all of it, as in ['PATH=/bin', 'LANG=C']."
    )
    directory: str = option("", "text", "Where it is started; else where the agent was.")

    def __post_init__(self) -> None:
        """Check the values; ConfigError, which shows none: they may be passwords."""
        if not self.bin:
            raise ConfigError("bin: expected a program, got ''")
        for key in ("bin", "args", "directory"):
            if "\0" in "".join(getattr(self, key)):
                raise ConfigError(f"{key}: expected text without NUL")
        for number, pair in enumerate(self.env or ()):
            if not pair.partition("=")[0] or "=" not in pair or "\0" in pair:
                raise ConfigError(f"env: expected NAME=VALUE, got something else as item {number}")

    def command(self, inherit: bool) -> Command:
        """Return the command; with *inherit* it gets all of the agent's environment."""
        if self.env is not None:
            environment = dict(pair.split("=", 1) for pair in self.env)
        else:
            names = os.environ if inherit else [name for name in _PASSED_ON if name in os.environ]
            environment = {name: os.environ[name] for name in names}
        return Command((self.bin, *self.args), environment, self.directory or None)


@dataclass(frozen=True)
class RestartOptions:
    """Options of ``[X.retries]``: when a chain that is kept running begins again."""

    max_delay: float = option(30.0, "seconds", "Longest time between the end and the next start.")
    delay: float = option(0.25, "seconds", "Longest time before the first start; it doubles.")
    max_jitter: float = option(0.5, "seconds", "No effect: every wait is drawn at random.")
    max_retries: int = option(
        -1,
        "integer",
        "Ends in a row, each within max_delay, that are followed by a start; -1: all.",
    )


@dataclass(frozen=True)
class ProcessOptions:
    """Options of ``ProcessInput``: hekad's, and limits."""

    command: dict[str, CommandOptions] = option(
        REQUIRED,
        tables_of(CommandOptions),
        "[X.command.0], [X.command.1] ...: the output of each is the input of the next.",
    )
    ticker_interval: float = option(
        15.0, "seconds", "Seconds from start to start; 0: keep running, and start again at the end."
    )
    immediate_start: bool = option(False, "boolean", "Run at once too, not after an interval only.")
    stdout: bool = option(True, "boolean", "Make messages of what the last command writes.")
    stderr: bool = option(False, "boolean", "Make messages of what it writes on standard error.")
    timeout: float | None = option(
        None,
        "seconds",
        "After this time the commands are ended, 0: never; by default after ticker_interval.",
        hekad=0.0,
    )
    splitter: str = option(
        "NullSplitter",
        choice("NullSplitter", "TokenSplitter"),
        "NullSplitter makes one message of the output of a run, TokenSplitter one of each line.",
    )
    delimiter: str = option("\n", "text", "What ends a line of TokenSplitter.")
    max_message_size: int = option(
        MESSAGE_MAX,
        "size",
        "Bytes of a line: a longer one is refused and counted. The output of a run is cut to what "
        "a message holds, 64 KiB at most.",
    )
    max_output: int = option(
        1 << 20,
        "size",
        "Bytes that are kept until the end of a run; further ones are thrown away and counted.",
    )
    inherit_env: bool = option(
        False,
        "boolean",
        "Commands without env get all of the agent's environment; else its "
        f"{', '.join(_PASSED_ON)}.",
        hekad=True,
    )
    retries: RestartOptions | None = option(
        None, RestartOptions, "With ticker_interval = 0: when the commands are started again."
    )

    def __post_init__(self) -> None:
        """Check what belongs together; ConfigError."""
        expected = [str(number) for number in range(len(self.command))]
        if not expected or sorted(self.command, key=lambda name: (len(name), name)) != expected:
            got = ", ".join(map(repr, self.command)) or "none"
            raise ConfigError(f"command: expected tables 0, 1 and so on without a gap, got {got}")
        if not (self.stdout or self.stderr):
            raise ConfigError("stdout: expected true, as stderr is false")
        if self.ticker_interval > _DAY * 366:
            raise ConfigError(f"ticker_interval: expected 0 to a year, got {self.ticker_interval}")
        if not self.delimiter:
            raise ConfigError("delimiter: expected at least one character, got ''")
        for name in ("max_message_size", "max_output"):
            if not 1 <= getattr(self, name) <= 1 << 30:
                raise ConfigError(f"{name}: expected 1 to 1 GiB, got {getattr(self, name)}")

    def commands(self) -> list[Command]:
        """Return the commands in their order."""
        numbers = range(len(self.command))
        return [self.command[str(number)].command(self.inherit_env) for number in numbers]

    def longest(self) -> float:
        """Return the seconds after which a run is ended; 0: never."""
        return self.ticker_interval if self.timeout is None else self.timeout


class ProcessInput:
    """Runs commands at intervals, or keeps them running, and makes messages of what they write."""

    Options: ClassVar[type] = ProcessOptions

    def __init__(self, name: str, options: ProcessOptions, feed: Feed) -> None:
        """Keep the arguments; starts nothing."""
        self.name = name
        self._options = options
        self._feed = feed
        self._streams = [each for each in ("stdout", "stderr") if getattr(options, each)]
        self._stopped = threading.Event()
        self._deadline = math.inf  # for what was read, once it is stopped
        self._thread: threading.Thread | None = None
        self._wake_in, self._wake_out = -1, -1
        self._counts = Counter(
            dict.fromkeys(("runs", "failed", "timed_out", "not_started", "cut", "cut_bytes"), 0)
        )
        self._refused: Counter[str] = Counter()
        self._reporter = Reporter()

    # ---- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; a command that cannot be started is counted and tried again, as it may come."""
        self._wake_in, self._wake_out = os.pipe()
        self._thread = threading.Thread(target=self._run, name=f"heka {self.name}", daemon=True)
        self._thread.start()

    def stop(self, deadline: float) -> None:
        """End the commands, then give what was read until *deadline*."""
        if self._thread is None:
            return
        self._deadline = deadline
        self._stopped.set()
        os.write(self._wake_out, b"x")
        self._thread.join(max(0.0, deadline - monotonic()))
        if not self._thread.is_alive():  # else its descriptors are still in use
            os.close(self._wake_in)
            os.close(self._wake_out)
            self._thread = None

    def account(self) -> Mapping[str, object]:
        """Return how runs ended, what was cut, and which lines were refused."""
        return {**self._counts, "refused": dict(self._refused)}

    def _run(self) -> None:
        if self._options.ticker_interval:
            self._run_at_intervals()
        else:
            self._keep_running()

    def _run_at_intervals(self) -> None:
        interval = self._options.ticker_interval
        due = monotonic() + (0.0 if self._options.immediate_start else interval)
        while not self._stopped.wait(max(0.0, due - monotonic())):
            self._run_once()
            missed = max(0.0, monotonic() - due) // interval
            due += (missed + 1) * interval

    def _keep_running(self) -> None:
        options = self._options.retries or RestartOptions()
        backoff = Backoff(options.max_delay, options.delay)
        while not self._stopped.is_set():
            began = monotonic()
            self._run_once()
            if monotonic() - began >= options.max_delay:
                backoff.succeed()
            if 0 <= options.max_retries <= backoff.failures:
                self._reporter.report(
                    f"{self.name}: its commands ended {backoff.failures + 1} times in a row; they "
                    "are not started again"
                )
                return
            self._stopped.wait(backoff.fail())

    # ---- one run ------------------------------------------------------------------------------

    def _run_once(self) -> None:
        """Run the chain to its end, and give its messages."""
        options = self._options
        streamed = options.ticker_interval == 0 and options.splitter == "TokenSplitter"
        kept = {name: bytearray() for name in self._streams}
        lost: Counter[str] = Counter()
        readers = {name: self._reader(name, {}) for name in self._streams if streamed}
        take = {
            name: partial(self._read_lines, readers[name])
            if streamed
            else partial(self._keep, kept[name], lost, name)
            for name in self._streams
        }
        try:
            ended = run_chain(options.commands(), take, self._wake_in, options.longest())
        except NotStartedError as failure:
            self._counts["not_started"] += 1
            self._reporter.report(f"{self.name}: {failure}")
            return
        finally:
            for reader in readers.values():
                self._end_lines(reader)
        self._counts["runs"] += 1
        self._counts["failed"] += bool(ended.errors)
        self._counts["timed_out"] += ended.timed_out
        for name, output in kept.items():
            self._give_output(name, bytes(output), ended, lost[name])

    def _keep(self, kept: bytearray, lost: Counter[str], name: str, data: bytes) -> None:
        room = self._options.max_output - len(kept)
        kept += data[:room]
        lost[name] += max(0, len(data) - room)

    def _give_output(self, name: str, output: bytes, ended: Ended, lost: int) -> None:
        """Give the messages of what was written to the stream *name* in one run."""
        fields: dict[str, Any] = {"ExitStatus": ended.exit_status}
        if ended.errors:
            fields["SubcmdErrors"] = "\n".join(ended.errors)
        if self._options.splitter == "TokenSplitter":
            self._count_cut(lost)
            reader = self._reader(name, fields)
            self._read_lines(reader, output)
            self._end_lines(reader)
        elif output:
            self._give(self._whole(name, output, fields, lost))

    def _whole(self, name: str, output: bytes, fields: Mapping[str, Any], lost: int) -> Block:
        """Return one message with *output*, or with as much of it as a message holds."""
        head = self._head(name, {**fields, "heka.truncated": len(output) + lost})
        room = MESSAGE_MAX - len(Message(**head).encode()) - _SPARE
        text = output.decode("utf-8", "replace")
        wire = text.encode()
        most = min(room, self._options.max_message_size)
        if lost or len(wire) > most:
            self._count_cut(lost + max(0, len(wire) - most))
            wire = wire[:most]
        else:
            head = self._head(name, fields)
        frame = pack(**head, payload=wire.decode("utf-8", "ignore"))
        [block] = BlockReader().feed(frame)
        return block

    def _count_cut(self, size: int) -> None:
        if size:
            self._counts["cut"] += 1
            self._counts["cut_bytes"] += size

    # ---- lines --------------------------------------------------------------------------------

    def _reader(self, name: str, fields: Mapping[str, Any]) -> LineReader:
        return LineReader(
            self.name,
            self._feed.world.hostname,
            delimiter=self._options.delimiter.encode(),
            longest=min(self._options.max_message_size, MESSAGE_MAX),
            head=self._head(name, fields),
        )

    def _head(self, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "type": "ProcessInput",
            "logger": self.name,
            "hostname": self._feed.world.hostname,
            "pid": os.getpid(),
            "fields": {"ProcessInputName": f"{self.name}.{name}", **fields},
        }

    def _read_lines(self, reader: LineReader, data: bytes) -> None:
        for block in reader.feed(data):
            self._give(block)

    def _end_lines(self, reader: LineReader) -> None:
        """The end of the output ends its last line."""
        self._read_lines(reader, self._options.delimiter.encode())
        self._refused.update(reader.refused)

    def _give(self, block: Block) -> None:
        """Offer *block*, and wait while a queue is full; once stopped, until the deadline."""
        feed = self._feed
        if feed.offer(block):
            return
        while not feed.retry():
            if self._stopped.wait(_AGAIN):
                feed.retry_until(self._deadline)
                return

"""The agent: builds the sections of a plan, runs them, replaces those that a new plan changes.

The thread that calls ``run`` does all of that; signals and the control socket only ask it to. An
input that cannot be opened, or an output whose queue cannot, is an error at the start; after it,
only the report says what fails.
"""

from __future__ import annotations

import math
import os
import queue
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from heka._core import lock_file, monotonic, unlock_file
from heka._delivery.spool import holder_of
from heka._receiving.control import Control, Reply
from heka.agent.config import Changes, Plan, Section, compare
from heka.agent.decoding import Decoding, decoder_of
from heka.agent.graph import Consumer, Feed, Graph
from heka.agent.intake import Intake
from heka.agent.notify import notify, watchdog_interval
from heka.agent.registry import plugin_class
from heka.agent.report import report_block, status_of
from heka.agent.running import (
    STOPPING,
    Running,
    RunningFilter,
    RunningInput,
    RunningOutput,
    attempt,
)
from heka.agent.world import World
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka.agent.plugin import Encoder
    from heka.framing import Block

__all__ = ["Agent"]

#: Seconds between two looks of the main thread at what is due, at most.
_LOOK: Final = 1.0


_R = TypeVar("_R", bound=Running)


class _Swap:
    """A reload that is under way.

    Attributes:
        plan: That ran before.
        before: The sections that ran before.
        begin, end: Names of those that begin and of those that end; a changed one does both.
        made: Those that begin.
        closed: Outputs of before whose queue was closed.
        stopped, started: Inputs that were.
    """

    def __init__(self, plan: Plan, before: dict[str, Running], changes: Changes) -> None:
        self.plan = plan
        self.before = before
        self.begin = {*changes.new, *changes.changed}
        self.end = {*changes.gone, *changes.changed}
        self.made: dict[str, Running] = {}
        self.closed: dict[str, RunningOutput] = {}
        self.stopped: list[RunningInput] = []
        self.started: list[RunningInput] = []

    def new(self, kind: type[_R]) -> dict[str, _R]:
        """Return the sections of *kind* that begin."""
        return {name: item for name, item in self.made.items() if isinstance(item, kind)}

    def old(self, kind: type[_R]) -> dict[str, _R]:
        """Return the sections of *kind* that end."""
        return {
            name: item
            for name, item in self.before.items()
            if name in self.end and isinstance(item, kind)
        }


class Agent:
    """One agent; ``start`` and ``run`` are called by the main thread.

    Attributes:
        plan: The plan that runs.
        exit_code: Of the process, once ``run`` has returned.
    """

    def __init__(
        self, plan: Plan, load: Callable[[], Plan], say: Callable[[str], object] = print
    ) -> None:
        """Prepare to run *plan*.

        Args:
            plan: What to run.
            load: Reads the configuration again, for a reload; raises ConfigError.
            say: Gets each line that is meant for people.
        """
        self.plan = plan
        self.exit_code = 0
        self.graph = Graph()
        self.started_at = time.time()
        self._load = load
        self._say = say
        self._intake = Intake()
        self._running: dict[str, Running] = {}
        self._tasks: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._stopping = False
        self._reload_asked = False
        self._control: Control | None = None
        self._lock: int | None = None
        self._world = World(plan.settings.hostname, plan.settings.base_dir, self._find, say)
        self._feed = Feed(self.graph, "agent", self._world)
        self._reports_due = math.inf
        self._reports_left_out = 0  # while a queue that gets them was full
        self._pid_file = ""  # that was written
        self._retired: list[Consumer] = []  # of outputs that are gone

    # ---- the main thread ----------------------------------------------------------------------

    def start(self) -> None:
        """Open everything, and begin; ConfigError when something cannot be opened."""
        settings = self.plan.settings
        self._lock = _lock_directory(settings.base_dir)
        self._intake.start()
        try:
            self._begin(self._build(self.plan.sections))
            if settings.control:
                self._control = self._intake.call(self._open_control)
                self.graph.copy = self._copy
            self._write_pid(settings.pid_file)
        except BaseException:
            self._end(monotonic() + STOPPING)
            raise
        if settings.report_interval:
            self._reports_due = monotonic() + settings.report_interval

    def _write_pid(self, path: str) -> None:
        if not path:
            return
        try:
            with open(path, "w", encoding="ascii") as file:
                file.write(f"{os.getpid()}\n")
        except OSError as failure:
            raise ConfigError(f"pid_file: cannot write {path!r}: {failure.strerror}") from failure
        self._pid_file = path

    def run(self) -> int:
        """Do what signals and requests ask for until one of them ends the agent.

        Returns:
            The exit code.
        """
        beat = watchdog_interval()
        with self._signals():
            notify("READY=1", f"STATUS={len(self._running)} sections")
            while not self._stopping:
                with suppress(queue.Empty):
                    self._tasks.get(timeout=min(_LOOK, beat or _LOOK))()
                if beat is not None:
                    notify("WATCHDOG=1")
                self._look()
            notify("STOPPING=1")
        self._end(monotonic() + self.plan.settings.stop_timeout)
        return self.exit_code

    def _look(self) -> None:
        """Send the report when it is due; stop when a full queue asks for it."""
        if monotonic() >= self._reports_due:
            self._reports_due = monotonic() + self.plan.settings.report_interval
            if self._feed.retry():
                self._feed.offer(report_block(self.status()))
            else:
                self._reports_left_out += 1
        for running in self._running.values():
            if isinstance(running, RunningOutput) and running.wants_shutdown:
                self._say(f"{running.section.name}: its queue is full: full_action is shutdown")
                self.exit_code = 1
                self._stopping = True

    def stop(self) -> None:
        """Ask ``run`` to end; any thread or signal handler may call this."""
        self._tasks.put(self._stop)

    def _stop(self) -> None:
        self._stopping = True

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT, reload on SIGHUP, within the block."""

        def on_stop(number: int, frame: FrameType | None) -> None:
            self._tasks.put(self._stop)

        def on_reload(number: int, frame: FrameType | None) -> None:
            if not self._reload_asked:  # one that has not begun yet reads the newest file
                self._reload_asked = True
                self._tasks.put(self._reload_by_signal)

        handlers = {signal.SIGTERM: on_stop, signal.SIGINT: on_stop, signal.SIGHUP: on_reload}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    # ---- building, starting, stopping ----------------------------------------------------------

    def _find(self, name: str) -> Any:
        running = self._running.get(name)
        return None if running is None else running.plugin

    def _build(self, sections: Iterable[Section]) -> dict[str, Running]:
        """Make the plugins of *sections*; nothing is opened."""
        made: dict[str, Running] = {}
        for section in sections:
            if section.kind == "input":
                made[section.name] = self._input(section)
            elif section.kind == "filter":
                made[section.name] = RunningFilter(section, self.graph, self._world)
            elif section.kind == "output":
                encoder = self._encoder_of(section)
                base_dir = self.plan.settings.base_dir
                made[section.name] = RunningOutput(section, encoder, base_dir)
        return made

    def _input(self, section: Section) -> RunningInput:
        made = RunningInput(section, self.graph, self._world, self._intake)
        if section.decoder:
            decoder = decoder_of(section.decoder, self.plan.sections, self._world, attempt)
            if decoder is not None:
                made.feed.decoding = Decoding(section, decoder, self._say)
        return made

    def _encoder_of(self, section: Section) -> Encoder | None:
        """Return the encoder that *section* names: another section, or a type without options."""
        name = section.encoder
        if not name:
            return None
        for other in self.plan.sections:
            if other.kind == "encoder" and other.name == name:
                make = partial(other.plugin, name, other.options)
                named: Encoder = attempt(other, "be made", make)
                return named
        found = plugin_class(name)
        encoder: Encoder = found(name, found.Options())
        return encoder

    def _begin(self, made: dict[str, Running]) -> None:
        """Open and start *made*: outputs, filters, then inputs."""
        self._running.update(made)
        for running in made.values():
            if isinstance(running, RunningOutput):
                running.open()
        self._route()
        for kind in (RunningOutput, RunningFilter, RunningInput):
            for running in made.values():
                if isinstance(running, kind):
                    running.start()

    def _route(self) -> None:
        running = self._running.values()
        self.graph.replace(
            item.consumer for item in running if isinstance(item, (RunningFilter, RunningOutput))
        )

    def _end(self, deadline: float) -> None:
        """Stop inputs and filters, deliver until *deadline*, and close everything."""
        running = list(self._running.values())
        inputs = [item for item in running if isinstance(item, RunningInput)]
        filters = [item for item in running if isinstance(item, RunningFilter)]
        first: list[RunningInput | RunningFilter] = [
            *sorted(inputs, key=lambda item: item.stops_last),
            *filters,
        ]
        for item in first:
            self._safely(item, partial(item.stop, deadline))
        outputs = [item for item in running if isinstance(item, RunningOutput)]
        for output in outputs:
            output.flush(deadline)
        self.graph.close()
        last = max(deadline, monotonic() + STOPPING)
        for output in outputs:
            self._safely(output, partial(self._close, output, last))
        if self._control is not None:
            with suppress(TimeoutError):  # its thread is a daemon, and ends with the process
                self._intake.call(self._control.close)
        self._intake.stop(last)
        if self._pid_file:
            with suppress(OSError):
                os.unlink(self._pid_file)
        if self._lock is not None:
            unlock_file(self._lock)
            self._lock = None

    def _close(self, output: RunningOutput, deadline: float) -> bool:
        """Close the queue of *output*; False: its destination does not let the thread end."""
        name = output.section.name
        if not output.stop(deadline):
            self._say(f"{name}: its destination does not let go; what waits stays in its queue")
            return False
        waiting = output.close()
        if waiting:
            self._say(f"{name}: {waiting} messages stay in its queue on disk")
        return True

    def addresses(self) -> list[tuple[str, str]]:
        """Return (section, address) for each socket on which an input listens."""
        return [
            (name, address)
            for name, running in self._running.items()
            for address in getattr(running.plugin, "addresses", ())
        ]

    def _safely(self, running: Running, call: Callable[[], object]) -> None:
        try:
            call()
        except ConfigError as failure:
            self._say(str(failure))
        except Exception as failure:  # a plugin must not keep the others from going on or ending
            self._say(f"{running.section.name} raised {failure!r}")

    # ---- reload --------------------------------------------------------------------------------

    def _reload_by_signal(self) -> None:
        self._reload_asked = False
        try:
            self.reload()
        except ConfigError as failure:
            self._say(f"reload: nothing was changed: {failure}")

    def reload(self) -> Changes:
        """Read the configuration again, and replace the sections that it changes.

        Raises:
            ConfigError: The configuration is wrong, or what it names cannot be opened; what ran
                before goes on.
        """
        notify("RELOADING=1")
        try:
            new = self._load()
            changes = compare(self.plan, new)
            self._check_fixed(new)
            self._replace(new, changes)
        finally:
            notify("READY=1", f"STATUS={len(self._running)} sections")
        for name in (*changes.new, *changes.gone, *changes.changed):
            kind = "new" if name in changes.new else "gone" if name in changes.gone else "changed"
            self._say(f"reload: {name}: {kind}")
        if changes.is_empty:
            self._say("reload: nothing has changed")
        return changes

    def _check_fixed(self, new: Plan) -> None:
        """Refuse a change of what only a new process can change."""
        for name in ("base_dir", "control", "pid_file"):
            before, after = getattr(self.plan.settings, name), getattr(new.settings, name)
            if before != after:
                raise ConfigError(
                    f"{name}: {after!r} instead of {before!r} needs a restart of the agent"
                )

    def _replace(self, new: Plan, changes: Changes) -> None:
        """Go from the plan that runs to *new*; when something cannot be opened, back again.

        Plugins are made before anything is stopped. An output keeps its queue open, unless the
        settings of the queue change: then its feeds are paused until it is open again.
        """
        swap = _Swap(self.plan, dict(self._running), changes)
        self.plan = new
        try:
            swap.made = self._build(
                section for section in new.sections if section.name in swap.begin
            )
            self._open_outputs(swap)
            self._open_inputs(swap)
        except ConfigError:
            self._go_back(swap)
            raise
        deadline = monotonic() + STOPPING
        for name, output in swap.old(RunningOutput).items():
            if isinstance(swap.made.get(name), RunningOutput):
                self._safely(output, partial(output.stop, deadline))
        for name, output in swap.new(RunningOutput).items():
            former = swap.before.get(name)
            if isinstance(former, RunningOutput):
                output.succeed(former)
        self._route()
        for name, output in swap.new(RunningOutput).items():
            former = swap.before.get(name)
            if isinstance(former, RunningOutput):
                self._safely(output, partial(output.start_after, former))
            else:
                self._safely(output, output.start)
        for one in swap.new(RunningFilter).values():
            self._safely(one, one.start)
        for name, output in swap.old(RunningOutput).items():
            if not isinstance(swap.made.get(name), RunningOutput):
                output.consumer.retire()
                self._retired.append(output.consumer)
                self._safely(output, partial(self._close, output, deadline))
        for old in swap.old(RunningFilter).values():
            self._safely(old, partial(old.stop, deadline))

    def _open_outputs(self, swap: _Swap) -> None:
        """Open the queues of outputs that are new, and of those whose queue has other settings."""
        for name, output in swap.new(RunningOutput).items():
            former = swap.before.get(name)
            if isinstance(former, RunningOutput):
                if former.section.queue == output.section.queue:
                    continue
                swap.closed[name] = former
                if not former.stop(monotonic() + STOPPING):
                    raise ConfigError(
                        f"{output.section.place}: {name}: cannot change its queue while its "
                        "destination does not let go; reload again later"
                    )
                waiting = former.close()
                if waiting and former.directory != output.directory:
                    self._say(f"{name}: {waiting} messages stay in {former.directory}")
            output.open()

    def _open_inputs(self, swap: _Swap) -> None:
        """Stop the inputs that end, and start those that begin."""
        deadline = monotonic() + STOPPING
        for old in sorted(swap.old(RunningInput).values(), key=lambda item: item.stops_last):
            swap.stopped.append(old)
            self._safely(old, partial(old.stop, deadline))
        kept = {name: item for name, item in swap.before.items() if name not in swap.end}
        self._running = kept | swap.made
        for running in swap.new(RunningInput).values():
            swap.started.append(running)
            running.start()

    def _go_back(self, swap: _Swap) -> None:
        """Undo a reload that failed: close what it has opened, open again what it has closed."""
        deadline = monotonic() + STOPPING
        self.plan = swap.plan
        for running in swap.started:
            self._safely(running, partial(running.stop, deadline))
        for output in swap.new(RunningOutput).values():
            output.close()
        self._running = swap.before
        for former in swap.closed.values():
            if former.queue is None:
                self._safely(former, former.open)
            self._safely(former, former.start)
        for old in swap.stopped:
            again = RunningInput(old.section, self.graph, self._world, self._intake)
            self._running = self._running | {old.section.name: again}
            self._safely(again, again.start)

    # ---- the control socket --------------------------------------------------------------------

    def _open_control(self) -> Control:
        requests = {
            "status": self._on_status,
            "reload": self._on_reload,
            "stop": self._on_stop,
        }
        try:
            return Control(self._intake, self.plan.settings.control or "", requests)
        except OSError as failure:
            reason = failure.strerror or failure
            raise ConfigError(
                f"control: cannot listen on {self.plan.settings.control!r}: {reason}"
            ) from failure

    def _copy(self, block: Block) -> None:
        """Give *block* to those who tap; any thread."""
        control = self._control
        if control is not None and control.has_taps:
            self._intake.soon(lambda: control.copy(block))

    def status(self) -> dict[str, object]:
        """Return what every section has done, for people and for reports."""
        return status_of(self.plan.settings.hostname, self.started_at, self._running)

    def _on_status(self, request: Mapping[str, Any], reply: Reply) -> None:
        more = {
            "reports_left_out": self._reports_left_out,
            "dropped_for_gone_outputs": sum(one.retired for one in self._retired),
        }
        reply({"ok": True, **more, **self.status()})

    def _on_stop(self, request: Mapping[str, Any], reply: Reply) -> None:
        reply({"ok": True})
        self._tasks.put(self._stop)

    def _on_reload(self, request: Mapping[str, Any], reply: Reply) -> None:
        def reload() -> None:
            try:
                changes = self.reload()
                answer: dict[str, object] = {"ok": True, **changes.names()}
            except ConfigError as failure:
                answer = {"ok": False, "error": str(failure)}
            self._intake.soon(lambda: reply(answer))

        self._tasks.put(reload)


def _lock_directory(base_dir: str) -> int:
    """Make *base_dir* if it is missing, and hold it; ConfigError when another agent does."""
    path = os.path.join(base_dir, "lock")
    try:
        os.makedirs(base_dir, 0o700, exist_ok=True)
        return lock_file(path)
    except BlockingIOError as failure:
        pid = holder_of(base_dir)
        raise ConfigError(
            f"base_dir: {base_dir!r} is in use by another agent (pid {pid}); stop that one, or "
            "give this one a directory of its own"
        ) from failure
    except OSError as failure:
        raise ConfigError(
            f"base_dir: cannot use {base_dir!r} ({failure.strerror}); give a directory that the "
            "agent can write to"
        ) from failure

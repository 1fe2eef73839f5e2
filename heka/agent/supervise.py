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
from typing import TYPE_CHECKING, Any, Final

from heka._core import lock_file, monotonic, unlock_file
from heka._delivery.spool import holder_of
from heka._receiving.control import Control, Reply
from heka._runtime.reporter import Reporter
from heka.agent.config import Changes, Plan, Section, compare
from heka.agent.graph import Feed, Graph
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
)
from heka.agent.world import World
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka.agent.plugin import Encoder
    from heka.framing import Block

__all__ = ["Agent"]

#: Seconds between two looks of the main thread at what is due, at most.
_LOOK: Final = 1.0


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
        self._world = World(plan.settings.hostname, plan.settings.base_dir, self._find)
        self._feed = Feed(self.graph, "agent", self._world)
        self._reports_due = math.inf
        self._reporter = Reporter()

    # ---- the main thread ----------------------------------------------------------------------

    def start(self) -> None:
        """Open everything, and begin; ConfigError when something cannot be opened."""
        settings = self.plan.settings
        self._lock = _lock_directory(settings.base_dir)
        self._intake.start()
        try:
            self._begin(self._build(self.plan.sections, {}))
            if settings.control:
                self._control = self._intake.call(self._open_control)
                self.graph.copy = self._copy
        except BaseException:
            self._end(monotonic() + STOPPING)
            raise
        if settings.report_interval:
            self._reports_due = monotonic() + settings.report_interval

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
        for running in self._running.values():
            if isinstance(running, RunningOutput) and running.queue.wants_shutdown:
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

    def _build(self, sections: Iterable[Section], queues: Mapping[str, Any]) -> dict[str, Running]:
        """Make the plugins of *sections*; what was opened is closed again when one fails."""
        made: dict[str, Running] = {}
        try:
            for section in sections:
                if section.kind == "input":
                    made[section.name] = RunningInput(
                        section, self.graph, self._world, self._intake
                    )
                elif section.kind == "filter":
                    made[section.name] = RunningFilter(section, self.graph, self._world)
                elif section.kind == "output":
                    made[section.name] = RunningOutput(
                        section,
                        self._encoder_of(section),
                        self.plan.settings.base_dir,
                        queues.get(section.name),
                    )
        except BaseException:
            for running in made.values():
                if isinstance(running, RunningOutput) and running.section.name not in queues:
                    running.close()
            raise
        return made

    def _encoder_of(self, section: Section) -> Encoder | None:
        """Return the encoder that *section* names: another section, or a type without options."""
        name = section.encoder
        if not name:
            return None
        for other in self.plan.sections:
            if other.kind == "encoder" and other.name == name:
                return other.plugin(name, other.options)  # type: ignore[no-any-return]
        found = plugin_class(name)
        return found(name, found.Options())  # type: ignore[no-any-return]

    def _begin(self, made: dict[str, Running]) -> None:
        """Start *made*: outputs, filters, then inputs."""
        self._running.update(made)
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
            output.queue.ring.flush(max(0.0, deadline - monotonic()))
        self.graph.close()
        last = max(deadline, monotonic() + STOPPING)
        for output in outputs:
            self._safely(output, partial(self._close, output, last))
        if self._control is not None:
            self._intake.call(self._control.close)
        self._intake.stop(last)
        if self._lock is not None:
            unlock_file(self._lock)
            self._lock = None

    def _close(self, output: RunningOutput, deadline: float) -> None:
        """Close the queue of *output*, unless its destination does not let the thread end."""
        ended = output.stop(deadline)
        waiting = output.queue.account()["waiting"]
        if waiting:
            self._say(f"{output.section.name}: {waiting} messages stay in its queue on disk")
        if ended:
            output.close()

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
        except Exception as failure:  # a plugin must not keep the others from ending
            self._reporter.report(f"{running.section.name} raised {failure!r} when it was stopped")

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
        for name in ("base_dir", "control"):
            before, after = getattr(self.plan.settings, name), getattr(new.settings, name)
            if before != after:
                raise ConfigError(
                    f"{name}: {after!r} instead of {before!r} needs a restart of the agent"
                )

    def _replace(self, new: Plan, changes: Changes) -> None:
        """Go from the plan that runs to *new*; when something cannot be opened, back again."""
        old_plan, self.plan = self.plan, new
        before = dict(self._running)
        begin = {*changes.new, *changes.changed}
        end = {*changes.gone, *changes.changed}
        queues = {
            name: running.queue
            for name, running in before.items()
            if name in changes.changed and isinstance(running, RunningOutput)
        }
        try:
            made = self._build([s for s in new.sections if s.name in begin], queues)
        except BaseException:
            self.plan = old_plan
            raise
        deadline = monotonic() + STOPPING
        for name in end:
            if isinstance(before[name], RunningInput):
                before[name].stop(deadline)
        started: list[Running] = []
        try:
            self._running = {name: item for name, item in before.items() if name not in end} | made
            for running in made.values():
                if isinstance(running, RunningInput):
                    running.start()
                    started.append(running)
        except ConfigError:
            self._go_back(old_plan, before, end, made, queues, started)
            raise
        for name in end:
            if isinstance(before[name], RunningOutput):
                before[name].stop(deadline)
        self._route()
        for running in made.values():
            if not isinstance(running, RunningInput):
                running.start()
        for name in end:
            item = before[name]
            if isinstance(item, RunningFilter):
                item.stop(deadline)
            elif isinstance(item, RunningOutput) and name not in queues:
                item.retire()

    def _go_back(
        self,
        plan: Plan,
        before: dict[str, Running],
        end: set[str],
        made: dict[str, Running],
        queues: Mapping[str, Any],
        started: list[Running],
    ) -> None:
        """Undo a reload that failed when its inputs were opened: open the old ones again."""
        deadline = monotonic() + STOPPING
        for running in started:
            running.stop(deadline)
        for name, running in made.items():
            if isinstance(running, RunningOutput) and name not in queues:
                running.close()
        self.plan = plan
        self._running = before
        for name in end:
            old = before[name]
            if isinstance(old, RunningInput):
                again = RunningInput(old.section, self.graph, self._world, self._intake)
                self._running[name] = again
                again.start()

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
        reply({"ok": True, **self.status()})

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

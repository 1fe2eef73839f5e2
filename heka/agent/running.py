"""The running sections: a plugin with its feed, its consumer, its queue and its thread.

Builds, starts, stops and accounts for single sections; which of them there are is decided in
``supervise.py``.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heka._net.options import QueueOptions
from heka.agent.delivering import Delivery
from heka.agent.graph import Consumer, Feed, Graph
from heka.agent.outputs.blocks import BlockOutlet
from heka.agent.queues import OutputQueue, QueueSettings
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka.agent.config import Section
    from heka.agent.intake import Intake
    from heka.agent.plugin import Encoder
from heka.agent.world import World

__all__ = ["STOPPING", "Running", "RunningFilter", "RunningInput", "RunningOutput", "cannot"]

#: Seconds that the end of one section may take when others go on.
STOPPING = 2.0


def cannot(section: Section, what: str, failure: Exception) -> ConfigError:
    """Return the error that *section* cannot *what*, with its place."""
    reason = getattr(failure, "strerror", None) or failure
    return ConfigError(f"{section.place}: {section.name}: cannot {what}: {reason}")


class RunningInput:
    """An input and its feed."""

    def __init__(self, section: Section, graph: Graph, world: World, intake: Intake) -> None:
        """Make the plugin; nothing is opened."""
        self.section = section
        self.feed = Feed(graph, section.name, world)
        self.plugin: Any = section.plugin(section.name, section.options, self.feed)
        #: Whether other inputs feed it: it is stopped after them.
        self.stops_last: bool = getattr(self.plugin, "STOPS_LAST", False)
        self._intake = intake
        self._is_read = False

    def start(self) -> None:
        """Open and read; ConfigError with the section when it cannot."""
        try:
            self.plugin.start()
        except OSError as failure:
            raise cannot(self.section, "start", failure) from failure
        if hasattr(self.plugin, "fileno"):
            self._intake.add(self.plugin)
            self._is_read = True

    def stop(self, deadline: float) -> None:
        """Read no more; give what was read until *deadline*."""
        if self._is_read:
            self._intake.remove(self.plugin)
            self._is_read = False
        self.plugin.stop(deadline)

    def account(self) -> dict[str, object]:
        """Return its counts."""
        return {**self.feed.account(), **self.plugin.account()}


class RunningFilter:
    """A filter, its feed and its consumer."""

    def __init__(self, section: Section, graph: Graph, world: World) -> None:
        """Make the plugin."""
        self.section = section
        self.feed = Feed(graph, section.name, world)
        self.plugin: Any = section.plugin(section.name, section.options, self.feed)
        self.consumer = _consumer(section, self.plugin.accept)

    def start(self) -> None:
        """Begin; ConfigError with the section when it cannot."""
        try:
            self.plugin.start()
        except OSError as failure:
            raise cannot(self.section, "start", failure) from failure

    def stop(self, deadline: float) -> None:
        """Give what is left until *deadline*."""
        self.plugin.stop(deadline)

    def account(self) -> dict[str, object]:
        """Return its counts; ``in`` are the messages that it has made."""
        return {
            "matched": self.consumer.matched,
            **self.feed.account(),
            **self.plugin.account(),
        }


class RunningOutput:
    """An output, its consumer, its queue and the thread that drains it."""

    def __init__(
        self,
        section: Section,
        encoder: Encoder | None,
        base_dir: str,
        queue: OutputQueue | None = None,
    ) -> None:
        """Make the plugin and open the queue.

        Args:
            section: Of the output.
            encoder: What it writes; None: frames as they are.
            base_dir: Of the agent; the queue is below it.
            queue: The open queue of the section as it was before a reload; None: it is opened.

        Raises:
            ConfigError: An option is wrong, or the queue cannot be opened.
        """
        self.section = section
        self.plugin: Any = section.plugin(section.name, section.options, encoder)
        outlet = self.plugin.outlet()
        settings = section.queue or QueueSettings()
        try:
            self.queue = queue or OutputQueue(
                section.name, os.path.join(base_dir, "queues", section.name), settings
            )
        except OSError as failure:
            raise cannot(section, "open its queue", failure) from failure
        if isinstance(outlet, BlockOutlet):
            outlet.queue = self.queue
        self.consumer = _consumer(section, self.queue.offer, self.queue.wait_for_room)
        self._delivery = Delivery(section.name, self.queue, outlet, self._drain_options())
        self._is_started = False

    def _drain_options(self) -> QueueOptions:
        address = getattr(self.plugin, "address", None)
        options = getattr(address, "queue", None) or QueueOptions()
        retries = self.section.retries
        if retries is not None:
            options = dataclasses.replace(options, backoff_max=retries.max_delay)
        return options

    def start(self) -> None:
        """Start to drain."""
        self._delivery.start()
        self._is_started = True

    def stop(self, deadline: float) -> bool:
        """Stop to drain; the queue stays open. False: the thread has not ended at *deadline*."""
        if self._is_started:
            self._is_started = not self._delivery.stop(deadline)
        return not self._is_started

    def retire(self) -> None:
        """Close the queue of a section that is gone; what a paused feed still has is dropped."""
        self.consumer.retire()
        self.close()

    def close(self) -> None:
        """Close the queue; what waits stays on disk."""
        self.queue.close()

    def account(self) -> dict[str, object]:
        """Return its counts and those of its queue."""
        return {
            "matched": self.consumer.matched,
            **self.queue.account(),
            **self._delivery.account(),
        }


def _consumer(
    section: Section, accept: Callable[..., bool], wait: Callable[[float], object] | None = None
) -> Consumer:
    assert section.matcher is not None
    return Consumer(section.name, section.matcher, accept, signer=section.signer, wait=wait)


Running = RunningInput | RunningFilter | RunningOutput

"""The running sections: a plugin with its feed, its consumer, its queue and its thread.

Builds, starts, stops and accounts for single sections; which of them there are is decided in
``supervise.py``.
"""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from heka._core import monotonic
from heka._net.options import QueueOptions
from heka.agent.delivering import Delivery
from heka.agent.graph import Consumer, Feed, Graph
from heka.agent.outputs.blocks import BlockOutlet
from heka.agent.outputs.signing import OwnSigner
from heka.agent.queues import OutputQueue, QueueSettings
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka._delivery.outlets import Outlet
    from heka.agent.config import Section
    from heka.agent.intake import Intake
    from heka.agent.plugin import Encoder
    from heka.agent.world import World
    from heka.framing import Block

__all__ = ["STOPPING", "Running", "RunningFilter", "RunningInput", "RunningOutput", "attempt"]

_T = TypeVar("_T")
#: Seconds that the end of one section may take when others go on.
STOPPING = 2.0


def attempt(section: Section, what: str, call: Callable[[], _T]) -> _T:
    """Return what *call* returns; ConfigError that *section* cannot *what* when it raises.

    A plugin may be anybody's: whatever it raises must not end the agent.
    """
    try:
        return call()
    except Exception as failure:
        raise ConfigError(
            f"{section.place}: {section.name}: cannot {what}: {_reason(failure)}"
        ) from failure


def _reason(failure: Exception) -> str:
    if isinstance(failure, OSError) and failure.strerror:
        return failure.strerror + (f": {failure.filename!r}" if failure.filename else "")
    return str(failure) if isinstance(failure, ConfigError) else repr(failure)


class RunningInput:
    """An input and its feed."""

    def __init__(self, section: Section, graph: Graph, world: World, intake: Intake) -> None:
        """Make the plugin; nothing is opened."""
        self.section = section
        self.feed = Feed(graph, section.name, world)
        self.plugin: Any = attempt(
            section, "be made", lambda: section.plugin(section.name, section.options, self.feed)
        )
        #: Whether other inputs feed it: it is stopped after them.
        self.stops_last: bool = getattr(self.plugin, "STOPS_LAST", False)
        self._intake = intake
        self._is_read = False

    def start(self) -> None:
        """Open and read; ConfigError with the section when it cannot."""
        attempt(self.section, "start", self.plugin.start)
        if hasattr(self.plugin, "fileno"):
            attempt(self.section, "be read", lambda: self._intake.add(self.plugin))
            self._is_read = True

    def stop(self, deadline: float) -> None:
        """Read no more; give what was read until *deadline*."""
        if self._is_read:
            self._intake.remove(self.plugin)
            self._is_read = False
        self.plugin.stop(deadline)
        self.feed.finish(deadline)

    def account(self) -> dict[str, object]:
        """Return its counts."""
        return {**self.feed.account(), **self.plugin.account()}


class RunningFilter:
    """A filter, its feed and its consumer."""

    def __init__(self, section: Section, graph: Graph, world: World) -> None:
        """Make the plugin."""
        self.section = section
        self.feed = Feed(graph, section.name, world)
        self.plugin: Any = attempt(
            section, "be made", lambda: section.plugin(section.name, section.options, self.feed)
        )
        self.consumer = _consumer(section, self._accept)

    def _accept(self, block: Block) -> bool:
        try:
            return bool(self.plugin.accept(block))
        except Exception as failure:  # the input that offers it has to go on
            self.feed.fail(failure, len(block))
            return True

    def start(self) -> None:
        """Begin; ConfigError with the section when it cannot."""
        attempt(self.section, "start", self.plugin.start)

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
    """An output, its consumer, its queue and the thread that drains it.

    Attributes:
        queue: None while it is not open: messages for it wait in the feeds, which are paused.
    """

    def __init__(self, section: Section, encoder: Encoder | None, base_dir: str) -> None:
        """Make the plugin and its outlet; nothing is opened.

        Args:
            section: Of the output.
            encoder: What it writes; None: frames as they are.
            base_dir: Of the agent; the queue is below it.

        Raises:
            ConfigError: An option is wrong.
        """
        self.section = section
        self.plugin: Any = attempt(
            section, "be made", lambda: section.plugin(section.name, section.options, encoder)
        )
        self.queue: OutputQueue | None = None
        self.consumer = _consumer(section, self._offer, self._wait)
        self._outlet: Outlet | None = attempt(section, "be made", self.plugin.outlet)
        given = "" if section.queue is None else section.queue.directory
        #: Of its queue.
        self.directory = os.path.abspath(given or os.path.join(base_dir, "queues", section.name))
        signer = section.own_signer
        self._signer = None if signer is None else OwnSigner(signer)
        self._successor: RunningOutput | None = None
        self._delivery: Delivery | None = None
        # Held while a block is offered, so that no block gets into a queue that is being closed.
        self._lock = threading.Lock()

    # ---- what the graph calls -----------------------------------------------------------------

    def _offer(self, block: Block) -> bool:
        with self._lock:
            if self._successor is None:
                if self.queue is None:
                    return False
                if self._signer is not None:
                    return self._signer.offer(block, self.queue.offer)
                return self.queue.offer(block)
        return self._successor._offer(block)  # it was offered before a reload, and waited

    def _wait(self, seconds: float) -> None:
        queue = self.queue
        if queue is None:
            time.sleep(seconds)
        else:
            queue.wait_for_room(seconds)

    # ---- life ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the queue; ConfigError when it cannot be opened."""
        settings = self.section.queue or QueueSettings()
        make = partial(OutputQueue, self.section.name, self.directory, settings)
        self.queue = attempt(self.section, "open its queue", make)

    def succeed(self, former: RunningOutput) -> None:
        """Take over from *former*, the section as it was: messages that wait for it come here.

        Its queue too, unless it has closed it.
        """
        with former._lock:
            self.queue = self.queue or former.queue
            former._successor = self
            if self._signer is not None and former._signer is not None:
                self._signer.succeed(former._signer)

    def start(self) -> None:
        """Start to drain."""
        outlet, self._outlet = self._outlet, None
        if outlet is None:  # it was stopped, and is started again
            outlet = attempt(self.section, "start", self.plugin.outlet)
        queue = self.queue
        assert queue is not None
        if isinstance(outlet, BlockOutlet):
            outlet.queue = queue
        self._delivery = Delivery(
            self.section.name, queue, outlet, self._drain_options(), self._delivery
        )
        attempt(self.section, "start", self._delivery.start)

    def start_after(self, former: RunningOutput) -> None:
        """Start to drain the queue that was taken over, as soon as *former* does not any more."""
        self._delivery = former._delivery
        self.start()

    def _drain_options(self) -> QueueOptions:
        address = getattr(self.plugin, "address", None)
        options = getattr(address, "queue", None) or QueueOptions()
        retries = self.section.retries
        if retries is not None:
            options = dataclasses.replace(options, backoff_max=retries.max_delay)
        return options

    def stop(self, deadline: float) -> bool:
        """Stop to drain; the queue stays open. False: the thread has not ended at *deadline*."""
        if self._delivery is not None and not self._delivery.stop(deadline):
            return False
        self._delivery = None
        return True

    def close(self) -> int:
        """Close the queue, which no thread drains; return how many messages stay in it."""
        with self._lock:
            queue, self.queue = self.queue, None
        if queue is None:
            return 0
        queue.close()
        return int(queue.account()["waiting"])

    @property
    def wants_shutdown(self) -> bool:
        """Whether its queue was full, and ``full_action`` is ``shutdown``."""
        queue = self.queue
        return queue is not None and queue.wants_shutdown

    def flush(self, deadline: float) -> None:
        """Wait until its queue is empty, at most until *deadline*."""
        queue = self.queue
        if queue is not None:
            queue.ring.flush(max(0.0, deadline - monotonic()))

    def account(self) -> dict[str, object]:
        """Return its counts and those of its queue."""
        queue, delivery = self.queue, self._delivery
        return {
            "matched": self.consumer.matched,
            **({} if queue is None else queue.account()),
            **({} if delivery is None else delivery.account()),
            **getattr(self.plugin, "account", dict)(),
        }


def _consumer(
    section: Section, accept: Callable[..., bool], wait: Callable[[float], object] | None = None
) -> Consumer:
    assert section.matcher is not None
    return Consumer(section.name, section.matcher, accept, signer=section.signer, wait=wait)


Running = RunningInput | RunningFilter | RunningOutput

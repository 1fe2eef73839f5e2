"""A stream behind a queue: ``write`` returns at once, a thread of its own sends."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any

from heka._core import Sink
from heka._delivery.outlets import StreamOutlet
from heka._delivery.queue import OnDrop, Queue, queue_for
from heka._delivery.writers import frame_limit, name_of
from heka._net.addresses import Address, QueueOptions, parse
from heka._runtime.accounts import total
from heka._runtime.forks import importing
from heka._runtime.reporter import Reporter
from heka.exceptions import ConfigError
from heka.streams.base import Stream, as_bytes, as_seconds, unframed
from heka.streams.network import DestinationStream

__all__ = ["QueuedStream"]


class QueuedStream(Stream):
    """Put each frame into a bounded queue, from which it is sent in the background.

    A write costs a copy, and never resolves, connects or waits, unless *overflow* is ``'block'``.
    Each destination of *inner* has a queue and a thread of its own: one that is slow or dead does
    not keep the others from getting theirs. A child process begins with an empty queue.

    Args:
        inner: Where frames go: a stream of this package, an object with ``write(bytes)``, which
            gets one frame a call, or what ``UrlStream`` takes.
        capacity: Bytes of waiting frames that the queue holds, as a number or as in ``'8 MiB'``.
        overflow: What becomes of a frame that finds the queue full: ``'drop_new'``, ``'drop_old'``
            (the oldest make way), ``'block'`` or ``'raise'`` (QueueFullError).
        block_timeout: Seconds that ``'block'`` waits; then the frame is dropped.
        linger: Seconds that a frame waits for others to be sent along with.
        spool: A directory, where frames survive this process; None keeps them in memory.
        sync: Seconds between two fsync of the spool; None leaves it to the system, and what was
            logged last to a power loss.
        on_drop: Called as ``on_drop(reason, count)``, by the thread that sends.
        datagram_size: Bytes of whole frames that share a datagram.
        backoff_max: Seconds of the longest wait between two tries to connect.
        connect_timeout: Seconds that resolving and connecting may take.
        write_timeout: Seconds that a peer may take nothing before it counts as lost.
        refresh: Seconds after which a name is resolved anew, and the first of several hosts tried.
        stats_interval: Seconds between two messages of type ``heka.client.stats``; None: none.

    Raises:
        ConfigError: An argument is none of that, or the spool cannot be used.
    """

    def __init__(
        self,
        inner: Any,
        capacity: int | str = QueueOptions.capacity,
        overflow: str = QueueOptions.overflow,
        block_timeout: float = QueueOptions.block_timeout,
        linger: float = QueueOptions.linger,
        spool: str | os.PathLike[str] | None = None,
        sync: float | None = None,
        on_drop: OnDrop | None = None,
        *,
        datagram_size: int = QueueOptions.datagram_size,
        backoff_max: float = QueueOptions.backoff_max,
        connect_timeout: float = QueueOptions.connect_timeout,
        write_timeout: float = QueueOptions.write_timeout,
        refresh: float = QueueOptions.refresh,
        stats_interval: float | None = None,
    ) -> None:
        options = QueueOptions(
            capacity=capacity,  # type: ignore[arg-type]  # text, which it converts
            overflow=overflow,
            block_timeout=block_timeout,
            linger=linger,
            spool=spool,  # type: ignore[arg-type]  # as above
            sync=sync,
            datagram_size=datagram_size,
            backoff_max=backoff_max,
            connect_timeout=connect_timeout,
            write_timeout=write_timeout,
            refresh=refresh,
        )
        if on_drop is not None and not callable(on_drop):
            raise ConfigError(f"on_drop: expected a callable or None, got {on_drop!r}")
        interval = None if stats_interval is None else as_seconds(stats_interval, "stats_interval")
        more = {"on_drop": on_drop, "stats_interval": interval}
        self._inner = inner
        addresses = _addresses_of(inner)
        if addresses:
            queues = [queue_for(address, address.queue or options, **more) for address in addresses]
        else:
            queues = [_queue_for_stream(inner, options, **more)]
        self._start(queues)

    @classmethod
    def of_addresses(cls, addresses: Iterable[Address]) -> QueuedStream:
        """Return the stream of *addresses*, each of which says what its queue is like."""
        stream = cls.__new__(cls)
        stream._inner = None
        stream._start([queue_for(address) for address in addresses])
        return stream

    def _start(self, queues: list[Queue]) -> None:
        self._queues = tuple(queues)
        if len(queues) == 1:
            self._sink = queues[0].sink
            return
        self._sink = Sink(self._deliver)
        self._sink.max_frame = self.max_frame
        self._sink.framed = all(queue.sink.framed for queue in queues)

    @property
    def sink(self) -> Sink:
        """What clients and ``heka.log`` put frames into, without a call of Python."""
        return self._sink

    @property
    def max_frame(self) -> int:
        """Bytes of the largest frame that every destination takes; 0: a message's own limit."""
        limits = (queue.sink.max_frame for queue in self._queues)
        return min((limit for limit in limits if limit), default=0)

    @property
    def closed(self) -> bool:
        """Say whether ``close()`` was called."""
        return all(queue.closed for queue in self._queues)

    def write(self, data: Any) -> bool:
        """Queue *data*, a frame or text, for every destination; True when one of them took it.

        Raises:
            TypeError: *data* is neither bytes nor text.
            QueueFullError: The policy is ``'raise'``.
        """
        frame = as_bytes(data)
        taken = False
        for queue in self._queues:
            bare = frame if queue.sink.framed else unframed(frame)
            taken |= queue.sink.write(bare, 0.0)
        return taken

    def _deliver(self, frame: bytes, written: int, timeout: float, ticket: int) -> bool | str:
        return True if self.write(frame) else "full"

    def flush(self, timeout: float = 1.0) -> bool:
        """Return True when all that was written before has been taken by its peers' kernels.

        False: not within *timeout* seconds, or some of it was dropped.
        """
        deadline = time.monotonic() + timeout
        return all([queue.flush(deadline) for queue in self._queues])

    async def aflush(self, timeout: float = 1.0) -> bool:
        """Do as ``flush`` does, while the event loop goes on."""
        with importing():
            import asyncio  # 20 ms that most programs need not wait for

        return await asyncio.get_running_loop().run_in_executor(None, self.flush, timeout)

    def close(self, timeout: float = 1.0) -> None:
        """Flush for at most *timeout* seconds, drop what is left then, and disconnect.

        What lies in a spool is not dropped: the next process sends it.
        """
        deadline = time.monotonic() + timeout
        for queue in self._queues:
            queue.close(max(0.0, deadline - time.monotonic()))
        if isinstance(self._inner, Stream):
            self._inner.close()

    def stats(self) -> dict[str, Any]:
        """Return what became of the frames, a frame being offered once to each destination.

        Returns:
            The numbers of ``heka.stats`` and ``dropped`` as {reason: count};
            ``destinations`` holds the same for each, by its name. At every moment, offered +
            recovered = sent + the sum of dropped + queued.
        """
        each: dict[str, Any] = {}
        for queue in self._queues:
            account = queue.stats()
            each[queue.name] = total([each[queue.name], account]) if queue.name in each else account
        return {**total(each.values()), "destinations": each}

    def __repr__(self) -> str:
        """Return the names of the destinations."""
        return f"<{type(self).__name__} {', '.join(queue.name for queue in self._queues)}>"


def _addresses_of(inner: Any) -> list[Address]:
    """Return where *inner* sends to; nothing when that is for its ``write`` to know."""
    if isinstance(inner, DestinationStream):
        return [] if inner.diverted else inner.addresses
    if callable(getattr(inner, "write", None)):
        return []
    one = isinstance(inner, (str, tuple, Address)) or not isinstance(inner, Iterable)
    return [parse(each) for each in ([inner] if one else inner)]


def _queue_for_stream(inner: Any, options: QueueOptions, **more: Any) -> Queue:
    if isinstance(inner, QueuedStream):
        raise ConfigError("inner: this stream is queued already")
    return Queue(
        name_of(inner),
        StreamOutlet(inner, Reporter()),
        options,
        max_frame=frame_limit(inner),
        **more,
    )

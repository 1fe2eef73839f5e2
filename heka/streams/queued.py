"""A stream with a queue: ``write`` returns at once, a background thread sends."""

from __future__ import annotations

import os
import types
import weakref
from collections.abc import Iterable
from typing import Any

from heka._core import EncodeError, Sink, check_frame, monotonic
from heka._delivery.outlets import StreamOutlet
from heka._delivery.queue import OnDrop, Queue, queue_for
from heka._delivery.writers import frame_limit, name_of
from heka._net.addresses import Address, QueueOptions, parse
from heka._runtime.accounts import total
from heka._runtime.allowance import closing
from heka._runtime.explaining import explained
from heka._runtime.forks import importing
from heka._runtime.reporter import Reporter
from heka.exceptions import ConfigError
from heka.streams.base import Stream, as_bytes, as_seconds, unframed
from heka.streams.network import DestinationStream

__all__ = ["QueuedStream"]


class QueuedStream(Stream):
    """Put each frame into a bounded queue, from which it is sent in the background.

    A write copies the frame; it never resolves or connects, and waits only if *overflow* is
    ``'block'``. Each destination of *inner* has its own queue and thread, so a slow or dead one
    does not delay the others. A child process begins with an empty queue.

    Args:
        inner: The destination: a stream of this package, an object with ``write(bytes)``, which is
            called with one frame at a time, or an argument of ``UrlStream``.
        capacity: Bytes of waiting frames that the queue holds, as a number or as in ``'8 MiB'``.
        overflow: What happens to a frame when the queue is full: ``'drop_new'`` drops it,
            ``'drop_old'`` drops the oldest ones, ``'block'`` waits, ``'raise'`` raises
            QueueFullError.
        block_timeout: Seconds that ``'block'`` waits; then the frame is dropped.
        linger: Seconds that a frame waits for others, to be sent with them.
        spool: A directory that stores the frames, so that they survive the process; None: memory.
        spool_max: Bytes of the whole spool, of every process that uses it, over which new frames
            are dropped; None: 16 times the capacity.
        spool_map: Map the files of the spool into memory. False writes and reads them by calls: a
            write takes several times as long, and a file that another program truncates cannot end
            the process.
        sync: Seconds between two fsync of the spool; None leaves it to the system, so that a power
            loss may lose the newest frames.
        on_drop: Called as ``on_drop(reason, count)``, in the thread that sends.
        datagram_size: Bytes of whole frames that share a datagram.
        backoff_max: Longest wait between two tries to connect, in seconds.
        connect_timeout: Seconds that resolving and connecting may take.
        write_timeout: Seconds in which the peer must take at least one byte; else it has failed.
        refresh: Seconds between two resolutions of the name, and between two tries to return from a
            failover host to the first host.
        stats_interval: Seconds between two messages of type ``heka.client.stats``; None: none.

    Raises:
        ConfigError: An argument is invalid, or the spool cannot be used.
    """

    _queues: tuple[Queue, ...] = ()

    @explained
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
        spool_max: int | str | None = None,
        spool_map: bool = QueueOptions.spool_map,
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
            spool_max=spool_max,  # type: ignore[arg-type]  # as above
            spool_map=spool_map,
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
        """Return a stream to *addresses*, each with the queue options of its URL."""
        stream = cls.__new__(cls)
        stream._inner = None
        stream._start([queue_for(address) for address in addresses])
        return stream

    def _start(self, queues: list[Queue]) -> None:
        self._queues = tuple(queues)
        self._is_spooled = any(queue.is_spooled for queue in queues)
        if len(queues) == 1:
            self._sink = queues[0].sink
            return
        # Weak, so that a stream that is dropped is freed at once.
        self._sink = Sink(types.MethodType(type(self)._deliver, weakref.proxy(self)))
        self._sink.max_frame = self.max_frame
        self._sink.framed = all(queue.sink.framed for queue in queues)

    @property
    def sink(self) -> Sink:
        """The sink that clients and ``heka.log`` send on, without calling Python code."""
        return self._sink

    @property
    def max_frame(self) -> int:
        """Bytes of the largest frame that every destination takes; 0: no limit of their own."""
        limits = (queue.sink.max_frame for queue in self._queues)
        return min((limit for limit in limits if limit), default=0)

    @property
    def closed(self) -> bool:
        """Return whether ``close()`` was called."""
        return all(queue.closed for queue in self._queues)

    def write(self, data: Any) -> bool:
        """Queue *data*, a frame or text, for every destination; True if at least one queued it.

        Raises:
            TypeError: *data* is neither bytes nor text.
            EncodeError: There is a spool, and the payload of the frame *data* is no Message.
            QueueFullError: The policy is ``'raise'``.
        """
        frame = as_bytes(data)
        if self._is_spooled:
            self._check(frame)
        return self._put(frame)

    def _check(self, frame: bytes | bytearray | memoryview) -> None:
        """Refuse a frame that could not be read from a spool; it counts as ``encode``."""
        try:
            check_frame(frame)
        except EncodeError:
            for queue in self._queues:
                queue.refuse("encode")
            raise

    def _put(self, frame: bytes | bytearray | memoryview) -> bool:
        taken = False
        for queue in self._queues:
            bare = frame if queue.sink.framed else unframed(frame)
            taken |= queue.sink.write(bare, 0.0)
        return taken

    def _deliver(self, frame: bytes, written: int, timeout: float, ticket: int) -> bool | str:
        return True if self._put(frame) else "full"

    def flush(self, timeout: float = 1.0) -> bool:
        """Wait at most *timeout* seconds; True when the peers' kernels have all frames written.

        False: some are still queued after *timeout* seconds, or were dropped.
        """
        deadline = monotonic() + timeout
        return all([queue.flush(deadline) for queue in self._queues])

    async def aflush(self, timeout: float = 1.0) -> bool:
        """Like ``flush``, without blocking the event loop."""
        with importing():
            import asyncio  # importing takes 20 ms, which most programs need not spend

        return await asyncio.get_running_loop().run_in_executor(None, self.flush, timeout)

    def close(self, timeout: float | None = None) -> None:
        """Flush for at most *timeout* seconds, drop the remaining frames, and disconnect.

        None: 1 s; while the process exits, what is left of the 2 s that all closings share.
        Frames in a spool are not dropped: the next process sends them.
        """
        with closing(timeout) as seconds:
            deadline = monotonic() + seconds
            for queue in self._queues:
                queue.close(max(0.0, deadline - monotonic()))
        if isinstance(self._inner, Stream):
            self._inner.close()

    def _let_go(self) -> None:
        for queue in self._queues:
            queue.let_go()

    def stats(self) -> dict[str, Any]:
        """Return the account of the frames; each frame counts once for each destination.

        Returns:
            The numbers of ``heka.stats`` and ``dropped`` as {reason: count};
            ``destinations`` maps the name of each destination to the same numbers. At every moment,
            offered + recovered = sent + the sum of dropped + queued.
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
    """Return the addresses of *inner*; empty if its ``write`` must be called instead."""
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

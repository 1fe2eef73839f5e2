"""Outlets that write blocks: for destinations that take encoded messages, or judge each of them.

A writer is an object of ``BlockWriter``; ``BlockOutlet`` moves frames from a queue to it.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from heka._core import Ring, monotonic
from heka._delivery.outlets import WrittenOutlet
from heka._runtime.reporter import Reporter
from heka.framing import Block, BlockReader
from heka.message import MESSAGE_MAX

if TYPE_CHECKING:
    from heka._net.sockets import SocketTransport
    from heka.agent.queues import OutputQueue

__all__ = ["BlockOutlet", "BlockWriter", "TooLargeError", "check_connected"]

#: Messages of a part: no block has more.
_PARTS_MAX: Final = 1024


class TooLargeError(Exception):
    """The destination takes no block like this one, but perhaps parts of it.

    Attributes:
        reason: Under which a single message is counted that is not taken either.
    """

    def __init__(self, reason: str, text: str) -> None:
        """Refuse a block for *reason*; *text* says it to people."""
        super().__init__(text)
        self.reason = reason


class BlockWriter(Protocol):
    """Writes blocks to one destination; one thread uses it.

    It may have ``most``, the messages of a block that it takes: 1, when one that was written must
    not be written again because the next one failed.
    """

    def is_open(self) -> bool:
        """Return whether ``write`` may be called without ``open``."""

    def open(self, deadline: float) -> None:
        """Connect; OSError when that fails or takes longer than *deadline*."""

    def write(self, block: Block, deadline: float) -> Mapping[str, Sequence[int]]:
        """Write all messages of *block*.

        Returns:
            Reason -> indexes of the messages that the destination refuses for ever; all others it
            has taken.

        Raises:
            OSError: Nothing is known to be taken; the block is written again later.
            TooLargeError: Nothing was taken; parts of the block are tried, down to one message.
        """

    def close(self, deadline: float) -> None:
        """Close in good order; at once when *deadline* has passed."""


def check_connected(transport: SocketTransport) -> None:
    """Raise OSError when the peer has closed: what is written then would be taken, and lost."""
    if transport.has_hung_up():
        raise ConnectionResetError(errno.ECONNRESET, "the peer has closed the connection")


class BlockOutlet(WrittenOutlet):
    """Reads blocks from a queue's frames and gives them to a writer."""

    def __init__(self, writer: BlockWriter) -> None:
        """Write to *writer*."""
        #: The queue that is drained, which keeps what is refused; the agent sets it.
        self.queue: OutputQueue | None = None
        self._writer = writer
        self._limit: int = getattr(writer, "most", _PARTS_MAX)
        self._most = self._limit  # messages of a part
        self._reporter = Reporter()

    def is_open(self) -> bool:
        """Return whether the writer is open."""
        return self._writer.is_open()

    def open(self, deadline: float) -> None:
        """Open the writer."""
        self._writer.open(deadline)

    def write(self, ring: Ring, frames: bytes, patience: float) -> None:
        """Write *frames* block by block, and acknowledge what the writer has taken."""
        deadline = monotonic() + patience
        left = len(frames)
        for block in BlockReader(16 * MESSAGE_MAX).feed(frames):
            rest = block
            while len(rest):
                part = rest if len(rest) <= self._most else rest[: self._most]
                rejected = self._written(part, deadline)
                if rejected is None:
                    continue  # in smaller parts
                rest = rest[len(part) :]
                left -= part.nbytes
                if self.queue is None:
                    ring.acknowledge(left, rejected=sum(map(len, rejected.values())))
                else:
                    self.queue.acknowledge(left, _frames_of(part, rejected))

    def _written(self, part: Block, deadline: float) -> Mapping[str, Sequence[int]] | None:
        """Write *part*; return what was refused, or None: it is to be written in smaller parts."""
        try:
            rejected = self._writer.write(part, deadline)
        except TooLargeError as failure:
            self._reporter.report(str(failure))
            self._most = max(1, len(part) // 2)
            return None if len(part) > 1 else {failure.reason: [0]}
        except OSError:
            self._writer.close(deadline)
            raise
        self._most = min(2 * self._most, self._limit)  # larger again, step by step
        return rejected

    def close(self, deadline: float) -> None:
        """Close the writer."""
        self._writer.close(deadline)

    def abandon(self) -> None:
        """Do nothing: an agent does not fork."""


def _frames_of(block: Block, rejected: Mapping[str, Sequence[int]]) -> dict[str, list[bytes]]:
    """Return the frames of the messages that were *rejected*, by reason."""
    return {
        reason: [bytes(block[index : index + 1]) for index in indexes]
        for reason, indexes in rejected.items()
    }

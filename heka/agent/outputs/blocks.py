"""Outlets that write blocks: for destinations that take encoded messages, or judge each of them.

A writer is an object of ``BlockWriter``; ``BlockOutlet`` moves frames from a queue to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from heka._core import Ring, monotonic
from heka._delivery.outlets import WrittenOutlet
from heka.framing import Block, BlockReader
from heka.message import MESSAGE_MAX

if TYPE_CHECKING:
    from heka.agent.queues import OutputQueue

__all__ = ["BlockOutlet", "BlockWriter"]


class BlockWriter(Protocol):
    """Writes blocks to one destination; one thread uses it."""

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
        """

    def close(self, deadline: float) -> None:
        """Close in good order; at once when *deadline* has passed."""


class BlockOutlet(WrittenOutlet):
    """Reads blocks from a queue's frames and gives them to a writer."""

    def __init__(self, writer: BlockWriter) -> None:
        """Write to *writer*."""
        #: The queue that is drained, which keeps what is refused; the agent sets it.
        self.queue: OutputQueue | None = None
        self._writer = writer

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
            try:
                rejected = self._writer.write(block, deadline)
            except OSError:
                self._writer.close(deadline)
                raise
            left -= block.nbytes
            if self.queue is None:
                ring.acknowledge(left, rejected=sum(map(len, rejected.values())))
            else:
                self.queue.acknowledge(left, _frames_of(block, rejected))

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

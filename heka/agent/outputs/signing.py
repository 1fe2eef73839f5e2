"""The own signer of an output: messages get a new header before they are stored in its queue.

So the queue has what will be sent, and a retry signs nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from heka import _core
from heka.framing import Block, BlockReader
from heka.signing import SignerConfig

__all__ = ["OwnSigner"]


class OwnSigner:
    """Signs blocks, and offers them to a queue. The caller lets one thread in at a time."""

    def __init__(self, config: SignerConfig) -> None:
        """Sign with *config*."""
        self._config = config
        # Blocks that were offered and not taken whole, by id: the block, and what is left of it.
        self._left: dict[int, tuple[Block, list[Block]]] = {}

    def offer(self, block: Block, accept: Callable[[Block], bool]) -> bool:
        """Offer *block*, signed, to *accept*; False: it is not taken, or a part of it is not.

        The same block is to be offered again then; what was taken is not offered twice.
        """
        _, left = self._left.pop(id(block), (block, []))
        left = left or [*self._signed(block)]
        while left and accept(left[0]):
            del left[0]
        if left:
            self._left[id(block)] = (block, left)
        return not left

    def succeed(self, former: OwnSigner) -> None:
        """Go on with the blocks of which *former* has offered a part."""
        self._left = former._left

    def _signed(self, block: Block) -> Iterator[Block]:
        """Yield blocks of the messages of *block*: two when longer headers make it too large."""
        frame, config = _core.frame, self._config
        wire = b"".join([frame(each.payload, config) for each in block])
        yield from BlockReader().feed(wire)

"""Counters of a receiver: messages, bytes, and refused frames by reason.

Once the receiver is closed, ``received_bytes`` is the sum of the three other byte counters.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counters; bytes include the framing."""

    messages: int = 0
    received_bytes: int = 0
    delivered_bytes: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # reason -> frames
    refused_bytes: int = 0
    discarded_bytes: int = 0  # bytes outside of any frame
    resets: int = 0  # connections that ended by a reset: the peer may have sent more
    displaced: int = 0  # idle connections that were closed to accept a new one

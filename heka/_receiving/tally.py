"""The account of what a receiver got: messages, bytes, and what it refused and why.

Once the receiver is closed, ``received_bytes`` is the sum of the three other kinds of bytes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counts; bytes include framing."""

    messages: int = 0
    received_bytes: int = 0
    delivered_bytes: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # reason -> frames
    refused_bytes: int = 0
    discarded_bytes: int = 0  # belonged to no frame

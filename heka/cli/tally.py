"""The account of what a receiver got: messages, bytes, and what it refused and why.

Once the receiver is closed, ``received_bytes`` is the sum of the three other kinds of bytes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from heka.cli.escape import counted


@dataclass
class Tally:
    """Counts; bytes include framing."""

    messages: int = 0
    received_bytes: int = 0
    delivered_bytes: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # reason -> frames
    refused_bytes: int = 0
    discarded_bytes: int = 0  # belonged to no frame

    def summary(self) -> str:
        """One line: ``12 messages, 3,456 bytes, 2 refused (bad digest), 17 bytes discarded``."""
        return ", ".join(
            (
                counted(self.messages, "message"),
                counted(self.received_bytes, "byte"),
                f"{self.refused.total():,} refused{reasons(self.refused)}",
                f"{counted(self.discarded_bytes, 'byte')} discarded",
            )
        )


def reasons(refused: Counter[str]) -> str:
    """`` (bad digest 2, oversize 1)``, most frequent first; no number where it is the only one."""
    counts = [(spoken(reason), count) for reason, count in refused.most_common() if count]
    if not counts:
        return ""
    if len(counts) == 1:
        return f" ({counts[0][0]})"
    return f" ({', '.join(f'{reason} {count:,}' for reason, count in counts)})"


def spoken(reason: str) -> str:
    """A reason as people say it: ``bad_digest`` is ``bad digest``."""
    return reason.replace("_", " ")

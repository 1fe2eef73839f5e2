"""A receiver's counters as text: the summary of a run, and the reasons of refusals."""

from __future__ import annotations

from collections import Counter

from heka._receiving.tally import Tally
from heka.cli.show.escape import counted


def summary(tally: Tally) -> str:
    """Return one line: ``12 messages, 3,456 bytes, 2 refused (bad digest), 17 bytes discarded``."""
    parts = [
        counted(tally.messages, "message"),
        counted(tally.received_bytes, "byte"),
        f"{tally.refused.total():,} refused{reasons(tally.refused)}",
        f"{counted(tally.discarded_bytes, 'byte')} discarded",
    ]
    if tally.resets:
        parts.append(f"{counted(tally.resets, 'connection')} reset")
    if tally.displaced:
        parts.append(f"{counted(tally.displaced, 'idle connection')} closed")
    return ", ".join(parts)


def reasons(refused: Counter[str]) -> str:
    """Return `` (bad digest 2, oversize 1)``, most frequent first; one alone has no number."""
    counts = [(reason_text(reason), count) for reason, count in refused.most_common() if count]
    if not counts:
        return ""
    if len(counts) == 1:
        return f" ({counts[0][0]})"
    return f" ({', '.join(f'{reason} {count:,}' for reason, count in counts)})"


def reason_text(reason: str) -> str:
    """Return *reason* as text: ``bad digest`` for ``bad_digest``."""
    return reason.replace("_", " ")

"""A receiver's account in words: the summary of a run, and the reasons of refusals."""

from __future__ import annotations

from collections import Counter

from heka._receiving.tally import Tally
from heka.cli.show.escape import counted


def summary(tally: Tally) -> str:
    """One line: ``12 messages, 3,456 bytes, 2 refused (bad digest), 17 bytes discarded``."""
    return ", ".join(
        (
            counted(tally.messages, "message"),
            counted(tally.received_bytes, "byte"),
            f"{tally.refused.total():,} refused{reasons(tally.refused)}",
            f"{counted(tally.discarded_bytes, 'byte')} discarded",
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

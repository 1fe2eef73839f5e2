"""A receiver's counters as text: the summary of a run, and the reasons of refusals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from heka._display.escape import counted, visible
from heka._receiving.tally import Tally


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


def signer_text(reason: str, name: str, version: int, keys: Collection[tuple[str, int]]) -> str:
    """Return which signer a refused frame names, and what is wrong with it.

    Args:
        reason: ``unknown_signer``, ``unknown_hash`` or ``bad_digest``.
        name: Of the signer; it may contain anything.
        version: Of its key.
        keys: The (name, version) of each known key.
    """
    signer = f'signer "{visible(name, quoted=True)}" version {version}'
    if reason == "bad_digest":
        return f"the key of {signer} is another one here, or the message was changed"
    if reason == "unknown_hash":
        return f"{signer} uses an unknown hash; known are sha1 and md5"
    versions = sorted(each for known, each in keys if known == name)
    if versions:
        known = ", ".join(map(str, versions))
        return f"{signer}: the known key has version {known}"
    return f"{signer} is not known; give its key with --key-file"


def reason_text(reason: str) -> str:
    """Return *reason* as text: ``bad digest`` for ``bad_digest``."""
    return reason.replace("_", " ")

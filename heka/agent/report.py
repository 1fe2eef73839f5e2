"""The report: what each section has done, as an object for the control socket and as messages."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from heka._core import pack
from heka.framing import Block, BlockReader

if TYPE_CHECKING:
    from heka.agent.running import Running

__all__ = ["REPORT_TYPE", "report_block", "status_of"]

#: Type of the message for each section; hekad has ``heka.all-report`` for all in one payload.
REPORT_TYPE: Final = "heka.agent-report"
_LOGGER: Final = "heka-agent"


def status_of(
    hostname: str, started_at: float, running: Mapping[str, Running]
) -> dict[str, object]:
    """Return the counts of an agent and of its sections, of types that JSON has.

    Args:
        hostname: Of the agent.
        started_at: When it started, in seconds since 1970.
        running: Its sections by name.
    """
    sections = [
        {"name": name, "kind": item.section.kind, "type": item.section.type, **_account_of(item)}
        for name, item in running.items()
    ]
    return {
        "pid": os.getpid(),
        "hostname": hostname,
        "seconds": round(time.time() - started_at, 3),
        "sections": sections,
    }


def _account_of(running: Running) -> Mapping[str, object]:
    """Return its counts; what it raised instead, if it is a plugin with a fault."""
    try:
        return running.account()
    except Exception as failure:
        return {"error": repr(failure)}


def report_block(status: Mapping[str, Any]) -> Block:
    """Return one message for each section of *status*; its counts are fields.

    A count by reason, as of dropped messages, is a field ``dropped.REASON``.
    """
    frames = [
        pack(REPORT_TYPE, _LOGGER, 6, dict(_flat(section)), hostname=status["hostname"])
        for section in status["sections"]
    ]
    return _block_of(frames)


def _block_of(frames: list[bytes]) -> Block:
    blocks = BlockReader().feed(b"".join(frames))
    return blocks[0]


def _flat(section: Mapping[str, Any]) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    for name, value in section.items():
        if isinstance(value, Mapping):
            pairs += [(f"{name}.{reason}", count) for reason, count in value.items()]
        elif value is not None:
            pairs.append((name, value))
    return pairs

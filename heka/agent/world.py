"""What the agent tells its plugins about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["World"]


def _nothing(line: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class World:
    """What every plugin may know of the agent; its feed has it as ``feed.world``.

    Attributes:
        hostname: Of the messages that the agent makes.
        base_dir: Directory for what plugins keep.
        find: Returns the plugin of a section, from ``start`` on; None: there is no such section.
        say: Gets a line for people, at a rate that its caller bounds; any thread may call it.
    """

    hostname: str
    base_dir: str
    find: Callable[[str], Any]
    say: Callable[[str], object] = _nothing

"""How much of a program an event may hold: everything is bounded before it is built."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one event.

    Attributes:
        depth: Of containers in containers.
        items: Of one container, and variables of one frame.
        characters: Of one text, name or source line.
        text: Characters of an exception's own text.
        frames: Of all exceptions together; what is over is dropped from the middle.
        exceptions: Of a chain, groups included.
        nodes: Values in one variable.
        seconds: For all variables; asked between two of them.
    """

    depth: int = 6
    items: int = 50
    characters: int = 400
    text: int = 1000
    frames: int = 100
    exceptions: int = 10
    nodes: int = 1000
    seconds: float = 0.25

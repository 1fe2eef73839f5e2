"""Limits of an event; everything is bounded before it is built."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one event.

    Attributes:
        depth: Levels of nested containers.
        items: Items of one container, and variables of one frame.
        characters: Length of one text, name or source line.
        text: Length of an exception's text.
        frames: Frames of all exceptions together; more are dropped from the middle.
        exceptions: Linked exceptions, members of groups included.
        nodes: Values in one variable.
        seconds: Time for all variables; checked between two of them.
    """

    depth: int = 6
    items: int = 50
    characters: int = 400
    text: int = 1000
    frames: int = 100
    exceptions: int = 10
    nodes: int = 1000
    seconds: float = 0.25

"""Rotation: a file that is large enough is renamed to ``path.N``, and a new one is begun."""

from __future__ import annotations

import os
import re

__all__ = ["move_away"]


def move_away(path: str) -> str:
    """Rename *path* to ``path.N``, N being 1 or one more than the largest there; return that name.

    Raises:
        OSError: It cannot be renamed, or the directory cannot be read.
    """
    folder, name = os.path.split(path)
    known = re.compile(rf"{re.escape(name)}\.(\d+)")
    found = (known.fullmatch(other) for other in os.listdir(folder or "."))
    number = max((int(match[1]) for match in found if match), default=0) + 1
    os.rename(path, f"{path}.{number}")
    return f"{path}.{number}"

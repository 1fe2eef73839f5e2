"""Regular expressions that are compiled at their first use: importing them takes no time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_Match = re.Match[str]


class Pattern:
    """A compiled regular expression; its methods are those of ``re.Pattern``."""

    match: Callable[..., _Match | None]
    search: Callable[..., _Match | None]
    finditer: Callable[..., Iterator[_Match]]
    split: Callable[..., list[str]]
    sub: Callable[..., str]

    def __init__(self, text: str, flags: int = 0) -> None:
        """Keep the *text* of the expression."""
        self._text = text
        self._flags = flags

    def __getattr__(self, name: str) -> object:
        """Compile the expression; afterwards its methods are attributes and found at once."""
        if name not in Pattern.__annotations__:
            raise AttributeError(name)
        compiled = re.compile(self._text, self._flags)
        for method in Pattern.__annotations__:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)

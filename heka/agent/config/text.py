"""The text of a configuration in TOML: environment variables, tables, and which line says what."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from heka.agent.config.lines import lines_of
from heka.agent.config.plan import Place
from heka.config.toml import parse_toml
from heka.exceptions import ConfigError

__all__ = ["Text", "read_toml"]

#: Where the parser of TOML says that an error is.
_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)$")
_ENV: Final = re.compile(r"%ENV\[([^\]\n]*)\]")


@dataclass(frozen=True)
class Text:
    """One file.

    Attributes:
        file: Its name, for error texts.
        table: What it says.
        lines: Path of keys -> the line that has the last of them.
    """

    file: str
    table: Mapping[str, Any]
    lines: Mapping[tuple[str, ...], int]

    def place(self, *path: str) -> Place:
        """Return the place of *path*, or of the longest part of it that has one."""
        for end in range(len(path), 0, -1):
            line = self.lines.get(path[:end])
            if line is not None:
                return Place(self.file, line)
        return Place(self.file, 0)


def read_toml(text: str, file: str) -> Text:
    """Return what *text*, which came from *file*, says.

    Raises:
        ConfigError: It is not TOML, or names a variable that is not set.
    """
    text = _with_environment(text, file)
    try:
        table = parse_toml(text)
    except ConfigError as problem:
        at = _LINE.search(str(problem))
        raise ConfigError(f"{Place(file, int(at[1]) if at else 0)}: {problem}") from None
    return Text(file, table, lines_of(text))


def _with_environment(text: str, file: str) -> str:
    """Replace ``%ENV[NAME]``, also within strings; in a line that is a comment it may be unset."""
    missing: list[str] = []

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        begin = text.rfind("\n", 0, match.start()) + 1
        if found is None and not text[begin : match.start()].lstrip().startswith("#"):
            line = text.count("\n", 0, match.start()) + 1
            missing.append(
                f"{file}:{line}: expected the environment variable {match[1]!r} to be set, and it "
                "is not"
            )
        return found or ""

    replaced = _ENV.sub(value, text)
    if missing:
        raise ConfigError("\n".join(missing))
    return replaced

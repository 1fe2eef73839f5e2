"""The configuration of the agent in INI text, so that one file may configure a client as well.

``[agent]`` has the settings, ``[agent:NAME]`` is a section, ``[agent:NAME.buffering]`` one of its
tables; other sections belong to others. Comments, ``${NAME}`` and lists of lines are those of the
client's INI files. Values have no type there: each is read as the kind of its option says.
"""

from __future__ import annotations

import re
from typing import Any, Final

from heka.agent.config.text import Text
from heka.agent.options import Untyped
from heka.config.dialect import expand
from heka.config.ini import parse_ini
from heka.exceptions import ConfigError

__all__ = ["read_ini"]

_MAIN: Final = "agent"
_HEADER: Final = re.compile(r"\[([^\]]+)\]")
_OPTION: Final = re.compile(r"([^\s#;=:][^=:]*?)\s*[=:]")
#: How the parser says where an error is, for lines that have no name of a file.
_AT: Final = re.compile(r"the configuration, line (\d+)[^:]*: ")


def read_ini(text: str, file: str) -> Text:
    """Return what *text*, which came from *file*, says about the agent.

    Raises:
        ConfigError: It is not INI, has no section of the agent, or names a variable that is not
            set.
    """
    try:
        parser = parse_ini(text.splitlines(keepends=True))
    except ConfigError as failure:
        said = _AT.sub(lambda at: f"{file}:{at[1]}: ", str(failure))
        raise ConfigError(said if file in said else f"{file}: {said}") from None
    lines = _lines_of(text)
    table: dict[str, Any] = {}
    problems: list[str] = []
    for section in parser.sections():
        path = _path_of(section)
        if path is None:
            continue
        if path[0] in ("", "hekad") or (path[0] == _MAIN and section != _MAIN):
            problems.append(
                f"{file}:{lines[path]}: [{section}]: expected [agent], or [agent:NAME] with "
                "another name"
            )
            continue
        inner = table
        for key in path:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"{file}: [{section}]: {key!r} is an option, not a table")
        for option in parser.options(section):
            place = lines.get((*path, option))
            if place is None and option in parser.defaults():
                continue  # options of [DEFAULT] may be meant for other readers of the file
            try:
                value = Untyped(
                    expand(parser.get(section, option).strip(), f"[{section}] {option}")
                )
            except ConfigError as failure:
                problems.append(f"{file}:{place or 0}: {failure}")
                continue
            if option in inner:
                raise ConfigError(f"{file}:{place}: [{section}] {option} is a table as well")
            inner[option] = value
    if problems:
        raise ConfigError("\n".join(problems))
    if not table:
        raise ConfigError(f"{file}: expected [agent] or a section as [agent:TcpInput], found none")
    return Text(file, table, lines)


def _path_of(section: str) -> tuple[str, ...] | None:
    """Return the path of keys that *section* stands for; None: it is not the agent's."""
    if section == _MAIN:
        return (_MAIN,)
    if not section.startswith(f"{_MAIN}:"):
        return None
    return tuple(part.strip() for part in section[len(_MAIN) + 1 :].split("."))


def _lines_of(text: str) -> dict[tuple[str, ...], int]:
    """Return {path of keys: its line}; lines that are indented continue a value."""
    lines: dict[tuple[str, ...], int] = {}
    path: tuple[str, ...] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header is not None:
            path = _path_of(header[1])
            for end in range(1, len(path or ()) + 1):
                lines.setdefault((path or ())[:end], number)
        elif path is not None and (option := _OPTION.match(line)) is not None:
            lines.setdefault((*path, option[1].lower()), number)
    return lines

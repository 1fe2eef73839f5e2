"""Read the table of a client from a TOML document."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from heka.config.places import TomlPlaces
from heka.config.schema import closest
from heka.exceptions import ConfigError

TomlSource = str | bytes | os.PathLike[str] | IO[bytes] | Mapping[str, Any]

_PARSER = "tomllib" if sys.version_info >= (3, 11) else "tomli"


def read_toml(toml: TomlSource, section: str) -> tuple[Mapping[str, Any], TomlPlaces]:
    """Return the table *section* of the document, and the names of its places."""
    table: Any = toml if isinstance(toml, Mapping) else parse_toml(_text(toml))
    for part in section.split(".") if section else ():
        if not isinstance(table, Mapping) or part not in table:
            there = [str(key) for key in table] if isinstance(table, Mapping) else []
            own = section.rpartition(".")[2]
            remedy = 'if the document is the table itself, pass section=""'
            if isinstance(table, Mapping) and isinstance(table.get(own), Mapping):
                remedy = f"for [{own}] pass section={own!r}"
            raise ConfigError(f"there is no table [{section}]{closest(part, there)}; {remedy}")
        table = table[part]
    if not isinstance(table, Mapping):
        raise ConfigError(f"{section}: expected a table, got {type(table).__name__}")
    return table, TomlPlaces(section)


def _text(toml: str | bytes | os.PathLike[str] | IO[bytes]) -> str:
    if isinstance(toml, str):
        return toml
    if isinstance(toml, os.PathLike):
        data: Any = Path(toml).read_bytes()
    else:
        data = toml if isinstance(toml, bytes) else toml.read()
    try:
        return data.decode("utf-8") if isinstance(data, bytes) else str(data)
    except UnicodeDecodeError as error:
        raise ConfigError(f"TOML: expected UTF-8, got an invalid byte at {error.start}") from None


def parse_toml(text: str) -> Any:
    """Return the document *text*; ConfigError with line and column when it is not TOML."""
    try:
        parser = importlib.import_module(_PARSER)
    except ImportError:
        raise ConfigError(
            f"reading TOML on Python 3.10 requires the package {_PARSER}: pip install {_PARSER}, "
            "or pass a dict to client_from_dict_config"
        ) from None
    try:
        return parser.loads(text)
    except (ValueError, RecursionError) as error:
        # TOMLDecodeError is a ValueError; its text has line and column and quotes no value.
        raise ConfigError(f"TOML: {error}") from None

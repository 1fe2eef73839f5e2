"""Read the files of a configuration."""

from __future__ import annotations

import os
from typing import Final

from heka.agent.config.ini import read_ini
from heka.agent.config.text import Text, read_toml
from heka.exceptions import ConfigError

__all__ = ["read_files"]

#: Bytes of one file.
_FILE_MAX: Final = 16 * 1024 * 1024
#: Ends of the names of files in INI.
_INI: Final = (".ini", ".cfg")


def read_files(path: str) -> list[Text]:
    """Return the file at *path*, or all ``.toml`` files of that directory in alphabetical order.

    A file whose name ends in ``.ini`` or ``.cfg`` is INI.

    Raises:
        ConfigError: A file cannot be read, or ``read_toml`` or ``read_ini`` raises it.
    """
    if not os.path.isdir(path):
        return [_read_file(path)]
    try:
        names = sorted(name for name in os.listdir(path) if name.endswith(".toml"))
    except OSError as failure:
        raise ConfigError(f"{path}: cannot read the directory: {failure.strerror}") from failure
    if not names:
        raise ConfigError(f"{path}: expected at least one file that ends in .toml, found none")
    return [_read_file(os.path.join(path, name)) for name in names]


def _read_file(path: str) -> Text:
    try:
        with open(path, "rb") as file:
            data = file.read(_FILE_MAX + 1)
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or failure
        raise ConfigError(f"{path}: cannot read the configuration: {reason}") from failure
    if len(data) > _FILE_MAX:
        raise ConfigError(f"{path}: expected at most {_FILE_MAX} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: expected UTF-8, got another byte") from None
    return read_ini(text, path) if path.endswith(_INI) else read_toml(text, path)

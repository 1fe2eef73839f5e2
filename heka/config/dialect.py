"""Convert configuration values: ``${ENV}`` in texts; ints, bools and lists in INI text."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from heka._config_errors import EnvironmentNotFoundError
from heka.config.places import Places
from heka.config.tree import Path, copy_tree

Scalar = bool | int | str

_VARIABLE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")
_INTEGER = re.compile(r"-?[0-9]+")
_WORDS = {
    **dict.fromkeys(("true", "t", "on", "yes"), True),
    **dict.fromkeys(("false", "f", "off", "no"), False),
}


def expand(text: str, where: str) -> str:
    """Replace each ``${NAME}`` by the environment variable, and ``$${`` by ``${``.

    Raises:
        EnvironmentNotFoundError: A variable is not set; names the variable and *where*.
    """

    def replacement(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "${"
        try:
            return os.environ[name]
        except (KeyError, ValueError):  # ValueError: not a valid name, such as one with a NUL
            raise EnvironmentNotFoundError(name, where) from None

    return _VARIABLE.sub(replacement, text)


def expand_tree(config: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """Return a copy of *config* with every text expanded, at any depth."""

    def expanded(text: str, path: Path) -> str:
        return expand(text, places(*path)) if "${" in text else text

    copied: dict[str, Any] = copy_tree(config, expanded)
    return copied


def plain(text: str, where: str) -> str | list[str]:
    """Return the value of an option that is never converted: its text, or a list of its lines."""
    if "\n" in text:
        return [expand(line, where) for line in _lines(text)]
    return expand(text.strip(), where)


def convert(text: str, where: str) -> Scalar | list[Scalar]:
    """Return the value of an option: int, bool or text; a list of those if it has several lines.

    Values of environment variables stay text: ``${PIN}`` may be ``007``.
    """
    if "\n" in text:
        return [_scalar(line, where) for line in _lines(text)]
    return _scalar(text.strip(), where)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _scalar(text: str, where: str) -> Scalar:
    if _INTEGER.fullmatch(text):
        try:
            return int(text)
        except ValueError:  # more digits than int() converts, see sys.set_int_max_str_digits
            return text
    word = _WORDS.get(text.lower())
    return expand(text, where) if word is None else word

"""The exceptions of ``heka.exceptions`` that are also errors of ``configparser``."""

from __future__ import annotations

import configparser

from heka._core import ConfigError

__all__ = ["EnvironmentNotFoundError", "MethodNotFoundError"]


class EnvironmentNotFoundError(ConfigError, configparser.Error):
    """A configuration names an environment variable that is not set.

    Attributes:
        varname: The name of the variable.
    """

    __module__ = "heka.exceptions"

    def __init__(self, varname: str, where: str = "") -> None:
        """Name the variable and, if known, the place in the configuration."""
        place = f"{where}: " if where else ""
        self.message = (  # what configparser's errors print
            f"{place}environment variable {varname!r} is not set; set it, or write $${{...}} for "
            "the text itself"
        )
        super().__init__(self.message)
        self.varname = varname
        self.where = where

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Return the constructor and its arguments, for pickle."""
        return type(self), (self.varname, self.where)


class MethodNotFoundError(ConfigError, configparser.Error):
    """A method does not exist. Not raised any more; kept for programs that catch it."""

    __module__ = "heka.exceptions"

    def __init__(self, msg: str = "") -> None:
        """Keep *msg*, the text."""
        self.message = msg
        super().__init__(msg)

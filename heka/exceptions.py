"""The exceptions of heka, all subclasses of ``HekaError``, and ``ConfigWarning``."""

import configparser
import queue

from heka._core import (
    ConfigError,
    DecodeError,
    EncodeError,
    FieldError,
    HekaError,
    SignatureError,
)

__all__ = [
    "ConfigError",
    "ConfigWarning",
    "DecodeError",
    "EncodeError",
    "EnvironmentNotFoundError",
    "FieldError",
    "HekaError",
    "InvalidArgumentError",
    "MethodNotFoundError",
    "QueueFullError",
    "SignatureError",
]


class InvalidArgumentError(ConfigError, RuntimeError):
    """A plugin was configured with an argument or value that it does not accept."""


class EnvironmentNotFoundError(ConfigError, configparser.Error):
    """A configuration names an environment variable that is not set.

    Attributes:
        varname: The name of the variable.
    """

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

    def __init__(self, msg: str = "") -> None:
        """Keep *msg*, the text."""
        self.message = msg
        super().__init__(msg)


class QueueFullError(HekaError, queue.Full):
    """A queue with the overflow policy ``raise`` is full."""


class ConfigWarning(UserWarning):
    """A configuration contains a key or value that has no effect."""

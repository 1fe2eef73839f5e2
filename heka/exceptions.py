"""The exceptions of heka, each a ``HekaError``, and its warning."""

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
    """A plugin was configured with something it does not take."""


class EnvironmentNotFoundError(ConfigError, configparser.Error):
    """A configuration names an environment variable that is not set.

    Attributes:
        varname: The variable.
    """

    def __init__(self, varname: str, where: str = "") -> None:
        """Name the variable and, if known, the place that asked for it."""
        place = f"{where}: " if where else ""
        self.message = (  # what configparser's errors print
            f"{place}environment variable {varname!r} is not set; set it, or write $${{...}} for "
            "the text itself"
        )
        super().__init__(self.message)
        self.varname = varname
        self.where = where

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Pickle what it was made from."""
        return type(self), (self.varname, self.where)


class MethodNotFoundError(ConfigError, configparser.Error):
    """A method was looked up and is not there; kept for programs that catch it."""

    def __init__(self, msg: str = "") -> None:
        """Say which."""
        self.message = msg
        super().__init__(msg)


class QueueFullError(HekaError, queue.Full):
    """A queue whose overflow policy is ``raise`` has no room for another frame."""


class ConfigWarning(UserWarning):
    """A configuration holds something that has no effect."""

"""The exceptions of heka, all subclasses of ``HekaError``, and ``ConfigWarning``."""

import queue

from heka._core import (
    ConfigError,
    DecodeError,
    EncodeError,
    FieldError,
    HekaError,
    MatcherError,
    SignatureError,
)
from heka._runtime.forks import importing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heka._config_errors import EnvironmentNotFoundError, MethodNotFoundError

__all__ = [
    "ConfigError",
    "ConfigWarning",
    "DecodeError",
    "EncodeError",
    "EnvironmentNotFoundError",
    "FieldError",
    "HekaError",
    "InvalidArgumentError",
    "MatcherError",
    "MethodNotFoundError",
    "QueueFullError",
    "SignatureError",
]


class InvalidArgumentError(ConfigError, RuntimeError):
    """A plugin was configured with an argument or value that it does not accept."""


class QueueFullError(HekaError, queue.Full):
    """A queue with the overflow policy ``raise`` is full."""


class ConfigWarning(UserWarning):
    """A configuration contains a key or value that has no effect."""


if not TYPE_CHECKING:

    def __getattr__(name):
        """Import the exceptions that need ``configparser``.

        ``heka.config``, which raises them, does not use this: while a thread imports a module of
        heka it must not wait for another that imports.
        """
        if name not in ("EnvironmentNotFoundError", "MethodNotFoundError"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        with importing():
            from heka import _config_errors
        return globals().setdefault(name, getattr(_config_errors, name))

    def __dir__():
        return sorted({*globals(), *__all__})

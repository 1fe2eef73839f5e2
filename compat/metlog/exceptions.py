"""metlog.exceptions: the exceptions that metlog's configuration raised."""

from heka.exceptions import EnvironmentNotFoundError, MethodNotFoundError

__all__ = ["EnvironmentNotFoundError", "MethodNotFoundError"]

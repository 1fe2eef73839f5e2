"""metlog.exceptions: what configuration raised."""

from heka.exceptions import EnvironmentNotFoundError, MethodNotFoundError

__all__ = ["EnvironmentNotFoundError", "MethodNotFoundError"]

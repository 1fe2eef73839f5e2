"""The client: defaults, filters and one stream for a program, or a library, that logs."""

from heka.client.client import SEVERITY, HekaClient

__all__ = ["SEVERITY", "HekaClient"]

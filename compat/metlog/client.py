"""metlog.client: the client under its first name."""

from heka.client import SEVERITY, HekaClient

__all__ = ["SEVERITY", "MetlogClient"]

MetlogClient = HekaClient

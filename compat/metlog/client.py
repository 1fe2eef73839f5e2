"""metlog.client: HekaClient under its old name MetlogClient."""

from heka.client import SEVERITY, HekaClient

__all__ = ["SEVERITY", "MetlogClient"]

MetlogClient = HekaClient

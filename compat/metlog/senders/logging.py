"""metlog.senders.logging: the stream to stdlib ``logging`` under its old name."""

from heka.senders.logging import __dir__, __getattr__

__all__ = ["__dir__", "__getattr__"]

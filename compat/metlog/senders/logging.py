"""metlog.senders.logging: messages for the standard library's logging."""

from heka.senders.logging import __dir__, __getattr__

__all__ = ["__dir__", "__getattr__"]

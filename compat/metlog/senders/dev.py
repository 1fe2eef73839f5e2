"""metlog.senders.dev: streams for development under their old names."""

from heka.senders.dev import __dir__, __getattr__

__all__ = ["__dir__", "__getattr__"]

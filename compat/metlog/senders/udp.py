"""metlog.senders.udp: UDP streams under their old names."""

from heka.senders.udp import __dir__, __getattr__

__all__ = ["__dir__", "__getattr__"]

"""metlog.senders: streams under their old names, as ``heka.senders`` lists them."""

from heka.senders import __dir__, __getattr__

__all__ = ["__dir__", "__getattr__"]

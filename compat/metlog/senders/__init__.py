"""metlog.senders: the streams, which were senders once; ``heka.senders`` says which."""

from heka.senders import __dir__, __getattr__

__all__ = ["__dir__", "__getattr__"]

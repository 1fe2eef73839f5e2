"""The streams under the names of older versions; each access gives a DeprecationWarning.

``heka.senders.UdpSender`` is ``heka.streams.UdpStream``: the same class, and likewise in
``heka.senders.dev``, ``.udp`` and ``.logging``.
"""

from __future__ import annotations

import warnings
from typing import Any

import heka.streams as streams

_NAMES = (
    "DebugCaptureSender",
    "FileSender",
    "StdLibLoggingSender",
    "StdOutSender",
    "StreamSender",
    "TcpSender",
    "UdpSender",
)
#: New names that old documentation looks up here, such as ``heka.senders.StdOutStream``.
_NEW = frozenset(streams.__all__)
#: Old names that do not just replace "Stream" with "Sender".
_RENAMED = {"StreamSender": "FormatterStream"}
_GONE = {
    "NoSendSender": "a client without a stream sends nothing",
    "WrappedSender": "a client has a stream and an encoder of its own",
    "build_sender": "a client has a stream and an encoder of its own",
    "ZmqPubSender": "ZeroMQ is no longer supported; use heka.streams.TcpStream",
    "ZmqHandshakePubSender": "ZeroMQ is no longer supported; use heka.streams.TcpStream",
    "ZmqSender": "ZeroMQ is no longer supported; use heka.streams.TcpStream",
}


def alias(module: str, names: tuple[str, ...], name: str) -> Any:
    """Return the stream with the old *name*; for ``__getattr__`` of *module*, which has *names*."""
    if name in _NEW:  # as old documentation of raven writes them
        new = name
    elif name in names:
        new = _RENAMED.get(name) or name.removesuffix("Sender") + "Stream"
    else:
        why = f": {_GONE[name]}" if name in _GONE else ""
        raise AttributeError(f"module {module!r} has no attribute {name!r}{why}")
    warnings.warn(f"{module}.{name} is heka.streams.{new} now", DeprecationWarning, stacklevel=3)
    return getattr(streams, new)


def __getattr__(name: str) -> Any:
    return alias(__name__, _NAMES, name)


def __dir__() -> list[str]:
    return [*globals(), *_NAMES]

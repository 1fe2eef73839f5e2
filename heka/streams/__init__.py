"""Streams: the objects that a client writes its messages to.

A stream is any object with ``write(data)`` and ``flush()``, and optionally ``close()``. The streams
of this package never raise for failures of sending; they count them: see ``stats()``.
"""

from heka.streams.base import Stream
from heka.streams.dev import DebugCaptureStream, FormatterStream, StdOutStream
from heka.streams.fanout import FanOutStream
from heka.streams.files import FileStream
from heka.streams.logging import StdLibLoggingStream
from heka.streams.null import NullStream
from heka.streams.queued import QueuedStream
from heka.streams.tcp import TcpStream
from heka.streams.udp import UdpStream
from heka.streams.unix import UnixStream
from heka.streams.url import UrlStream

__all__ = [
    "DebugCaptureStream",
    "FanOutStream",
    "FileStream",
    "FormatterStream",
    "NullStream",
    "QueuedStream",
    "StdLibLoggingStream",
    "StdOutStream",
    "Stream",
    "TcpStream",
    "UdpStream",
    "UnixStream",
    "UrlStream",
]

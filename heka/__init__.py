"""Heka client: send structured log messages and metrics. C code encodes, signs and sends them.

::

    import heka

    heka.log("ads_served", "ads", fields={"ad_ids": [1, 2, 3], "time_taken": 0.010})
"""

from heka._context import bind, bound, context, unbind
from heka._delivery.lifecycle import flush_on_sigterm
from heka._net.defaults import DEFAULT_PORT
from heka.api import configure, flush, log, stats
from heka.connections import HekaConnection
from heka.exceptions import (
    ConfigError,
    DecodeError,
    EncodeError,
    FieldError,
    HekaError,
    QueueFullError,
    SignatureError,
)
from heka.framing import Frame, StreamReader, frame
from heka.message import Field, Message, pack
from heka.plugins import Plugin
from heka.severity import (
    ALERT,
    CRIT,
    CRITICAL,
    DEBUG,
    EMERG,
    EMERGENCY,
    ERR,
    ERROR,
    INFO,
    INFORMATIONAL,
    NOTICE,
    PANIC,
    WARN,
    WARNING,
)
from heka.signing import SignerConfig

__version__ = "2.0.0.dev0"

__all__ = [
    "ALERT",
    "CRIT",
    "CRITICAL",
    "DEBUG",
    "DEFAULT_PORT",
    "EMERG",
    "EMERGENCY",
    "ERR",
    "ERROR",
    "INFO",
    "INFORMATIONAL",
    "NOTICE",
    "PANIC",
    "WARN",
    "WARNING",
    "ConfigError",
    "DecodeError",
    "EncodeError",
    "Field",
    "FieldError",
    "Frame",
    "HekaConnection",
    "HekaError",
    "Message",
    "Plugin",
    "QueueFullError",
    "SignatureError",
    "SignerConfig",
    "StreamReader",
    "__version__",
    "bind",
    "bound",
    "configure",
    "context",
    "flush",
    "flush_on_sigterm",
    "frame",
    "log",
    "pack",
    "stats",
    "unbind",
]

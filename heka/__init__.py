"""Heka client: send structured log messages and metrics. C code encodes, signs and sends them.

::

    import heka

    heka.log("ads_served", "ads", fields={"ad_ids": [1, 2, 3], "time_taken": 0.010})
"""

try:
    from heka._core import (
        Block,
        BlockReader,
        ConfigError,
        DecodeError,
        EncodeError,
        Field,
        FieldError,
        Frame,
        HekaError,
        Message,
        SignatureError,
        SignerConfig,
        StreamReader,
        frame,
        pack,
    )
    from heka._core import nearest as _nearest
except ImportError as _error:
    from heka._missing import explanation as _explanation

    if _text := _explanation(str(_error)):
        raise ImportError(_text, name="heka._core", path=_error.path) from _error
    raise

from heka._context import bind, bound, context, unbind
from heka._runtime.forks import importing as _importing
from heka.api import configure, flush, gauge, incr, log, stats
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heka import client as client
    from heka import config as config
    from heka import connections as connections
    from heka import decorators as decorators
    from heka import encoders as encoders
    from heka import exceptions as exceptions
    from heka import filters as filters
    from heka import framing as framing
    from heka import holder as holder
    from heka import integrations as integrations
    from heka import jsonlines as jsonlines
    from heka import logging as logging
    from heka import matcher as matcher
    from heka import message as message
    from heka import path as path
    from heka import plugins as plugins
    from heka import senders as senders
    from heka import signing as signing
    from heka import streams as streams
    from heka import testing as testing
    from heka._delivery.lifecycle import flush_on_sigterm
    from heka._net.defaults import DEFAULT_PORT
    from heka._process import exception, timer
    from heka._typing import FieldValue, ProcessStats, Stats
    from heka.connections import HekaConnection
    from heka.exceptions import QueueFullError
    from heka.plugins import Plugin

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
    "Block",
    "BlockReader",
    "ConfigError",
    "DecodeError",
    "EncodeError",
    "Field",
    "FieldError",
    "FieldValue",
    "Frame",
    "HekaConnection",
    "HekaError",
    "Message",
    "Plugin",
    "ProcessStats",
    "QueueFullError",
    "SignatureError",
    "SignerConfig",
    "Stats",
    "StreamReader",
    "__version__",
    "bind",
    "bound",
    "configure",
    "context",
    "exception",
    "flush",
    "flush_on_sigterm",
    "frame",
    "gauge",
    "incr",
    "log",
    "pack",
    "stats",
    "timer",
    "unbind",
]

#: The names that are imported at their first use, because what they need takes long to import, and
#: the modules that have them. The public modules too: ``import heka; heka.testing.capture()``.
_LATER = {
    "DEFAULT_PORT": "heka._net.defaults",
    "HekaConnection": "heka.connections",
    "Plugin": "heka.plugins",
    "exception": "heka._process",
    "FieldValue": "heka._typing",
    "ProcessStats": "heka._typing",
    "QueueFullError": "heka.exceptions",
    "Stats": "heka._typing",
    "flush_on_sigterm": "heka._delivery.lifecycle",
    "timer": "heka._process",
}
_MODULES = (
    *("client", "config", "connections", "decorators", "encoders", "exceptions", "filters"),
    *("framing", "holder", "integrations", "jsonlines", "logging", "matcher", "message", "path"),
    *("plugins", "senders", "signing", "streams", "testing"),
)
#: What is often looked for in ``heka``, and where it is.
_ELSEWHERE = {
    **dict.fromkeys(("HekaClient", "SEVERITY"), "client"),
    **dict.fromkeys(("debug", "info", "notice", "warning", "warn"), "client.HekaClient"),
    **dict.fromkeys(("error", "critical"), "client.HekaClient"),
    **dict.fromkeys(("client_from_dict_config", "client_from_stream_config"), "config"),
    **dict.fromkeys(("client_from_text_config", "client_from_toml_config"), "config"),
    **dict.fromkeys(("timeit", "incr_count"), "decorators"),
    **dict.fromkeys(("ProtobufEncoder", "JSONEncoder"), "encoders"),
    **dict.fromkeys(("CLIENT_HOLDER", "get_client"), "holder"),
    **dict.fromkeys(("HekaHandler", "hook_logger"), "logging"),
    **dict.fromkeys(("Matcher", "MatcherError"), "matcher"),
    **dict.fromkeys(("UdpStream", "TcpStream", "FileStream", "UrlStream"), "streams"),
    **dict.fromkeys(("QueuedStream", "StdOutStream", "DebugCaptureStream"), "streams"),
    **dict.fromkeys(("capture", "sources"), "testing"),
}

if not TYPE_CHECKING:

    def __getattr__(name):
        """Import the name *name* of _LATER, or the module *name* of _MODULES."""
        module = _LATER.get(name) or (f"heka.{name}" if name in _MODULES else None)
        if module is None:
            raise AttributeError(
                f"module 'heka' has no attribute {name[:64]!r}{_remedy(name)}", name=name
            )
        with _importing():
            found = __import__(module, fromlist=["__name__"])
        return globals().setdefault(name, getattr(found, name) if name in _LATER else found)

    def _remedy(name):
        """Return where *name* is, or which name of this package it resembles."""
        if name in _ELSEWHERE:
            return f"; it is heka.{_ELSEWHERE[name]}.{name}"
        if name in ("send", "Client"):
            return f"; did you mean heka.{'log' if name == 'send' else 'client.HekaClient'}?"
        found = None if name.startswith("_") else _nearest(name, __dir__())
        return f"; did you mean {found!r}?" if found else ""

    def __dir__():
        return sorted({*__all__, *_MODULES, "api", "exceptions", "severity"})


del TYPE_CHECKING

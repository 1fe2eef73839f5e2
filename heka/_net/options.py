"""What can stand behind the ``?`` of a destination: how it is encrypted, how it is queued.

Knows the notation and nothing else: no file is read, no queue made.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import quote, unquote

from heka._net.defaults import (
    CAPACITY,
    DATAGRAM_MAX,
    QUEUED_BACKOFF_MAX,
    QUEUED_DATAGRAM_SIZE,
)
from heka.exceptions import ConfigError

__all__ = [
    "OVERFLOWS",
    "QueueOptions",
    "TlsOptions",
    "as_number",
    "as_size",
    "read_query",
    "write_query",
]

#: What can become of a frame that finds its queue full.
OVERFLOWS: Final = ("drop_new", "drop_old", "block", "raise")
_UNITS: Final = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE: Final = re.compile(r"([0-9]{1,19}) ?([A-Za-z]*)")


def as_number(text: str) -> int:
    """Return what decimal *text* says, -1 when it is none; int() refuses long ones as well."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else -1


def as_size(given: object, name: str) -> int:
    """Return a number of bytes, given as int or as text: ``'8 MiB'``, ``'8MiB'``, ``'8388608'``.

    Raises:
        ConfigError: It is none; *name* says of what.
    """
    size = 0
    if isinstance(given, str):
        match = _SIZE.fullmatch(given)
        if match and match[2] in _UNITS:
            size = int(match[1]) * _UNITS[match[2]]
    elif isinstance(given, int) and not isinstance(given, bool):
        size = given
    if not 1 <= size <= sys.maxsize:
        raise ConfigError(
            f"{name}: expected bytes, as a number or as in '64 KiB', '8 MiB' or '1 GiB', "
            f"got {given!r}"
        )
    return size


def _seconds(given: object, name: str, *, positive: bool = False) -> float:
    """Return a number of seconds, given as one or as text."""
    seconds = math.nan
    if isinstance(given, (int, float, str)) and not isinstance(given, bool):
        with contextlib.suppress(ValueError, OverflowError):
            seconds = float(given)
    if not (0 < seconds < math.inf or (seconds == 0 and not positive)):
        least = "more than 0" if positive else "0 or more"
        raise ConfigError(f"{name}: expected seconds, {least}, got {given!r}")
    return seconds


def _path(given: object, name: str) -> str:
    """Return the path of a file or a directory."""
    if isinstance(given, (str, bytes, os.PathLike)):
        path = os.fsdecode(given)
        if path and "\0" not in path:
            return path
    raise ConfigError(f"{name}: expected a path, got {given!r}")


def _path_or_none(given: object, name: str) -> str | None:
    return None if given is None else _path(given, name)


def _word(given: object, name: str, words: tuple[str, ...]) -> str:
    if not isinstance(given, str) or given not in words:
        known = f"{', '.join(map(repr, words[:-1]))} or {words[-1]!r}"
        raise ConfigError(f"{name} must be {known}, got {given!r}")
    return given


def _switch(given: object, name: str) -> bool:
    """Return a bool; in text, 1 is True and 0 is False."""
    return given if isinstance(given, bool) else _word(given, name, ("1", "0")) == "1"


def _server_name(given: object, name: str) -> str | None:
    """Return a host name or an address as a certificate has it."""
    if given is None:
        return None
    if not isinstance(given, str) or not given.strip(".") or any(c in "/@?#,[]\0 " for c in given):
        raise ConfigError(
            f"{name}: expected a host name or an address, as the server's certificate has it, "
            f"got {given!r}"
        )
    return given


@dataclass(frozen=True)
class TlsOptions:
    """How a ``tls://`` destination is encrypted, and whom it trusts.

    Attributes:
        ca: A file of PEM certificates to trust instead of the system's.
        cert: A file with the client's certificate and what leads up to its CA, in PEM.
        key: A file with the client's private key; None: it is in ``cert`` too.
        minimum: The oldest version of TLS, ``'1.2'`` or ``'1.3'``; ``min`` in a URL.
        name: The name that the server's certificate has to be for; None: that of the host.
        verify: False takes any certificate from anybody: for tests, as nothing is secret then.
    """

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    minimum: str = "1.2"
    name: str | None = None
    verify: bool = True

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ConfigError: Names the option, what it takes and what came.
        """
        _convert(self, _TLS)
        if self.key is not None and self.cert is None:
            raise ConfigError("key: a private key is of no use without its certificate, cert=FILE")


@dataclass(frozen=True)
class QueueOptions:
    """How a destination is queued: what ``heka.streams.QueuedStream`` takes.

    Attributes:
        capacity: Bytes of waiting frames that the queue holds.
        overflow: One of OVERFLOWS: what becomes of a frame that finds it full.
        block_timeout: Seconds that ``'block'`` waits for room.
        linger: Seconds that a frame waits for others to be sent along with.
        spool: The directory of a queue on disk; None: in memory.
        sync: Seconds between two fsync of the spool; None: the system writes when it likes.
        datagram_size: Bytes that frames are packed together up to, over UDP and unix datagrams.
        backoff_max: Seconds of the longest wait between two tries to connect.
        connect_timeout: Seconds that resolving and connecting may take.
        write_timeout: Seconds that a peer may take nothing.
        refresh: Seconds after which the name is resolved anew.
    """

    capacity: int = CAPACITY
    overflow: str = "drop_new"
    block_timeout: float = 1.0
    linger: float = 0.05
    spool: str | None = None
    sync: float | None = None
    datagram_size: int = QUEUED_DATAGRAM_SIZE
    backoff_max: float = QUEUED_BACKOFF_MAX
    connect_timeout: float = 5.0
    write_timeout: float = 10.0
    refresh: float = 300.0

    def __post_init__(self) -> None:
        """Check every value; sizes and seconds may be given as text.

        Raises:
            ConfigError: Names the option, what it takes and what came.
        """
        _convert(self, _QUEUE)
        if self.sync is not None and self.spool is None:
            raise ConfigError("sync: only a queue on disk can be synced; give spool=DIRECTORY")


def _datagram_size(given: object, name: str) -> int:
    size = as_number(given) if isinstance(given, str) else given
    if isinstance(size, bool) or not isinstance(size, int) or not 64 <= size <= DATAGRAM_MAX:
        raise ConfigError(f"{name} must be from 64 to {DATAGRAM_MAX} bytes, got {given!r}")
    return size


def _positive(given: object, name: str) -> float:
    return _seconds(given, name, positive=True)


_Converter = Callable[[object, str], Any]

#: The options of TLS by their names in a URL: the field of TlsOptions, and what reads a value.
_TLS: Final[dict[str, tuple[str, _Converter]]] = {
    "ca": ("ca", _path_or_none),
    "cert": ("cert", _path_or_none),
    "key": ("key", _path_or_none),
    "min": ("minimum", lambda given, name: _word(given, name, ("1.2", "1.3"))),
    "name": ("name", _server_name),
    "verify": ("verify", _switch),
}
#: The same of QueueOptions.
_QUEUE: Final[dict[str, tuple[str, _Converter]]] = {
    "capacity": ("capacity", as_size),
    "overflow": ("overflow", lambda given, name: _word(given, name, OVERFLOWS)),
    "block_timeout": ("block_timeout", _seconds),
    "linger": ("linger", _seconds),
    "spool": ("spool", _path_or_none),
    "sync": ("sync", lambda given, name: None if given is None else _seconds(given, name)),
    "datagram_size": ("datagram_size", _datagram_size),
    "backoff_max": ("backoff_max", _positive),
    "connect_timeout": ("connect_timeout", _positive),
    "write_timeout": ("write_timeout", _positive),
    "refresh": ("refresh", _positive),
}
TLS_NAMES: Final = tuple(_TLS)
#: Without datagram_size, which says nothing of a stream of bytes.
QUEUE_NAMES: Final = ("queue", *(name for name in _QUEUE if name != "datagram_size"))


def _convert(options: TlsOptions | QueueOptions, table: dict[str, tuple[str, _Converter]]) -> None:
    """Replace each value of *options* by what its converter makes of it."""
    for name, (field, convert) in table.items():
        object.__setattr__(options, field, convert(getattr(options, field), name))


def read_query(query: str) -> dict[str, str]:
    """Return ``a=1&b=2`` as a dict; ``+`` is a plus sign, since the values are mostly paths."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {_plain(name): _plain(value) for name, _, value in pairs}


def _plain(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def write_query(options: dict[str, str]) -> str:
    """Return *options* as they stand in a URL, ``?`` first; nothing when there are none."""
    parts = (
        f"{name}={quote(value, safe='/:@,~', errors='surrogateescape')}"
        for name, value in options.items()
    )
    return f"?{'&'.join(parts)}" if options else ""


def read_tls(given: dict[str, str]) -> TlsOptions:
    """Return what the options of a URL, *given*, say about TLS; ConfigError where that is wrong."""
    named = {_TLS[name][0]: value for name, value in given.items() if name in _TLS}
    return TlsOptions(**named)  # type: ignore[arg-type]  # text, which it converts


def read_queue(given: dict[str, str]) -> QueueOptions | None:
    """Return what the options of a URL, *given*, say about a queue; None when there is to be none.

    Raises:
        ConfigError: A value is wrong, or is for a queue that nobody has asked for.
    """
    named = {_QUEUE[name][0]: value for name, value in given.items() if name in _QUEUE}
    asked = _switch(given["queue"], "queue") if "queue" in given else "spool" in named
    if asked:
        return QueueOptions(**named)  # type: ignore[arg-type]  # text, which it converts
    if named:
        names = ", ".join(named)
        raise ConfigError(f"{names}: of use to a queue only; add queue=1, or leave it out")
    return None


def tls_texts(options: TlsOptions) -> dict[str, str]:
    """Return what ``read_tls`` makes *options* of, without defaults."""
    return _texts(options, _TLS)


def queue_texts(options: QueueOptions) -> dict[str, str]:
    """Return what ``read_queue`` makes *options* of, without defaults."""
    texts = _texts(options, _QUEUE)
    return texts if options.spool is not None else {"queue": "1", **texts}


def _texts(
    options: TlsOptions | QueueOptions, table: dict[str, tuple[str, _Converter]]
) -> dict[str, str]:
    default = {field.name: field.default for field in fields(options)}
    values = dataclasses.asdict(options)
    return {
        name: _size_text(values[field]) if name == "capacity" else _text(values[field])
        for name, (field, _) in table.items()
        if values[field] != default[field]
    }


def _size_text(size: int) -> str:
    """Return ``8MiB`` rather than ``8388608``."""
    unit = next(unit for unit in reversed(_UNITS) if size % _UNITS[unit] == 0)
    return f"{size // _UNITS[unit]}{unit}"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)

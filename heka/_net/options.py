"""Query options of a destination URL: TLS and the queue.

Parses and checks text only: reads no file and makes no queue.
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

#: Overflow policies: what happens to a frame when its queue is full.
OVERFLOWS: Final = ("drop_new", "drop_old", "block", "raise")
_UNITS: Final = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE: Final = re.compile(r"([0-9]{1,19}) ?([A-Za-z]*)")


def as_number(text: str) -> int:
    """Return the number in *text*, or -1 unless *text* is 1 to 9 decimal digits."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else -1


def as_size(given: object, name: str) -> int:
    """Return a number of bytes, given as int or as text: ``'8 MiB'``, ``'8MiB'``, ``'8388608'``.

    Raises:
        ConfigError: *given* is not a size from 1 to ``sys.maxsize``; *name* is the option that the
            text names.
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
    """Return seconds as a float, given as a number or as text."""
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


def _choice(given: object, name: str, choices: tuple[str, ...]) -> str:
    """Return *given*, which must be one of *choices*."""
    if not isinstance(given, str) or given not in choices:
        expected = f"{', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}"
        raise ConfigError(f"{name} must be {expected}, got {given!r}")
    return given


def _boolean(given: object, name: str) -> bool:
    """Return a bool; the text ``1`` is True and ``0`` is False."""
    return given if isinstance(given, bool) else _choice(given, name, ("1", "0")) == "1"


def _server_name(given: object, name: str) -> str | None:
    """Return *given*, a host name or an address as it appears in a certificate."""
    if given is None:
        return None
    if not isinstance(given, str) or not given.strip(".") or any(c in "/@?#,[]\0 " for c in given):
        raise ConfigError(
            f"{name}: expected a host name or an address, as in the server's certificate, "
            f"got {given!r}"
        )
    return given


@dataclass(frozen=True)
class TlsOptions:
    """TLS options of a ``tls://`` destination.

    Attributes:
        ca: PEM file of the CA certificates to trust, instead of the system's.
        cert: PEM file with the client's certificate chain.
        key: PEM file with the client's private key; None: the key is in the file ``cert``.
        minimum: The oldest version of TLS, ``'1.2'`` or ``'1.3'``; ``min`` in a URL.
        name: Name that the server's certificate must have; None: the host name of the URL.
        verify: False accepts every certificate. For tests only: the server is not authenticated.
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
            ConfigError: A value is wrong; the text names the option, the value, and what it takes.
        """
        _convert(self, _TLS)
        if self.key is not None and self.cert is None:
            raise ConfigError("key: a private key needs its certificate; give cert=FILE too")


@dataclass(frozen=True)
class QueueOptions:
    """Queue options of a destination, as ``heka.streams.QueuedStream`` takes them.

    Attributes:
        capacity: Bytes of frames that the queue holds.
        overflow: One of OVERFLOWS: what happens to a frame when the queue is full.
        block_timeout: Seconds that a call waits for room when ``overflow`` is ``'block'``.
        linger: Seconds that a frame waits for more frames to be sent together with it.
        spool: Directory of a queue on disk; None: the queue is in memory.
        spool_max: Bytes of all files in the spool, of every process, over which new frames are
            dropped; None: 16 times the capacity.
        spool_map: Map the files of the spool into memory; False: write and read them by calls. That
            takes longer, but a file that another program truncates never ends the process.
        sync: Seconds between two calls of fsync on the spool; None: the system decides when it
            writes to the disk.
        datagram_size: Bytes up to which frames are packed into one UDP or unix datagram.
        backoff_max: Longest wait in seconds between two attempts to connect.
        connect_timeout: Seconds that resolving and connecting may take together.
        write_timeout: Seconds without progress after which a connection is closed.
        refresh: Seconds after which the host name is resolved again.
    """

    capacity: int = CAPACITY
    overflow: str = "drop_new"
    block_timeout: float = 1.0
    linger: float = 0.05
    spool: str | None = None
    spool_max: int | None = None
    spool_map: bool = True
    sync: float | None = None
    datagram_size: int = QUEUED_DATAGRAM_SIZE
    backoff_max: float = QUEUED_BACKOFF_MAX
    connect_timeout: float = 5.0
    write_timeout: float = 10.0
    refresh: float = 300.0

    def __post_init__(self) -> None:
        """Check every value; sizes and seconds may be given as text.

        Raises:
            ConfigError: A value is wrong; the text names the option, the value, and what it takes.
        """
        _convert(self, _QUEUE)
        if self.sync is not None and self.spool is None:
            raise ConfigError("sync: needs a queue on disk; give spool=DIRECTORY too")
        if self.spool_max is not None and self.spool is None:
            raise ConfigError("spool_max: needs a queue on disk; give spool=DIRECTORY too")
        if not self.spool_map and self.spool is None:
            raise ConfigError("spool_map: needs a queue on disk; give spool=DIRECTORY too")


def _datagram_size(given: object, name: str) -> int:
    size = as_number(given) if isinstance(given, str) else given
    if isinstance(size, bool) or not isinstance(size, int) or not 64 <= size <= DATAGRAM_MAX:
        raise ConfigError(f"{name} must be from 64 to {DATAGRAM_MAX} bytes, got {given!r}")
    return size


def _positive(given: object, name: str) -> float:
    return _seconds(given, name, positive=True)


_Converter = Callable[[object, str], Any]

#: TLS options by their name in a URL: the field of TlsOptions, and the converter of its value.
_TLS: Final[dict[str, tuple[str, _Converter]]] = {
    "ca": ("ca", _path_or_none),
    "cert": ("cert", _path_or_none),
    "key": ("key", _path_or_none),
    "min": ("minimum", lambda given, name: _choice(given, name, ("1.2", "1.3"))),
    "name": ("name", _server_name),
    "verify": ("verify", _boolean),
}
#: The same for QueueOptions.
_QUEUE: Final[dict[str, tuple[str, _Converter]]] = {
    "capacity": ("capacity", as_size),
    "overflow": ("overflow", lambda given, name: _choice(given, name, OVERFLOWS)),
    "block_timeout": ("block_timeout", _seconds),
    "linger": ("linger", _seconds),
    "spool": ("spool", _path_or_none),
    "spool_max": ("spool_max", lambda given, name: None if given is None else as_size(given, name)),
    "spool_map": ("spool_map", _boolean),
    "sync": ("sync", lambda given, name: None if given is None else _seconds(given, name)),
    "datagram_size": ("datagram_size", _datagram_size),
    "backoff_max": ("backoff_max", _positive),
    "connect_timeout": ("connect_timeout", _positive),
    "write_timeout": ("write_timeout", _positive),
    "refresh": ("refresh", _positive),
}
_SIZES: Final = ("capacity", "spool_max")
TLS_NAMES: Final = tuple(_TLS)
#: Without datagram_size, which byte streams do not take.
QUEUE_NAMES: Final = ("queue", *(name for name in _QUEUE if name != "datagram_size"))


def _convert(options: TlsOptions | QueueOptions, table: dict[str, tuple[str, _Converter]]) -> None:
    """Replace each value of *options* by the result of its converter."""
    for name, (field, convert) in table.items():
        object.__setattr__(options, field, convert(getattr(options, field), name))


def read_query(query: str) -> dict[str, str]:
    """Return ``a=1&b=2`` as a dict; ``+`` stays a plus sign, because most values are paths."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {_unquote(name): _unquote(value) for name, _, value in pairs}


def _unquote(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def write_query(options: dict[str, str]) -> str:
    """Return *options* as the query of a URL, with its ``?``; ``""`` without options."""
    parts = (
        f"{name}={quote(value, safe='/:@,~', errors='surrogateescape')}"
        for name, value in options.items()
    )
    return f"?{'&'.join(parts)}" if options else ""


def read_tls(given: dict[str, str]) -> TlsOptions:
    """Return the TLS options in *given*, the query of a URL; ConfigError for a wrong value."""
    named = {_TLS[name][0]: value for name, value in given.items() if name in _TLS}
    return TlsOptions(**named)  # type: ignore[arg-type]  # text, converted in __post_init__


def as_refresh(given: object) -> float:
    """Return the option ``refresh``, seconds; ConfigError for a wrong value."""
    return _positive(given, "refresh")


def wants_queue(given: dict[str, str]) -> bool:
    """Return whether *given*, the query of a URL, says that the destination has a queue."""
    return _boolean(given["queue"], "queue") if "queue" in given else "spool" in given


def read_queue(given: dict[str, str]) -> QueueOptions | None:
    """Return the queue options in *given*, the query of a URL; None when it has no queue.

    Raises:
        ConfigError: A value is wrong, or there are queue options but no ``queue=1``.
    """
    named = {_QUEUE[name][0]: value for name, value in given.items() if name in _QUEUE}
    if wants_queue(given):
        return QueueOptions(**named)  # type: ignore[arg-type]  # text, converted in __post_init__
    if named:
        names = ", ".join(named)
        raise ConfigError(f"{names}: only a queue takes this; add queue=1, or remove it")
    return None


def tls_texts(options: TlsOptions) -> dict[str, str]:
    """Return *options* as ``read_tls`` reads them, without default values."""
    return _texts(options, _TLS)


def queue_texts(options: QueueOptions) -> dict[str, str]:
    """Return *options* as ``read_queue`` reads them, without default values."""
    texts = _texts(options, _QUEUE)
    return texts if options.spool is not None else {"queue": "1", **texts}


def _texts(
    options: TlsOptions | QueueOptions, table: dict[str, tuple[str, _Converter]]
) -> dict[str, str]:
    default = {field.name: field.default for field in fields(options)}
    values = dataclasses.asdict(options)
    return {
        name: (_size_text if name in _SIZES else _text)(values[field])
        for name, (field, _) in table.items()
        if values[field] != default[field]
    }


def _size_text(size: int) -> str:
    """Return *size* in the largest unit that divides it: ``8MiB`` for ``8388608``."""
    unit = next(unit for unit in reversed(_UNITS) if size % _UNITS[unit] == 0)
    return f"{size // _UNITS[unit]}{unit}"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return seconds_text(value) if isinstance(value, float) else str(value)


def seconds_text(value: float) -> str:
    """Return seconds as a URL has them: ``300`` for 300.0."""
    return repr(value).removesuffix(".0")

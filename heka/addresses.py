"""Destinations as people write them: URLs, ``host:port``, tuples.

Knows the notation and nothing else: no names are resolved, no sockets opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict
from urllib.parse import parse_qsl, quote, unquote

from heka.defaults import DATAGRAM_MAX, DATAGRAM_SIZE, DEFAULT_PORT
from heka.exceptions import ConfigError

#: The options that each scheme takes behind ``?``.
OPTIONS = {
    "udp": ("datagram", "family", "framing"),
    "tcp": ("family",),
    "unix": (),
    "unixgram": ("datagram", "framing"),
    "file": (),
}
EXPECTED = (
    "expected (host, port), 'host:port', '[::1]:5565', udp://host:port, tcp://host:port, "
    "unix:///path, unixgram:///path or file:///path"
)


class _Options(TypedDict, total=False):
    """What stands behind ``?``."""

    family: int
    framed: bool
    datagram: int


@dataclass(frozen=True)
class Address:
    """One destination.

    Attributes:
        scheme: ``udp``, ``tcp``, ``unix``, ``unixgram`` or ``file``.
        host, port: For ``udp`` and ``tcp``.
        path: For the others; a leading ``@`` names an abstract unix socket.
        family: 4 or 6 to insist on one, 0 for either.
        framed: False sends bare messages, one a datagram, as Hindsight's ``udp.lua`` wants them.
        datagram: Bytes of the largest datagram; a larger frame follows the oversize policy.
    """

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    family: int = 0
    framed: bool = True
    datagram: int = DATAGRAM_SIZE

    @property
    def is_datagram(self) -> bool:
        """True where each frame travels alone."""
        return self.scheme in ("udp", "unixgram")

    @property
    def max_frame(self) -> int:
        """Bytes of the largest frame; 0 where only the message's own limit holds."""
        return self.datagram if self.is_datagram else 0

    def __str__(self) -> str:
        """Return the URL, without options that are defaults."""
        options = []
        if self.family:
            options.append(f"family={self.family}")
        if not self.framed:
            options.append("framing=none")
        if self.is_datagram and self.datagram != DATAGRAM_SIZE:
            options.append(f"datagram={self.datagram}")
        query = f"?{'&'.join(options)}" if options else ""
        if self.scheme in ("udp", "tcp"):
            host = f"[{self.host}]" if ":" in self.host else self.host
            return f"{self.scheme}://{host}:{self.port}{query}"
        path = quote(self.path, safe="/@:,+=~", errors="surrogateescape")
        return f"{self.scheme}://{path}{query}"


def parse(to: object) -> Address:
    """Read *to* in any of the notations that ``heka.log`` takes.

    Raises:
        ConfigError: It is none of them; names what came and what was expected.
    """
    if isinstance(to, Address):
        return to
    if isinstance(to, tuple):
        if len(to) != 2 or not isinstance(to[0], str):
            raise ConfigError(f"{EXPECTED}; got {to!r}")
        return Address("udp", host=_host(to[0], to), port=_port(to[1], to))
    if not isinstance(to, str):
        raise ConfigError(f"{EXPECTED}, or an object with write(bytes); got {to!r}")
    scheme, separator, rest = to.partition("://")
    if not separator:
        host, port = _host_port(to, to)
        return Address("udp", host=host, port=port)
    scheme = scheme.lower()  # RFC 3986, 3.1
    if scheme == "tls":
        raise ConfigError(
            f"{to!r}: tls is not there yet; send over tcp:// to a TLS proxy on this host"
        )
    if scheme not in OPTIONS:
        raise ConfigError(f"{to!r}: unknown scheme {scheme!r}; {EXPECTED}")
    rest, _, query = rest.partition("?")
    options = _options(scheme, query, to)
    if scheme in ("udp", "tcp"):
        host, port = _host_port(rest.rstrip("/"), to)
        return Address(scheme, host=host, port=port, **options)
    path = unquote(rest, errors="surrogateescape")
    if not path or "\0" in path:
        raise ConfigError(f"{to!r}: expected a path, as in {scheme}:///var/run/heka.sock")
    return Address(scheme, path=path, **options)


def _host_port(text: str, to: object) -> tuple[str, int]:
    """Split ``host:port``, ``[v6]:port``, ``:port`` or ``host``."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ConfigError(f"{to!r}: expected [address]:port; {EXPECTED}")
        port = rest[1:]
    elif text.count(":") > 1:
        raise ConfigError(f"{to!r}: an IPv6 address needs brackets, as in '[::1]:5565'")
    else:
        host, _, port = text.partition(":")
        host = host or ("localhost" if port else "")
    return _host(host, to), _port(port, to) if port else DEFAULT_PORT


def _host(host: str, to: object) -> str:
    if not host or any(c.isspace() or c in "/@?#\0" for c in host):
        raise ConfigError(f"{to!r}: {host!r} is no host name or address; {EXPECTED}")
    return host


def _number(text: str) -> int:
    """Return what decimal *text* says, -1 when it is none; int() refuses long ones as well."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else -1


def _port(port: object, to: object) -> int:
    """Return a port given as int or as decimal text, which is how configuration files have it."""
    if isinstance(port, str) and _number(port) >= 0:
        port = _number(port)
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        raise ConfigError(f"{to!r}: the port must be from 1 to 65535, got {port!r}")
    return port


def _options(scheme: str, query: str, to: object) -> _Options:
    options: _Options = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in OPTIONS[scheme]:
            known = ", ".join(OPTIONS[scheme]) or "none"
            raise ConfigError(f"{to!r}: unknown option {name!r}; {scheme} takes: {known}")
        if name == "family":
            if value not in ("4", "6"):
                raise ConfigError(f"{to!r}: family must be 4 or 6, got {value!r}")
            options["family"] = int(value)
        elif name == "framing":
            if value not in ("none", "heka"):
                raise ConfigError(f"{to!r}: framing must be 'heka' or 'none', got {value!r}")
            options["framed"] = value == "heka"
        else:
            if not 64 <= _number(value) <= DATAGRAM_MAX:
                raise ConfigError(
                    f"{to!r}: datagram must be from 64 to {DATAGRAM_MAX} bytes, got {value!r}"
                )
            options["datagram"] = _number(value)
    return options

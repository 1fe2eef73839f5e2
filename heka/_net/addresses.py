"""Parse destinations: URLs, ``host:port`` and tuples become an ``Address``.

Parses text only: resolves no names and opens no sockets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from heka._core import nearest
from heka._net.defaults import DATAGRAM_MAX, DATAGRAM_SIZE, DEFAULT_PORT
from heka._net.options import (
    QUEUE_NAMES,
    TLS_NAMES,
    QueueOptions,
    TlsOptions,
    as_number,
    as_refresh,
    as_size,
    queue_texts,
    read_query,
    read_queue,
    read_tls,
    seconds_text,
    tls_texts,
    wants_queue,
    write_query,
)
from heka._secrets import masked
from heka.exceptions import ConfigError

__all__ = ["Address", "QueueOptions", "TlsOptions", "as_size", "decode_zone", "parse"]

#: The query options that each scheme takes.
OPTIONS = {
    "udp": ("datagram", "family", "framing", *QUEUE_NAMES, "datagram_size"),
    "tcp": ("family", *QUEUE_NAMES),
    "tls": ("family", *TLS_NAMES, *QUEUE_NAMES),
    "unix": QUEUE_NAMES,
    "unixgram": ("datagram", "framing", *QUEUE_NAMES, "datagram_size"),
    "file": QUEUE_NAMES,
}
#: Characters of an error text, which quotes what was given.
_TEXT_MAX = 1000
#: Characters of a host name, 253 in the DNS, or of an address with its zone.
_HOST_MAX = 255
#: The streams of this process: words, not URLs. ``udp://stdout`` is a host of that name.
STANDARD = ("stdout", "stderr")
#: Schemes whose destination is a host. Of these, the ones that notice that a host is down: only
#: they can fail over.
_HOSTS = ("udp", "tcp", "tls")
_FAILOVER = ("tcp", "tls")
EXPECTED = (
    "expected (host, port), 'host:port', '[::1]:5565', udp://host:port, tcp://host:port, "
    "tls://host:port, unix:///path, unixgram:///path, file:///path, 'stdout' or 'stderr'"
)


@dataclass(frozen=True)
class Address:
    """One destination.

    Attributes:
        scheme: ``udp``, ``tcp``, ``tls``, ``unix``, ``unixgram`` or ``file``; ``stdout`` or
            ``stderr`` for the stream of this process.
        host, port: For ``udp``, ``tcp`` and ``tls``.
        path: For the others; a leading ``@`` names an abstract unix socket.
        family: 4 for IPv4 only, 6 for IPv6 only, 0 for both.
        framed: False sends each message without a frame, one per datagram, as Hindsight's
            ``udp.lua`` expects.
        datagram: Largest datagram in bytes; a larger frame follows the oversize policy.
        alternates: Failover hosts of ``tcp`` and ``tls``, (host, port) each, tried in this order
            when the first host fails.
        tls: TLS options of ``tls``; None for the other schemes.
        queue: Queue options; None: frames are sent synchronously.
        refresh: Seconds after which the name of a ``udp`` host is resolved again, without a queue;
            a queue has its own ``refresh``.
    """

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    family: int = 0
    framed: bool = True
    datagram: int = DATAGRAM_SIZE
    alternates: tuple[tuple[str, int], ...] = ()
    tls: TlsOptions | None = None
    queue: QueueOptions | None = None
    refresh: float = QueueOptions.refresh

    def __post_init__(self) -> None:
        """Give a ``tls`` address without TLS options the defaults."""
        if self.scheme == "tls" and self.tls is None:
            object.__setattr__(self, "tls", TlsOptions())

    @property
    def hosts(self) -> tuple[tuple[str, int], ...]:
        """Every (host, port) in the order in which they are tried; ``(("", 0),)`` for a path."""
        return ((self.host, self.port), *self.alternates)

    @property
    def is_standard(self) -> bool:
        """True for standard output and standard error of this process."""
        return self.scheme in STANDARD

    @property
    def is_datagram(self) -> bool:
        """True when each frame is sent as a datagram of its own."""
        return self.scheme in ("udp", "unixgram")

    @property
    def max_frame(self) -> int:
        """Largest frame in bytes; 0: only the limit on messages applies."""
        return self.datagram if self.is_datagram else 0

    def __str__(self) -> str:
        """Return the URL, without options that have their default value."""
        if self.is_standard:
            return self.scheme
        options: dict[str, str] = {}
        if self.family:
            options["family"] = str(self.family)
        if not self.framed:
            options["framing"] = "none"
        if self.is_datagram and self.datagram != DATAGRAM_SIZE:
            options["datagram"] = str(self.datagram)
        if self.refresh != QueueOptions.refresh:
            options["refresh"] = seconds_text(self.refresh)
        if self.tls is not None:
            options |= tls_texts(self.tls)
        if self.queue is not None:
            options |= queue_texts(self.queue)
        query = write_query(options)
        if self.scheme in _HOSTS:
            hosts = (
                f"{_in_brackets(host) if ':' in host else host}:{port}" for host, port in self.hosts
            )
            return f"{self.scheme}://{','.join(hosts)}{query}"
        path = quote(self.path, safe="/@:,+=~", errors="surrogateescape")
        return f"{self.scheme}://{path}{query}"


def parse(to: object) -> Address:
    """Parse *to*, in any notation that ``heka.log(to=...)`` takes.

    Raises:
        ConfigError: *to* is in none of them; the text says what was given and what was expected.
    """
    if isinstance(to, Address):
        return to
    try:
        return _parsed(to)
    except ConfigError as error:
        # No notation takes a password, but a URL with one may be given by mistake. A text is cut
        # only after that: half a secret is not recognised.
        raise ConfigError(_cut(masked(str(error)))) from error.__cause__


def _cut(text: str) -> str:
    """Return *text*; of long words, such as a wrong URL, and of all of it, the two ends."""
    if len(text) > _TEXT_MAX:
        words = (
            f"{word[:100]}...{word[-20:]}" if len(word) > 200 else word for word in text.split()
        )
        text = " ".join(words)
    half = _TEXT_MAX // 2
    return text if len(text) <= _TEXT_MAX else f"{text[:half]} ... {text[-half:]}"


def _parsed(to: object) -> Address:
    if isinstance(to, tuple):
        if len(to) != 2 or not isinstance(to[0], str):
            raise ConfigError(f"{EXPECTED}; got {to!r}")
        return Address("udp", host=_host(to[0], to), port=_port(to[1], to))
    if not isinstance(to, str):
        _refuse_port(to)
        raise ConfigError(f"{EXPECTED}, or an object with write(bytes); got {to!r}")
    if to in STANDARD:
        return Address(to)
    for name in STANDARD:
        if to.startswith((f"{name}?", f"{name}://")):
            raise ConfigError(f"{to!r}: {name!r} is the whole destination, and takes no options")
    scheme, separator, rest = to.partition("://")
    if not separator:
        _refuse_port(to)
        _refuse_bare(to)
        host, port = _host_port(to, to)
        return Address("udp", host=host, port=port)
    scheme = scheme.lower()  # RFC 3986, 3.1
    if scheme not in OPTIONS:
        meant = nearest(scheme, list(OPTIONS))
        remedy = f"did you mean {meant}://?" if meant else EXPECTED
        raise ConfigError(f"{to!r}: unknown scheme {scheme!r}; {remedy}")
    rest, _, query = rest.partition("?")
    options = _options(scheme, query, to)
    if scheme in _HOSTS:
        _refuse_credentials(rest, f"{scheme}://")
        (host, port), *others = _hosts(scheme, rest.rstrip("/"), to)
        return Address(scheme, host=host, port=port, alternates=tuple(others), **options)
    path = unquote(rest, errors="surrogateescape")
    if not path or "\0" in path:
        raise ConfigError(f"{to!r}: expected a path, as in {scheme}:///var/run/heka.sock")
    if not path.startswith("/") and (scheme == "file" or not path.startswith("@")):
        raise ConfigError(
            f"{to!r}: a path begins with /, and {scheme}:// has no host; did you mean "
            f"{scheme}:///{path.removeprefix('localhost/')}?"
        )
    return Address(scheme, path=path, **options)


def _refuse_port(to: object) -> None:
    """Refuse a number, which is a port without its host; ``5570`` would be the host 0.0.21.194."""
    number = as_number(to) if isinstance(to, str) else to
    if not isinstance(to, bool) and isinstance(number, int) and 0 <= number <= 65535:
        raise ConfigError(f"a port needs a host, as in 'localhost:{number}'; got {to!r}")


def _refuse_bare(to: str) -> None:
    """Refuse a path without a scheme, and a URL without its //."""
    if to.startswith(("/", "./", "../", "~")):
        path = to if to.startswith("/") else "/path"
        raise ConfigError(
            f"{to!r}: a path needs a scheme; did you mean file://{path} for a file, or "
            f"unix://{path} for a socket?"
        )
    scheme, colon, rest = to.partition(":")
    scheme = scheme.lower()
    if colon and scheme in OPTIONS and not rest.isdecimal():  # tcp:5565 is a host of that name
        rest = rest.lstrip("/")
        slashes = "//" if scheme in _HOSTS else "///"
        raise ConfigError(
            f"{to!r}: expected {scheme}://, two slashes; did you mean {scheme}:{slashes}{rest}?"
        )
    _refuse_credentials(to, "")


def _refuse_credentials(rest: str, scheme: str) -> None:
    """Refuse a user and a password before an @; the text shows neither."""
    _, at, host = rest.rpartition("@")
    if at:
        raise ConfigError(
            f"'{scheme}...@{host}': a destination has no user and no password; remove what is "
            "before the @. Messages are signed by a SignerConfig, and tls:// takes cert= and key="
        )


def _hosts(scheme: str, text: str, to: object) -> list[tuple[str, int]]:
    """Split ``a:5565,b:5566`` into the first host and its failover hosts."""
    if "," in text and scheme not in _FAILOVER:
        raise ConfigError(
            f"{to!r}: {scheme} takes one host, because it cannot detect that a host is down; use "
            "tcp:// or tls:// for failover, or one destination for each host"
        )
    return [_host_port(each, to) for each in text.split(",")]


def _host_port(text: str, to: object) -> tuple[str, int]:
    """Split ``host:port``, ``[v6]:port``, ``:port`` or ``host``."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ConfigError(f"{to!r}: expected [address]:port; {EXPECTED}")
        host = decode_zone(host)
        port = rest[1:]
    elif text.count(":") > 1:
        raise ConfigError(f"{to!r}: an IPv6 address needs brackets, as in '[::1]:5565'")
    else:
        host, _, port = text.partition(":")
        host = host or ("localhost" if port else "")
    return _host(host, to), _port(port, to) if port else DEFAULT_PORT


def decode_zone(host: str) -> str:
    """Decode the zone of a link-local address, which RFC 6874 writes as ``%25lo``; ``%lo`` too."""
    address, mark, zone = host.partition("%25")
    return f"{address}%{unquote(zone)}" if mark and zone else host


def _in_brackets(host: str) -> str:
    """Return an IPv6 address as a URL has it."""
    address, mark, zone = host.partition("%")
    return f"[{address}%25{quote(zone, safe='')}]" if mark else f"[{host}]"


def _host(host: str, to: object) -> str:
    if not host or len(host) > _HOST_MAX or any(c.isspace() or c in "/@?#\0" for c in host):
        raise ConfigError(f"{to!r}: {host!r} is not a host name or address; {EXPECTED}")
    return host


def _port(port: object, to: object) -> int:
    """Return the port, given as int or, in configuration files, as decimal text."""
    if isinstance(port, str) and as_number(port) >= 0:
        port = as_number(port)
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        if isinstance(to, str) and not isinstance(port, int):  # a password with / or ? in it
            _refuse_credentials(to, "")
        raise ConfigError(f"{to!r}: the port must be from 1 to 65535, got {port!r}")
    return port


def _options(scheme: str, query: str, to: object) -> dict[str, Any]:
    """Parse the query of a URL into arguments of ``Address``."""
    given = read_query(query)
    for name in given:
        if name not in OPTIONS[scheme]:
            schemes = [f"{other}://" for other in OPTIONS if name in OPTIONS[other]]
            meant = nearest(name, OPTIONS[scheme])
            hint = f"; {name} is for {', '.join(schemes)}" if schemes else ""
            if meant and not schemes:
                hint = f"; did you mean {meant!r}?"
            raise ConfigError(
                f"{to!r}: unknown option {name!r}{hint}; {scheme} takes: "
                f"{', '.join(OPTIONS[scheme])}"
            )
    options: dict[str, Any]
    try:
        options = {name: _READERS[name](given[name]) for name in _READERS if name in given}
        if scheme == "udp" and "refresh" in given and not wants_queue(given):
            options["refresh"] = as_refresh(given.pop("refresh"))
        queue = read_queue(given)
        tls = read_tls(given) if scheme == "tls" else None
    except ConfigError as error:
        raise ConfigError(f"{to!r}: {error}") from None
    options = {_FIELDS.get(name, name): value for name, value in options.items()}
    return {**options, "queue": queue, "tls": tls}


def _family(text: str) -> int:
    if text not in ("4", "6"):
        raise ConfigError(f"family must be 4 or 6, got {text!r}")
    return int(text)


def _framing(text: str) -> bool:
    if text not in ("none", "heka"):
        raise ConfigError(f"framing must be 'heka' or 'none', got {text!r}")
    return text == "heka"


def _datagram(text: str) -> int:
    if not 64 <= as_number(text) <= DATAGRAM_MAX:
        raise ConfigError(f"datagram must be from 64 to {DATAGRAM_MAX} bytes, got {text!r}")
    return as_number(text)


#: Parsers of the options of the address itself, and the ``Address`` field of an option where the
#: names differ.
_READERS = {"family": _family, "framing": _framing, "datagram": _datagram}
_FIELDS = {"framing": "framed"}

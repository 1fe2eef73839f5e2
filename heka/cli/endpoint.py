"""Where a receiver listens: addresses as people write them, and the sockets bound to them.

Knows sockets, no messages. Everything that can go wrong here is the caller's to mend, so every
error is a ``CommandError`` that names the address and the remedy.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
import stat
from typing import Final

import heka
from heka.cli.errors import CommandError

LOOPBACK: Final = "127.0.0.1"
_BACKLOG: Final = 128  # connections the kernel keeps waiting; Linux's SOMAXCONN before 5.4
_RECEIVE_BUFFER: Final = 4 * 1024 * 1024  # bytes asked for a UDP socket; the kernel may give less
_ADDRESS: Final = re.compile(
    r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?"
)


def parse_address(text: str) -> tuple[str, int]:
    """``HOST:PORT`` as ``(host, port)``; without a host loopback, without a port 5565.

    IPv6 addresses stand in brackets, ``[::1]:5565``. Raises ValueError that says what was expected.
    """
    match = _ADDRESS.fullmatch(text)
    port = int(match["port"] or heka.DEFAULT_PORT) if match else 0
    if match is None or port > 65_535:
        raise ValueError(
            f"expected HOST:PORT, :PORT or [IPV6]:PORT with a port of 0 to 65535, got {text!r}"
        )
    return match["v6"] or match["host"] or LOOPBACK, port


def listen_udp(host: str, port: int) -> socket.socket:
    """A bound UDP socket; port 0 takes a free one."""
    sock = _bind_inet("udp", socket.SOCK_DGRAM, host, port)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    return sock


def listen_tcp(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one."""
    return _bind_inet("tcp", socket.SOCK_STREAM, host, port)


def listen_unix(path: str) -> socket.socket:
    """A listening unix stream socket at *path*; one that a dead receiver left behind is replaced.

    Whoever may write to the path may log to it; the umask decides, as for any new file.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        sock.bind(path)
        sock.listen(_BACKLOG)
    except OSError as exc:
        sock.close()
        raise CommandError(f"cannot listen on unix {path!r}: {_remedy('unix', exc)}") from exc
    except BaseException:
        sock.close()
        raise
    return sock


def name_of(sock: socket.socket) -> str:
    """The socket's own address for people: ``udp 127.0.0.1:5565``, ``unix /run/heka.sock``."""
    if sock.family == socket.AF_UNIX:
        return f"unix {os.fsdecode(sock.getsockname())}"
    transport = "udp" if sock.type == socket.SOCK_DGRAM else "tcp"
    return f"{transport} {format_address(sock.getsockname())}"


def format_address(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """``127.0.0.1:5565`` or ``[::1]:5565``."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_local(sock: socket.socket) -> bool:
    """Whether only programs of this machine can reach the socket."""
    if sock.family == socket.AF_UNIX:
        return True
    host = str(sock.getsockname()[0]).partition("%")[0]
    return ipaddress.ip_address(host).is_loopback


def _bind_inet(transport: str, kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    where = f"{transport} {format_address((host, port))}"
    try:
        found = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise CommandError(
            f"cannot listen on {where}: the host name does not resolve ({reason}); "
            f"give an address of this machine, {LOOPBACK} for instance"
        ) from exc
    # IPv4 first: it is what `localhost` means to most clients.
    family, _, proto, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    try:
        sock = socket.socket(family, kind, proto)
    except OSError as exc:
        raise CommandError(f"cannot listen on {where}: {_remedy(transport, exc)}") from exc
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            # Only past the remains of closed connections; a live listener still keeps its port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen(_BACKLOG)
    except OSError as exc:
        sock.close()
        raise CommandError(f"cannot listen on {where}: {_remedy(transport, exc)}") from exc
    return sock


def _remove_stale(path: str) -> None:
    """Unlink *path* if it is a socket nobody listens on; OSError EADDRINUSE if someone does."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise CommandError(
                f"cannot listen on unix {path!r}: a file that is no socket is there; "
                "remove it, or choose another path"
            )
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except OSError:
            pass  # busy, or of another type: somebody's
    raise OSError(errno.EADDRINUSE, "in use")


def _remedy(transport: str, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        if transport == "unix":
            return "a program listens there; stop it, or choose another path"
        return (
            "the port is in use, perhaps by another receiver; stop that one, or choose another "
            f"port with --{transport} :PORT (port 0 takes a free one)"
        )
    if exc.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no such address; use {LOOPBACK}, [::1] or 0.0.0.0"
    if exc.errno in (errno.EACCES, errno.EPERM):
        return "not permitted; choose a port above 1023, or a path you may write to"
    return exc.strerror or str(exc)

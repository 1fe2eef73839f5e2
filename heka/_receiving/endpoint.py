"""Addresses on which a receiver listens, and the sockets bound to them.

Knows no messages. Raises the OSError of a failed system call, and ConfigError for an address that
cannot be used.
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

from heka._net.addresses import decode_zone
from heka._net.defaults import DEFAULT_PORT
from heka.exceptions import ConfigError

LOOPBACK: Final = "127.0.0.1"
_BACKLOG: Final = 128  # connections the kernel keeps waiting; Linux's SOMAXCONN before 5.4
_RECEIVE_BUFFER: Final = (
    4 * 1024 * 1024
)  # bytes requested for a UDP socket; the kernel may give less
_ADDRESS: Final = re.compile(
    r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?"
)


def parse_address(text: str) -> tuple[str, int]:
    """Return ``HOST:PORT`` as ``(host, port)``; the defaults are 127.0.0.1 and 5565.

    A number alone is a port, as in ``5570``. IPv6 addresses need brackets, ``[::1]:5565``.

    Raises:
        ValueError: *text* is not such an address; the text says what was expected.
    """
    if text.isascii() and text.isdigit():
        text = f":{text}"
    match = _ADDRESS.fullmatch(text)
    port = int(match["port"] or DEFAULT_PORT) if match else 0
    if match is None or port > 65_535:
        raise ValueError(
            f"expected HOST:PORT, PORT or [IPV6]:PORT with a port of 0 to 65535, got {text!r}"
        )
    return decode_zone(match["v6"] or "") or match["host"] or LOOPBACK, port


def listen_udp(host: str, port: int) -> socket.socket:
    """Return a bound UDP socket; port 0 takes a free one. Raises ConfigError or OSError."""
    sock = _bind_inet("udp", socket.SOCK_DGRAM, host, port)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    return sock


def listen_tcp(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket; port 0 takes a free one. Raises ConfigError or OSError."""
    return _bind_inet("tcp", socket.SOCK_STREAM, host, port)


def listen_unix(path: str) -> socket.socket:
    """Return a listening unix stream socket at *path*; replaces one on which nothing listens.

    Users who may write to the path may log to it; the umask sets its mode, as for any new file.

    Raises:
        ConfigError: There is a file at *path* that is not a socket.
        OSError: A program listens there, or a system call failed.
    """
    return _bind_unix(path, socket.SOCK_STREAM)


def listen_unixgram(path: str) -> socket.socket:
    """Return a bound unix datagram socket at *path*, as ``listen_unix`` does."""
    return _bind_unix(path, socket.SOCK_DGRAM)


def _bind_unix(path: str, kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, kind)
    try:
        _remove_stale(path, kind)
        sock.bind(path)
        if kind == socket.SOCK_STREAM:
            sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def name_of(sock: socket.socket) -> str:
    """Return the socket's own address as text: ``udp 127.0.0.1:5565``, ``unix /run/heka.sock``."""
    if sock.family == socket.AF_UNIX:
        kind = "unixgram" if sock.type == socket.SOCK_DGRAM else "unix"
        return f"{kind} {os.fsdecode(sock.getsockname())}"
    transport = "udp" if sock.type == socket.SOCK_DGRAM else "tcp"
    return f"{transport} {format_address(sock.getsockname())}"


def format_address(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """Return *address* as text: ``127.0.0.1:5565`` or ``[::1]:5565``."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_local(sock: socket.socket) -> bool:
    """Return whether only programs on this machine can reach the socket."""
    if sock.family == socket.AF_UNIX:
        return True
    host = str(sock.getsockname()[0]).partition("%")[0]
    return ipaddress.ip_address(host).is_loopback


def _bind_inet(transport: str, kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise ConfigError(
            f"cannot listen on {transport} {format_address((host, port))}: the host name does not "
            f"resolve ({reason}); give an address of this machine, for instance {LOOPBACK}"
        ) from exc
    # IPv4 first: most clients connect to localhost over IPv4.
    family, _, proto, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    sock = socket.socket(family, kind, proto)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            # Ignores connections in TIME_WAIT only; the port of a live listener is still refused.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_stale(path: str, kind: socket.SocketKind) -> None:
    """Unlink *path* if it is a socket on which nothing listens; EADDRINUSE if a program does."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise ConfigError(
                f"cannot listen on unix {path!r}: the file there is not a socket; remove it, or "
                "choose another path"
            )
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except OSError:
            pass  # its queue is full, or it is of another type: in use
    raise OSError(errno.EADDRINUSE, "in use")

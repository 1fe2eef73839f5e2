"""One attempt to connect, and what its error means."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from dataclasses import dataclass
from typing import Final

from heka._core import monotonic
from heka._net.addresses import Address
from heka._net.resolver import Endpoint
from heka._net.sockets import wait_writable
from heka.cli.commands.doctor.lines import duration

#: What to do about a peer that accepts and then ends the connection.
REFUSES: Final = "see the log of the receiver: it, or a proxy before it, refuses this client"


@dataclass
class Attempt:
    """One attempt to connect.

    Attributes:
        name: The address as text.
        endpoint: The address.
        seconds: How long it took.
        sock: The connected socket, which the caller closes; None: it failed.
        failure: The error, if it failed.
    """

    name: str
    endpoint: Endpoint
    seconds: float
    sock: socket.socket | None = None
    failure: OSError | None = None


def connect(endpoint: Endpoint, kind: int, deadline: float) -> Attempt:
    """Connect to *endpoint* by *deadline*."""
    family, place = endpoint
    begun = monotonic()
    attempt = Attempt(_name(endpoint), endpoint, 0.0)
    sock: socket.socket | None = None
    try:
        sock = socket.socket(family, kind)
        sock.setblocking(False)
        code = sock.connect_ex(place)
        if code == errno.EINPROGRESS:
            wait_writable(sock.fileno(), deadline)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0 and family != socket.AF_UNIX and sock.getsockname() == sock.getpeername():
            code = errno.ECONNREFUSED  # TCP has connected the socket to itself: nobody listens
        if code:
            raise OSError(code, os.strerror(code))
        attempt.sock, sock = sock, None
    except OSError as failure:
        attempt.failure = failure
    finally:
        if sock is not None:
            sock.close()
    attempt.seconds = monotonic() - begun
    return attempt


def _name(endpoint: Endpoint) -> str:
    family, place = endpoint
    if family == socket.AF_UNIX:
        return str(place)
    return f"[{place[0]}]:{place[1]}" if family == socket.AF_INET6 else f"{place[0]}:{place[1]}"


def is_loopback(name: str) -> bool:
    """Return whether *name*, an address and its port, is of this machine."""
    host = name.rpartition(":")[0].strip("[]").partition("%")[0]
    return ipaddress.ip_address(host).is_loopback


def explained(address: Address, failure: OSError, name: str, seconds: float) -> tuple[str, str]:
    """Return what *failure* means for *name*, and what to do about it."""
    if isinstance(failure, TimeoutError):
        return (
            f"{name}: no answer in {duration(seconds)}",
            "check the address, that the machine is up, and the firewalls on the way: one may drop "
            "the packets",
        )
    code = failure.errno
    if code == errno.ECONNREFUSED:
        how = "reported as refused" if address.scheme == "udp" else "refused"
        return f"{name}: {how}, nothing listens there", _start(address, name)
    if code in (errno.ECONNRESET, errno.ENOTCONN):  # before this process has looked
        return f"{name} accepted, then reset at once", REFUSES
    if code == errno.ENOENT:
        return f"{name}: there is no such path", _start(address, name)
    if code in (errno.EACCES, errno.EPERM):
        return (
            f"{name}: not permitted",
            f"give the user with id {os.geteuid()} write access to the socket and search access to "
            "its directories"
            if address.path
            else "check the rules of the local firewall",
        )
    if code == errno.EPROTOTYPE:
        other = "unix" if address.scheme == "unixgram" else "unixgram"
        return f"{name}: the socket is of another kind", f"use {other}://{address.path}"
    if code == errno.EAGAIN:
        return (
            f"{name}: the queue of connections is full",
            "see why the receiver accepts no connections",
        )
    if code in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL):
        return f"{name}: {failure.strerror}", "check the address, and the network of this machine"
    return f"{name}: {failure.strerror or failure}", "check the address"


def _start(address: Address, name: str) -> str:
    if address.scheme == "unixgram":
        return "start the receiver, or correct the path"
    if address.scheme == "unix":
        return f"start the receiver (for a test: heka listen --unix {address.path})"
    host, _, port = name.rpartition(":")
    place = name if is_loopback(name) else f"{'[::]' if ':' in host else '0.0.0.0'}:{port}"
    more = " --cert FILE --cert-key FILE" if address.scheme == "tls" else ""
    return (
        f"start the receiver, or correct the address; for a test, run 'heka listen "
        f"--{address.scheme} {place}{more}' there"
    )

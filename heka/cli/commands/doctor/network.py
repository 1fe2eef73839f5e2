"""Resolve the names of a destination and connect to each of its addresses."""

from __future__ import annotations

import os
import select
import socket
import stat
from collections.abc import Iterator
from typing import Final

from heka._core import monotonic
from heka._display.escape import shortened, visible
from heka._net.addresses import Address
from heka._net.resolver import Endpoint, ResolutionError, is_name, resolve
from heka._runtime.waiting import is_ready
from heka.cli.commands.doctor.connecting import (
    REFUSES,
    Attempt,
    connect,
    explained,
    is_loopback,
)
from heka.cli.commands.doctor.lines import Budget, Line, duration, ok, problem, warning

#: Seconds in which a peer that closes at once does so.
_AT_ONCE: Final = 0.3
#: Seconds to wait for the report that a datagram was refused.
_REFUSAL_WAIT: Final = 0.5
#: Characters shown of what a peer has sent without being asked.
_SHOWN: Final = 40


# ---- names --------------------------------------------------------------------------------------


def resolved(
    address: Address, host: str, port: int, budget: Budget, lines: list[Line]
) -> list[Endpoint]:
    """Return the endpoints of *host*, and append the line about it."""
    begun = monotonic()
    try:
        found = resolve(host, port, address.family, budget.deadline())
    except ResolutionError as error:
        text = f"{error}, after {duration(monotonic() - begun)}"
        remedy = "check the spelling and the name service (/etc/resolv.conf), or give an IP address"
        if address.family and not is_name(host):
            remedy = f"remove family={address.family}, or give an address of that family"
        lines.append(problem("resolve", text, remedy))
        return []
    if address.scheme == "udp":
        found = sorted(found, key=lambda end: end[0] != socket.AF_INET)  # as heka does
    if is_name(host) or host != found[0][1][0]:
        names = ", ".join(str(place[0]) for _, place in found)
        lines.append(ok("resolve", f"{host}: {names}, in {duration(monotonic() - begun)}"))
    return found


# ---- streams ------------------------------------------------------------------------------------


def stream_lines(address: Address, budget: Budget) -> Iterator[Line]:
    """Yield what happens when each address of each host is connected to; then TLS."""
    if address.scheme == "unix":
        yield from _unix_lines(address, budget)
        return
    reached = False
    tries: list[tuple[str, list[Line], list[Attempt]]] = []
    for host, port in address.hosts:
        lines: list[Line] = []
        attempts = [
            connect(endpoint, socket.SOCK_STREAM, budget.deadline())
            for endpoint in resolved(address, host, port, budget, lines)
        ]
        reached = reached or any(attempt.sock is not None for attempt in attempts)
        tries.append((host, lines, attempts))
    try:
        for host, lines, attempts in tries:
            for line in lines:
                yield _softened(line) if reached else line
            accepted = any(attempt.sock is not None for attempt in attempts)
            for attempt in attempts:
                yield _attempt_line(address, attempt, budget, accepted=accepted, reached=reached)
            if address.scheme == "tls":
                yield from _tls_lines(address, host, attempts, budget)
    finally:
        for _, _, attempts in tries:
            for attempt in attempts:
                if attempt.sock is not None:
                    attempt.sock.close()


def _softened(line: Line) -> Line:
    """Return *line* as a warning if it is a problem: another host is there."""
    return warning(line.subject, line.text, line.remedy) if line.level == "problem" else line


def _attempt_line(
    address: Address, attempt: Attempt, budget: Budget, *, accepted: bool, reached: bool
) -> Line:
    """Return the line about one attempt.

    Args:
        address: The destination.
        attempt: The attempt.
        budget: The time that is left.
        accepted: Another address of the same host, or this one, has accepted.
        reached: The same of any host.
    """
    if attempt.failure is None:
        return _accepted_line(address, attempt, budget)
    text, remedy = explained(address, attempt.failure, attempt.name, attempt.seconds)
    if not reached:
        return problem("connect", text, remedy)
    if not accepted:
        return warning("connect", f"{text}; another host accepts", remedy)
    if isinstance(attempt.failure, TimeoutError):
        return warning(
            "connect",
            f"{text}; another address accepts, but each new connection loses this time",
            f"remove this address from the name, or add family=4 or family=6; {remedy}",
        )
    return ok("connect", f"{text}; heka uses another address of the same name")


def _accepted_line(address: Address, attempt: Attempt, budget: Budget) -> Line:
    took = f"{attempt.name} accepted in {duration(attempt.seconds)}"
    sock = attempt.sock
    if address.scheme == "tls" or sock is None:  # the handshake shows what the peer does then
        return ok("connect", took)
    return _behaviour(took, sock, budget)


def _behaviour(took: str, sock: socket.socket, budget: Budget) -> Line:
    """Return the line about a new connection: does the peer close it, or send anything?"""
    if not is_ready(
        sock.fileno(), write=False, timeout=max(0.0, budget.deadline(_AT_ONCE) - monotonic())
    ):
        return ok("connect", f"{took} and stays open")
    try:
        data = sock.recv(_SHOWN)
    except OSError as failure:
        return problem(
            "connect",
            f"{took}, then reset at once ({failure.strerror})",
            REFUSES,
        )
    if not data:
        return problem(
            "connect",
            f"{took}, then closed at once by the peer",
            REFUSES,
        )
    shown = shortened(visible(data.decode("ascii", "replace"), quoted=True), _SHOWN)
    return warning(
        "connect",
        f'{took}, then the peer sent "{shown}", which no receiver of Heka does',
        "check the port: another service listens there",
    )


def _tls_lines(
    address: Address, host: str, attempts: list[Attempt], budget: Budget
) -> Iterator[Line]:
    attempt = next((one for one in attempts if one.sock is not None), None)
    if attempt is None or attempt.sock is None:
        return
    from heka.cli.commands.doctor.certificates import tls_lines  # importing ssl is slow

    yield from tls_lines(address, host, attempt.endpoint, attempt.sock, budget)


# ---- Unix sockets -------------------------------------------------------------------------------


def _unix_lines(address: Address, budget: Budget) -> Iterator[Line]:
    kind = socket.SOCK_DGRAM if address.is_datagram else socket.SOCK_STREAM
    path = address.path
    if not path.startswith("@"):
        wrong = _not_a_socket(path)
        if wrong is not None:
            yield wrong
            return
    place = "\0" + path[1:] if path.startswith("@") else path
    attempt = connect((socket.AF_UNIX, place), kind, budget.deadline())
    attempt.name = path
    if attempt.failure is not None:
        text, remedy = explained(address, attempt.failure, path, attempt.seconds)
        yield problem("connect", text, remedy)
        return
    assert attempt.sock is not None
    with attempt.sock as sock:
        if address.is_datagram:
            yield ok("connect", f"a program has bound {path}")
        else:
            yield _behaviour(f"{path} accepted in {duration(attempt.seconds)}", sock, budget)


def _not_a_socket(path: str) -> Line | None:
    try:
        mode = os.stat(path).st_mode
    except OSError as failure:
        text, remedy = explained(Address("unix", path=path), failure, path, 0.0)
        return problem("connect", text, remedy)
    if stat.S_ISSOCK(mode):
        return None
    return problem(
        "connect", f"{path} is no socket", f"correct the path, or use file://{path} for a file"
    )


# ---- datagrams ----------------------------------------------------------------------------------


def datagram_lines(address: Address, budget: Budget) -> Iterator[Line]:
    """Yield whether datagrams are refused, as far as the kernel tells."""
    if address.scheme == "unixgram":
        yield from _unix_lines(address, budget)
        return
    lines: list[Line] = []
    endpoints = resolved(address, address.host, address.port, budget, lines)
    yield from lines
    for index, endpoint in enumerate(endpoints):
        attempt = connect(endpoint, socket.SOCK_DGRAM, budget.deadline())
        if attempt.sock is not None:
            with attempt.sock as sock:
                yield _refusal_line(address, attempt.name, sock, budget)
            return
        assert attempt.failure is not None
        text, remedy = explained(address, attempt.failure, attempt.name, attempt.seconds)
        is_last = index == len(endpoints) - 1
        yield problem("connect", text, remedy) if is_last else warning("connect", text, remedy)


def _refusal_line(address: Address, name: str, sock: socket.socket, budget: Budget) -> Line:
    """Send an empty datagram, and return the line about what the kernel reports then."""
    begun = monotonic()
    failure: OSError | None = None
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    wait = max(0.0, budget.deadline(_REFUSAL_WAIT) - begun)
    try:
        sock.send(b"")
        if poller.poll(wait * 1000):
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            failure = OSError(code, os.strerror(code)) if code else None
    except OSError as error:
        failure = error
    if failure is not None:
        text, remedy = explained(address, failure, name, monotonic() - begun)
        return problem("connect", text, remedy)
    if is_loopback(name):
        return ok("connect", f"{name}: a program has bound the port, as the kernel refuses nothing")
    return warning(
        "connect",
        f"{name}: no answer in {duration(wait)}: a firewall or a listener, UDP cannot tell",
        "look at the receiver while --send sends, or use tcp:// until the messages arrive",
    )

"""The loads of ``bench``: send the same message repeatedly, with a client or without one.

A load sends and counts; ``bench`` controls the rate.
"""

from __future__ import annotations

import configparser
import select
import socket
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Protocol

import heka
from heka._delivery.reasons import reason_of
from heka._receiving.endpoint import format_address
from heka.cli.errors import CommandError
from heka.client import HekaClient
from heka.config import client_from_stream_config
from heka.streams import UdpStream

TYPE: Final = "MBTEST"  # type and payload of the message, as configurations of old receivers expect
LOGGER: Final = "mb"
_SECTION: Final = "heka"  # of the INI file
_REFUSAL_WAIT: Final = 100  # ms to wait for an ICMP error that the port is closed


@dataclass
class Account:
    """What happened to the messages so far."""

    sent: int = 0  # accepted by the kernel
    bytes: int = 0  # of the sent messages
    dropped: Counter[str] = field(default_factory=Counter)  # reason -> messages


class Load(Protocol):
    """Sends one kind of message."""

    @property
    def name(self) -> str:
        """The destination as text."""

    def send(self, count: int) -> None:
        """Send *count* messages."""

    def account(self) -> Account:
        """Return what happened to them."""

    def close(self) -> None:
        """Close the client or the socket."""


class ClientLoad:
    """Calls ``client.heka`` for each message."""

    def __init__(self, client: HekaClient, name: str) -> None:
        self.name = name
        self._client = client

    def send(self, count: int) -> None:
        """Call *count* times."""
        call = self._client.heka
        for _ in range(count):
            call(TYPE, payload=TYPE)

    def account(self) -> Account:
        """Return what the client counted."""
        stats = self._client.stats()
        return Account(stats["sent"], stats["bytes"], Counter(stats["dropped"]))

    def close(self) -> None:
        """Flush and close the client."""
        self._client.close()


def load_to(host: str, port: int, *, raw: bool) -> tuple[Load, list[str]]:
    """Return the load that sends to *host* over UDP, and warnings."""
    name = f"udp {format_address((host, port))}"
    sock = _connect(host, port, name)
    notes = []
    if _is_refused(sock):
        notes.append(f"nothing listens on {name} now; start 'python -m heka listen'")
    if raw:
        return RawLoad(sock, name), notes
    sock.close()
    return ClientLoad(HekaClient(UdpStream(host, port), LOGGER), name), notes


def load_from(path: str) -> tuple[Load, list[str]]:
    """Return the client that section ``[heka]`` of the INI file *path* configures, and warnings."""
    try:
        with open(path, encoding="utf-8") as file, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            client = client_from_stream_config(file, _SECTION)
    except OSError as exc:
        raise CommandError(f"cannot read the configuration {path!r}: {exc.strerror}") from exc
    except (heka.ConfigError, SyntaxError, configparser.Error, UnicodeDecodeError) as exc:
        raise CommandError(f"configuration {path!r}: {exc}") from exc
    return ClientLoad(client, path), [str(warning.message) for warning in caught]


class RawLoad:
    """Sends one frame, made beforehand, in datagrams: the limit of the network itself."""

    def __init__(self, connected: socket.socket, name: str) -> None:
        self.name = name
        self._frame = heka.pack(TYPE, LOGGER, heka.INFORMATIONAL, payload=TYPE)
        self._account = Account()
        self._socket = connected

    def send(self, count: int) -> None:
        """Send *count* datagrams; each error is counted, none ends the run."""
        frame, account = self._frame, self._account
        send = self._socket.send
        sent = 0
        for _ in range(count):
            try:
                send(frame)
            except OSError as exc:
                account.dropped[reason_of(exc)] += 1
            else:
                sent += 1
        account.sent += sent
        account.bytes += sent * len(frame)

    def account(self) -> Account:
        """Return what happened to them."""
        return self._account

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def _connect(host: str, port: int, name: str) -> socket.socket:
    """Return a UDP socket connected to the first address that works, IPv4 before IPv6."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise CommandError(
            f"cannot send to {name}: the host name does not resolve ({reason}); "
            "give a name that this machine can resolve, or an address"
        ) from exc
    failure: OSError | None = None
    for family, kind, proto, _, address in sorted(found, key=lambda f: f[0] != socket.AF_INET):
        try:
            sock = socket.socket(family, kind, proto)
        except OSError as exc:
            failure = exc
            continue
        try:
            sock.connect(address)
        except OSError as exc:
            sock.close()
            failure = exc
            continue
        return sock
    raise CommandError(
        f"cannot send to {name}: {failure.strerror if failure else 'no address'}; "
        "check the address and the route to it"
    ) from failure


def _is_refused(sock: socket.socket) -> bool:
    """Return whether the host reports, after an empty datagram, that the port is closed.

    Without a report, something may listen there. A client cannot tell reliably: it gets the error
    of an earlier datagram, and sends the refused one again.
    """
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    try:
        sock.send(b"")
        return bool(poller.poll(_REFUSAL_WAIT)) and bool(
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        )
    except OSError:
        return False

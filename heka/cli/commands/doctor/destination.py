"""Which destination is checked, where it was named, and what its URL means. Opens nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final

from heka._net.addresses import Address, parse
from heka._net.defaults import DEFAULT_TO, TO_VARIABLE
from heka._net.options import QueueOptions, TlsOptions
from heka._secrets import MASK
from heka.cli.commands.doctor.lines import Line, ok, problem, warning
from heka.exceptions import ConfigError

ARGUMENT: Final = "the argument"
VARIABLE: Final = f"the environment variable {TO_VARIABLE}"
DEFAULT: Final = f"the default, as {TO_VARIABLE} is not set"

#: A user name and a password, up to the last @ before the path or the query.
_CREDENTIALS: Final = re.compile(r"(?is)\A((?:udp|tcp|tls)://|(?!\w+://))[^?]*@")

_MEANINGS: Final = {
    "udp": "UDP: one datagram for each message, no acknowledgement",
    "tcp": "TCP: a stream of frames",
    "tls": "TLS over TCP: a stream of frames, encrypted",
    "unix": "Unix socket: a stream of frames to a process of this machine",
    "unixgram": "Unix datagram socket: one datagram for each message, to a process of this machine",
    "file": "file: frames are appended",
    "stdout": "standard output: readable on a terminal, a line of JSON a message elsewhere",
    "stderr": "standard error: readable on a terminal, a line of JSON a message elsewhere",
}


def parse_url(text: str) -> Address:
    """Return the address of the URL *text*.

    Raises:
        ConfigError: It is none; the text shows no credentials.
    """
    return parse(_CREDENTIALS.sub(rf"\1{MASK}@", text))


def chosen(url: str | None) -> tuple[str, str]:
    """Return the URL to check, and where it was named; *url* is the argument of the command."""
    if url is not None:
        return url, ARGUMENT
    found = os.environ.get(TO_VARIABLE)
    return (found, VARIABLE) if found else (DEFAULT_TO, DEFAULT)


def misconfigured(error: ConfigError) -> Line:
    """Return the line for a destination that is none, in the environment."""
    return problem(
        "destination",
        f"{VARIABLE} is not valid, so messages are dropped as 'misconfigured': {error}",
        f"correct {TO_VARIABLE} or unset it",
    )


def described(address: Address, source: str) -> Iterator[Line]:
    """Yield what the URL is, where it was named, and what it means."""
    yield ok("destination", f"{address}, from {source}")
    other = os.environ.get(TO_VARIABLE)
    if source == ARGUMENT and other and not _is_same(other, address):
        yield warning(
            "destination",
            f"{TO_VARIABLE} names another destination, which is not checked here",
            "run 'heka doctor' without a URL to check that one",
        )
    yield ok("meaning", _meaning(address))
    if address.tls is not None:
        yield from _tls(address.tls)
    yield ok("sending", _queue(address))


def _is_same(text: str, address: Address) -> bool:
    try:
        return parse_url(text) == address
    except ConfigError:
        return False


def _meaning(address: Address) -> str:
    text = _MEANINGS.get(address.scheme, address.scheme)
    if address.is_datagram:
        text += f", at most {address.datagram:,} bytes"
    if not address.framed:
        text += ", without a frame"
    if address.alternates:
        text += f"; {len(address.hosts)} hosts, of which the first that accepts is used"
    if address.family:
        text += f"; IPv{address.family} only"
    return text


def _tls(options: TlsOptions) -> Iterator[Line]:
    if not options.verify:
        yield warning(
            "verify",
            "verify=0: any server is accepted, also one that an attacker runs",
            "use it for tests only; give the CA of the server with ca=FILE instead",
        )


def _queue(address: Address) -> str:
    queue = address.queue
    if queue is None:
        return "without a queue: each call sends, and waits for the network at most its timeout"
    if queue.spool is not None:
        return f"queue on disk in {queue.spool!r}: a call returns at once; {_limits(queue)}"
    return (
        f"queue in memory: a call returns at once; {_limits(queue)}; SIGTERM loses what is queued "
        "unless the program has called heka.flush_on_sigterm()"
    )


def _limits(queue: QueueOptions) -> str:
    return f"{queue.capacity:,} bytes, overflow={queue.overflow}"

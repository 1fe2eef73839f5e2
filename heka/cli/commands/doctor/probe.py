"""Send a probe as every client sends, and tell what became of it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from typing import Final

from heka._core import monotonic
from heka._display.escape import counted
from heka._net.addresses import Address
from heka._runtime.reporter import QUIET_VARIABLE
from heka._typing import Stats
from heka.cli.commands.doctor.lines import Budget, Line, ok, problem, warning
from heka.client import HekaClient
from heka.exceptions import HekaError

TYPE: Final = "heka.probe"
_LOGGER: Final = "heka.doctor"
_pause: Final = time.sleep
#: Seconds between the two messages, in which a peer that does not like the first one closes.
_BETWEEN: Final = 0.3

_REMEDIES: Final = {
    "refused": "start the receiver, or correct the address",
    "unresolved": "correct the host name, or give an IP address",
    "timeout": "see why the peer does not answer or does not read; a firewall may be on the way",
    "closed": "see the log of the receiver: it closes the connection",
    "tls": "see the lines about TLS above",
    "unreachable": "check the address, and the network of this machine",
    "backoff": "see why the message before it failed",
    "oversize": "give a larger datagram= in the URL, or use tcp://",
    "full": "make room in the queue: see why the destination takes nothing",
    "misconfigured": "correct the URL",
}
_OTHER: Final = "see the other lines, and run with HEKA_DEBUG=1"


def probe_lines(address: Address, budget: Budget) -> Iterator[Line]:
    """Send two messages to *address*, and yield what became of them."""
    quiet = os.environ.get(QUIET_VARIABLE)
    os.environ[QUIET_VARIABLE] = "1"  # what heka would write is told below
    try:
        yield _sent(address, budget)
    except (HekaError, OSError) as error:
        yield problem("probe", f"no message could be sent: {error}", "correct the URL")
    finally:
        if quiet is None:
            del os.environ[QUIET_VARIABLE]
        else:
            os.environ[QUIET_VARIABLE] = quiet


def _sent(address: Address, budget: Budget) -> Line:
    where = f"{socket.gethostname()} {os.getpid()} {int(time.time())}"
    client = HekaClient(str(address), _LOGGER)
    try:
        for number in (1, 2):
            if number == 2:
                _pause(min(_BETWEEN, _left(budget)))
            client.timeout = max(0.001, _left(budget))
            client.heka(TYPE, payload=f"heka doctor {where}", fields={"number": number, "of": 2})
        flushed = client.flush(_left(budget))
        return _result(client.stats(), where, flushed=flushed)
    finally:
        client.close(0.0)


def _left(budget: Budget) -> float:
    """Return the seconds that a step may take now."""
    return max(0.0, budget.deadline() - monotonic())


def _result(account: Stats, where: str, *, flushed: bool) -> Line:
    dropped = {reason: count for reason, count in account["dropped"].items() if count}
    numbers = (
        f"{account['sent']} sent, {account.get('queued', 0)} queued, "
        f"{sum(dropped.values())} dropped"
    )
    if dropped:
        reasons = ", ".join(f"{reason} {count}" for reason, count in dropped.items())
        reason = next((reason for reason in dropped if reason != "backoff"), "backoff")
        return problem("probe", f"{numbers} ({reasons})", _REMEDIES.get(reason, _OTHER))
    if account.get("refused"):
        return problem(
            "probe",
            f"{numbers}; {counted(account['refused'], 'datagram')} of these refused by the "
            "destination",
            _REMEDIES["refused"],
        )
    if not flushed or account.get("queued"):
        return problem(
            "probe",
            f"{numbers}: the destination has not acknowledged them in time",
            "see the lines above; a spool keeps them for the next process",
        )
    if account["reconnects"]:
        return warning(
            "probe",
            f"{numbers}, but the peer closed the connection after the first one",
            "see the log of the receiver; a port for TLS closes it so: use tls:// for that",
        )
    return ok(
        "probe",
        f"{numbers}, {account['bytes']} bytes; the receiver should show messages of type {TYPE} "
        f"with the payload 'heka doctor {where}'",
    )

"""The error that ends a command, and errors of lower layers translated into it."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from heka._receiving.endpoint import LOOPBACK
from heka.exceptions import ConfigError


class CommandError(Exception):
    """A command cannot continue; the text is one sentence for its user, with the remedy."""


@contextlib.contextmanager
def listening(transport: str, address: str) -> Iterator[None]:
    """Turn errors of the block, which opens a socket at *address*, into CommandErrors."""
    try:
        yield
    except ConfigError as exc:
        raise CommandError(str(exc)) from exc
    except OSError as exc:
        raise CommandError(
            f"cannot listen on {transport} {address}: {_remedy(transport, exc)}"
        ) from exc


def _remedy(transport: str, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        if transport == "unix":
            return "another program listens there; stop it, or choose another path"
        return (
            "the port is in use, perhaps by another receiver; stop that one, or choose another "
            f"port with --{transport} :PORT (port 0 takes a free one)"
        )
    if exc.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no such address; use {LOOPBACK}, [::1] or 0.0.0.0"
    if exc.errno in (errno.EACCES, errno.EPERM):
        return "not permitted; choose a port above 1023, or a path you may write to"
    return exc.strerror or str(exc)

"""The reason under which a failure is counted, in ``stats()['dropped']``."""

from __future__ import annotations

import errno
import sys

from heka._net.resolver import ResolutionError

__all__ = ["reason_of"]

_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ENOENT: "refused",  # a Unix socket that is not bound
    errno.ENXIO: "refused",  # a FIFO without a reader
    errno.EMSGSIZE: "oversize",
    errno.EPIPE: "closed",
    errno.ECONNRESET: "closed",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
}


def reason_of(failure: Exception) -> str:
    """Return the key of ``stats()['dropped']`` under which *failure* is counted."""
    if isinstance(failure, ResolutionError):
        return "unresolved"
    if isinstance(failure, TimeoutError):
        return "timeout"
    ssl = sys.modules.get("ssl")  # only imported if TLS is used
    if ssl is not None and isinstance(failure, ssl.SSLError):
        return "tls"  # its errno is a code of OpenSSL, not of the system
    return _REASONS.get(getattr(failure, "errno", None) or 0, "error")

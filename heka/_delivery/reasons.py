"""The reason under which a failure is counted, in ``stats()['dropped']``."""

from __future__ import annotations

import errno
import sys

from heka._net.resolver import ResolutionError

__all__ = ["reason_of"]

_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ENOENT: "refused",  # a unix socket that nobody has bound
    errno.ENXIO: "refused",  # a FIFO that nobody reads
    errno.EMSGSIZE: "oversize",
    errno.EPIPE: "closed",
    errno.ECONNRESET: "closed",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
}


def reason_of(failure: Exception) -> str:
    """Return the word that counts *failure* in ``stats()['dropped']``."""
    if isinstance(failure, ResolutionError):
        return "unresolved"
    if isinstance(failure, TimeoutError):
        return "timeout"
    ssl = sys.modules.get("ssl")  # where nobody uses TLS, nobody imports it
    if ssl is not None and isinstance(failure, ssl.SSLError):
        return "tls"  # its errno is OpenSSL's
    return _REASONS.get(getattr(failure, "errno", None) or 0, "error")

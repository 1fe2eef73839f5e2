"""TLS for the receiver: what a server shows and demands, and sockets that decrypt as they are read.

Its errors are ConfigErrors that name the file and the remedy.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import Any

from heka.exceptions import ConfigError

__all__ = ["server_context"]


class _Decrypting(ssl.SSLSocket):
    """A non-blocking connection that is agreed on, and ended, while it is read."""

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Read as a plain socket does: BlockingIOError when there is nothing yet."""
        try:
            size = super().recv_into(buffer, nbytes, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as nothing_yet:
            raise BlockingIOError(*nothing_yet.args) from None
        if not size:
            with contextlib.suppress(OSError, ValueError):  # the peer may have gone already
                self.unwrap()
        return size


def server_context(
    cert: str,
    key: str | None,
    client_ca: str | None,
    *,
    names: tuple[str, str, str] = ("cert", "key", "client_ca"),
) -> ssl.SSLContext:
    """Return what connections are wrapped with.

    Args:
        cert: A PEM file with the server's certificate and what leads up to its CA.
        key: A PEM file with its private key; None: it is in *cert* too.
        client_ca: Clients have to show a certificate of a CA in this PEM file; None: anybody may.
        names: What the caller's user knows the three files by, for the error texts.

    Raises:
        ConfigError: One of them is not there, or not what it should be.
    """
    cert_name, key_name, client_ca_name = names
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = _Decrypting
    if context.minimum_version < ssl.TLSVersion.TLSv1_2:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION

    def refuse() -> str:  # instead of asking for it
        raise ConfigError(f"{key or cert}: the private key has a passphrase; give one without")

    for name, path in zip(names, (cert, key, client_ca), strict=True):
        try:
            if path is not None:
                open(path, "rb").close()
        except OSError as exc:
            raise ConfigError(f"{name} {path}: {exc.strerror}; expected a PEM file") from exc
    try:
        context.load_cert_chain(cert, key, refuse)
    except (OSError, ValueError) as exc:
        raise ConfigError(
            f"{cert_name} {cert}: expected a certificate in PEM, with its private key there or in "
            f"{key_name} FILE; {_reason(exc)}"
        ) from exc
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ValueError) as exc:
            raise ConfigError(
                f"{client_ca_name} {client_ca}: expected certificates in PEM; {_reason(exc)}"
            ) from exc
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _reason(exc: Exception) -> str:
    return getattr(exc, "reason", None) or str(exc)

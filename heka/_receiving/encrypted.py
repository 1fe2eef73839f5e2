"""TLS for the receiver: the server context, and sockets that do the handshake while they are read.

Every error is a ConfigError that names the file and the remedy.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Any

from heka.exceptions import ConfigError

__all__ = ["server_context"]


class _Decrypting(ssl.SSLSocket):
    """A non-blocking connection that does its handshake, and ends its session, in ``recv_into``."""

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Read as a plain socket does: BlockingIOError when there is no data yet."""
        with contextlib.suppress(BlockingIOError):  # OpenSSL may call a reset the end of the data
            socket.socket.recv(self, 1, socket.MSG_PEEK)
        try:
            size = super().recv_into(buffer, nbytes, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError(*error.args) from None
        if not size:
            with contextlib.suppress(OSError, ValueError):  # the peer may have closed already
                self.unwrap()
        return size


def server_context(
    cert: str,
    key: str | None,
    client_ca: str | None,
    *,
    names: tuple[str, str, str] = ("cert", "key", "client_ca"),
) -> ssl.SSLContext:
    """Return the SSLContext for accepted connections.

    Args:
        cert: PEM file with the server's certificate chain.
        key: PEM file with its private key; None: the key is in the file *cert*.
        client_ca: PEM file of CAs; clients must show a certificate of one of them. None: clients
            need no certificate.
        names: What error texts call the three files, for instance command-line options.

    Raises:
        ConfigError: A file is missing, or does not hold what it should.
    """
    cert_name, key_name, client_ca_name = names
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = _Decrypting
    if context.minimum_version < ssl.TLSVersion.TLSv1_2:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # A sender that never reads and then closes resets the connection if there is anything to read,
    # and a reset discards messages that have not been read here. So nothing is sent.
    context.num_tickets = 0

    def refuse() -> str:  # instead of a prompt on the terminal
        raise ConfigError(
            f"{key or cert}: the private key is encrypted; give one without a passphrase"
        )

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
            f"{cert_name} {cert}: expected a certificate in PEM, and its private key there or in "
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

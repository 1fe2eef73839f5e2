"""TLS over TCP: frames are encrypted in memory, then sent on a plain socket.

Encryption uses ``ssl.MemoryBIO`` and is separate from sending. So the size of the ciphertext of a
batch is known, OpenSSL never waits for the network, and ``fileno()`` can be None: the C path has no
descriptor on which it could write plain text.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import socket
import ssl
from collections.abc import Iterator
from typing import Final

from heka._core import monotonic
from heka._net.addresses import Address
from heka._net.options import TlsOptions
from heka._net.sockets import (
    NothingSentError,
    SocketTransport,
    close_or_detach,
    finish_at_exit,
    identity_of,
    remaining,
    send_all,
    share_of,
    wait_readable,
    wait_writable,
)
from heka._net.tls_context import check, context_for, with_remedy
from heka.exceptions import ConfigError

__all__ = ["TlsTransport", "exchange"]

_CHUNK: Final = 65536  # bytes read at once
_HANDSHAKE_MAX: Final = 1024 * 1024  # bytes of the peer's side of a handshake
_READS_MIN: Final = 16  # the end of a connection may come after other records
#: Limits in seconds of the wait for a TLS 1.3 server to refuse the client; in between it is four
#: times the duration of the handshake.
_REFUSAL_WAIT_MIN: Final = 0.1
_REFUSAL_WAIT_MAX: Final = 0.5

#: Sessions inherited from parent processes. They are never freed: freeing one takes a lock, which
#: another thread may have held when the process forked.
_inherited: list[_Session] = []


class TlsTransport(SocketTransport):
    """TLS 1.2 or later over TCP; verifies the peer and ends the session with close_notify.

    For one thread at a time. A child process only closes its copy of the descriptor: any record
    that it sent would end or corrupt the session of its parent.
    """

    def __init__(self, address: Address, send_buffer: int = 0) -> None:
        """Load the certificates of *address*; nothing is opened yet.

        Raises:
            ConfigError: A file is missing, or does not hold what it should.
        """
        super().__init__(address, send_buffer)
        self._options = address.tls or TlsOptions()
        self._session: _Session | None = None
        self._late_refusal: OSError | None = None
        self._in_use = False
        try:
            check(self._options)
        except ConfigError as error:
            raise ConfigError(f"{str(address)!r}: {error}") from None

    def fileno(self) -> int | None:
        """Return None: every frame must go through ``send``, which encrypts it."""
        return None

    def is_open(self) -> bool:
        """Return whether there is a session that the peer has not ended."""
        if self._session is None or self._socket is None:
            return False
        if identity_of(self._socket.fileno()) != self._identity:
            self.close()  # the program closed it, and the number is another file now
            return False
        try:
            self.read_pending()
        except ssl.SSLError as refusal:  # TLS 1.3: after the handshake
            self.close()
            self._late_refusal = refusal
        except OSError:
            self.close()
        return self._session is not None

    def open(self, deadline: float, order: list[int] | None = None) -> None:
        """Resolve, connect and do the TLS handshake; *order* as ``SocketTransport.open``.

        Raises:
            ssl.SSLCertVerificationError: The server's certificate is not accepted.
            ssl.SSLError: TLS failed otherwise; the text names the remedy. Also raised, once, when
                the server refused the client after the last ``open`` had returned.
            OSError: As ``SocketTransport.open``.
        """
        refusal, self._late_refusal = self._late_refusal, None
        if refusal is not None:
            self.failed = [self.peer]
            raise refusal
        super().open(deadline, order)
        finish_at_exit(self)

    def _set_up(self, sock: socket.socket, host: str, deadline: float) -> None:
        session = _Session(self._options, host)
        session.handshake(sock, deadline)
        self._session = session

    def _progress(self, error: OSError, *, connected: bool) -> int:
        """Return the most for a TLS error: a server answered."""
        progress = super()._progress(error, connected=connected)
        return progress + isinstance(error, ssl.SSLError)

    # ---- sending ----------------------------------------------------------------------------

    def send(self, frame: bytes, deadline: float, start: int = 0) -> None:
        """Encrypt and send ``frame[start:]``.

        Raises:
            NothingSentError: The send buffer stayed full; nothing was encrypted.
            OSError: Sending failed; the connection must be closed.
        """
        session, sock = self._connection()
        with self._using():
            try:
                wait_writable(sock.fileno(), deadline)
            except TimeoutError as late:
                raise NothingSentError(*late.args) from None
            data = session.encrypt(frame[start:])
            try:
                send_all(sock, data, deadline, datagram=False)
            except NothingSentError as late:  # the session has already counted the record
                raise TimeoutError(*late.args) from None

    def encrypt(self, data: bytes) -> bytes:
        """Return the ciphertext of *data*, after any pending records of the session itself.

        The caller must send all of it, and before the result of the next call: TLS numbers records.
        """
        with self._using():
            return self._connection()[0].encrypt(data)

    def read_pending(self, deadline: float = 0.0) -> None:
        """Read, without waiting, what the peer has sent: session tickets, key updates, its end.

        Args:
            deadline: When to stop reading from a peer that never stops sending; at least
                ``_READS_MIN`` reads are done.

        Raises:
            ssl.SSLError: The peer has sent an alert; the text names the remedy.
            OSError: The peer has closed the connection, or it failed.
        """
        session, sock = self._connection()
        with self._using(), contextlib.suppress(BlockingIOError):
            for reads in itertools.count(1):
                session.receive(sock.recv(_CHUNK))
                if reads >= _READS_MIN and monotonic() >= deadline:
                    return

    def _connection(self) -> tuple[_Session, socket.socket]:
        session, sock = self._session, self._socket
        if session is None or sock is None:
            raise OSError(errno.ENOTCONN, "not connected")
        return session, sock

    @contextlib.contextmanager
    def _using(self) -> Iterator[None]:
        """Keep ``finish``, called by another thread at exit, away from a session that is in use."""
        before, self._in_use = self._in_use, True
        try:
            yield
        finally:
            self._in_use = before

    # ---- closing ----------------------------------------------------------------------------

    def finish(self, deadline: float) -> None:
        """End the session, wait until the peer has ended it too, then close the socket.

        Closing a socket with unread bytes resets the connection, and a reset discards frames that
        the peer has not read yet. So everything that the peer has sent is read first.
        """
        session, sock, identity = self._session, self._socket, self._identity
        if self._in_use:
            return  # in use by a daemon thread
        if session is None or sock is None or session.is_inherited:
            self.close()
            return
        self._session = self._socket = None  # the next send opens a new connection
        with contextlib.suppress(OSError):
            send_all(sock, session.end(), deadline, datagram=False)
            sock.shutdown(socket.SHUT_WR)
            for reads in itertools.count(1):
                wait_readable(sock.fileno(), deadline)
                if not sock.recv(_CHUNK):
                    break
                if reads >= _READS_MIN and monotonic() >= deadline:
                    break  # the peer sends without end
        close_or_detach(sock, identity)

    def close(self) -> None:
        """Close the socket, if there is one, without ending the session."""
        session, self._session = self._session, None
        if session is not None and session.is_inherited:
            _inherited.append(session)
        super().close()


class _Session:
    """The TLS state of one connection; reads and writes memory, not the socket."""

    def __init__(self, options: TlsOptions, host: str) -> None:
        """Start a session with *host*, or with the server name in *options*.

        Raises:
            OSError: A file in *options* cannot be used any more, or the server name is not valid.
        """
        self._pid = os.getpid()
        self._name = (options.name or host).partition("%")[0].removesuffix(".")
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        try:
            context = context_for(options)
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=self._name)
        except (ConfigError, ValueError) as error:  # ValueError: not a valid server name
            raise ssl.SSLError(errno.EINVAL, str(error)) from None

    @property
    def is_inherited(self) -> bool:
        """Return whether a parent process made this session."""
        return self._pid != os.getpid()

    def handshake(self, sock: socket.socket, deadline: float) -> None:
        """Do the handshake by *deadline*; OSError when it fails, after an alert to the peer.

        In TLS 1.3 the server checks the client's certificate after the client's handshake has
        ended. So the first record of the server, usually a session ticket, is waited for briefly:
        otherwise the first messages would go to a server that refuses the client.
        """
        begun = monotonic()
        exchange(self._tls, self._incoming, self._outgoing, sock, deadline, self._name)
        if self._tls.version() == "TLSv1.3":
            now = monotonic()
            wait = min(_REFUSAL_WAIT_MAX, max(_REFUSAL_WAIT_MIN, 4 * (now - begun)))
            with contextlib.suppress(TimeoutError, BlockingIOError):
                wait_readable(sock.fileno(), min(now + wait, share_of(deadline, 4)))
                self.receive(sock.recv(_CHUNK))

    def encrypt(self, data: bytes) -> bytes:
        """Return the ciphertext of *data*, after any pending records of the session itself."""
        if data:
            self._tls.write(data)  # takes all of it: the BIO is memory
        return self._outgoing.read()

    def receive(self, data: bytes) -> None:
        """Process *data* read from the socket; ``b""`` is the end of the connection.

        OpenSSL is not told of that end: Python raises SSLError or SSLEOFError for it, and before
        3.11.3 SSLZeroReturnError, as for a close_notify of the peer.

        Raises:
            ssl.SSLError: The peer has sent an alert.
            OSError: The peer has ended the session or the connection.
        """
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "the peer has closed the connection")
        self._incoming.write(data)
        try:
            while self._tls.read(_CHUNK):
                pass  # the Heka protocol has no replies: discarded
        except ssl.SSLWantReadError:
            return
        except ssl.SSLZeroReturnError:
            pass
        except ssl.SSLError as error:
            raise with_remedy(error, self._name) from None
        raise BrokenPipeError(errno.EPIPE, "the peer has ended the TLS session")

    def end(self) -> bytes:
        """Return the close_notify alert, which tells the peer that nothing more comes."""
        with contextlib.suppress(ssl.SSLError):  # the peer's close_notify has not come
            self._tls.unwrap()
        return self._outgoing.read()


def exchange(
    tls: ssl.SSLObject,
    incoming: ssl.MemoryBIO,
    outgoing: ssl.MemoryBIO,
    sock: socket.socket,
    deadline: float,
    name: str,
) -> None:
    """Do the handshake of *tls*, which reads *incoming* and writes *outgoing*, over *sock*.

    Ends by *deadline*, and after _HANDSHAKE_MAX bytes of the peer, whatever the peer sends.

    Raises:
        ssl.SSLError: TLS failed; the text names the remedy. *name* is that of the peer.
        OSError: The deadline has passed, or the peer has closed the connection.
    """
    received = 0
    while True:
        try:
            tls.do_handshake()
            send_all(sock, outgoing.read(), deadline, datagram=False)
            return
        except ssl.SSLWantReadError:
            send_all(sock, outgoing.read(), deadline, datagram=False)
        except ssl.SSLZeroReturnError:
            raise _closed_in_handshake() from None
        except ssl.SSLError as error:
            with contextlib.suppress(OSError):
                send_all(sock, outgoing.read(), deadline, datagram=False)
            raise with_remedy(error, name) from None
        try:
            wait_readable(sock.fileno(), deadline)
            remaining(deadline)  # a peer that sends without end is always readable
        except TimeoutError:
            raise TimeoutError(
                errno.ETIMEDOUT, "the TLS handshake timed out; does the peer speak TLS?"
            ) from None
        data = sock.recv(_CHUNK)
        if not data:
            raise _closed_in_handshake()
        received += len(data)
        if received > _HANDSHAKE_MAX:
            raise ssl.SSLError(
                errno.EPROTO,
                f"the peer sent over {_HANDSHAKE_MAX} bytes before any end of "
                "the TLS handshake; does it speak TLS?",
            )
        incoming.write(data)


def _closed_in_handshake() -> ConnectionResetError:
    return ConnectionResetError(
        errno.ECONNRESET,
        "the peer closed the connection during the TLS handshake; does it speak TLS?",
    )

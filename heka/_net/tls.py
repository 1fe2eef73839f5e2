"""TLS: a socket whose bytes are encrypted before they come to the kernel.

Encryption stands apart from sending (``ssl.MemoryBIO``): what a batch became in ciphertext is
known, nothing waits inside of OpenSSL, and no descriptor is there that the hot path could write
plain text on.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Final

from heka._net.addresses import Address
from heka._net.options import TlsOptions
from heka._net.sockets import (
    NothingSentError,
    SocketTransport,
    finish_at_exit,
    identity_of,
    send_all,
    share_of,
    shut,
    wait_readable,
    wait_writable,
)
from heka._net.tls_context import check, context_for, with_remedy
from heka.exceptions import ConfigError

__all__ = ["TlsTransport"]

_CHUNK: Final = 65536  # bytes read at once
_READS_LEAST: Final = 16  # its end may stand behind what it has sent before
#: Seconds that a server of TLS 1.3 has to refuse a client, or four times as long as it needed to
#: agree on keys.
_WORD_LEAST: Final = 0.1
_WORD_MOST: Final = 0.5

#: Sessions of parent processes, never freed: that takes a lock which another thread may have held
#: when the process forked.
_of_parents: list[_Session] = []


class TlsTransport(SocketTransport):
    """TLS over TCP: verified, at least 1.2, ended so that the peer knows it has everything.

    One thread at a time. A child process only closes its copy of the descriptor: a word on its
    parent's connection would end, or spoil, that.
    """

    def __init__(self, address: Address, send_buffer: int = 0) -> None:
        """Load the certificates of *address*; nothing is opened yet.

        Raises:
            ConfigError: One of them is not there, or not what it should be.
        """
        super().__init__(address, send_buffer)
        self._options = address.tls or TlsOptions()
        self._session: _Session | None = None
        self._refusal: OSError | None = None
        self._in_use = False
        try:
            check(self._options)
        except ConfigError as error:
            raise ConfigError(f"{str(address)!r}: {error}") from None

    def fileno(self) -> int | None:
        """Return None: every frame has to come through ``send``."""
        return None

    def is_open(self) -> bool:
        """Say whether a session is there that the peer has not ended."""
        if self._session is None or self._socket is None:
            return False
        if identity_of(self._socket.fileno()) != self._identity:
            self.close()  # a program that closes every descriptor; what is read there is another's
            return False
        try:
            self.feed()
        except ssl.SSLError as refusal:  # of TLS 1.3: after the handshake, for a certificate
            self.close()
            self._refusal = refusal
        except OSError:
            self.close()
        return self._session is not None

    def open(self, deadline: float) -> None:
        """Resolve, connect, and agree on keys.

        Raises:
            ssl.SSLCertVerificationError: The server is not who it should be.
            ssl.SSLError: Another fault of TLS; its text says what helps. One that ``is_open`` came
                across is raised here, once.
            OSError: As SocketTransport has it.
        """
        refusal, self._refusal = self._refusal, None
        if refusal is not None:
            raise refusal
        super().open(deadline)
        finish_at_exit(self)

    def _begin(self, sock: socket.socket, host: str, deadline: float) -> None:
        session = _Session(self._options, host)
        session.shake_hands(sock, deadline)
        self._session = session

    def _telling(self, failures: list[OSError]) -> OSError:
        """Prefer what TLS says: a name's second address may just not be listened on."""
        return next((one for one in failures if isinstance(one, ssl.SSLError)), failures[-1])

    # ---- sending ----------------------------------------------------------------------------

    def send(self, frame: bytes, deadline: float, start: int = 0) -> None:
        """Encrypt and send ``frame[start:]``.

        Raises:
            NothingSentError: There was no room for a byte; nothing was encrypted.
            OSError: The connection has to be closed.
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
            except NothingSentError as late:  # but the session has counted the record
                raise TimeoutError(*late.args) from None

    def encrypt(self, data: bytes) -> bytes:
        """Return the ciphertext of *data*, behind what the session itself has to say.

        It has to be sent whole, before that of the next call: records are counted.
        """
        with self._using():
            return self._connection()[0].encrypt(data)

    def feed(self, deadline: float = 0.0) -> None:
        """Read what the peer has sent so far: tickets, new keys, its end. Nothing is waited for.

        Args:
            deadline: When to leave a peer that sends and sends, after a few reads.

        Raises:
            ssl.SSLError: The peer has sent an alert; the text says what helps.
            OSError: The peer has gone.
        """
        session, sock = self._connection()
        with self._using(), contextlib.suppress(BlockingIOError):
            for reads in itertools.count(1):
                session.take_in(sock.recv(_CHUNK))
                if reads >= _READS_LEAST and time.monotonic() >= deadline:
                    return

    def _connection(self) -> tuple[_Session, socket.socket]:
        session, sock = self._session, self._socket
        if session is None or sock is None:
            raise OSError(errno.ENOTCONN, "not connected")
        return session, sock

    @contextlib.contextmanager
    def _using(self) -> Iterator[None]:
        """Keep the end of the process, which may come in another thread, from the session."""
        before, self._in_use = self._in_use, True
        try:
            yield
        finally:
            self._in_use = before

    # ---- the end ----------------------------------------------------------------------------

    def finish(self, deadline: float) -> None:
        """End the session, and wait until the peer has ended it too; then close.

        With bytes of the peer's unread, closing would be a reset, which takes away what is still on
        its way to the peer.
        """
        session, sock, identity = self._session, self._socket, self._identity
        if self._in_use:
            return  # by a thread that outlives the interpreter
        if session is None or sock is None or session.is_of_parent:
            self.close()
            return
        self._session = self._socket = None  # who sends now connects anew
        with contextlib.suppress(OSError):
            send_all(sock, session.end(), deadline, datagram=False)
            sock.shutdown(socket.SHUT_WR)
            while True:
                wait_readable(sock.fileno(), deadline)
                if not sock.recv(_CHUNK):
                    break
        shut(sock, identity)

    def close(self) -> None:
        """Close the socket, if there is one, without a word to the peer."""
        session, self._session = self._session, None
        if session is not None and session.is_of_parent:
            _of_parents.append(session)
        super().close()


class _Session:
    """One connection's state in OpenSSL, which reads and writes memory."""

    def __init__(self, options: TlsOptions, host: str) -> None:
        """Begin with the server that has *host* for its name, unless *options* have another.

        Raises:
            OSError: The files that *options* name are of no use any more, or the name is none.
        """
        self._pid = os.getpid()
        self._name = (options.name or host).partition("%")[0].removesuffix(".")
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        try:
            context = context_for(options)
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=self._name)
        except (ConfigError, ValueError) as error:  # ValueError: no name that TLS can say
            raise ssl.SSLError(errno.EINVAL, str(error)) from None

    @property
    def is_of_parent(self) -> bool:
        """Say whether the process has forked since."""
        return self._pid != os.getpid()

    def shake_hands(self, sock: socket.socket, deadline: float) -> None:
        """Agree on keys by *deadline*; OSError when that fails, and the peer was told.

        In TLS 1.3 the server looks at the client's certificate when the client is done already. Its
        first word after that, tickets as a rule, is waited for a little: else the first messages
        would go to one that refuses them.
        """
        begun = time.monotonic()
        self._agree(sock, deadline)
        if self._tls.version() == "TLSv1.3":
            now = time.monotonic()
            patience = min(_WORD_MOST, max(_WORD_LEAST, 4 * (now - begun)))
            with contextlib.suppress(TimeoutError, BlockingIOError):
                wait_readable(sock.fileno(), min(now + patience, share_of(deadline, 4)))
                self.take_in(sock.recv(_CHUNK))

    def _agree(self, sock: socket.socket, deadline: float) -> None:
        while True:
            try:
                self._tls.do_handshake()
                send_all(sock, self._outgoing.read(), deadline, datagram=False)
                return
            except ssl.SSLWantReadError:
                send_all(sock, self._outgoing.read(), deadline, datagram=False)
            except ssl.SSLEOFError:
                raise ConnectionResetError(
                    errno.ECONNRESET,
                    "the peer ended the connection before TLS was agreed on; does it speak TLS?",
                ) from None
            except ssl.SSLError as error:
                with contextlib.suppress(OSError):
                    send_all(sock, self._outgoing.read(), deadline, datagram=False)
                raise with_remedy(error, self._name) from None
            try:
                wait_readable(sock.fileno(), deadline)
            except TimeoutError:
                raise TimeoutError(
                    errno.ETIMEDOUT, "TLS was not agreed on in time; does the peer speak TLS?"
                ) from None
            data = sock.recv(_CHUNK)
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    def encrypt(self, data: bytes) -> bytes:
        """Return the ciphertext of *data*, behind what the session itself has to say."""
        if data:
            self._tls.write(data)  # all of it: there is always room in memory
        return self._outgoing.read()

    def take_in(self, data: bytes) -> None:
        """Let the session have what came from the peer; ``b""`` is the end of it.

        Raises:
            ssl.SSLError: An alert.
            OSError: The peer has ended the session.
        """
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        try:
            while self._tls.read(_CHUNK):
                pass  # no receiver of Heka frames answers
        except ssl.SSLWantReadError:
            return
        except ssl.SSLEOFError:
            raise ConnectionResetError(
                errno.ECONNRESET, "the peer has closed the connection"
            ) from None
        except ssl.SSLZeroReturnError:
            pass
        except ssl.SSLError as error:
            raise with_remedy(error, self._name) from None
        raise BrokenPipeError(errno.EPIPE, "the peer has ended the TLS session")

    def end(self) -> bytes:
        """Return what tells the peer that it has everything."""
        with contextlib.suppress(ssl.SSLError):  # it would wait for the peer's answer
            self._tls.unwrap()
        return self._outgoing.read()

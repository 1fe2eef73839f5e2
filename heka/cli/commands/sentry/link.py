"""A connection for ``http.client`` that ends at a deadline, and reads a limited number of bytes.

``http.client`` has a timeout for each read: a server that sends a byte now and then holds it for
ever, and so does one that answers ``100 Continue`` without end.
"""

from __future__ import annotations

import errno
import http.client
import io
import ssl
from typing import Any, Final

from heka._net.addresses import parse
from heka._net.sockets import SocketTransport, remaining, send_all, wait_readable
from heka._net.tls import exchange

__all__ = ["Connection"]

#: Bytes that a server may send for one request: its answer has a few hundred.
ANSWER_MAX: Final = 1024 * 1024
_CHUNK: Final = 65_536


class Connection(http.client.HTTPConnection):
    """Sends one request, over TLS if there is a context, by *deadline* of ``monotonic``."""

    def __init__(self, host: str, port: int | None, tls: ssl.SSLContext | None, deadline: float):
        self.default_port = http.client.HTTP_PORT if tls is None else http.client.HTTPS_PORT
        super().__init__(host, port)
        self._tls = tls
        self._deadline = deadline
        self._link: _Link | None = None

    def connect(self) -> None:
        """Resolve, connect, and do the TLS handshake."""
        self._link = _Link(self.host, self.port, self._tls, self._deadline)
        self.sock: Any = self._link

    def end(self) -> None:
        """Close the socket; ``close()`` is also called while the answer is still to be read."""
        self.close()
        if self._link is not None:
            self._link.end()


class _Link(io.RawIOBase):
    """What ``http.client`` uses of a socket, and the raw file behind ``makefile()``."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, deadline: float) -> None:
        self._deadline = deadline
        self._left = ANSWER_MAX
        name = f"[{host}]" if ":" in host else host
        self._transport = SocketTransport(parse(f"tcp://{name}:{port}"))
        self._transport.open(deadline)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session: ssl.SSLObject | None = None
        if tls is not None:
            try:
                self._session = tls.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
                exchange(
                    self._session, self._incoming, self._outgoing, self._socket, deadline, host
                )
            except BaseException:
                self.end()
                raise

    @property
    def _socket(self) -> Any:
        return self._transport.connected

    def sendall(self, data: bytes) -> None:
        """Send *data*."""
        if self._session is not None:
            self._session.write(data)  # takes all of it: the BIO is memory
            data = self._outgoing.read()
        send_all(self._socket, bytes(data), self._deadline, datagram=False)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a file to read the answer from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has come, at least a byte; 0 at the end.

        Raises:
            TimeoutError: The deadline has passed.
            OSError: The answer is longer than ANSWER_MAX, or the connection failed.
        """
        with memoryview(buffer).cast("B") as view:
            while True:
                data = self._decrypted(len(view))
                if data is not None:
                    view[: len(data)] = data
                    return len(data)
                data = self._received(len(view))
                if self._session is None:
                    view[: len(data)] = data
                    return len(data)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()

    def _decrypted(self, most: int) -> bytes | None:
        """Return bytes that were received before; None: more has to be received."""
        if self._session is None:
            return None
        try:
            return self._session.read(most)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def _received(self, most: int) -> bytes:
        remaining(self._deadline)  # a server that sends without end is always readable
        wait_readable(self._socket.fileno(), self._deadline)
        data: bytes = self._socket.recv(most if self._session is None else _CHUNK)
        self._left -= len(data)
        if self._left < 0:
            raise OSError(errno.EMSGSIZE, f"the server sent over {ANSWER_MAX} bytes")
        return data

    def close(self) -> None:
        """Do nothing: ``http.client`` closes the socket before it reads the answer."""

    def end(self) -> None:
        """Close the socket."""
        self._transport.close()

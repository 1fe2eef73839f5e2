"""``HekaConnection``: one explicit connection; it frames and sends messages, and raises OSError."""

from __future__ import annotations

import os
import socket
from types import TracebackType
from typing import Any

from heka._core import monotonic
from heka._net.addresses import Address, parse
from heka._net.defaults import CLOSE_TIMEOUT
from heka._net.transports import is_passing, make_socket, send_all
from heka._runtime.explaining import explained
from heka.exceptions import ConfigError, EncodeError
from heka.framing import frame
from heka.message import Message
from heka.signing import SignerConfig

#: Seconds without a frame after which the kernel is asked whether the peer has closed.
_IDLE = 0.01


class HekaConnection:
    """Send framed messages to one address; unlike ``heka.log``, it raises OSError.

    ``'host:port'`` and ``(host, port)`` are UDP, as in version 1; TCP is ``'tcp://host:port'``.
    Call ``close()`` on a TLS connection: otherwise the peer may lose data that it has not read yet.

    Safe across ``fork()``: a child process connects for itself. Only one thread at a time may use a
    connection; a connected UDP or Unix datagram socket may be shared, as the kernel sends each
    datagram whole.

    Attributes:
        address: The argument, unchanged.
        host, port: Of a UDP or TCP address, else ``""`` and 0.
        signer_config: Signs every frame, or None.
        socket: The connected socket; None before it is connected. If it is replaced by an object
            that is not a plain ``socket.socket`` (a mock, a TLS socket), ``socket.send(frame)`` is
            called, and again with the rest after a partial send. Over ``tls://``, do not write to
            this socket: the bytes would not be encrypted.
        timeout: Seconds that connecting, and each send, may take.
    """

    timeout = 10.0

    @explained
    def __init__(
        self,
        address: object = "localhost:5565",
        signer_config: SignerConfig | None = None,
        lazy: bool = False,
    ) -> None:
        """Connect, unless *lazy*: then the first send does.

        Args:
            address: Any notation of ``heka.log(to=...)`` except a file, stdout and stderr.
            signer_config: Signs every frame.
            lazy: Connect with the first send.

        Raises:
            ConfigError: *address* is not the address of a socket, or has ``framing=none`` together
                with *signer_config*.
            TypeError: *signer_config* is neither a SignerConfig nor None.
            OSError: The name does not resolve, or the connection fails.
        """
        if signer_config is not None and not isinstance(signer_config, SignerConfig):
            raise TypeError(
                f"signer_config must be SignerConfig or None, not {type(signer_config).__name__}"
            )
        self.address = address
        self.signer_config = signer_config
        self._address: Address = parse(address)
        if self._address.scheme == "file" or self._address.is_standard:
            what = "files" if self._address.scheme == "file" else self._address.scheme
            raise ConfigError(f"{address!r}: a connection needs a socket; heka.log takes {what}")
        if signer_config is not None and not self._address.framed:
            raise ConfigError(f"{address!r}: framing=none cannot carry a signature")
        self._transport = make_socket(self._address)
        self._pid = os.getpid()
        self._replaced: Any = None
        self._sent_at = 0.0
        if not lazy:
            self.establish()

    @property
    def host(self) -> str:
        """The host of a UDP or TCP address."""
        return self._address.host

    @property
    def port(self) -> int:
        """The port of a UDP or TCP address."""
        return self._address.port

    @property
    def socket(self) -> Any:
        """The connected socket, or the object that replaces it."""
        return self._replaced if self._replaced is not None else self._transport.connected

    @socket.setter
    def socket(self, value: Any) -> None:
        # Assigning the connected socket again, as mock.patch does, ends the replacement. Over TLS
        # this matters: frames must not be written to the plain socket.
        self._replaced = None if value is self._transport.connected else value

    @socket.deleter
    def socket(self) -> None:
        # mock.patch.object(connection, "socket") ends with this.
        self._replaced = None

    def establish(self) -> None:
        """Connect; an existing connection is closed first."""
        self._replaced = None
        self._pid = os.getpid()
        self._transport.open(monotonic() + self.timeout)

    def send(self, payload: bytes) -> int:
        """Frame *payload*, an encoded message, and send it; return the bytes sent.

        Raises:
            EncodeError: *payload* is over 65,536 bytes, or the frame over the size of a datagram.
            OSError: Sending failed; the next send connects again. The connection is kept after a
                TimeoutError if no byte of the frame was sent, and if the frame is too large for the
                kernel.
        """
        if self._address.framed:
            data = frame(payload, self.signer_config)
        else:
            data = memoryview(payload).tobytes()  # bytes() would take an int for a length
        limit = self._address.max_frame
        if limit and len(data) > limit:
            raise EncodeError(
                f"a frame of {len(data)} bytes; a datagram to {self._address} holds {limit}, "
                f"which ?datagram= changes"
            )
        sock = self._replaced
        if sock is not None and type(sock) is not socket.socket:
            return self._send_through(sock, data)
        if self._pid != os.getpid() or (sock is None and not self._transport.is_open()):
            self.establish()
            sock = None
        now = monotonic()
        if sock is None and now > self._sent_at + _IDLE and self._transport.has_hung_up():
            self.establish()
        self._sent_at = now
        deadline = now + self.timeout
        try:
            if sock is None:
                self._transport.send(data, deadline)
            else:
                send_all(sock, data, deadline, datagram=self._address.is_datagram)
        except BaseException as failure:
            if not is_passing(failure):
                self._replaced = None
                self._transport.close()  # the peer has closed, or has received part of a frame
            raise
        return len(data)

    def _send_through(self, other: Any, data: bytes) -> int:
        """Send *data* by ``other.send``; a result that is no int means that it took everything."""
        taken = other.send(data)
        if not isinstance(taken, int) or self._address.is_datagram:
            return taken if isinstance(taken, int) else len(data)
        at = taken
        while taken > 0 and at < len(data):
            taken = other.send(data[at:])
            at += taken
        return at

    def send_message(self, message: Message) -> None:
        """Encode *message* and send it."""
        self.send(message.encode())

    def close(self) -> None:
        """Close the socket; a later send connects again.

        Over TLS, this waits at most CLOSE_TIMEOUT seconds for the peer's answer to close_notify.
        """
        self._replaced = None
        self._transport.finish(monotonic() + CLOSE_TIMEOUT)

    def __enter__(self) -> HekaConnection:
        """Return the connection itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the socket."""
        self.close()

    def __repr__(self) -> str:
        """Return the address and whether it is connected."""
        state = "connected" if self.socket is not None else "not connected"
        return f"<HekaConnection {self._address} {state}>"

"""``HekaConnection``: one explicit connection that frames, sends, and raises when it cannot."""

from __future__ import annotations

import os
import socket
import time
from types import TracebackType
from typing import Any

from heka._net.addresses import Address, parse
from heka._net.defaults import CLOSE_TIMEOUT
from heka._net.transports import is_passing, make_socket, send_all
from heka.exceptions import ConfigError, EncodeError
from heka.framing import frame
from heka.message import Message
from heka.signing import SignerConfig


class HekaConnection:
    """Send framed messages to one address; unlike ``heka.log``, OSError is the caller's.

    ``'host:port'`` and ``(host, port)`` are UDP, as they always were; TCP is ``'tcp://host:port'``.
    Close one over TLS before it is forgotten: else its peer may lose what it has not read yet.

    Safe across ``fork()``: a child connects for itself. One thread at a time, except over UDP and
    unix datagrams once they are connected, where the kernel sends each frame whole.

    Attributes:
        address: As it was given.
        host, port: Of a UDP or TCP address, else ``""`` and 0.
        signer_config: Signs every frame, or None.
        socket: The connected socket; None before it is established. What is put in its place, if
            it is no plain ``socket.socket`` (a mock, a TLS socket), is called:
            ``socket.send(frame)``, again with the rest when it says that it took a part. Over TLS
            what is connected has its own: bytes that are sent on the socket would not be encrypted.
        timeout: Seconds that connecting, and each send, may take.
    """

    timeout = 10.0

    def __init__(
        self,
        address: object = "localhost:5565",
        signer_config: SignerConfig | None = None,
        lazy: bool = False,
    ) -> None:
        """Connect, unless *lazy*: then the first send does.

        Args:
            address: Any notation of ``heka.log(to=...)`` but a file.
            signer_config: Signs every frame.
            lazy: Connect with the first send.

        Raises:
            ConfigError: *address* is no socket address, or cannot carry a signature.
            TypeError: *signer_config* is none.
            OSError: It does not resolve, or does not take the connection.
        """
        if signer_config is not None and not isinstance(signer_config, SignerConfig):
            raise TypeError(
                f"signer_config must be SignerConfig or None, not {type(signer_config).__name__}"
            )
        self.address = address
        self.signer_config = signer_config
        self._address: Address = parse(address)
        if self._address.scheme == "file":
            raise ConfigError(f"{address!r}: a connection needs a socket; heka.log takes files")
        if signer_config is not None and not self._address.framed:
            raise ConfigError(f"{address!r}: framing=none cannot carry a signature")
        self._transport = make_socket(self._address)
        self._pid = os.getpid()
        self._replaced: Any = None
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
        """The connected socket, or what was put in its place."""
        return self._replaced if self._replaced is not None else self._transport.connected

    @socket.setter
    def socket(self, value: Any) -> None:
        # A test that ends puts back what it found; over TLS that takes no plain text.
        self._replaced = None if value is self._transport.connected else value

    def establish(self) -> None:
        """Connect anew, whatever was there before."""
        self._replaced = None
        self._pid = os.getpid()
        self._transport.open(time.monotonic() + self.timeout)

    def send(self, payload: bytes) -> int:
        """Frame *payload*, an encoded message, and send it; return the bytes sent.

        Raises:
            EncodeError: Over 65,536 bytes, or over what one datagram holds.
            OSError: It could not be sent, and the next send connects anew; TimeoutError of a peer
                that has nothing of the frame, or a frame too large for the kernel, leaves the
                connection as it was.
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
        deadline = time.monotonic() + self.timeout
        try:
            if sock is None:
                self._transport.send(data, deadline)
            else:
                send_all(sock, data, deadline, datagram=self._address.is_datagram)
        except BaseException as failure:
            if not is_passing(failure):
                self._replaced = None
                self._transport.close()  # the peer has gone, or has half a frame
            raise
        return len(data)

    def _send_through(self, other: Any, data: bytes) -> int:
        """Call what stands in the socket's place; it need not say how much it took."""
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
        """Close the socket; a later send connects anew.

        Over TLS the peer is told, and has at most CLOSE_TIMEOUT seconds to answer.
        """
        self._replaced = None
        self._transport.finish(time.monotonic() + CLOSE_TIMEOUT)

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

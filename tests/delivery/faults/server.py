"""A receiver in another process, which records every byte.

    server.py FOLDER OPTIONS

OPTIONS is JSON, see peers.Server. Each connection has its own file in FOLDER, so that what was
received stays whichever way this process ends. heka is not imported: this is an independent peer.

End: after SIGKILL, bytes are lost that the kernel had acknowledged and this process had not read.
SIGTERM loses nothing: first a socket filter drops all further segments, then what the kernel has is
read and recorded, and only then is the socket closed. So exactly the acknowledged bytes are in the
files.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time
from typing import Any

#: From linux/filter.h and asm-generic/socket.h.
SO_ATTACH_FILTER = 26
#: Classic BPF: drops each TCP segment with data, as if the network had lost it.
NO_PAYLOAD = (
    (0x30, 0, 0, 12),  # ldb [12]: header length in the upper four bits, in words
    (0x74, 0, 0, 4),  # rsh #4
    (0x64, 0, 0, 2),  # lsh #2
    (0x07, 0, 0, 0),  # tax
    (0x80, 0, 0, 0),  # ld #len
    (0x1C, 0, 0, 0),  # sub x
    (0x15, 0, 1, 0),  # jeq #0
    (0x06, 0, 0, 0xFFFFFFFF),  # ret: all of it
    (0x06, 0, 0, 0),  # ret: drop
)


def freeze(sock: socket.socket) -> None:
    """Make the kernel accept no more data; what it has can still be read."""
    if sock.family == socket.AF_UNIX:
        with contextlib.suppress(OSError):  # the peer has closed
            sock.shutdown(socket.SHUT_RD)
        return
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in NO_PAYLOAD)
    memory = ctypes.create_string_buffer(code)
    program = struct.pack("HP", len(NO_PAYLOAD), ctypes.addressof(memory))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


class Peer:
    """One connection, or a datagram socket, and the file of what it received."""

    def __init__(self, server: Server, sock: Any, number: int) -> None:
        self.server = server
        self.sock = sock
        self.came = 0
        path = os.path.join(server.folder, f"{os.getpid():08d}-{number:05d}")
        self.file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        sock.setblocking(False)

    def read(self, most: int) -> bool:
        """Read once; False at the end."""
        try:
            data = self.sock.recv(most)
        except BlockingIOError:
            return True
        except OSError as error:
            return type(error).__name__ in ("SSLWantReadError", "SSLWantWriteError")
        os.write(self.file, data)
        self.came += len(data)
        return bool(data)

    def drain(self) -> None:
        """Read what the kernel has."""
        before = -1
        while before != self.came:
            before = self.came
            if not self.read(1 << 20):
                break

    def end(self, how: str) -> None:
        """Close without loss: all acknowledged bytes are in the file."""
        if how == "rst":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        freeze(self.sock)
        self.drain()
        self.sock.close()
        os.close(self.file)


class Server:
    """Listens, and reads as the options require."""

    def __init__(self, folder: str, options: dict[str, Any]) -> None:
        self.folder = folder
        self.options = options
        self.peers: dict[int, Peer] = {}
        self.accepted = 0
        self.context = None
        if options.get("cert"):
            import ssl

            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(options["cert"], options["key"])
            if options.get("ca"):
                self.context.verify_mode = ssl.CERT_REQUIRED
                self.context.load_verify_locations(options["ca"])
        self.selector = selectors.DefaultSelector()
        self.sock = self.bind()

    def bind(self) -> socket.socket:
        kind, at = self.options["kind"], self.options["at"]
        stream = kind in ("tcp", "unix")
        family = socket.AF_UNIX if kind.startswith("unix") else socket.AF_INET
        if family == socket.AF_UNIX and os.path.exists(at):
            os.unlink(at)
        sock = socket.socket(family, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
        if stream:  # two datagram sockets could share the port, and one would get nothing
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.options.get("buffer"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.options["buffer"])
        host = self.options.get("host", "127.0.0.1")
        sock.bind(at if family == socket.AF_UNIX else (host, at))
        if stream:
            sock.listen(self.options.get("backlog", 64))
            sock.setblocking(False)
            self.selector.register(sock, selectors.EVENT_READ, None)
        else:
            peer = Peer(self, sock, 0)
            self.selector.register(sock, selectors.EVENT_READ, peer)
        return sock

    def accept(self) -> bool:
        """Accept a waiting connection; False when there is none."""
        try:
            sock: Any = self.sock.accept()[0]
        except OSError:
            return False
        self.accepted += 1
        if self.context is not None:
            try:
                sock.settimeout(5)
                sock = self.context.wrap_socket(sock, server_side=True)
            except OSError:
                sock.close()
                return True
        peer = self.peers[sock.fileno()] = Peer(self, sock, self.accepted)
        self.selector.register(sock, selectors.EVENT_READ, peer)
        if self.context is not None:
            self.serve(peer)  # data that came with the handshake is in OpenSSL already
        return True

    def serve(self, peer: Peer) -> None:
        """Read once from a socket that is ready."""
        alive = peer.read(self.options.get("chunk", 65536))
        pending = getattr(peer.sock, "pending", None)
        while alive and pending is not None and pending():
            alive = peer.read(1 << 20)
        cut = self.options.get("cut")
        over = not alive or (cut and peer.came >= cut)
        if over and peer.sock.type == socket.SOCK_STREAM:
            self.selector.unregister(peer.sock)
            self.peers.pop(peer.sock.fileno(), None)
            peer.end(self.options.get("how", "fin"))
        elif self.options.get("chatty"):
            with contextlib.suppress(OSError):
                peer.sock.send(b"thank you very much\n" * 500)
        if self.options.get("pause"):
            time.sleep(self.options["pause"])

    def stop(self) -> None:
        """Accept no more data, record what has arrived, close."""
        if self.sock.type == socket.SOCK_STREAM:
            if self.sock.family != socket.AF_UNIX:
                freeze(self.sock)  # connections inherit it
            elif os.path.exists(self.options["at"]):
                os.unlink(self.options["at"])
            while self.accept():
                pass
            for peer in self.peers.values():
                peer.end(self.options.get("how", "fin"))
        else:
            for key in list(self.selector.get_map().values()):
                if isinstance(key.data, Peer):
                    key.data.drain()
        self.sock.close()

    def run(self) -> None:
        stopping = []
        signal.signal(signal.SIGTERM, lambda *args: stopping.append(args))
        wakeup, signalled = socket.socketpair()
        signalled.setblocking(False)
        signal.set_wakeup_fd(signalled.fileno())
        self.selector.register(wakeup, selectors.EVENT_READ, wakeup)
        self.selector.register(0, selectors.EVENT_READ, "parent")
        os.write(1, b"ready\n")
        while not stopping:
            for key, _ in self.selector.select():
                if stopping:
                    break
                if key.data is None:
                    if not self.options.get("deaf"):
                        self.accept()
                elif key.data == "parent":
                    os._exit(0)  # the parent process has exited
                elif isinstance(key.data, Peer):
                    self.serve(key.data)
        self.stop()


if __name__ == "__main__":
    Server(sys.argv[1], json.loads(sys.argv[2])).run()

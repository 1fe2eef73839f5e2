"""A receiver in a process of its own: what comes is written down, byte for byte.

    server.py FOLDER OPTIONS

OPTIONS is JSON, see peers.Server. Each connection has a file of its own in FOLDER, so that what was
received outlives every end of this program. heka is not imported: this is the other side.

How it ends: SIGKILL takes with it what the kernel had acknowledged and nobody had read. SIGTERM is
exact: first the kernel is told to take no byte more, then what it has is read and written down, and
only then is the socket closed. So what was acknowledged and what is in the files are the same.
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
#: Classic BPF: a TCP segment that has bytes for us is dropped, as if it had been lost on its way.
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
    """Let the kernel take and acknowledge nothing more; what it has can be read."""
    if sock.family == socket.AF_UNIX:
        with contextlib.suppress(OSError):  # the other side is gone
            sock.shutdown(socket.SHUT_RD)
        return
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in NO_PAYLOAD)
    memory = ctypes.create_string_buffer(code)
    program = struct.pack("HP", len(NO_PAYLOAD), ctypes.addressof(memory))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


class Peer:
    """One connection, or a datagram socket, and the file of what came over it."""

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
        """Take what the kernel has."""
        before = -1
        while before != self.came:
            before = self.came
            if not self.read(1 << 20):
                break

    def end(self, how: str) -> None:
        """Close, exactly: nothing is acknowledged that is not in the file."""
        if how == "rst":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        freeze(self.sock)
        self.drain()
        self.sock.close()
        os.close(self.file)


class Server:
    """Listens, and reads as the options say."""

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
        sock.bind(at if family == socket.AF_UNIX else ("127.0.0.1", at))
        if stream:
            sock.listen(self.options.get("backlog", 64))
            sock.setblocking(False)
            self.selector.register(sock, selectors.EVENT_READ, None)
        else:
            peer = Peer(self, sock, 0)
            self.selector.register(sock, selectors.EVENT_READ, peer)
        return sock

    def accept(self) -> bool:
        """Take one that waits; False when none does."""
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
            self.serve(peer)  # what came with the handshake is in OpenSSL already
        return True

    def serve(self, peer: Peer) -> None:
        """Read once from one that has something."""
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
        """Take no byte more, write down what is here, close."""
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
        self.selector.register(0, selectors.EVENT_READ, "leash")
        os.write(1, b"ready\n")
        while not stopping:
            for key, _ in self.selector.select():
                if stopping:
                    break
                if key.data is None:
                    if not self.options.get("deaf"):
                        self.accept()
                elif key.data == "leash":
                    os._exit(0)  # who started this is gone
                elif isinstance(key.data, Peer):
                    self.serve(key.data)
        self.stop()


if __name__ == "__main__":
    Server(sys.argv[1], json.loads(sys.argv[2])).run()

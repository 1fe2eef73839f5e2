"""Certificates, and TLS servers that record what they received and how each session ended."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlencode

from delivery.support import PATIENCE

import heka

NAMES = "DNS:localhost,IP:127.0.0.1,IP:::1"


class Certificates:
    """Two CAs, servers and a client, made with the openssl command; ``<name>.pem``, ``.key``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for ca in ("ca", "other-ca"):
            self._run(
                "req", "-x509", *self._new(ca), "-days", "30", "-addext", "keyUsage=keyCertSign"
            )
        self._issue("server", NAMES)
        self._issue("elsewhere", "DNS:elsewhere.test,IP:192.0.2.1")
        self._issue_expired("expired", NAMES)
        self._issue("client", "DNS:client.test")
        both = self.path("client.pem").read_text() + self.path("client.key").read_text()
        self.path("both.pem").write_text(both)
        self._run(
            *("rsa", "-aes256", "-passout", "pass:x"),
            *("-in", str(self.path("client.key")), "-out", str(self.path("secret.key"))),
        )
        self.path("empty.pem").write_text("nothing\n")

    def path(self, name: str) -> Path:
        return self.folder / name

    def _new(self, name: str) -> list[str]:
        key = ["-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key"]
        return [*key, "-out", f"{name}.pem", "-subj", f"/CN={name}"]

    def _request(self, name: str, subjects: str) -> None:
        self._run("req", *self._new(name)[:-3], f"{name}.csr", "-subj", f"/CN={name}")
        self.path(f"{name}.ext").write_text(f"subjectAltName={subjects}\n")

    def _issue(self, name: str, subjects: str) -> None:
        self._request(name, subjects)
        self._run(
            *("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", "-days", "30"),
            *("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", f"{name}.ext"),
        )

    def _issue_expired(self, name: str, subjects: str) -> None:
        """Issue a certificate that was valid for the year 2020.

        By ``openssl ca``: ``x509`` takes dates since OpenSSL 3.4 only, and no longer -days -1.
        """
        self._request(name, subjects)
        self.path("index.txt").write_text("")
        self.path("ca.cnf").write_text(
            "[ca]\ndefault_ca = here\n"
            "[here]\nnew_certs_dir = .\ndatabase = index.txt\nrand_serial = yes\n"
            "default_md = sha256\npolicy = any\n"
            "[any]\ncommonName = supplied\n"
        )
        self._run(
            *("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem"),
            *("-keyfile", "ca.key", "-in", f"{name}.csr", "-out", f"{name}.pem"),
            *("-startdate", "20200101000000Z", "-enddate", "20210101000000Z"),
            *("-extfile", f"{name}.ext"),
        )

    def _run(self, *args: str) -> None:
        subprocess.run(
            ["openssl", *args], cwd=self.folder, check=True, capture_output=True, timeout=PATIENCE
        )


class Session:
    """One connection of the server."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.messages: list[heka.Message] = []
        self.end: BaseException | None = None  # None: ended with close_notify
        self.version: str | None = None
        self.client: str = ""  # the name in its certificate
        self.done = threading.Event()

    @property
    def types(self) -> list[str]:
        return [message.type for message in self.messages]


class TlsServer:
    """Listens, and reads each connection in its own thread until it ends."""

    def __init__(
        self,
        certificates: Certificates,
        name: str = "server",
        *,
        demand: bool = False,
        versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None,
        port: int = 0,
        buffer: int = 0,
        hurry: bool = True,
        tickets: int = 2,
    ) -> None:
        """Use certificate *name*; *demand* client certificates; read late without *hurry*."""
        self._certificates = certificates
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(
            certificates.path(f"{name}.pem"), certificates.path(f"{name}.key")
        )
        if demand:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(certificates.path("ca.pem"))
        self._context.num_tickets = tickets
        # Before 3.11.3 Python has it on: a cut connection would look like one that was ended.
        self._context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        if versions is not None:
            self._context.minimum_version, self._context.maximum_version = versions
        self._context.sni_callback = lambda sock, asked, context: self.asked_for.append(asked)
        self.asked_for: list[str | None] = []
        self.read = threading.Event()
        if hurry:
            self.read.set()
        self.refused: list[BaseException] = []  # errors of failed handshakes
        self.sessions: list[Session] = []
        self._new: queue.Queue[Session] = queue.Queue()
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.sock.bind(("127.0.0.1", port))
        self.sock.listen(64)
        self.port: int = self.sock.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, host: str = "127.0.0.1", **options: object) -> str:
        """Return its URL, with the right CA unless *options* give another one, or ``ca=None``."""
        options = {"ca": self._certificates.path("ca.pem"), **options}
        query = urlencode({name: str(v) for name, v in options.items() if v is not None}, safe="/")
        return f"tls://{host}:{self.port}?{query}".rstrip("?")

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        raw.settimeout(PATIENCE)
        try:
            sock = self._context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False)
        except (OSError, ValueError) as error:
            self.refused.append(error)
            raw.close()
            return
        session = Session(sock)
        session.version = sock.version()
        with contextlib.suppress(TypeError, KeyError):
            session.client = dict(pair[0] for pair in sock.getpeercert()["subject"])["commonName"]
        self.sessions.append(session)
        self._new.put(session)
        reader = heka.StreamReader()
        try:
            self.read.wait(PATIENCE)
            while data := sock.recv(65536):
                session.messages += [frame.message for frame in reader.feed(data)]
            assert (reader.discarded_bytes, reader.pending_bytes) == (0, 0)
            sock.unwrap()
        except BaseException as error:
            session.end = error
        finally:
            sock.close()
            session.done.set()

    def session(self) -> Session:
        """Return the next connection after its handshake."""
        return self._new.get(timeout=PATIENCE)

    def ended(self) -> Session:
        """Return the next connection once it has ended."""
        session = self.session()
        assert session.done.wait(PATIENCE), "the connection was not ended"
        return session

    def close(self) -> None:
        """Stop listening; reset the connections that have not ended."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.read.set()

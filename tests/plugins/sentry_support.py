"""Shared by the tests of ``heka sentry``: events, the command, an endpoint."""

from __future__ import annotations

import gzip
import http.server
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.support import PATIENCE, environment
from plugins.raven_support import messages

from heka.cli.show.jsonlines import json_line
from heka.plugins.raven.dsn import DSN

GOLDEN = Path(__file__).parent / "golden"


def golden(profile):
    """Return the golden event of a profile."""
    return json.loads((GOLDEN / f"{profile}.json").read_text(encoding="utf-8"))


def fail(client):
    """Report a ValueError with a cause, and another message."""
    try:
        try:
            {}["key"]
        except KeyError as error:
            raise ValueError("evil \x1b[31m text") from error
    except ValueError:
        client.raven("why")
    client.heka("other", payload="no event")


def as_json_lines(client):
    """Return what the client sent, in the form that ``listen --json`` prints."""
    return "".join(map(json_line, messages(client))).encode()


def run(*args, data=b"", **env):
    """Run ``python -m heka sentry`` and return the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "heka", "sentry", *args],
        input=data,
        capture_output=True,
        env=environment(**env),
        timeout=PATIENCE,
        check=False,
    )


class Sentry(http.server.ThreadingHTTPServer):
    """An endpoint that records requests and sends the given answers, then 200.

    With *certificate*, the files of one and of its key, it speaks TLS.
    """

    daemon_threads = True

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.scheme = "http"
        if certificate is not None:
            self.scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            # Each handler shakes hands with its own client.
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def dsn(self):
        return DSN.parse(f"{self.scheme}://key:c0ffee99@127.0.0.1:{self.server_port}/prefix/7")

    def handle_error(self, request, client_address):
        """Log nothing when a client closes, as one does that rejects the certificate."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    def do_POST(self):
        assert self.headers["Content-Encoding"] == "gzip"
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append((self.path, dict(self.headers), body))
        status, headers = self.server.answers.pop(0) if self.server.answers else (200, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args):
        pass


@contextmanager
def serving(certificate: tuple[Path, Path] | None = None) -> Iterator[Sentry]:
    """Serve until the end of the block."""
    with Sentry(certificate) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1; return its file and that of its key."""
    files = folder / "certificate.pem", folder / "key.pem"
    command = (
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-nodes", "-subj", "/CN=sentry.example", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-out", str(files[0]), "-keyout", str(files[1])),
    )
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    return files

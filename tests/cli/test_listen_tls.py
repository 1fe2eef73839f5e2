"""``listen --tls``: messages, client certificates, and errors in its files."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct

import pytest
from cli.support import PATIENCE
from delivery.tls_support import Certificates

import heka

LISTENING = re.compile(r"listening on tls \S+:(\d+)\n")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def listen(start, certificates):
    """Start ``listen --tls`` with the server's certificate; return the process and its port."""

    def starter(*args, tls=":0"):
        files = ("--cert", "server.pem", "--cert-key", "server.key")
        files = [str(certificates.path(one)) if "." in one else one for one in files]
        process = start("listen", "--tls", tls, *files, *args)
        process.wait_for(lambda out, err: LISTENING.search(err))
        return process, int(LISTENING.search(process.err)[1])

    return starter


def send(certificates, port, *names, **options):
    query = "".join(f"&{name}={certificates.path(file)}" for name, file in options.items())
    url = f"tls://localhost:{port}?ca={certificates.path('ca.pem')}{query}"
    with heka.HekaConnection(url) as connection:
        for name in names:
            connection.send_message(heka.Message(name, payload="x" * 30000))


def test_shows_what_arrives_over_tls(listen, certificates):
    process, port = listen("--json")

    send(certificates, port, *(f"m{i}" for i in range(50)))
    process.wait_for(lambda out, err: '"m49"' in out)

    assert process.stop() == 0
    assert process.out.count("\n") == 50
    assert "50 messages" in process.err
    assert "0 refused, 0 bytes discarded" in process.err


def test_a_sender_that_never_reads_loses_nothing(listen, certificates):
    """Unread session tickets would reset the connection when it is closed."""
    process, port = listen("--json")
    context = ssl.create_default_context(cafile=str(certificates.path("ca.pem")))

    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * 1024 * 1024)
    with context.wrap_socket(sock, server_hostname="localhost") as peer:
        for number in range(200):
            peer.sendall(heka.pack(f"m{number}", payload="x" * 10000))

    process.wait_for(lambda out, err: '"m199"' in out)
    assert process.stop() == 0
    assert "200 messages" in process.err


def test_a_reset_is_told_and_counted(listen, certificates):
    process, port = listen("--json")
    context = ssl.create_default_context(cafile=str(certificates.path("ca.pem")))

    sock = socket.create_connection(("127.0.0.1", port))
    with context.wrap_socket(sock, server_hostname="localhost") as peer:
        peer.sendall(heka.pack("t"))
        process.wait_for(lambda out, err: '"t"' in out)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    process.wait_for(lambda out, err: "reset: the sender may have sent more" in err)
    process.stop()
    assert "1 connection reset" in process.err


def test_the_origin_of_a_message_is_tls(listen, certificates):
    process, port = listen()

    send(certificates, port, "t")
    process.wait_for(lambda out, err: "payload" in out or "xxx" in out)

    assert re.search(r"· tls 127\.0\.0\.1:\d+ ·", process.out)


def test_with_client_ca_only_clients_with_a_certificate_are_accepted(listen, certificates):
    process, port = listen("--client-ca", str(certificates.path("ca.pem")), "--json")

    with contextlib.suppress(OSError):  # in TLS 1.3 the refusal comes later
        send(certificates, port, "without")
    send(certificates, port, "with", cert="client.pem", key="client.key")
    process.wait_for(lambda out, err: '"with"' in out)
    process.stop()

    assert "without" not in process.out
    assert process.out.count("\n") == 1


@pytest.mark.parametrize("data", [b"", b"\x16\x03", b"GET / HTTP/1.0\r\n\r\n"])
def test_a_client_without_tls_does_not_delay_others(listen, certificates, data):
    process, port = listen("--json")

    with socket.create_connection(("127.0.0.1", port), PATIENCE) as stranger:
        stranger.sendall(data)
        send(certificates, port, "t")
        process.wait_for(lambda out, err: '"t"' in out)

    assert process.stop() == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        pytest.param(["--tls", ":0"], "--tls needs a certificate; give --cert", id="no-cert"),
        pytest.param(["--cert", "server.pem"], "--cert needs --tls; give --tls too", id="no-tls"),
        pytest.param(
            ["--tls", ":0", "--cert", "none.pem"],
            "none.pem: No such file or directory",
            id="no-file",
        ),
        pytest.param(
            ["--tls", ":0", "--cert", "server.pem"], "its private key there or in", id="no-key"
        ),
        pytest.param(
            ["--tls", ":0", "--cert", "client.pem", "--cert-key", "secret.key"],
            "the private key is encrypted; give one without a passphrase",
            id="passphrase",
        ),
        pytest.param(
            ["--tls", ":0", "--cert", "both.pem", "--client-ca", "empty.pem"],
            "--client-ca .*empty.pem: expected certificates in PEM",
            id="no-certificates",
        ),
    ],
)
def test_an_error_is_one_sentence(start, certificates, args, says):
    args = [str(certificates.path(arg)) if "." in arg else arg for arg in args]

    process = start("listen", *args)

    assert process.ended() == 1
    assert re.search(says, process.err)
    assert process.err.count("\n") == 1


def test_a_public_address_is_noted_without_client_ca(listen, certificates):
    """Every host that can reach it can send messages, unless client certificates are required."""
    anybody, _ = listen(tls="0.0.0.0:0")
    anybody.wait_for(lambda out, err: "note: every host that can reach" in err)

    known, _ = listen("--client-ca", str(certificates.path("ca.pem")), tls="0.0.0.0:0")
    known.stop()

    assert "note:" not in known.err

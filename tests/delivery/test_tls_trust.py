"""TLS: which servers are trusted, what is refused, and the error texts."""

from __future__ import annotations

import errno
import os
import re
import ssl

import pytest
from delivery.support import PATIENCE, SOON, Listener, Task, wait_until, within

import heka
from heka._core import monotonic
from heka._delivery.reasons import reason_of
from heka._net.addresses import parse
from heka._net.sockets import SocketTransport
from heka._net.tls_context import context_for
from heka.streams import UrlStream

TLS12 = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
TLS13 = (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)
FRAME = heka.pack("t")


# ---- who is trusted ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("elsewhere", {"name": "elsewhere.test"}, id="name-of-the-certificate"),
        pytest.param("elsewhere", {"name": "192.0.2.1"}, id="address-of-the-certificate"),
        pytest.param("expired", {"verify": 0}, id="anybody"),
        pytest.param("server", {"ca": "server.pem"}, id="this-certificate-and-no-other"),
        pytest.param("server", {"min": "1.3"}, id="minimum"),
    ],
)
def test_a_server_is_trusted(serve, stream, certificates, name, options):
    server = serve(name)
    if "ca" in options:
        options = {"ca": certificates.path(options["ca"])}

    assert stream(server.url(**options)).write(FRAME)


@pytest.mark.parametrize(
    ("name", "versions", "options", "says"),
    [
        pytest.param(
            "server", None, {"ca": None}, "give the certificate of its CA with ca=FILE", id="no-ca"
        ),
        pytest.param("server", None, {"ca": "other-ca.pem"}, "with ca=FILE", id="another-ca"),
        pytest.param(
            "expired", None, {}, "expired; the server needs a new certificate", id="expired"
        ),
        pytest.param(
            "elsewhere",
            None,
            {},
            "has no subjectAltName '127.0.0.1'.* name=SERVERNAME",
            id="another-address",
        ),
        pytest.param(
            "server", None, {"name": "x.test"}, "has no subjectAltName 'x.test'", id="another-name"
        ),
        pytest.param("server", TLS12, {"min": "1.3"}, "share no version of TLS", id="old"),
    ],
)
def test_another_server_is_refused(
    serve, stream, certificates, capsys, name, versions, options, says
):
    """Nothing is sent, the frame is counted as ``tls``, and stderr names the remedy."""
    server = serve(name, versions=versions)
    if options.get("ca"):
        options = {"ca": certificates.path(options["ca"])}
    to = stream(server.url(**options))

    assert not to.write(FRAME)

    assert to.stats()["dropped"] == {"tls": 1}
    wait_until(lambda: server.refused)
    assert server.sessions == []
    assert re.search(says, capsys.readouterr().err)


@pytest.mark.parametrize(
    "files", [("client.pem", "client.key"), ("both.pem", None)], ids=["two-files", "one-file"]
)
def test_a_client_shows_its_certificate(serve, stream, certificates, files):
    server = serve(demand=True)
    options = dict(zip(("cert", "key"), (f and certificates.path(f) for f in files), strict=True))
    to = stream(server.url(**options))

    assert to.write(FRAME)
    to.close()

    session = server.ended()
    assert (session.client, session.types) == ("client", ["t"])


@pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_a_client_without_certificate_is_told_to_give_one(
    serve, stream, capsys, monkeypatch, versions
):
    """In TLS 1.3 the server refuses after the handshake of the client; no message is sent first."""
    monkeypatch.setattr("heka._net.tls._REFUSAL_WAIT_MIN", PATIENCE)  # a machine may be busy
    monkeypatch.setattr("heka._net.tls._REFUSAL_WAIT_MAX", PATIENCE)
    server = serve(demand=True, versions=versions)
    to = stream(server.url(), timeout=PATIENCE)

    assert not to.write(FRAME)

    assert to.stats()["dropped"] == {"tls": 1}
    assert "cert=FILE and key=FILE" in capsys.readouterr().err
    assert server.sessions == []


def test_a_late_refusal_is_reported_with_the_next_message(serve, stream, capsys, monkeypatch):
    monkeypatch.setattr("heka._net.tls._REFUSAL_WAIT_MAX", 0.0)
    server = serve(demand=True, versions=TLS13)
    to = stream(server.url())

    def is_refused():
        to.write(FRAME)
        return "tls" in to.stats()["dropped"]

    wait_until(is_refused, "the refusal")

    assert "cert=FILE and key=FILE" in capsys.readouterr().err
    assert server.sessions == []


def test_a_server_without_session_tickets_is_used(serve, stream):
    """It sends no session tickets, so nothing can be read after the handshake."""
    server = serve(versions=TLS13, tickets=0)
    to = stream(server.url(), timeout=PATIENCE)

    assert to.write(FRAME)
    to.close()

    assert server.ended().types == ["t"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"ca": "none.pem"}, "ca=.*none.pem: No such file or directory", id="no-ca"),
        pytest.param(
            {"ca": "."}, "ca=.*: Is a directory; expected a readable PEM file", id="directory"
        ),
        pytest.param(
            {"ca": "empty.pem"},
            "ca=.*empty.pem: expected the certificates of the CAs to trust, in PEM",
            id="ca",
        ),
        pytest.param({"cert": "none.pem"}, "cert=.*none.pem: No such file", id="no-cert"),
        pytest.param({"cert": "client.pem"}, "its private key, in the same file", id="no-key"),
        pytest.param(
            {"cert": "client.pem", "key": "none.key"}, "key=.*none.key: No such file", id="no-key"
        ),
        pytest.param(
            {"cert": "client.pem", "key": "server.key"}, "KEY_VALUES_MISMATCH", id="another-key"
        ),
        pytest.param(
            {"cert": "client.pem", "key": "secret.key"}, "the private key is encrypted", id="secret"
        ),
    ],
)
def test_unusable_files_raise_where_they_are_named(certificates, options, says):
    query = "&".join(f"{name}={certificates.path(file)}" for name, file in options.items())
    url = f"tls://localhost?{query}"

    for use in (UrlStream, heka.HekaConnection, lambda to: heka.log("t", to=to)):
        with pytest.raises(heka.ConfigError, match=f"(?s)tls://localhost:5565.*{says}"):
            use(url)


def test_certificates_are_loaded_once_and_again_when_they_are_renewed(certificates, tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_bytes(certificates.path("ca.pem").read_bytes())
    options = parse(f"tls://h?ca={ca}").tls
    first = context_for(options)
    assert context_for(options) is first

    ca.write_bytes(certificates.path("other-ca.pem").read_bytes() + b"\n")
    second = context_for(options)
    ca.write_text("half")

    assert second is not first
    assert [dict(x[0] for x in one["subject"])["commonName"] for one in second.get_ca_certs()] == [
        "other-ca"
    ]
    assert context_for(options) is second, "what was good is kept"


# ---- peers that do not do their part -------------------------------------------------------------


def test_a_server_without_tls_is_reported_as_such(peer, stream, certificates, capsys):
    there = peer(Listener)
    to = stream(f"tls://127.0.0.1:{there.port}", timeout=PATIENCE)
    answer = Task(lambda: there.accept().sock.sendall(b"220 welcome to this server\r\n"))

    assert not to.write(FRAME)

    answer.result()
    assert to.stats()["dropped"] == {"tls": 1}
    assert "the peer does not speak TLS: is it the port for tcp://?" in capsys.readouterr().err


def test_a_silent_server_takes_no_longer_than_the_timeout(peer, stream, capsys):
    there = peer(Listener)
    to = stream(f"tls://127.0.0.1:{there.port}", timeout=0.2)

    with within(SOON):
        assert not to.write(FRAME)

    assert to.stats()["dropped"] == {"timeout": 1}
    assert "the TLS handshake timed out; does the peer speak TLS?" in capsys.readouterr().err


@pytest.mark.parametrize("query", ["", "?queue=1&connect_timeout=0.4"])
def test_a_plaintext_server_on_localhost_is_not_reported_as_refused(peer, query, capsys):
    """Nothing listens on ::1, which is tried after 127.0.0.1; that is not what is wrong."""
    there = peer(Listener)
    url = f"tls://localhost:{there.port}{query}"
    with UrlStream(url, timeout=0.4) as to:
        to.write(FRAME)
        wait_until(lambda: to.stats()["dropped"] or to.stats()["retries"], "the failure")
        stats = to.stats()

    err = capsys.readouterr().err
    assert "(timeout): " in err
    assert "the TLS handshake timed out; does the peer speak TLS?" in err
    assert "refused" not in err
    assert query or stats["dropped"] == {"timeout": 1}


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ([errno.ECONNREFUSED, errno.ENETUNREACH], "refused"),
        ([errno.ENETUNREACH, errno.ECONNREFUSED], "refused"),
        ([errno.ETIMEDOUT, errno.ECONNREFUSED], "refused"),
        ([errno.ECONNREFUSED, errno.ETIMEDOUT], "refused"),
        ([errno.ETIMEDOUT, errno.ENETUNREACH], "timeout"),
        ([errno.EADDRNOTAVAIL, errno.EHOSTUNREACH], "unreachable"),
    ],
)
def test_of_several_addresses_the_attempt_that_got_farthest_is_told(monkeypatch, errors, told):
    left = iter(errors)

    def connect(self, family, sockaddr, deadline):
        code = next(left)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(SocketTransport, "_connect", connect)
    transport = SocketTransport(parse("tcp://localhost:9"))

    with pytest.raises(OSError, match=re.escape("[Errno ")) as caught:
        transport.open(monotonic() + PATIENCE)

    assert reason_of(caught.value) == told


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_server_that_goes_away_is_closed(peer, stream, how):
    there = peer(Listener)
    to = stream(f"tls://127.0.0.1:{there.port}", timeout=PATIENCE)

    def leave():
        connection = there.accept()
        connection.sock.recv(1)
        connection.sock.recv(65536)
        getattr(connection, how)()

    leaving = Task(leave)
    assert not to.write(FRAME)

    leaving.result()
    assert to.stats()["dropped"] == {"closed": 1}


def test_a_close_notify_during_the_handshake_is_closed(peer, stream, capsys):
    there = peer(Listener)
    to = stream(f"tls://127.0.0.1:{there.port}", timeout=PATIENCE)
    close_notify = b"\x15\x03\x03\x00\x02\x01\x00"
    answer = Task(lambda: there.accept().sock.sendall(close_notify))

    assert not to.write(FRAME)

    answer.result()
    assert to.stats()["dropped"] == {"closed": 1}
    assert "the peer closed the connection during the TLS handshake" in capsys.readouterr().err

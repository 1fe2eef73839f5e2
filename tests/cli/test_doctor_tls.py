"""``doctor`` and TLS: the version, and the names, dates and issuer of a certificate, one by one."""

from __future__ import annotations

import ssl
import subprocess

import pytest
from delivery.support import PATIENCE, Listener, wait_until
from delivery.tls_support import Certificates, TlsServer


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server(certificates):
    made = []

    def maker(name="server", **options):
        made.append(TlsServer(certificates, name, **options))
        return made[-1]

    yield maker
    for one in made:
        one.close()


def levels(said):
    """Return {subject: level} of what is told about the certificate."""
    checks = ("tls", "name", "dates", "chain")
    return {subject: level for level, subject, _ in said.lines if subject in checks}


def test_a_certificate_without_a_fault(doctor, server):
    said = doctor(server().url("localhost"))

    assert said.code == 0
    assert said("tls")[1].startswith("TLSv1.3, TLS_")
    assert said("name")[1].startswith("the certificate is for localhost, 127.0.0.1, ")
    assert "days are left" in said("dates")[1]
    assert "'server' was issued by 'ca'; trusted by ca=" in said("chain")[1]


def test_the_version_that_both_have(doctor, server):
    old = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    url = server(versions=old).url()

    assert doctor(url)("tls")[1].startswith("TLSv1.2, ")
    level, text = doctor(f"{url}&min=1.3")("tls")
    assert level == "problem"
    assert "share no version of TLS: check min=" in text


def test_an_expired_certificate_of_the_right_ca(doctor, server):
    said = doctor(server("expired").url())

    assert said.code == 1
    assert levels(said) == {"tls": "ok", "name": "ok", "dates": "problem", "chain": "ok"}
    text = "valid from 2020-01-01 00:00 UTC to 2021-01-01 00:00 UTC: expired; the server needs"
    assert text in said("dates")[1]


def test_a_certificate_for_another_name(doctor, server):
    said = doctor(server("elsewhere").url())

    assert said.code == 1
    assert levels(said) == {"tls": "ok", "name": "problem", "dates": "ok", "chain": "ok"}
    text = "is for elsewhere.test, 192.0.2.1, not for '127.0.0.1'; connect by a name"
    assert text in said("name")[1]


def test_the_name_in_the_url_is_the_one_that_is_checked(doctor, server):
    assert doctor(server("elsewhere").url(name="elsewhere.test")).code == 0


def test_a_certificate_of_an_unknown_ca(doctor, server, certificates):
    said = doctor(server().url(ca=certificates.path("other-ca.pem")))

    assert said.code == 1
    assert levels(said) == {"tls": "ok", "name": "ok", "dates": "ok", "chain": "problem"}
    assert "'server' was issued by 'ca'; not trusted by ca=" in said("chain")[1]
    assert "give the certificate of its CA with ca=FILE" in said("chain")[1]


def test_every_fault_of_a_certificate_has_its_line(doctor, server, certificates):
    """OpenSSL stops at the first."""
    said = doctor(server("expired").url(ca=certificates.path("other-ca.pem"), name="other.test"))

    assert levels(said) == {"tls": "ok", "name": "problem", "dates": "problem", "chain": "problem"}


def test_without_a_ca_the_cas_of_the_system_are_named(doctor, server):
    assert "not trusted by the CAs of the system (" in doctor(server().url(ca=None))("chain")[1]


def test_without_verification_the_faults_are_warnings(doctor, server):
    said = doctor(server("expired").url(verify=0, name="other.test"))

    assert said.code == 0
    assert said("verify")[0] == "warning"
    assert levels(said) == {"tls": "ok", "name": "warning", "dates": "warning"}


def test_a_certificate_that_ends_soon_is_a_warning(doctor, server, certificates):
    run = ["openssl", "x509", "-req", "-in", "server.csr", "-out", "soon.pem", "-days", "3"]
    run += ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "server.ext"]
    subprocess.run(run, cwd=certificates.folder, check=True, capture_output=True, timeout=PATIENCE)
    key = certificates.path("server.key").read_bytes()
    certificates.path("soon.key").write_bytes(key)
    said = doctor(server("soon").url())

    assert said.code == 0
    assert said("dates")[0] == "warning"
    assert "days are left; the server needs a new certificate soon" in said("dates")[1]


def test_a_wildcard_covers_one_label(doctor, server, certificates):
    certificates._issue("wild", "DNS:*.example.test")
    url = server("wild").url(name="a.example.test")
    deep = server("wild").url(name="a.b.example.test")

    assert doctor(url)("name")[0] == "ok"
    assert doctor(deep)("name")[0] == "problem"


def test_a_server_that_demands_a_client_certificate(doctor, server, certificates):
    demanding = server(demand=True)

    level, text = doctor(demanding.url())("tls")
    assert level == "problem"
    assert "give cert=FILE and key=FILE" in text
    said = doctor(
        demanding.url(cert=certificates.path("client.pem"), key=certificates.path("client.key"))
    )
    assert said.code == 0
    assert "the client's certificate 'client' is valid from" in said("client")[1]


def test_files_that_cannot_be_used_are_problems(doctor, server, certificates):
    missing = doctor(server().url(ca=certificates.path("missing.pem")))
    empty = doctor(server().url(cert=certificates.path("empty.pem")))
    secret = doctor(
        server().url(cert=certificates.path("client.pem"), key=certificates.path("secret.key"))
    )

    assert "missing.pem: No such file or directory" in missing("tls")[1]
    assert empty("client")[0] == "problem"
    assert "the private key is encrypted" in secret("tls")[1]
    assert "PRIVATE KEY" not in secret.out + secret.err


def test_a_port_without_tls(doctor, start):
    listen = start("listen", "--tcp", "127.0.0.1:0")
    ((_, port),) = listen.listening()
    said = doctor("--timeout", "0.5", f"tls://127.0.0.1:{port}")

    assert said.code == 1
    assert said("connect")[0] == "ok"
    assert "the TLS handshake timed out; does the peer speak TLS?" in said("tls")[1]


def test_a_port_with_tls_for_tcp(here, monkeypatch, server):
    peer = server()

    def wait(seconds):
        wait_until(lambda: len(peer.refused) == 2, "the refusal of check and first message")

    monkeypatch.setattr("heka.cli.commands.doctor.probe._pause", wait)
    said = here("--send", f"tcp://127.0.0.1:{peer.port}")

    assert said("probe")[0] in ("warning", "problem")
    assert "see the log of the receiver" in said("probe")[1]


def test_a_peer_that_never_answers(doctor):
    listener = Listener()
    said = doctor("--timeout", "0.3", listener.url.replace("tcp", "tls"))
    listener.close()

    assert said("tls")[0] == "problem"
    assert "timed out" in said("tls")[1]


def test_a_probe_over_tls_arrives(doctor, server):
    peer = server()
    said = doctor("--send", peer.url())
    peer.session()  # that of the check
    arrived = peer.ended()

    assert said.code == 0
    assert arrived.types == ["heka.probe"] * 2

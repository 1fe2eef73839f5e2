"""``heka sentry forward`` posts events to an endpoint over HTTP and HTTPS."""

from __future__ import annotations

import json

import pytest
from plugins.raven_support import raven_client
from plugins.sentry_support import (
    GOLDEN,
    as_json_lines,
    certificate,
    fail,
    golden,
    run,
    serving,
)

from heka import cli
from heka.cli.commands.sentry.post import Endpoint, _after, _limit
from heka.plugins.raven.dsn import DSN


@pytest.fixture
def sentry():
    with serving() as server:
        yield server


@pytest.mark.parametrize("profile", ["raven3", "raven2"])
def test_older_event_goes_to_the_store(sentry, profile):
    assert Endpoint(sentry.dsn).post(golden(profile)) == ""

    ((path, headers, body),) = sentry.got
    assert path == "/prefix/api/7/store/"
    assert json.loads(body) == golden(profile)
    assert headers["X-Sentry-Auth"].startswith("Sentry sentry_version=7, sentry_client=heka-py/")
    assert "sentry_key=key, sentry_secret=c0ffee99" in headers["X-Sentry-Auth"]


def test_current_event_is_an_envelope(sentry):
    assert Endpoint(sentry.dsn).post(golden("sentry7")) == ""

    ((path, headers, body),) = sentry.got
    head, item, data, rest = body.split(b"\n")
    assert path == "/prefix/api/7/envelope/"
    assert headers["Content-Type"] == "application/x-sentry-envelope"
    assert json.loads(head)["event_id"] == golden("sentry7")["event_id"]
    assert json.loads(item) == {"type": "event", "length": len(data)}
    assert (json.loads(data), rest) == (golden("sentry7"), b"")
    assert b"c0ffee99" not in body


@pytest.mark.parametrize("api", ["store", "envelope"])
def test_api_may_be_chosen(sentry, api):
    Endpoint(sentry.dsn, api=api).post(golden("raven3"))

    assert sentry.got[0][0] == f"/prefix/api/7/{api}/"


def test_server_error_is_retried(sentry):
    sentry.answers = [(500, {}), (503, {})]
    slept = []

    assert Endpoint(sentry.dsn, sleep=slept.append).post({}) == ""

    assert len(sentry.got) == 3
    assert slept == [0.5, 1.0]


def test_refusal_is_final(sentry):
    sentry.answers = [(403, {"X-Sentry-Error": "project disabled"})]

    why = Endpoint(sentry.dsn, sleep=None).post({})

    assert why.endswith("answered 403 Forbidden: project disabled")
    assert len(sentry.got) == 1


def test_attempts_end(sentry):
    sentry.answers = [(500, {})] * 9

    why = Endpoint(sentry.dsn, attempts=3, sleep=lambda seconds: None).post({})

    assert "answered 500" in why
    assert len(sentry.got) == 3


def test_unreachable_server():
    dsn = DSN.parse("http://key@127.0.0.1:1/7")
    slept = []

    why = Endpoint(dsn, attempts=3, sleep=slept.append).post({})

    assert "127.0.0.1:1: ConnectionRefusedError" in why
    assert slept == [0.5, 1.0]


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "5"}, {"X-Sentry-Rate-Limits": "5:error:organization", "Retry-After": "90"}],
    ids=["retry-after", "rate-limits"],
)
@pytest.mark.parametrize("status", [429, 503])
def test_rate_limit_is_waited_for(sentry, status, headers):
    sentry.answers = [(status, headers)]
    slept = []

    assert Endpoint(sentry.dsn, sleep=slept.append).post({}) == ""

    assert slept == [pytest.approx(5, abs=2)]


def test_limit_that_comes_with_success_holds_for_the_next(sentry):
    sentry.answers = [(200, {"X-Sentry-Rate-Limits": "5::organization"})]
    slept = []
    endpoint = Endpoint(sentry.dsn, sleep=slept.append)

    assert endpoint.post({}) == ""
    assert slept == []
    assert endpoint.post({}) == ""
    assert slept == [pytest.approx(5, abs=2)]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("60:error:organization:reason", 60),
        ("60:transaction;attachment:key", 0),
        ("60:default;error:key, 30::organization", 60),
        ("10", 10),
        ("soon:error", 0),
        ("", 0),
        ("nan:error,-5:error", 0),
    ],
)
def test_limit(header, seconds):
    assert _limit(header) == seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), (None, 60), ("soon", 60), ("Sun, 06 Nov 1994 08:49:37 GMT", 0)],
)
def test_retry_after(header, seconds):
    assert _after(header) == seconds


def test_forward_posts_and_accounts(sentry):
    client = raven_client()
    fail(client)
    fail(client)
    sentry.answers = [(400, {})]

    done = run("forward", data=as_json_lines(client) + b"nonsense\n", SENTRY_DSN=sentry.dsn.text)

    assert done.returncode == 1
    assert len(sentry.got) == 2
    assert b"answered 400 Bad Request" in done.stderr
    assert done.stderr.endswith(b"heka sentry: 1 event sent, 1 lost, 1 unreadable\n")
    assert b"c0ffee99" not in done.stderr


def test_forward_of_all_events_exits_with_0(sentry):
    done = run("forward", "--dsn", sentry.dsn.text, str(GOLDEN / "sentry7.blob"))

    assert (done.returncode, done.stdout) == (0, b"")
    assert len(sentry.got) == 1


@pytest.mark.parametrize("dsn", ["", "nonsense", "udp://a:c0ffee99@host/2", "http://host/2"])
def test_forward_needs_a_dsn(dsn, capsys, monkeypatch):
    monkeypatch.delenv("SENTRY_DSN", raising=False)

    assert cli.main(["sentry", "forward", "--dsn", dsn, str(GOLDEN / "raven3.blob")]) == 1
    said = capsys.readouterr().err
    assert "expected" in said
    assert "c0ffee99" not in said


# ---- over HTTPS ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of a certificate for 127.0.0.1 and of its key."""
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(files):
    """An endpoint with TLS."""
    with serving(files) as server:
        yield server


@pytest.mark.parametrize("profile", ["raven3", "sentry7"])
def test_forward_over_https(profile, secure, files):
    """With a server error and a rate limit before; to the API of the event's format."""
    secure.answers = [(500, {}), (429, {"X-Sentry-Rate-Limits": "1:error:key"})]
    blob = str(GOLDEN / f"{profile}.blob")

    done = run("forward", "--ca", str(files[0]), blob, SENTRY_DSN=secure.dsn.text)

    api = "envelope" if profile == "sentry7" else "store"
    assert [path for path, _, _ in secure.got] == [f"/prefix/api/7/{api}/"] * 3
    body = secure.got[-1][2]
    sent = json.loads(body.split(b"\n")[2] if profile == "sentry7" else body)
    assert sent == golden(profile)
    assert b"asks to wait 1 s" in done.stderr
    assert done.stderr.endswith(b"heka sentry: 1 event sent, 0 lost, 0 unreadable\n")
    assert done.returncode == 0


def test_untrusted_endpoint_gets_nothing(secure):
    done = run("forward", str(GOLDEN / "raven3.blob"), SENTRY_DSN=secure.dsn.text)

    assert secure.got == []
    assert b" is lost: 127.0.0.1:" in done.stderr
    assert b" is not trusted: self" in done.stderr
    assert b"trying again" not in done.stderr
    assert done.returncode == 1


def test_certificate_of_another_host_is_not_trusted(secure, files):
    dsn = DSN.parse(secure.dsn.text.replace("127.0.0.1", "localhost"))

    why = Endpoint(dsn, ca=str(files[0]), sleep=None).post({})

    assert "is not trusted: Hostname mismatch" in why
    assert secure.got == []


def test_server_without_tls_is_retried(sentry, files):
    dsn = DSN.parse(sentry.dsn.text.replace("http:", "https:"))
    slept = []

    why = Endpoint(dsn, ca=str(files[0]), attempts=2, sleep=slept.append).post({})

    assert "SSLError" in why
    assert slept == [0.5]


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), ("no certificate", "no certificate")],
    ids=["absent", "not-pem"],
)
def test_file_without_certificates_is_refused(content, said, tmp_path, capsys):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    arguments = ["--dsn", "https://key@127.0.0.1:1/2", "--ca", str(path)]
    assert cli.main(["sentry", "forward", *arguments, str(GOLDEN / "raven3.blob")]) == 1

    err = capsys.readouterr().err
    assert f"cannot read CA certificates from '{path}': " in err
    assert said in err.lower() or said in err

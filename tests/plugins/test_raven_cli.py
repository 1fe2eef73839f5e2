"""``python -m heka sentry``: events as tracebacks, and on their way to an endpoint over HTTP."""

from __future__ import annotations

import http.server
import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cli.support import PATIENCE, environment
from plugins.raven_support import messages, raven_client

from heka import cli
from heka.cli.jsonlines import json_line
from heka.cli.sentry_events import read_events
from heka.cli.sentry_post import Endpoint, _after, _limit
from heka.cli.sentry_traceback import render_event
from heka.cli.terminal import PLAIN
from heka.plugins.raven.dsn import DSN

GOLDEN = Path(__file__).parent / "golden"
PROFILES = ("raven3", "raven2", "sentry7")


def golden(profile):
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


# ---- what is read -------------------------------------------------------------------------------


def as_frames(client):
    return b"".join(client.stream.frames)


def as_json_lines(client):
    return "".join(map(json_line, messages(client))).encode()


def as_blobs(client):
    return b"\n" + messages(client)[0].payload.encode() + b"\n"


@pytest.mark.parametrize("form", [as_frames, as_json_lines, as_blobs])
def test_event_is_found_in(form):
    client = raven_client()
    fail(client)

    (found,) = read_events(io.BytesIO(form(client)), "sentry")

    assert found.event["message"].startswith("ValueError: evil")


@pytest.mark.parametrize("indent", [None, 2])
def test_event_as_json_is_found(indent):
    data = json.dumps(golden("sentry7"), indent=indent).encode()

    (found,) = read_events(io.BytesIO(data), "sentry")

    assert found.event == golden("sentry7")


def test_message_of_another_type_is_found_when_asked_for():
    client = raven_client(type="stacktrace")
    fail(client)

    assert list(read_events(io.BytesIO(as_frames(client)), "sentry")) == []
    assert len(list(read_events(io.BytesIO(as_frames(client)), "stacktrace"))) == 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"nonsense\n", "zlib", id="line"),
        pytest.param(b'{"type": "sentry"\n', "JSON", id="json"),
        pytest.param(b'{"type": "sentry", "payload": "x"}\n', "", id="message"),
        pytest.param(b"{\n  nonsense", "JSON", id="many-lines"),
        pytest.param(b"\x1e\x02\x08\x05\x1f", "no message", id="frame"),
    ],
)
def test_what_is_no_event_is_told(data, problem):
    (found,) = read_events(io.BytesIO(data), "sentry")

    assert found.event is None
    assert problem in found.problem


def test_nothing_is_no_problem():
    assert list(read_events(io.BytesIO(b"\n\n"), "sentry")) == []


# ---- what is shown ------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_traceback(profile):
    text = render_event(golden(profile), PLAIN)

    assert "Traceback (most recent call last):\n" in text
    assert '  File "/srv/shop/checkout.py", line 16, in share\n    per_buyer = total /' in text
    assert "      total = 31.5\n      buyers = []\nZeroDivisionError: float division" in text
    assert "      password = ********\n" in text


def test_chain_is_shown_as_python_does():
    client = raven_client(profile="sentry7")
    fail(client)
    (found,) = read_events(io.BytesIO(as_frames(client)), "sentry")

    text = render_event(found.event, PLAIN)

    cause, between, effect = text.partition("was the direct cause of the following exception:")
    assert "KeyError: 'key'\n" in cause
    assert between
    assert "ValueError: evil \\x1b[31m text\n" in effect
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"exception": 5},
        {"exception": {"values": [5, {"stacktrace": {"frames": [5, {}]}}]}},
        {"sentry.interfaces.Exception": 5, "sentry.interfaces.Stacktrace": 5},
        {"exception": {"values": [{"stacktrace": {"frames": [{"vars": [1], "lineno": "x"}]}}]}},
        {"extra": 5, "logentry": "x", "event_id": ["\x1b"]},
    ],
    ids=repr,
)
def test_odd_event_is_shown(event):
    assert "\x1b" not in render_event(event, PLAIN)


def run(*args, data=b"", **env):
    """Run ``python -m heka sentry`` and return the process that has ended."""
    return subprocess.run(
        [sys.executable, "-m", "heka", "sentry", *args],
        input=data,
        capture_output=True,
        env=environment(**env),
        timeout=PATIENCE,
        check=False,
    )


def test_show_reads_standard_input(tmp_path):
    client = raven_client()
    fail(client)

    done = run("show", data=as_frames(client) + b"garbage")

    assert b"ValueError: evil \\x1b[31m text\n" in done.stdout
    assert b"7 bytes of the stream were no message" in done.stderr
    assert done.returncode == 1


def test_show_reads_a_file():
    done = run("show", str(GOLDEN / "raven3.blob"))

    assert done.stdout.decode() == render_event(golden("raven3"), PLAIN)
    assert done.returncode == 0


def test_file_that_is_not_there():
    done = run("show", "/nowhere")

    assert done.returncode == 1
    assert b"cannot read '/nowhere': No such file" in done.stderr


# ---- what is posted -----------------------------------------------------------------------------


class Sentry(http.server.ThreadingHTTPServer):
    """An endpoint that keeps what it gets, and answers as it was told to, at last with 200."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []

    @property
    def dsn(self):
        return DSN.parse(f"http://key:c0ffee99@127.0.0.1:{self.server_port}/prefix/7")


class Handler(http.server.BaseHTTPRequestHandler):
    """Of one request."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        status, headers = self.server.answers.pop(0) if self.server.answers else (200, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def sentry():
    with Sentry() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("profile", ["raven3", "raven2"])
def test_older_event_goes_to_the_store(sentry, profile):
    assert Endpoint(sentry.dsn).post(golden(profile)) == ""

    ((path, headers, body),) = sentry.got
    assert path == "/prefix/api/7/store/"
    assert json.loads(body) == golden(profile)
    assert headers["X-Sentry-Auth"].startswith("Sentry sentry_version=7, sentry_client=heka-py/")
    assert "sentry_key=key, sentry_secret=c0ffee99" in headers["X-Sentry-Auth"]


def test_event_of_today_is_an_envelope(sentry):
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


def test_server_in_trouble_is_asked_again(sentry):
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


def test_server_that_is_not_there():
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
def test_limit_is_waited_for(sentry, headers):
    sentry.answers = [(429, headers)]
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


def test_forward_of_everything_ends_well(sentry):
    done = run("forward", "--dsn", sentry.dsn.text, str(GOLDEN / "sentry7.blob"))

    assert (done.returncode, done.stdout) == (0, b"")
    assert len(sentry.got) == 1


@pytest.mark.parametrize("dsn", ["", "nonsense", "udp://a:c0ffee99@host/2", "http://host/2"])
def test_forward_needs_a_place(dsn, capsys, monkeypatch):
    monkeypatch.delenv("SENTRY_DSN", raising=False)

    assert cli.main(["sentry", "forward", "--dsn", dsn, str(GOLDEN / "raven3.blob")]) == 1
    said = capsys.readouterr().err
    assert "expected" in said
    assert "c0ffee99" not in said

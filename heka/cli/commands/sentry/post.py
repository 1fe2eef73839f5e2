"""Post events to a Sentry server over HTTP: store and envelope APIs, retries, rate limits.

One project, one event at a time; ``post`` returns what happened to it.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import gzip
import http.client
import json
import ssl
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import heka
from heka._core import monotonic
from heka.cli.commands.sentry.link import Connection
from heka.plugins.raven.dsn import DSN

#: Categories of rate limits that apply to exceptions.
_CATEGORIES: Final = {"", "error", "default"}
_LONGEST_WAIT: Final = 3600.0
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_DEFAULT_LIMIT: Final = 60.0  # seconds, if the server does not say
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503
#: gzip level: half the time of the default level, for a few percent more bytes.
_LEVEL: Final = 4


class Endpoint:
    """Posts the events of one project.

    Args:
        dsn: DSN of the project; its scheme is http or https.
        api: ``store``, ``envelope``, or ``auto``: ``envelope`` for events in the current format,
            ``store`` for older ones.
        timeout: Limit of one attempt in seconds.
        attempts: Attempts for each event.
        ca: PEM file of the CAs to trust, instead of the system's.
        sleep: Called with the seconds to wait.
        say: Called with the reason for each retry and each wait.

    Raises:
        OSError: *ca* cannot be read, or holds no certificate (``ssl.SSLError``).
    """

    def __init__(
        self,
        dsn: DSN,
        *,
        api: str = "auto",
        timeout: float = 10.0,
        attempts: int = 5,
        ca: str | None = None,
        sleep: Callable[[float], object] = time.sleep,
        say: Callable[[str], object] = lambda text: None,
    ) -> None:
        parts = urlsplit(dsn.text)
        self._dsn = dsn
        self._host, self._port = parts.hostname or "", parts.port
        self._tls = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
        self._base = f"{parts.path.rstrip('/').rpartition('/')[0]}/api/{dsn.project}"
        self._api = api
        self._timeout = timeout
        self._attempts = attempts
        self._sleep = sleep
        self._say = say
        self._not_before = 0.0
        keys = [("sentry_version", "7"), ("sentry_client", f"heka-py/{heka.__version__}")]
        keys += [("sentry_key", dsn.public)] + ([("sentry_secret", dsn.secret)] * bool(dsn.secret))
        self._auth = "Sentry " + ", ".join(f"{name}={value}" for name, value in keys)

    def post(self, event: dict[str, Any]) -> str:
        """Post *event*; return '' when the server has accepted it, else the reason of the failure.

        An answer below 500 is final, except 429. After any other answer, or when the request
        fails, the event is posted again.
        """
        why = ""
        pause = _FIRST_PAUSE
        for attempt in range(self._attempts):
            if attempt and pause and self._not_before <= monotonic():
                self._say(f"{why}; trying again in {pause:g} s")
                self._sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            self._wait()
            try:
                status, reason, headers = self._request(event)
            except ssl.SSLCertVerificationError as error:  # a retry would fail in the same way
                return f"{self._dsn.host} is not trusted: {error.verify_message}"
            except (OSError, http.client.HTTPException, ssl.SSLError) as error:
                why = f"{self._dsn.host}: {type(error).__name__}: {error}"
                continue
            self._note_limit(status, headers)
            if 200 <= status < 300:
                return ""
            why = f"{self._dsn.host} answered {status} {reason}"
            said = headers.get("X-Sentry-Error")
            if said:
                why = f"{why}: {said}"
            if status < 500 and status != _TOO_MANY:
                return why
        return why

    def _request(self, event: dict[str, Any]) -> tuple[int, str, http.client.HTTPMessage]:
        path, kind, body = self._encoded(event)
        deadline = monotonic() + self._timeout
        connection = Connection(self._host, self._port, self._tls, deadline)
        headers = {
            "Content-Type": kind,
            "Content-Encoding": "gzip",
            "User-Agent": f"heka-py/{heka.__version__}",
            "X-Sentry-Auth": self._auth,
        }
        try:
            packed = gzip.compress(body, _LEVEL, mtime=0)
            connection.request("POST", f"{self._base}/{path}/", packed, headers)
            response = connection.getresponse()
            with contextlib.suppress(OSError, http.client.HTTPException):
                response.read(65_536)  # the answer is in the headers
            return response.status, response.reason, response.headers
        finally:
            connection.end()

    def _encoded(self, event: dict[str, Any]) -> tuple[str, str, bytes]:
        """Return the API, the content type and the body for *event*."""
        data = json.dumps(event, separators=(",", ":")).encode("ascii")
        api = self._api
        if api == "auto":
            api = "envelope" if "exception" in event else "store"
        if api == "store":
            return api, "application/json", data
        now = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
        head = {"event_id": event.get("event_id"), "sent_at": now, "dsn": self._dsn.without_secret}
        item = {"type": "event", "length": len(data)}
        lines = [json.dumps(head).encode(), json.dumps(item).encode(), data, b""]
        return api, "application/x-sentry-envelope", b"\n".join(lines)

    # ---- limits -----------------------------------------------------------------------------

    def _note_limit(self, status: int, headers: http.client.HTTPMessage) -> None:
        """Record how long the server forbids further requests."""
        seconds = _limit(headers.get("X-Sentry-Rate-Limits"))
        if seconds is None:
            after = headers.get("Retry-After")
            if status == _TOO_MANY or (status == _UNAVAILABLE and after):
                seconds = _after(after)
        if seconds:
            until = monotonic() + min(seconds, _LONGEST_WAIT)
            self._not_before = max(self._not_before, until)

    def _wait(self) -> None:
        left = self._not_before - monotonic()
        if left > 0:
            self._say(f"{self._dsn.host} asks to wait {left:.0f} s")
            self._sleep(left)
            self._not_before = 0.0


def _limit(header: str | None) -> float | None:
    """Return the wait in seconds for exceptions, from ``60:error;default:organization, ...``."""
    if header is None:
        return None
    found = []
    for limit in header.split(","):
        seconds, *parts = limit.strip().split(":")
        categories = set((parts[0] if parts else "").split(";"))
        number = _number(seconds)
        if number is not None and categories & _CATEGORIES:
            found.append(number)
    return max(found, default=0.0)


def _after(header: str | None) -> float:
    """Return the seconds of ``Retry-After``, which may be a date."""
    number = _number(header or "")
    if number is not None:
        return number
    try:
        moment = email.utils.parsedate_to_datetime(header or "")
        return max(0.0, moment.timestamp() - time.time())
    except (TypeError, ValueError):
        return _DEFAULT_LIMIT


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None

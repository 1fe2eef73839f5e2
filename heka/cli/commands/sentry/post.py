"""Events to a Sentry endpoint over HTTP: the store and envelope APIs, retries, rate limits.

Knows one project and one event at a time; what becomes of an event is told by ``post``.
"""

from __future__ import annotations

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
from heka.plugins.raven.dsn import DSN

#: Categories of the limits that concern exceptions.
_CATEGORIES: Final = {"", "error", "default"}
_LONGEST_WAIT: Final = 3600.0
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_USUAL_LIMIT: Final = 60.0  # seconds, where a server does not say
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503
#: Half the time of gzip's own level, for a few bytes in a hundred.
_LEVEL: Final = 4


class Endpoint:
    """Where the events of one project go.

    Args:
        dsn: Of the project; its scheme is http or https.
        api: ``store``, ``envelope``, or ``auto``: what is in today's format goes as an envelope.
        timeout: Seconds of one attempt.
        attempts: For one event.
        ca: A file of certificates in PEM: whom to trust, instead of whom the system does.
        sleep: Waits for so many seconds.
        say: Is told why something has to be tried again, or waited for.

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
        """Send *event*; '' when the server has it, else why it has not.

        A refusal is final; a server that is not there or in trouble is asked again.
        """
        why = ""
        pause = _FIRST_PAUSE
        for attempt in range(self._attempts):
            if attempt and pause and self._not_before <= time.monotonic():
                self._say(f"{why}; trying again in {pause:g} s")
                self._sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            self._wait()
            try:
                status, reason, headers = self._request(event)
            except ssl.SSLCertVerificationError as error:  # nor will it be another next time
                return f"{self._dsn.host} is not trusted: {error.verify_message}"
            except (OSError, http.client.HTTPException, ssl.SSLError) as error:
                why = f"{self._dsn.host}: {type(error).__name__}: {error}"
                continue
            self._obey(status, headers)
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
        path, kind, body = self._written(event)
        connection: http.client.HTTPConnection
        given: dict[str, Any] = {"timeout": self._timeout}
        if self._tls is None:
            connection = http.client.HTTPConnection(self._host, self._port, **given)
        else:
            given["context"] = self._tls
            connection = http.client.HTTPSConnection(self._host, self._port, **given)
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
            response.read(65_536)
            return response.status, response.reason, response.headers
        finally:
            connection.close()

    def _written(self, event: dict[str, Any]) -> tuple[str, str, bytes]:
        """Return API, content type and body."""
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

    def _obey(self, status: int, headers: http.client.HTTPMessage) -> None:
        """Note until when nothing may be sent."""
        seconds = _limit(headers.get("X-Sentry-Rate-Limits"))
        if seconds is None:
            after = headers.get("Retry-After")
            if status == _TOO_MANY or (status == _UNAVAILABLE and after):
                seconds = _after(after)
        if seconds:
            until = time.monotonic() + min(seconds, _LONGEST_WAIT)
            self._not_before = max(self._not_before, until)

    def _wait(self) -> None:
        left = self._not_before - time.monotonic()
        if left > 0:
            self._say(f"{self._dsn.host} asks for a pause of {left:.0f} s")
            self._sleep(left)
            self._not_before = 0.0


def _limit(header: str | None) -> float | None:
    """Return the seconds that ``60:error;default:organization, ...`` asks exceptions to wait."""
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
        return _USUAL_LIMIT


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None

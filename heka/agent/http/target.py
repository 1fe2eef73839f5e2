"""One URL to post to, over a connection that is kept.

The timeouts of urllib3 are for single reads: a server that sends one byte a second would hold a
thread for hours. Here each wait of a connection ends at one deadline for the whole request.
"""

from __future__ import annotations

import base64
import io
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout, parse_url

from heka._core import monotonic
from heka.exceptions import ConfigError

__all__ = ["ANSWER_MAX", "Answer", "Target"]

#: Bytes of an answer that are read; a longer one is an error.
ANSWER_MAX: Final = 16 * 1024 * 1024
_PIECE: Final = 65536
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Answer:
    """The answer to a request.

    Attributes:
        status: Of HTTP.
        kind: Media type, without parameters, in lower case.
        retry_after: Text of the header Retry-After; empty: none.
        body: At most ANSWER_MAX bytes.
    """

    status: int
    kind: str
    retry_after: str
    body: bytes


class _Clock:
    """The deadline of the request under way."""

    def __init__(self) -> None:
        self.deadline = 0.0

    def left(self) -> float:
        left = self.deadline - monotonic()
        if left <= 0:
            raise TimeoutError("the request takes longer than its timeout")
        return left


class _Reads(io.RawIOBase):
    """What is read from a socket; each wait ends at the deadline."""

    def __init__(self, sock: Any, clock: _Clock) -> None:
        self._sock = sock
        self._clock = clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._clock.left())
        return int(self._sock.recv_into(buffer))


class _Bounded:
    """A connected socket as http.client uses it; every wait ends at the deadline."""

    def __init__(self, sock: Any, clock: _Clock) -> None:
        self._sock = sock
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, seconds: float | None) -> None:
        """Do nothing: the deadline says how long to wait."""

    def sendall(self, data: Any) -> None:
        self._sock.settimeout(self._clock.left())
        self._sock.sendall(data)  # its timeout is for all of data

    def makefile(self, mode: str = "r", *args: Any, **kwargs: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reads(self._sock, self._clock), _PIECE)


def _bounded(kind: type[Any], clock: _Clock) -> type[Any]:
    """Return a class of connections whose waits end at the deadline of *clock*."""

    class Connection(kind):  # type: ignore[misc]  # mypy knows no base that is a value
        def connect(self) -> None:
            self.timeout = clock.left()
            super().connect()
            self.sock: Any = _Bounded(self.sock, clock)

    return Connection


class Target:
    """Where requests go; for one thread at a time.

    Attributes:
        name: For error texts: scheme, host and port, without user, path and query.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] = {},
        tls: ssl.SSLContext | None = None,
        *,
        user: str = "",
        password: str = "",
    ) -> None:
        """Connect to nothing yet.

        Args:
            url: ``http`` or ``https``; user and password in it become basic authentication.
            headers: Of each request.
            tls: For ``https``; None: that of the system's CAs.
            user: For basic authentication, in place of the one in the URL.
            password: Of *user*.

        Raises:
            ConfigError: It is no such URL.
        """
        try:
            parts = parse_url(url)
        except HTTPError:
            parts = parse_url("")
        if parts.scheme not in _PORTS or not parts.host:
            raise ConfigError("url: expected http://HOST or https://HOST, with a port and a path")
        port = parts.port or _PORTS[parts.scheme]
        self.name = f"{parts.scheme}://{parts.host}:{port}"
        self.path = parts.path or "/"
        self._query = f"?{parts.query}" if parts.query else ""
        self._headers = dict(headers)
        auth = f"{user}:{password}" if user else unquote(parts.auth or "")
        if auth:
            encoded = base64.b64encode(auth.encode()).decode()
            self._headers["Authorization"] = f"Basic {encoded}"
        self._clock = _Clock()
        self._where = (parts.host, port)
        self._is_secure = parts.scheme == "https"
        self._tls = tls
        self._pool: urllib3.HTTPConnectionPool | None = None

    def _open(self) -> urllib3.HTTPConnectionPool:
        """Return a pool of one connection: a pool that was closed stays closed."""
        if self._is_secure:
            secure = urllib3.HTTPSConnectionPool(*self._where, maxsize=1, ssl_context=self._tls)
            secure.ConnectionCls = _bounded(HTTPSConnection, self._clock)
            return secure
        plain = urllib3.HTTPConnectionPool(*self._where, maxsize=1)
        plain.ConnectionCls = _bounded(HTTPConnection, self._clock)
        return plain

    def post(
        self, body: bytes, headers: Mapping[str, str], deadline: float, path: str | None = None
    ) -> Answer:
        """Post *body*, and return the whole answer; redirects are not followed.

        Args:
            body: Of the request.
            headers: Beside those of the target.
            deadline: Of ``heka._core.monotonic``, for connecting, sending and reading.
            path: Instead of the URL's own.

        Raises:
            OSError: There is no whole answer by then.
        """
        self._clock.deadline = deadline
        self._pool = self._pool or self._open()
        try:
            response = self._pool.urlopen(
                "POST",
                (path or self.path) + self._query,
                body,
                headers={**self._headers, **headers},
                redirect=False,
                retries=False,
                timeout=Timeout(connect=self._clock.left(), read=None),
                preload_content=False,
                decode_content=False,
            )
            try:
                text = _read(response)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except HTTPError as failure:
            raise OSError(f"{self.name}: {_reason(failure)}") from failure
        return Answer(
            response.status,
            response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
            response.headers.get("Retry-After", ""),
            text,
        )

    def close(self) -> None:
        """Close the connection; the next request makes another."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    pieces = []
    room = ANSWER_MAX
    while piece := response.read(_PIECE):
        pieces.append(piece)
        room -= len(piece)
        if room < 0:
            raise OSError(f"expected an answer of at most {ANSWER_MAX} bytes, got more")
    return b"".join(pieces)


def _reason(failure: BaseException) -> str:
    """Return what the system or OpenSSL said, without the URL that urllib3 adds."""
    while (inner := failure.__cause__ or failure.__context__) is not None:
        failure = inner
    text = getattr(failure, "strerror", None) or str(failure) or type(failure).__name__
    return str(text).splitlines()[0][:200]

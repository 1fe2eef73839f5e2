"""Clients of httpx that record each call and pass the request's id and trace on.

::

    from heka.integrations.httpx import AsyncClient, Client

    with Client() as client:
        client.get("https://api.example/items")
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from time import perf_counter
from typing import Any

import httpx

from heka._context import bound
from heka._core import Field
from heka.integrations._recorder import Recorder, current_trace
from heka.integrations._vocabulary import (
    CALL,
    REQUEST_ID_HEADER,
    TRACEPARENT_HEADER,
    current_span,
    method_of,
    read_request_id,
    severity_of,
)
from heka.severity import ERROR, INFORMATIONAL

__all__ = ["AsyncClient", "Client"]


class _Watched:
    """The part that both clients have in common.

    Args:
        heka_client: A ``HekaClient``, a URL, the name of a client, or None, as for
            ``HekaHandler``.
        heka_ignore: Hosts for which no message is sent; ``internal.*`` is a prefix.
    """

    _recorder: Recorder

    def __init__(
        self,
        *args: Any,
        heka_client: object = None,
        heka_ignore: Iterable[str] = (),
        **options: Any,
    ) -> None:
        """Take httpx's arguments too.

        Raises:
            ConfigError: The URL is not a valid destination.
            TypeError: An argument has another type.
        """
        self._recorder = Recorder(heka_client, heka_ignore, f"httpx.{self.__class__.__name__}")
        super().__init__(*args, **options)


class Client(_Watched, httpx.Client):
    """An ``httpx.Client`` that sends one message of type ``http.call`` for each call.

    Calls have the headers ``X-Request-ID`` and ``traceparent`` of the request that they are made
    for, unless the program sets them itself. Arguments: those of ``httpx.Client``, ``heka_client``
    and ``heka_ignore``.
    """

    def send(self, request: httpx.Request, *args: Any, **options: Any) -> httpx.Response:
        """Send *request*, as ``httpx.Client.send``."""
        call = _Call(self._recorder, request)
        try:
            response = super().send(request, *args, **options)
        except BaseException as error:
            call.fail(error)
            raise
        if call.begin(response):
            response.stream = _Stream(response.stream, call, response)
        return response


class AsyncClient(_Watched, httpx.AsyncClient):
    """An ``httpx.AsyncClient`` that sends one message for each call, as ``Client`` does."""

    async def send(self, request: httpx.Request, *args: Any, **options: Any) -> httpx.Response:
        """Send *request*, as ``httpx.AsyncClient.send``."""
        call = _Call(self._recorder, request)
        try:
            response = await super().send(request, *args, **options)
        except BaseException as error:
            call.fail(error)
            raise
        if call.begin(response):
            response.stream = _AsyncStream(response.stream, call, response)
        return response


class _Call:
    """One call, with its redirects."""

    __slots__ = ("_is_done", "_recorder", "_request", "_started", "_status")

    def __init__(self, recorder: Recorder, request: httpx.Request) -> None:
        self._recorder = recorder
        self._request = request
        self._started = perf_counter()
        self._status = 0
        self._is_done = False
        try:
            _pass_on(request.headers)
        except Exception as error:
            recorder.failed(error)

    def begin(self, response: httpx.Response) -> bool:
        """Take the status; return whether the body is still to be read."""
        self._status = response.status_code
        if response.is_closed:
            self.finish(response)
            return False
        return True

    def fail(self, error: BaseException) -> None:
        """End a call that raised *error*."""
        severity = ERROR if isinstance(error, Exception) else INFORMATIONAL  # cancelled
        self._send(severity, {"error": type(error).__name__})

    def finish(self, response: httpx.Response) -> None:
        """End a call that was answered."""
        fields: dict[str, Any] = {"bytes": Field(response.num_bytes_downloaded, "B")}
        self._send(severity_of(self._status), fields)

    def _send(self, severity: int, more: dict[str, Any]) -> None:
        if self._is_done:
            return
        self._is_done = True
        try:
            url = self._request.url
            host = url.host if url.port is None else f"{url.host}:{url.port}"
            if url.host in self._recorder.ignored or host in self._recorder.ignored:
                return
            fields: dict[str, Any] = {"method": method_of(self._request.method), "host": host}
            if self._status:
                fields["status"] = self._status
            fields["duration"] = Field(perf_counter() - self._started, "s")
            self._recorder.send(CALL, severity, {**fields, **more})
        except Exception as error:
            self._recorder.failed(error)


def _pass_on(headers: httpx.Headers) -> None:
    """Add the id and the trace of the request that the call is made for."""
    if request_id := read_request_id(bound().get("request_id")):  # else the peer may refuse it
        headers.setdefault(REQUEST_ID_HEADER, request_id)
    if TRACEPARENT_HEADER not in headers:
        span, trace = current_span(), current_trace.get()
        if span is not None:
            headers[TRACEPARENT_HEADER] = "00-{}-{}-{}".format(*span)
        elif trace is not None:
            headers[TRACEPARENT_HEADER] = trace.header


class _Stream(httpx.SyncByteStream):
    """The body of a response; records the call when it is closed."""

    def __init__(self, stream: Any, call: _Call, response: httpx.Response) -> None:
        self._stream = stream
        self._call = call
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except GeneratorExit:
            raise
        except BaseException as error:
            self._call.fail(error)
            raise

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._call.finish(self._response)


class _AsyncStream(httpx.AsyncByteStream):
    """The body of a response of an ``AsyncClient``."""

    def __init__(self, stream: Any, call: _Call, response: httpx.Response) -> None:
        self._stream = stream
        self._call = call
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._stream:
                yield part
        except GeneratorExit:
            raise
        except BaseException as error:
            self._call.fail(error)
            raise

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._call.finish(self._response)

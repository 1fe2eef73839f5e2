"""A Django middleware that records each request, synchronous and asynchronous.

In the settings::

    MIDDLEWARE = ["heka.integrations.django.HekaMiddleware", ...]
    HEKA = {"ignore": ["/health"]}
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import got_request_exception

from heka.integrations._recorder import Recorder, Request
from heka.integrations._vocabulary import REQUEST_ID_HEADER

__all__ = ["HekaMiddleware"]

#: The attribute of Django's request, and the key in its environment or scope, for the record.
ATTRIBUTE = "_heka_request"
KEY = "heka.request"
#: The arguments that the setting ``HEKA`` may have.
_OPTIONS = ("client", "ignore", "request_id_header")


class HekaMiddleware:
    """Records each request; stands first in ``MIDDLEWARE``.

    Everything that is logged within a request has the fields ``request_id``, ``method``, ``route``
    and, if the request has a header ``traceparent``, ``trace_id`` and ``parent_id``. At the end of
    each request, one message of type ``http.request`` is sent. Exceptions that no view and no
    middleware handles are sent with their frames.

    The setting ``HEKA``, a dict, may have ``client`` (a ``HekaClient``, a URL, the name of a
    client, or None, as for ``HekaHandler``), ``ignore`` (paths or routes for which no message is
    sent at the end; ``/static/*`` is a prefix) and ``request_id_header``.

    Raises:
        ConfigError: The URL is not a valid destination.
        ImproperlyConfigured: ``HEKA`` has another key.
        TypeError: A value has another type.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        """Record the requests of *get_response*."""
        self.get_response = get_response
        options = getattr(settings, "HEKA", {})
        for name in options:
            if name not in _OPTIONS:
                raise ImproperlyConfigured(f"HEKA: expected {', '.join(_OPTIONS)}, got {name!r}")
        name = self.__class__.__name__
        self._recorder = Recorder(options.get("client"), options.get("ignore", ()), name)
        header = options.get("request_id_header", REQUEST_ID_HEADER)
        self._id_key = "HTTP_" + header.upper().replace("-", "_")
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
            # Django would call a synchronous one in another thread.
            self.process_view: Callable[..., Any] = self._process_view_async
        else:
            self.process_view = self._process_view
        got_request_exception.connect(_tell_exception, dispatch_uid="heka")

    def stats(self) -> dict[str, int]:
        """Return the counts of errors, {} if there were none, as ``HekaHandler.stats``."""
        return self._recorder.bridge.stats()

    def __call__(self, django_request: Any) -> Any:
        """Answer *django_request* and record it."""
        if self._is_async:
            return self._answer_async(django_request)
        request = self._begin(django_request)
        if request is None:
            return self.get_response(django_request)
        with request:
            try:
                response = self.get_response(django_request)
            except BaseException as error:
                request.fail(error, False)
                raise
            return self._end(request, response)

    async def _answer_async(self, django_request: Any) -> Any:
        request = self._begin(django_request)
        answer: Awaitable[Any] = self.get_response(django_request)
        if request is None:
            return await answer
        with request:
            try:
                response = await answer
            except BaseException as error:
                request.fail(error, False)
                raise
            return self._end(request, response)

    def _begin(self, django_request: Any) -> Request | None:
        """Return the record of a request; None if another middleware records it."""
        meta = django_request.META
        outer = meta.get(KEY) or getattr(django_request, "scope", meta).get(KEY)
        if outer is not None and not outer.is_done:
            setattr(django_request, ATTRIBUTE, outer)
            return None
        request = self._recorder.begin(
            django_request.method,
            django_request.path_info,
            meta.get(self._id_key),
            meta.get("HTTP_TRACEPARENT"),
        )
        setattr(django_request, ATTRIBUTE, request)
        return request

    def _end(self, request: Request, response: Any) -> Any:
        """Send the message of a request, at once if its response is whole."""
        try:
            request.status = int(response.status_code)
            if not response.streaming:
                request.bytes = len(response.content)
                request.finish()
                return response
            length = response.headers.get("Content-Length")
            if hasattr(response, "file_to_stream"):  # the server may send the file itself
                request.bytes = int(length or 0)
            elif response.is_async:
                response.streaming_content = _count_async(response.streaming_content, request)
            else:
                response.streaming_content = _count(response.streaming_content, request)
            # Django calls close() of what is in this list when the server closes the response.
            response._resource_closers.append(lambda: _close(request))
        except Exception as error:
            self._recorder.failed(error)
        return response

    def _process_view(self, request: Any, view: object, args: object, options: object) -> None:
        """Bind the route before the view is called."""
        own = getattr(request, ATTRIBUTE, None)
        if own is not None and request.resolver_match is not None:
            own.set_route("/" + request.resolver_match.route.lstrip("^/"))

    async def _process_view_async(
        self, request: Any, view: object, args: object, options: object
    ) -> None:
        self._process_view(request, view, args, options)


def _close(request: Request) -> None:
    with request:
        request.finish()


def _count(parts: Iterator[bytes], request: Request) -> Iterator[bytes]:
    """Yield *parts*, each made with the fields of *request* bound."""
    while True:
        with request:
            try:
                part = next(parts)
            except StopIteration:
                return
            except BaseException as error:
                request.report(error)
                raise
        request.bytes += len(part)
        yield part


async def _count_async(parts: AsyncIterator[bytes], request: Request) -> AsyncIterator[bytes]:
    """Yield *parts*, each made with the fields of *request* bound."""
    while True:
        with request:
            try:
                part = await anext(parts)
            except StopAsyncIteration:
                return
            except BaseException as error:
                request.report(error)
                raise
        request.bytes += len(part)
        yield part


def _tell_exception(sender: object, **given: Any) -> None:
    """Report an exception that Django makes a response with the status 500 of."""
    request = getattr(given.get("request"), ATTRIBUTE, None)
    error = sys.exc_info()[1]
    if request is not None and error is not None:
        with contextlib.suppress(Exception):
            request.report(error)

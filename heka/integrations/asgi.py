"""An ASGI middleware that records each request: FastAPI, Starlette, every other ASGI application.

::

    app = FastAPI()
    app.add_middleware(HekaMiddleware, ignore=["/health"])

What the server and the application send to each other passes through unchanged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from heka.integrations._recorder import Recorder, Request, flush_queues
from heka.integrations._vocabulary import FAILED_STATUS, REQUEST_ID_HEADER, TRACEPARENT_HEADER

__all__ = ["HekaMiddleware"]

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[Any], Awaitable[None]]

#: The key of the request's record in the scope.
KEY = "heka.request"
_TRACEPARENT = TRACEPARENT_HEADER.encode()
#: The statuses of a websocket that was accepted, and of one that was refused.
_SWITCHING = 101
_REFUSED = 403


class HekaMiddleware:
    """Records each request of an ASGI application.

    Everything that is logged within a request, its tasks and background tasks has the fields
    ``request_id``, ``method``, ``route`` (FastAPI, Starlette) and, if the request has a header
    ``traceparent``, ``trace_id`` and ``parent_id``. At the end of each response, one message of
    type ``http.request`` is sent; at the end of a websocket too, with the status 101, or 403 if it
    was refused. Exceptions that the application does not handle are sent with their frames, and
    raised again. When the server ends the application's lifespan, the queues are flushed.

    Args:
        app: The application.
        client: A ``HekaClient``, a URL, the name of a client, or None, as for ``HekaHandler``.
        ignore: Paths or routes for which no message is sent at the end; ``/static/*`` is a prefix.
        request_id_header: The header with the request's id.

    Raises:
        ConfigError: The URL is not a valid destination.
        TypeError: An argument has another type.
    """

    def __init__(
        self,
        app: Callable[[Any, Any, Any], Awaitable[None]],
        *,
        client: object = None,
        ignore: Iterable[str] = (),
        request_id_header: str = REQUEST_ID_HEADER,
    ) -> None:
        """Record the requests of *app*."""
        self.app = app
        self._recorder = Recorder(client, ignore, self.__class__.__name__)
        self._id_key = request_id_header.lower().encode("latin-1")

    def stats(self) -> dict[str, int]:
        """Return the counts of errors, {} if there were none, as ``HekaHandler.stats``."""
        return self._recorder.bridge.stats()

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Call the application and record the request."""
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, _flushing(send))
            return
        is_websocket = kind == "websocket"
        if KEY in scope or not (kind == "http" or is_websocket):
            await self.app(scope, receive, send)
            return
        request = self._begin(scope)
        if request is None:
            await self.app(scope, receive, send)
            return
        own = _RoutedScope(scope)
        own.record(request, scope)
        response = (_Conversation if is_websocket else _Response)(request, own, send)
        with request:
            try:
                await self.app(own, receive, response.send)
            except BaseException as error:
                if _is_hang_up(error):
                    request.reported = error
                request.fail(error, bool(request.status))
                raise
            finally:
                own.show()
                if not request.is_done:  # it has returned before its response was complete
                    request.status = request.status or response.MISSING
                    request.finish()

    def _begin(self, scope: _Scope) -> Request | None:
        recorder = self._recorder
        try:
            headers = dict(scope["headers"])
            request_id = headers.get(self._id_key)
            traceparent = headers.get(_TRACEPARENT)
            return Request(
                recorder,
                scope.get("method", "GET"),  # a websocket begins with a GET
                scope["path"],
                None if request_id is None else request_id.decode("latin-1"),
                None if traceparent is None else traceparent.decode("latin-1"),
            )
        except Exception as error:
            recorder.failed(error)
            return None


class _Response:
    """Sees what the application sends."""

    __slots__ = ("_request", "_scope", "_send")

    #: The status if the application returns without a response: what servers answer then.
    MISSING = FAILED_STATUS

    def __init__(self, request: Request, scope: _RoutedScope, send: _Send) -> None:
        self._request = request
        self._scope = scope
        self._send = send

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Send a message of the application."""
        is_last = False
        try:
            kind = message["type"]
            if kind == "http.response.body":
                self._request.bytes += len(message.get("body", b""))
                is_last = not message.get("more_body", False)
            else:
                self._note(kind, message)
        except Exception:
            pass  # it is no valid message: the server refuses it
        try:
            await self._send(message)
        except BaseException as error:
            self._request.reported = error  # an error of the connection, not of the application
            raise
        if is_last:
            self._request.finish()

    def _note(self, kind: str, message: MutableMapping[str, Any]) -> None:
        """Keep what a *message* other than a part of the body tells."""
        if kind == "http.response.start":
            self._scope.show()
            self._request.status = int(message["status"])


class _Conversation(_Response):
    """Sees what the application sends on a websocket."""

    __slots__ = ()

    #: The status if the application has not accepted the websocket.
    MISSING = _REFUSED

    def _note(self, kind: str, message: MutableMapping[str, Any]) -> None:
        request = self._request
        if kind == "websocket.send":
            text = message.get("text")
            part = message.get("bytes") if text is None else text.encode("utf-8", "replace")
            request.bytes += len(part or b"")
        elif kind == "websocket.accept":
            self._scope.show()
            request.status = _SWITCHING
        elif kind == "websocket.close":
            request.status = request.status or _REFUSED
        elif kind == "websocket.http.response.start":
            request.status = int(message["status"])
        elif kind == "websocket.http.response.body":
            request.bytes += len(message.get("body", b""))


def _is_hang_up(error: BaseException) -> bool:
    """Return whether *error* is what Starlette raises when the client is gone."""
    kind = type(error)
    return kind.__name__ in ("ClientDisconnect", "WebSocketDisconnect") and (
        kind.__module__.partition(".")[0] == "starlette"
    )


# ---- the route -----------------------------------------------------------------------------------


_set = dict.__setitem__


class _RoutedScope(dict[str, Any]):
    """The scope of a request that binds its route when the application's router writes it there.

    Starlette and FastAPI write the route and then call the endpoint. The server and middlewares
    around this one see what is written when the response begins, and at the end.
    """

    __slots__ = ("_outer", "_prefix", "_request")

    def record(self, request: Request, outer: _Scope) -> None:
        """Bind the route for *request*, and show what is written in *outer*."""
        self._request = request
        self._outer = outer
        #: The patterns of the mounts that lead to the current router.
        self._prefix = ""
        _set(self, KEY, request)

    def show(self) -> None:
        """Write to the outer scope what was written to this one."""
        try:
            self._outer.update(self)
            self._outer.pop(KEY, None)
        except Exception as error:
            self._request.recorder.failed(error)

    def __setitem__(self, key: str, value: Any) -> None:
        _set(self, key, value)
        if key == "route":
            self._bind(value)

    def update(self, *args: Any, **more: Any) -> None:
        root, known, route = self.get("root_path", ""), self.get("path_params"), self.get("route")
        dict.update(self, *args, **more)
        try:
            new_root = self.get("root_path", root)
            if new_root != root:
                new_root = new_root.removeprefix(root)
                self._prefix += _pattern(new_root, known or {}, self.get("path_params"))
                self._request.set_route(f"{self._prefix}/*")
            elif self.get("route") is not route:
                self._bind(self["route"])
        except Exception as error:
            self._request.recorder.failed(error)

    # Takes a mapping or pairs, as dict does; the stubs of dict have an overload for each.
    def __ior__(self, other: Any) -> _RoutedScope:  # type: ignore[override, misc]
        self.update(other)
        return self

    def _bind(self, route: object) -> None:
        included: Any = self.get("fastapi")  # a route of a router that is included with a prefix
        if type(included) is dict:
            context = included.get("effective_route_context")
            if getattr(context, "original_route", None) is route:
                route = getattr(context, "starlette_route", None) or context
        path = getattr(route, "path_format", None) or getattr(route, "path", None)
        if type(path) is str:
            self._request.set_route(self._prefix + path)


def _pattern(path: str, known: Any, params: Any) -> str:
    """Return the pattern of a mount from the *path* that it has matched and its parameters."""
    new = {name: str(value) for name, value in (params or {}).items() if name not in known}
    if not new:
        return path
    names = {value: f"{{{name}}}" for name, value in new.items()}
    parts = [names.pop(part, part) for part in path.split("/")]
    return "/*" if names else "/".join(parts)  # a parameter that is not a whole part


# ---- the end of the process ----------------------------------------------------------------------


def _flushing(send: _Send) -> _Send:
    """Return *send* for a lifespan: flushes the queues before the server is told of the end."""

    async def flush_and_send(message: MutableMapping[str, Any]) -> None:
        if message.get("type") in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            flush_queues()
        await send(message)

    return flush_and_send

"""A WSGI middleware that records each request: Flask, and every other WSGI application.

::

    app = Flask(__name__)
    app.wsgi_app = HekaMiddleware(app.wsgi_app, ignore=["/health"])

What the server and the application hand to each other passes through unchanged.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from heka.integrations._recorder import Recorder, Request, flush_queues
from heka.integrations._vocabulary import REQUEST_ID_HEADER

__all__ = ["HekaMiddleware", "worker_exit"]

#: The key of the request's record in the environment.
KEY = "heka.request"


class HekaMiddleware:
    """Records each request of a WSGI application.

    Everything that is logged within a request has the fields ``request_id``, ``method``, ``route``
    (Flask) and, if the request has a header ``traceparent``, ``trace_id`` and ``parent_id``. At the
    end of each request, one message of type ``http.request`` is sent. Exceptions that the
    application does not handle are sent with their frames, and raised again.

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
        app: Callable[..., Iterable[bytes]],
        *,
        client: object = None,
        ignore: Iterable[str] = (),
        request_id_header: str = REQUEST_ID_HEADER,
    ) -> None:
        """Record the requests of *app*."""
        self.app = app
        self._recorder = Recorder(client, ignore, self.__class__.__name__)
        self._id_key = "HTTP_" + request_id_header.upper().replace("-", "_")
        _watch_flask(app)

    def stats(self) -> dict[str, int]:
        """Return the counts of errors, {} if there were none, as ``HekaHandler.stats``."""
        return self._recorder.bridge.stats()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Call the application and record the request."""
        get = environ.get
        outer = get(KEY)
        if outer is not None and not outer.is_done:  # this request is recorded already
            return self.app(environ, start_response)
        request = self._recorder.begin(
            get("REQUEST_METHOD"), get("PATH_INFO"), get(self._id_key), get("HTTP_TRACEPARENT")
        )
        if request is None:
            return self.app(environ, start_response)
        response = _Response(request, start_response)
        environ[KEY] = request
        wrapper = get("wsgi.file_wrapper")
        if wrapper is not None and not isinstance(wrapper, type):
            environ["wsgi.file_wrapper"] = response.wrap_file
            response.file_wrapper = wrapper
        with request:
            try:
                result = self.app(environ, response.start)
            except BaseException as error:
                request.fail(error, request.bytes > 0)
                raise
            if not request.route:
                _read_route(environ, request)
            kind: type = type(result)
            if kind is list or kind is tuple:  # it is whole: nothing is left to be recorded
                try:  # noqa: SIM105  # suppress() takes longer than the rest of the block
                    request.bytes += sum(map(len, result))
                except TypeError:
                    pass  # the server refuses what is not bytes
                request.finish()
                return result
            if result is None or result is response.file or _is_file(wrapper, result):
                return response.watch_close(result)
        return (_SizedBody if hasattr(kind, "__len__") else _Body)(result, request)


#: No application returns it. (The response itself in its place would be a cycle, which only the
#: collector frees.)
_NO_FILE = object()


class _Response:
    """What the application says of its response."""

    __slots__ = ("_headers", "_request", "_start", "_write", "file", "file_wrapper")

    def __init__(self, request: Request, start: Callable[..., Any]) -> None:
        self._request = request
        self._start = start
        self._headers: Any = ()
        #: What the server's function ``wsgi.file_wrapper`` has returned last.
        self.file: object = _NO_FILE
        self.file_wrapper: Callable[..., Any] | None = None

    def start(self, status: str, headers: Any, *rest: Any) -> Callable[[bytes], object]:
        """Begin the response, as ``start_response``."""
        self._write = self._start(status, headers, *rest)
        self._headers = headers
        try:
            self._request.status = int(status[:3])
        except (TypeError, ValueError):
            self._request.status = 0  # the server refuses it
        return self.write

    def write(self, data: bytes) -> object:
        """Write a part of the body, as the function that ``start_response`` returns."""
        answer = self._write(data)
        self._request.bytes += len(data)
        return answer

    def wrap_file(self, *args: Any, **options: Any) -> Any:
        """Call the server's ``wsgi.file_wrapper``, which may compare what it has returned."""
        assert self.file_wrapper is not None
        self.file = self.file_wrapper(*args, **options)
        return self.file

    def watch_close(self, result: Iterable[bytes]) -> Iterable[bytes]:
        """Return *result*, which the server has to recognise; record the request when it closes."""
        target: Any = result
        request = self._request
        with contextlib.suppress(TypeError, ValueError, AttributeError):
            for name, value in self._headers:
                if name.lower() == "content-length":
                    request.bytes = int(value)
        close = getattr(result, "close", None)

        def closed() -> None:
            with request:
                try:
                    if close is not None:
                        close()
                finally:
                    request.finish()

        try:
            target.close = closed
        except (AttributeError, TypeError):
            request.finish()
        return result


class _Body:
    """The body of a response: iterates the application's, and records when it ends."""

    __slots__ = ("_next", "_request", "_result")

    def __init__(self, result: Any, request: Request) -> None:
        self._result = result
        self._request = request
        self._next = partial(next, result)  # for a caller that knows it to be an iterator

    def __iter__(self) -> Iterator[bytes]:
        self._next = iter(self._result).__next__
        return self

    def __next__(self) -> bytes:
        request = self._request
        part: bytes
        with request:
            try:
                part = self._next()
            except StopIteration:
                request.finish()
                raise
            except BaseException as error:
                request.fail(error, request.bytes > 0)
                raise
        try:  # noqa: SIM105  # suppress() takes longer than the rest of the block
            request.bytes += len(part)
        except TypeError:
            pass  # the server refuses what is not bytes
        return part

    def close(self) -> None:
        request = self._request
        with request:
            try:
                close = getattr(self._result, "close", None)
                if close is not None:
                    close()
            except BaseException as error:
                request.report(error)
                raise
            finally:
                request.finish()


class _SizedBody(_Body):
    """A body with a length, by which servers tell a body in one part."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._result)


def _is_file(wrapper: object, result: object) -> bool:
    """Return whether *result* is made by the server's class, which may send the file itself."""
    return isinstance(wrapper, type) and isinstance(result, wrapper)


def worker_exit(server: object, worker: object) -> None:
    """Flush the queues of a worker that ends: gunicorn's hook of this name."""
    flush_queues()


# ---- Flask ---------------------------------------------------------------------------------------


def _watch_flask(app: object) -> None:
    """Have the Flask application in *app*, if there is one, tell routes and exceptions."""
    flask = sys.modules.get("flask")
    if flask is None:
        return
    for _ in range(8):  # middlewares around it
        if isinstance(app, flask.Flask):
            functions = app.before_request_funcs.setdefault(None, [])
            if _tell_route not in functions:
                functions.insert(0, _tell_route)
                flask.got_request_exception.connect(_tell_exception, app)
            return
        app = getattr(app, "__self__", None) or getattr(app, "wsgi_app", None) or _inner(app)


def _inner(app: object) -> object:
    return getattr(app, "app", None) or getattr(app, "application", None)


def _tell_route() -> None:
    """Bind the route before the view is called."""
    flask_request = sys.modules["flask"].request._get_current_object()  # once, not at each use
    request = flask_request.environ.get(KEY)
    rule = flask_request.url_rule
    if request is not None and rule is not None:
        request.set_route(rule.rule)


def _tell_exception(sender: object, exception: BaseException, **more: object) -> None:
    """Report an exception that Flask makes a response with the status 500 of."""
    request = sys.modules["flask"].request.environ.get(KEY)
    if request is not None:
        request.report(exception)


def _read_route(environ: dict[str, Any], request: Request) -> None:
    """Read the route from werkzeug's request, which Flask leaves in the environment."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    if rule is not None:
        request.set_route(getattr(rule, "rule", None))

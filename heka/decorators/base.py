"""The base class of decorators that send messages about calls.

A decorator is evaluated when its module is imported, mostly before any client is configured. So
the client is looked up at each call.
"""

from __future__ import annotations

import enum
import functools
import inspect
from types import MethodType
from typing import Any

from heka._process import ProcessClient, configured_client
from heka._recording import describe
from heka._runtime.reporter import Reporter
from heka.client import HekaClient
from heka.decorators.util import return_fq_name
from heka.holder import CLIENT_HOLDER

# inspect treats a callable with these, __name__ and __annotations__ as a function, and can then
# tell coroutine functions and generator functions.
_FUNCTION_ATTRIBUTES = ("__code__", "__defaults__", "__kwdefaults__")


class Kind(enum.Enum):
    """What a call of a function returns: its result, a coroutine or a generator."""

    FUNCTION = enum.auto()
    COROUTINE = enum.auto()
    GENERATOR = enum.auto()
    ASYNC_GENERATOR = enum.auto()

    @classmethod
    def of(cls, fn: Any) -> Kind:
        """Return the kind of *fn*."""
        for one in (fn, getattr(fn, "__call__", None)):  # noqa: B004 - __call__ may be async
            if inspect.iscoroutinefunction(one):
                return cls.COROUTINE
            if inspect.isasyncgenfunction(one):
                return cls.ASYNC_GENERATOR
            if inspect.isgeneratorfunction(one):
                return cls.GENERATOR
        return cls.FUNCTION


class HekaDecorator:
    """A callable that wraps the decorated function; subclasses implement ``heka_call``.

    Usable with or without arguments, on functions, methods, class methods and static methods. It
    has the function's name, docstring, signature, attributes and ``__wrapped__``;
    ``inspect.iscoroutinefunction`` and similar give the same answer as for the function.

    Args:
        client: The client; None means the one named *client_name*.
        client_name: The name of a client in ``heka.holder``; ``""`` means the default client. While
            there is none, what ``heka.configure`` or $HEKA_TO has set up is used.
        *args: Stored in ``args`` for the subclass. A single callable, without keyword arguments,
            is the function to decorate.
        **kwargs: Stored in ``kwargs`` for the subclass; ``name`` defaults to ``module.function``.
    """

    def __init__(
        self,
        *args: Any,
        client: HekaClient | None = None,
        client_name: str = "",
        **kwargs: Any,
    ) -> None:
        self._client = client
        self.client_name = client_name
        self.args = args
        self.kwargs = kwargs
        self._fn: Any = None
        self._fn_fq_name: str | None = None
        self._binder: type[classmethod[Any, Any, Any] | staticmethod[Any, Any]] | None = None
        self._kind = Kind.FUNCTION
        self._is_lazy = False
        self._reporter = Reporter()
        if len(args) == 1 and not kwargs and _is_function(args[0]):
            self.args = ()
            self.set_fn(args[0])

    @property
    def decorator_name(self) -> str:
        """The name of the class."""
        return type(self).__name__

    @property
    def client(self) -> HekaClient | ProcessClient | None:
        """The client that is configured now, or None.

        Without *client* and *client_name*, that is the default client of ``heka.holder``; else, if
        ``heka.configure`` was called or $HEKA_TO is set, an object with the calls of a client.
        """
        if self._client is not None:
            return self._client
        if self.client_name:
            return CLIENT_HOLDER.find_client(self.client_name)
        return CLIENT_HOLDER.default_client or configured_client()

    def predicate(self) -> bool:
        """Return whether this call goes through ``heka_call``; called only if there is a client."""
        return True

    def set_fn(self, fn: Any) -> None:
        """Decorate *fn*.

        Raises:
            TypeError: *fn* cannot be called.
        """
        if not _is_function(fn):
            raise TypeError(f"{self.decorator_name}: expected a function to decorate, got {fn!r}")
        if isinstance(fn, (classmethod, staticmethod)):
            self._binder = type(fn)
            fn = fn.__func__
        self._fn = fn
        self._kind = Kind.of(fn)
        self._is_lazy = self._kind is not Kind.FUNCTION
        self._fn_fq_name = fn._fn_fq_name if isinstance(fn, HekaDecorator) else return_fq_name(fn)
        self.kwargs.setdefault("name", self._fn_fq_name)
        functools.update_wrapper(self, fn, updated=())
        for name in _FUNCTION_ATTRIBUTES:
            if hasattr(fn, name):
                setattr(self, name, getattr(fn, name))
        if not isinstance(fn, type):  # the attributes of a class belong to its instances
            for name, value in getattr(fn, "__dict__", {}).items():
                self.__dict__.setdefault(name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; the first call of a decorator with arguments passes the function."""
        if self._fn is None:
            self.set_fn(args[0] if args else None)
            return self
        try:
            wanted = (self._client or self.client) is not None and self.predicate()
        except Exception as error:
            self._report(error)
            wanted = False
        if wanted:
            return self.heka_call(*args, **kwargs)
        return self._invoke(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Bind to *instance* or *owner* as the function would."""
        if self._binder is staticmethod:
            return self
        if self._binder is classmethod:
            return MethodType(self, type(instance) if owner is None else owner)
        return self if instance is None else MethodType(self, instance)

    def _invoke(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function without sending a message."""
        return self._fn(*args, **kwargs)

    def heka_call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and send a message; pass on what the function returns or raises."""
        raise NotImplementedError(f"{self.decorator_name} does not implement heka_call()")

    def _renamed(self, running: Any) -> Any:
        """Give *running*, a coroutine or generator, the function's name and return it."""
        name = getattr(self, "__qualname__", self._fn_fq_name)
        running.__name__ = getattr(self, "__name__", name)
        running.__qualname__ = name
        return running

    def _report(self, error: Exception) -> None:
        """Report on stderr, rate-limited, that no message was sent for a call."""
        self._reporter.report(f"{self.decorator_name} of {self._fn_fq_name}: {describe(error)}")

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle by qualified name, as functions are."""
        if self._fn is None:
            return super().__reduce__()
        return str(getattr(self, "__qualname__", self._fn_fq_name))

    def __repr__(self) -> str:
        """Return the name of the class and of the function."""
        return f"<{self.decorator_name} of {self._fn_fq_name or 'no function yet'}>"


def _is_function(fn: Any) -> bool:
    # classmethod objects are not callable
    return callable(fn) or isinstance(fn, (classmethod, staticmethod))

"""The base of decorators that tell a client about calls.

A decorator is evaluated when its module is imported, mostly before any client is configured. So
which client it is, and whether there is anything to tell, is asked at each call.
"""

from __future__ import annotations

import enum
import functools
import inspect
from types import MethodType
from typing import Any

from heka._bridge import describe
from heka._runtime.reporter import Reporter
from heka.client import HekaClient
from heka.decorators.util import return_fq_name
from heka.holder import CLIENT_HOLDER

# With these and __name__ and __annotations__ inspect takes a callable for a function, and sees of
# which kind it is.
_OF_FUNCTIONS = ("__code__", "__defaults__", "__kwdefaults__")


class Kind(enum.Enum):
    """What calling a function gives: its result, or something that is yet to be run."""

    FUNCTION = enum.auto()
    COROUTINE = enum.auto()
    GENERATOR = enum.auto()
    ASYNC_GENERATOR = enum.auto()

    @classmethod
    def of(cls, fn: Any) -> Kind:
        """Return the kind of *fn*."""
        for one in (fn, getattr(fn, "__call__", None)):  # noqa: B004 - an object's may be async
            if inspect.iscoroutinefunction(one):
                return cls.COROUTINE
            if inspect.isasyncgenfunction(one):
                return cls.ASYNC_GENERATOR
            if inspect.isgeneratorfunction(one):
                return cls.GENERATOR
        return cls.FUNCTION


class HekaDecorator:
    """Stands in for the function that it decorates; ``heka_call`` is what a subclass does with it.

    Usable bare or with arguments, on functions, methods, class methods and static methods. It looks
    like the function: name, docstring, signature, attributes, ``__wrapped__``; and what is true of
    the function for ``inspect.iscoroutinefunction`` and its like, is true of it.

    Args:
        client: The client; without it, that of *client_name*.
        client_name: The name of a client in ``heka.holder``; empty: the default client.
        *args: Kept in ``args``, for the subclass. One callable alone is the function.
        **kwargs: Kept in ``kwargs``, to which ``name`` is added, ``module.function`` if not given.
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
        self._in_pieces = False
        self._reporter = Reporter()
        if len(args) == 1 and not kwargs and _is_function(args[0]):
            self.args = ()
            self.set_fn(args[0])

    @property
    def decorator_name(self) -> str:
        """The name of the class."""
        return type(self).__name__

    @property
    def client(self) -> HekaClient | None:
        """The client at present; None as long as there is none."""
        if self._client is not None:
            return self._client
        return CLIENT_HOLDER.find_client(self.client_name or None)

    def predicate(self) -> bool:
        """Say whether this call goes through ``heka_call``; asked when there is a client."""
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
        self._in_pieces = self._kind is not Kind.FUNCTION
        self._fn_fq_name = fn._fn_fq_name if isinstance(fn, HekaDecorator) else return_fq_name(fn)
        self.kwargs.setdefault("name", self._fn_fq_name)
        functools.update_wrapper(self, fn, updated=())
        for name in _OF_FUNCTIONS:
            if hasattr(fn, name):
                setattr(self, name, getattr(fn, name))
        if not isinstance(fn, type):  # whose attributes are its instances'
            for name, value in getattr(fn, "__dict__", {}).items():
                self.__dict__.setdefault(name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; the first call of a decorator with arguments gives it."""
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
        """Bind as the function would."""
        if self._binder is staticmethod:
            return self
        if self._binder is classmethod:
            return MethodType(self, type(instance) if owner is None else owner)
        return self if instance is None else MethodType(self, instance)

    def _invoke(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and nothing else."""
        return self._fn(*args, **kwargs)

    def heka_call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and tell the client; what the function raises goes to its caller."""
        raise NotImplementedError(f"{self.decorator_name} has no heka_call()")

    def _renamed(self, running: Any) -> Any:
        """Return *running*, a coroutine or generator, under the function's name."""
        name = getattr(self, "__qualname__", self._fn_fq_name)
        running.__name__ = getattr(self, "__name__", name)
        running.__qualname__ = name
        return running

    def _report(self, error: Exception) -> None:
        """Say on stderr that a call went untold, unless that was said lately."""
        self._reporter.report(f"{self.decorator_name} of {self._fn_fq_name}: {describe(error)}")

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle as functions do, by name."""
        if self._fn is None:
            return super().__reduce__()
        return str(getattr(self, "__qualname__", self._fn_fq_name))

    def __repr__(self) -> str:
        """Return the name of the class and of the function."""
        return f"<{self.decorator_name} of {self._fn_fq_name or 'nothing yet'}>"


def _is_function(fn: Any) -> bool:
    # class methods cannot be called by themselves
    return callable(fn) or isinstance(fn, (classmethod, staticmethod))

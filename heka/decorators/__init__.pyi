"""Types of the decorators: a decorated function keeps its own type."""

from collections.abc import Callable, Mapping
from typing import Any, SupportsIndex, TypeVar, overload

from heka._typing import FieldValue
from heka.client import HekaClient
from heka.decorators.base import HekaDecorator as HekaDecorator

__all__ = ["HekaDecorator", "incr_count", "timeit"]

_Function = TypeVar(
    "_Function", bound=Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]
)

@overload
def timeit(function: _Function, /) -> _Function: ...
@overload
def timeit(
    name: str | None = None,
    logger: str | None = None,
    severity: SupportsIndex | str | None = None,
    fields: Mapping[str, FieldValue] | None = None,
    rate: float | None = 1.0,
    *,
    client: HekaClient | None = None,
    client_name: str = "",
) -> Callable[[_Function], _Function]: ...
@overload
def incr_count(function: _Function, /) -> _Function: ...
@overload
def incr_count(
    name: str | None = None,
    count: float | str = 1,
    logger: str | None = None,
    severity: SupportsIndex | str | None = None,
    fields: Mapping[str, FieldValue] | None = None,
    rate: float | None = 1.0,
    *,
    client: HekaClient | None = None,
    client_name: str = "",
) -> Callable[[_Function], _Function]: ...

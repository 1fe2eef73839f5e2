"""Types for annotations: values of fields, accounts, timers. ``import heka`` does not import it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import PurePath
from types import TracebackType
from typing import Any, ClassVar, Protocol, SupportsFloat, SupportsIndex, TypedDict, TypeVar, Union
from uuid import UUID

__all__ = ["FieldValue", "ProcessStats", "Stats", "TimerContext"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Dataclass(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class _Model(Protocol):
    """A model of pydantic."""

    def model_dump(self) -> Any: ...


class _Array(Protocol):
    """An array or a scalar of numpy."""

    def tolist(self) -> Any: ...


#: What ``heka.log``, clients and decorators take as the value of a field: what Heka has a type for,
#: what is converted to it, mappings and sequences of these. Of any other object, its repr is sent.
FieldValue = Union[  # noqa: UP007 - of names that are not there yet
    str,
    bytes,
    bytearray,
    memoryview,
    bool,
    SupportsIndex,
    SupportsFloat,
    None,
    datetime,
    date,
    time,
    timedelta,
    UUID,
    PurePath,
    IPv4Address,
    IPv6Address,
    IPv4Network,
    IPv6Network,
    IPv4Interface,
    IPv6Interface,
    Enum,
    _Dataclass,
    _Model,
    _Array,
    Mapping[str, "FieldValue"],
    Sequence["FieldValue"],
    AbstractSet["FieldValue"],
    ValuesView["FieldValue"],
    Iterator["FieldValue"],
]


class Stats(TypedDict):
    """What ``stats()`` returns; ``dropped`` is {reason: count}, all others are numbers."""

    offered: int
    recovered: int
    sent: int
    resent: int
    refused: int
    queued: int
    bytes: int
    high_water: int
    retries: int
    reconnects: int
    filtered: int
    altered: int
    dropped: dict[str, int]


class ProcessStats(Stats):
    """What ``heka.stats()`` returns: also each destination, by its URL."""

    destinations: dict[str, Stats]


Stats.__module__ = ProcessStats.__module__ = "heka"  # programs import them from there


class TimerContext(Protocol):
    """What ``client.timer()`` returns: a context manager and a decorator."""

    @property
    def result(self) -> int | None:
        """Milliseconds of the last block."""

    def __enter__(self) -> TimerContext: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

    def __call__(self, function: _Function, /) -> _Function: ...

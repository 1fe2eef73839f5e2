"""Types of ``heka._core`` that stand by themselves; ``_core.pyi`` has the others."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Literal, SupportsIndex, TypeVar, final

from _typeshed import structseq
from typing_extensions import Buffer, Self

_Function = TypeVar("_Function", bound=Callable[..., Any])

@final
class Clause(structseq[str | int | bool | None], tuple[str, int, bool, bool | None]):
    __match_args__: Final = ("text", "column", "needs_regex", "matched")
    @property
    def text(self) -> str: ...
    @property
    def column(self) -> int: ...
    @property
    def needs_regex(self) -> bool: ...
    @property
    def matched(self) -> bool | None: ...

@final
class StatTable:
    def __new__(
        cls,
        dialect: Literal["heka", "statsd"] = "statsd",
        interval: float = 10.0,
        *,
        percents: tuple[float, ...] = ...,
        prefixes: tuple[str, str, str, str, str, str] = ...,
        legacy: bool = False,
        delete_idle: bool = False,
        idle_flushes: SupportsIndex = 0,
        max_stats: SupportsIndex = 1000000,
        max_values: SupportsIndex = 10000000,
    ) -> Self: ...
    def feed(self, data: Buffer, /) -> tuple[int, int]: ...
    def receive(
        self, fd: SupportsIndex, wake: SupportsIndex, seconds: float, size: SupportsIndex, /
    ) -> tuple[int, int, int]: ...
    def refuse(self, lines: SupportsIndex, /) -> None: ...
    def flush(self, seconds: SupportsIndex, most: SupportsIndex, /) -> list[bytes]: ...
    def account(self) -> dict[str, int]: ...

@final
class NoTimer:
    """A disabled timer: does nothing, and returns a decorated function unchanged."""

    @property
    def result(self) -> None: ...
    def __init__(self) -> None: ...
    def __enter__(self) -> NoTimer: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    def __call__(self, function: _Function) -> _Function: ...

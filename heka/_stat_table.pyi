"""Types of ``heka._core.StatTable``; a file of its own, as that of ``heka._core`` is full."""

from typing import Literal, SupportsIndex, final

from typing_extensions import Buffer, Self

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

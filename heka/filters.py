"""Filters: which of a client's messages are sent.

A filter is called with a message and returns True to send it. A provider makes one of its
configuration. Those made here look at type and severity only: a client asks their
``admits(type, severity)`` before it builds anything, as long as no filter of another kind stands
before them. The first four say the same each time; ``RateLimit`` and ``Sample`` change with each
question (``stateful``), so a message must be asked for once.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from heka._runtime.forks import register_fork_reset
from heka.exceptions import ConfigError
from heka.message import Message

__all__ = [
    "RateLimit",
    "Sample",
    "SeverityMax",
    "TypeBlacklist",
    "TypeSeverityMax",
    "TypeWhitelist",
    "rate_limit_provider",
    "sample_provider",
    "severity_max_provider",
    "type_blacklist_provider",
    "type_severity_max_provider",
    "type_whitelist_provider",
]

#: Message types that a rate limit keeps apart; with more, those that wait longest begin anew.
_BUCKETS_MAX = 1024


class HeadFilter:
    """A filter that looks at type and severity only.

    Attributes:
        stateful: Asking changes the answer to the next question.
    """

    stateful: ClassVar[bool] = False

    def admits(self, type: str, severity: int) -> bool:
        """Say whether a message of *type* and *severity* is to be sent."""
        raise NotImplementedError

    def __call__(self, msg: Message) -> bool:
        """Say whether *msg* is to be sent."""
        return self.admits(msg.type, msg.severity)


class SeverityMax(HeadFilter):
    """Sends what is at least as severe as *severity*, 0 (emergency) to 7 (debug)."""

    __name__ = func_name = "severity_max"

    def __init__(self, severity: int | str) -> None:
        self._severity = _severity(severity, "severity")

    @property
    def severity(self) -> int:
        """The largest number that is sent."""
        return self._severity

    def admits(self, type: str, severity: int) -> bool:
        """Compare *severity*."""
        return severity <= self._severity

    def __repr__(self) -> str:
        """Return what makes it."""
        return f"SeverityMax({self._severity})"


class _OfTypes(HeadFilter):
    """What a list of types is kept in."""

    def __init__(self, types: str | Iterable[str]) -> None:
        self._types = _types(types)

    @property
    def types(self) -> frozenset[str]:
        """The types."""
        return self._types

    def __repr__(self) -> str:
        """Return what makes it."""
        return f"{type(self).__name__}({sorted(self._types)})"


class TypeBlacklist(_OfTypes):
    """Sends everything but messages of these *types*."""

    __name__ = func_name = "type_blacklist"

    def admits(self, type: str, severity: int) -> bool:
        """Look for *type*."""
        return type not in self._types


class TypeWhitelist(_OfTypes):
    """Sends messages of these *types* only."""

    __name__ = func_name = "type_whitelist"

    def admits(self, type: str, severity: int) -> bool:
        """Look for *type*."""
        return type in self._types


class TypeSeverityMax(HeadFilter):
    """Sends messages of some types only if they are severe enough, and all others.

    Args:
        types: {type: {'severity': largest number that is sent}}, or {type: number}.
    """

    __name__ = func_name = "type_severity_max"

    def __init__(self, types: Mapping[str, Mapping[str, int | str] | int | str]) -> None:
        if not isinstance(types, Mapping):
            raise ConfigError(f"types: expected {{type: {{'severity': 0 to 7}}}}, got {types!r}")
        _types(types)
        self._levels = {name: _level_of(name, given) for name, given in types.items()}

    @property
    def levels(self) -> dict[str, int]:
        """The largest number that is sent, of each type."""
        return self._levels

    def admits(self, type: str, severity: int) -> bool:
        """Compare *severity* with what *type* has."""
        level = self._levels.get(type)
        return level is None or severity <= level

    def __repr__(self) -> str:
        """Return what makes it."""
        return f"TypeSeverityMax({self._levels})"


class _Selective(HeadFilter):
    """What lets some messages pass without looking further, and counts what it holds back."""

    stateful = True

    def __init__(
        self, types: str | Iterable[str] | None, exempt_severity: int | str | None
    ) -> None:
        self._only = None if types is None else _types(types)
        self._exempt = -1
        if exempt_severity is not None:
            self._exempt = _severity(exempt_severity, "exempt_severity")
        self._dropped = 0
        self.reset_after_fork()
        register_fork_reset(self)

    @property
    def dropped(self) -> int:
        """How many messages were held back in this process."""
        return self._dropped

    def reset_after_fork(self) -> None:
        """Replace what a child process must not share with its parent."""
        # Reentrant: a signal handler may log while its thread is in here.
        self._lock = threading.RLock()
        self._dropped = 0

    def admits(self, type: str, severity: int) -> bool:
        """Let pass what is exempt; ask ``_next`` of everything else."""
        if severity <= self._exempt or (self._only is not None and type not in self._only):
            return True
        with self._lock:
            admitted = self._next(type)
            self._dropped += not admitted
        return admitted

    def _next(self, type: str) -> bool:
        raise NotImplementedError


class RateLimit(_Selective):
    """Sends at most *rate* messages of each type in *per* seconds, on average.

    Args:
        rate: How many messages, more than 0.
        per: Seconds.
        burst: How many may come at once after a pause; None is *rate*, at least 1.
        types: Only messages of these types are limited; None limits all.
        exempt_severity: Messages with this number or a smaller one always pass; None: none does.
        by_type: False counts messages of all types together.
        clock: Seconds that never go back.
    """

    __name__ = func_name = "rate_limit"

    def __init__(
        self,
        rate: float | str,
        per: float | str = 1.0,
        burst: int | str | None = None,
        types: str | Iterable[str] | None = None,
        exempt_severity: int | str | None = None,
        by_type: bool = True,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        amount = _number(rate, "rate", "a number of messages, more than 0", above=0)
        # The time that one message takes of the budget, and the budget: the virtual scheduling of
        # ITU-T I.371, which needs one number for each type.
        self._interval = _number(per, "per", "seconds, more than 0", above=0) / amount
        size = max(1.0, math.floor(amount)) if burst is None else _whole(burst, "burst")
        self._slack = (size - 1) * self._interval
        if not isinstance(by_type, bool):
            raise ConfigError(f"by_type: expected true or false, got {by_type!r}")
        self._by_type = by_type
        self._clock = clock
        self._due: dict[str, float] = {}  # when the budget of each type is full again
        super().__init__(types, exempt_severity)

    def _next(self, type: str) -> bool:
        key = type if self._by_type else ""
        now = self._clock()
        due = max(self._due.pop(key, now), now)
        admitted = due - now <= self._slack + 1e-9 * self._interval
        # Last in the dict: the first is the one that was not asked for longest.
        self._due[key] = due + self._interval if admitted else due
        if len(self._due) > _BUCKETS_MAX:
            del self._due[next(iter(self._due))]
        return admitted


class Sample(_Selective):
    """Sends each message with the probability *rate*.

    Args:
        rate: From 0 (none) to 1 (all).
        types: Only messages of these types are sampled; None samples all.
        exempt_severity: Messages with this number or a smaller one always pass; None: none does.
        random: Called for numbers from 0 to below 1; None is a generator of the filter's own.
    """

    __name__ = func_name = "sample"

    def __init__(
        self,
        rate: float | str,
        types: str | Iterable[str] | None = None,
        exempt_severity: int | str | None = None,
        *,
        random: Callable[[], float] | None = None,
    ) -> None:
        self._rate = _number(rate, "rate", "a probability from 0 to 1", least=0, most=1)
        self._given = random
        super().__init__(types, exempt_severity)

    @property
    def rate(self) -> float:
        """The probability."""
        return self._rate

    def reset_after_fork(self) -> None:
        """Draw other numbers than the parent does."""
        super().reset_after_fork()
        # Of its own: the program may have seeded, and count on, the one in the module random.
        self._random = self._given or random.Random().random

    def _next(self, type: str) -> bool:
        return self._random() < self._rate


# ---- providers -----------------------------------------------------------------------------------


def severity_max_provider(severity: int | str) -> SeverityMax:
    """Return a filter that sends what is at least as severe as *severity*."""
    return SeverityMax(severity)


def type_blacklist_provider(types: str | Iterable[str]) -> TypeBlacklist:
    """Return a filter that sends everything but messages of these *types*."""
    return TypeBlacklist(types)


def type_whitelist_provider(types: str | Iterable[str]) -> TypeWhitelist:
    """Return a filter that sends messages of these *types* only."""
    return TypeWhitelist(types)


def type_severity_max_provider(
    types: Mapping[str, Mapping[str, int | str] | int | str],
) -> TypeSeverityMax:
    """Return a filter with a largest severity for some *types*: {type: {'severity': n}}."""
    return TypeSeverityMax(types)


def rate_limit_provider(
    rate: float | str,
    per: float | str = 1.0,
    burst: int | str | None = None,
    types: str | Iterable[str] | None = None,
    exempt_severity: int | str | None = None,
    by_type: bool = True,
) -> RateLimit:
    """Return a filter that sends at most *rate* messages of each type in *per* seconds."""
    return RateLimit(rate, per, burst, types, exempt_severity, by_type)


def sample_provider(
    rate: float | str,
    types: str | Iterable[str] | None = None,
    exempt_severity: int | str | None = None,
) -> Sample:
    """Return a filter that sends each message with the probability *rate*."""
    return Sample(rate, types, exempt_severity)


# ---- what configurations hold --------------------------------------------------------------------


def _severity(given: Any, name: str) -> int:
    value = _maybe_whole(given)
    if value is None or not 0 <= value <= 7:
        raise ConfigError(f"{name}: expected a severity, 0 to 7, got {given!r}")
    return value


def _level_of(name: str, given: Any) -> int:
    if not isinstance(given, Mapping):
        return _severity(given, f"types[{name!r}]")
    if set(given) != {"severity"}:
        raise ConfigError(f"types[{name!r}]: expected {{'severity': 0 to 7}}, got {given!r}")
    return _severity(given["severity"], f"types[{name!r}]['severity']")


def _types(given: Any) -> frozenset[str]:
    types = [given] if isinstance(given, str) else given
    if isinstance(types, (bytes, bytearray)) or not isinstance(types, Iterable):
        raise ConfigError(f"types: expected a message type or a sequence of them, got {given!r}")
    found = list(types)
    for one in found:
        if not isinstance(one, str):
            raise ConfigError(f"types: expected message types, which are text, got {one!r}")
    return frozenset(found)


def _maybe_whole(given: Any) -> int | None:
    """Return a whole number that was given as one, or as its text; None for anything else."""
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) < 20:
        return int(given)
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _whole(given: Any, name: str) -> int:
    value = _maybe_whole(given)
    if value is None or value < 1:
        raise ConfigError(f"{name}: expected a whole number, 1 or more, got {given!r}")
    return value


def _number(
    given: Any,
    name: str,
    expected: str,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    most: float = math.inf,
) -> float:
    try:
        value = math.nan if isinstance(given, (bool, bytes)) else float(given)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if math.isinf(value) or not (above < value and least <= value <= most):
        raise ConfigError(f"{name}: expected {expected}, got {given!r}")
    return value

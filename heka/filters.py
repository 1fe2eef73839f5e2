"""Filters decide which of a client's messages are sent.

A filter is called with a message and returns True to send it. A provider creates a filter from
its configuration. The filters here use type and severity only: a client calls their
``admits(type, severity)`` before it builds the message, up to the first filter of another kind.
``MatcherFilter`` may use everything: C evaluates it on the encoded message. ``RateLimit`` and
``Sample`` are ``stateful``: each call changes later answers, so a client calls them once per
message.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from heka._runtime.chance import random_unit
from heka._runtime.explaining import explained
from heka._runtime.forks import register_fork_reset
from heka.exceptions import ConfigError
from heka.matcher import Matcher
from heka.message import Message
from heka.severity import EXPECTED, severity_from

__all__ = [
    "MatcherFilter",
    "RateLimit",
    "Sample",
    "SeverityMax",
    "TypeBlacklist",
    "TypeSeverityMax",
    "TypeWhitelist",
    "matcher_provider",
    "rate_limit_provider",
    "sample_provider",
    "severity_max_provider",
    "type_blacklist_provider",
    "type_severity_max_provider",
    "type_whitelist_provider",
]

#: Most message types that a rate limit keeps state for; beyond that, the least recently used
#: type is forgotten and starts with a full budget again.
_BUCKETS_MAX = 1024


class HeadFilter:
    """A filter that uses type and severity only.

    Attributes:
        stateful: Whether a call of ``admits`` changes the result of later calls.
    """

    stateful: ClassVar[bool] = False

    def admits(self, type: str, severity: int) -> bool:
        """Return whether to send a message of *type* and *severity*."""
        raise NotImplementedError

    def __call__(self, msg: Message) -> bool:
        """Return whether to send *msg*."""
        return self.admits(msg.type, msg.severity)


class SeverityMax(HeadFilter):
    """Sends messages with a severity number up to that of *severity*.

    Args:
        severity: 0 (emergency) to 7 (debug), or a name such as ``'error'``, in any case.

    Raises:
        ConfigError: *severity* is neither a number from 0 to 7, also as text, nor a name.
    """

    __name__ = func_name = "severity_max"

    def __init__(self, severity: int | str) -> None:
        self._severity = _severity(severity, "severity")

    @property
    def severity(self) -> int:
        """The largest severity number that is sent."""
        return self._severity

    def admits(self, type: str, severity: int) -> bool:
        """Return whether *severity* is at most the limit."""
        return severity <= self._severity

    def __repr__(self) -> str:
        """Return the constructor call."""
        return f"SeverityMax({self._severity})"


class _TypeFilter(HeadFilter):
    """Base of the filters that look up the type in a set.

    Raises:
        ConfigError: *types* is neither a text nor an iterable of texts.
    """

    def __init__(self, types: str | Iterable[str]) -> None:
        self._types = _types(types)

    @property
    def types(self) -> frozenset[str]:
        """The types in the set."""
        return self._types

    def __repr__(self) -> str:
        """Return the constructor call."""
        return f"{type(self).__name__}({sorted(self._types)})"


class TypeBlacklist(_TypeFilter):
    """Sends all messages except those of these *types*, a type or an iterable of types."""

    __name__ = func_name = "type_blacklist"

    def admits(self, type: str, severity: int) -> bool:
        """Return whether *type* is not in the set."""
        return type not in self._types


class TypeWhitelist(_TypeFilter):
    """Sends only messages of these *types*, a type or an iterable of types."""

    __name__ = func_name = "type_whitelist"

    def admits(self, type: str, severity: int) -> bool:
        """Return whether *type* is in the set."""
        return type in self._types


class TypeSeverityMax(HeadFilter):
    """Sends messages of the given types up to a severity number each, and all other messages.

    Args:
        types: {type: {'severity': largest that is sent}}, or {type: severity}; each a number or
            a name.

    Raises:
        ConfigError: *types* has another shape, or a severity is none.
    """

    __name__ = func_name = "type_severity_max"

    def __init__(self, types: Mapping[str, Mapping[str, int | str] | int | str]) -> None:
        if not isinstance(types, Mapping):
            raise ConfigError(
                f"types: expected {{type: {{'severity': 0 to 7 or a name}}}}, got {types!r}"
            )
        _types(types)
        self._levels = {name: _level_of(name, given) for name, given in types.items()}

    @property
    def levels(self) -> dict[str, int]:
        """{type: largest severity number that is sent}."""
        return self._levels

    def admits(self, type: str, severity: int) -> bool:
        """Return whether *severity* is at most the limit of *type*, if it has one."""
        level = self._levels.get(type)
        return level is None or severity <= level

    def __repr__(self) -> str:
        """Return the constructor call."""
        return f"TypeSeverityMax({self._levels})"


class _StatefulFilter(HeadFilter):
    """Base of RateLimit and Sample: passes exempt messages and counts dropped ones."""

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
        """The number of messages that this filter dropped in this process."""
        return self._dropped

    def reset_after_fork(self) -> None:
        """Create the lock and reset the count, in a child process after ``fork()`` too."""
        # Reentrant: a signal handler may log while its thread holds the lock.
        self._lock = threading.RLock()
        self._dropped = 0

    def admits(self, type: str, severity: int) -> bool:
        """Return True for an exempt message, else the result of ``_next``; count a drop."""
        if severity <= self._exempt or (self._only is not None and type not in self._only):
            return True
        with self._lock:
            admitted = self._next(type)
            self._dropped += not admitted
        return admitted

    def _next(self, type: str) -> bool:
        raise NotImplementedError


class RateLimit(_StatefulFilter):
    """Sends at most *rate* messages of each type in *per* seconds, on average.

    Args:
        rate: Number of messages, more than 0.
        per: Seconds, more than 0.
        burst: Most messages at once after a pause, 1 or more; None means *rate*, at least 1.
        types: Only messages of these types are limited; None limits all.
        exempt_severity: Messages with this severity, a number or a name, or a smaller number always
            pass; None exempts none.
        by_type: True limits each type separately; False limits the sum over all types.
        clock: Returns monotonic seconds.

    Raises:
        ConfigError: An argument is out of range or of a wrong type.
    """

    __name__ = func_name = "rate_limit"

    @explained
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
        # Virtual scheduling (the generic cell rate algorithm of ITU-T I.371): the interval between
        # messages, the slack for bursts, and one number per type.
        self._interval = _number(per, "per", "seconds, more than 0", above=0) / amount
        size = max(1.0, math.floor(amount)) if burst is None else _whole(burst, "burst")
        self._slack = (size - 1) * self._interval
        if not isinstance(by_type, bool):
            raise ConfigError(f"by_type: expected true or false, got {by_type!r}")
        self._by_type = by_type
        self._clock = clock
        self._due: dict[str, float] = {}  # {type: time at which its budget is full again}
        super().__init__(types, exempt_severity)

    def _next(self, type: str) -> bool:
        key = type if self._by_type else ""
        now = self._clock()
        due = max(self._due.pop(key, now), now)
        admitted = due - now <= self._slack + 1e-9 * self._interval
        # Inserted last, so that the first entry of the dict is the least recently used one.
        self._due[key] = due + self._interval if admitted else due
        if len(self._due) > _BUCKETS_MAX:
            del self._due[next(iter(self._due))]
        return admitted


class Sample(_StatefulFilter):
    """Sends each message with the probability *rate*.

    Args:
        rate: From 0 (none) to 1 (all).
        types: Only messages of these types are sampled; None samples all.
        exempt_severity: Messages with this severity, a number or a name, or a smaller number always
            pass; None exempts none.
        random: Returns a number in [0, 1) per call; None uses a generator of heka, which is
            seeded anew in each process.

    Raises:
        ConfigError: An argument is out of range or of a wrong type.
    """

    __name__ = func_name = "sample"

    @explained
    def __init__(
        self,
        rate: float | str,
        types: str | Iterable[str] | None = None,
        exempt_severity: int | str | None = None,
        *,
        random: Callable[[], float] | None = None,
    ) -> None:
        self._rate = _number(rate, "rate", "a probability from 0 to 1", least=0, most=1)
        self._random = random or random_unit
        super().__init__(types, exempt_severity)

    @property
    def rate(self) -> float:
        """The probability with which a message is sent."""
        return self._rate

    def _next(self, type: str) -> bool:
        return self._random() < self._rate


class MatcherFilter:
    """Sends the messages that a matcher matches.

    As long as it stands before filters that take a Message, C asks the matcher and builds none.

    Args:
        matcher: An expression of the message_matcher language, or a ``heka.matcher.Matcher``.
        dialect: That of the expression: ``"heka"`` or ``"heka2"``.

    Raises:
        MatcherError: *matcher* is no expression.
        ConfigError: *matcher* is neither a text nor a Matcher, or *dialect* is unknown.
    """

    __name__ = func_name = "matcher"

    @explained
    def __init__(self, matcher: str | Matcher, dialect: str = "heka") -> None:
        if isinstance(matcher, str):
            matcher = Matcher(matcher, dialect)
        elif not isinstance(matcher, Matcher):
            raise ConfigError(f"matcher: expected an expression or a Matcher, got {matcher!r}")
        self._matcher = matcher

    @property
    def matcher(self) -> Matcher:
        """The matcher."""
        return self._matcher

    def __call__(self, msg: Message) -> bool:
        """Return whether *msg* matches."""
        return self._matcher.matches(msg)

    def __repr__(self) -> str:
        """Return the constructor call."""
        return f"MatcherFilter({self._matcher!r})"


# ---- providers -----------------------------------------------------------------------------------


@explained
def severity_max_provider(severity: int | str) -> SeverityMax:
    """Return ``SeverityMax(severity)``."""
    return SeverityMax(severity)


@explained
def type_blacklist_provider(types: str | Iterable[str]) -> TypeBlacklist:
    """Return ``TypeBlacklist(types)``."""
    return TypeBlacklist(types)


@explained
def type_whitelist_provider(types: str | Iterable[str]) -> TypeWhitelist:
    """Return ``TypeWhitelist(types)``."""
    return TypeWhitelist(types)


@explained
def type_severity_max_provider(
    types: Mapping[str, Mapping[str, int | str] | int | str],
) -> TypeSeverityMax:
    """Return ``TypeSeverityMax(types)``."""
    return TypeSeverityMax(types)


@explained
def rate_limit_provider(
    rate: float | str,
    per: float | str = 1.0,
    burst: int | str | None = None,
    types: str | Iterable[str] | None = None,
    exempt_severity: int | str | None = None,
    by_type: bool = True,
) -> RateLimit:
    """Return a ``RateLimit`` with these arguments."""
    return RateLimit(rate, per, burst, types, exempt_severity, by_type)


@explained
def sample_provider(
    rate: float | str,
    types: str | Iterable[str] | None = None,
    exempt_severity: int | str | None = None,
) -> Sample:
    """Return a ``Sample`` with these arguments."""
    return Sample(rate, types, exempt_severity)


@explained
def matcher_provider(matcher: str | Matcher, dialect: str = "heka") -> MatcherFilter:
    """Return ``MatcherFilter(matcher, dialect)``."""
    return MatcherFilter(matcher, dialect)


# ---- checks of arguments -------------------------------------------------------------------------


def _severity(given: Any, name: str) -> int:
    value = severity_from(given)
    if value is None:
        raise ConfigError(f"{name}: expected {EXPECTED}, got {given!r}")
    return value


def _level_of(name: str, given: Any) -> int:
    if not isinstance(given, Mapping):
        return _severity(given, f"types[{name!r}]")
    if set(given) != {"severity"}:
        raise ConfigError(
            f"types[{name!r}]: expected {{'severity': 0 to 7 or a name}}, got {given!r}"
        )
    return _severity(given["severity"], f"types[{name!r}]['severity']")


def _types(given: Any) -> frozenset[str]:
    types = [given] if isinstance(given, str) else given
    if isinstance(types, (bytes, bytearray)) or not isinstance(types, Iterable):
        raise ConfigError(f"types: expected a message type or a sequence of them, got {given!r}")
    found = list(types)
    for one in found:
        if not isinstance(one, str):
            raise ConfigError(f"types: expected message types as text, got {one!r}")
    return frozenset(found)


def _maybe_whole(given: Any) -> int | None:
    """Return an int given as an int or as text of its digits; None for anything else."""
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

"""The filters of a client that do not need the message, compiled into a plan that C evaluates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from heka._core import Message
from heka.filters import (
    MatcherFilter,
    SeverityMax,
    TypeBlacklist,
    TypeSeverityMax,
    TypeWhitelist,
)
from heka.matcher import Matcher

__all__ = ["Plan"]

_NO_LIMIT = 2**31 - 1


class Plan:
    """The leading filters that do not need the message, compiled into a plan that C evaluates."""

    def __init__(
        self,
        filters: Iterable[Callable[[Message], object]],
        drop: Callable[[str, str], object],
        refused: Callable[[object, str, int], object] | None = None,
    ) -> None:
        """Compile *filters*.

        Args:
            filters: In the order in which they are asked.
            drop: Called as ``drop(reason, text)`` when one raises.
            refused: Called as ``refused(filter, type, severity)`` when one refuses a message; None:
                C evaluates the filters of heka without Python.
        """
        self._drop = drop
        self._refused = refused
        self.threshold = _NO_LIMIT
        self.blocked: set[str] = set()
        self.allowed: frozenset[str] | None = None
        self.levels: dict[str, int] = {}
        self.stateless: list[Callable[[str, int], object]] = []
        #: Called only for a message that passes all others, as each call changes their state.
        self.stateful: list[Callable[[str, int], object]] = []
        #: Asked about the encoded message, after all others.
        self.matchers: list[Matcher] = []
        #: How many filters are in the plan.
        self.compiled = 0
        for one in filters:
            if not self._add(one):
                break
            self.compiled += 1

    def _add(self, one: Any) -> bool:
        kind = type(one) if self._refused is None else None
        if kind is SeverityMax:
            self.threshold = min(self.threshold, one.severity)
        elif kind is TypeBlacklist:
            self.blocked |= one.types
        elif kind is TypeWhitelist:
            self.allowed = one.types if self.allowed is None else self.allowed & one.types
        elif kind is TypeSeverityMax:
            for name, level in one.levels.items():
                self.levels[name] = min(level, self.levels.get(name, level))
        elif kind is MatcherFilter:
            self.matchers.append(one.matcher)
        elif self.matchers and getattr(one, "stateful", False):
            return False  # it would count messages that the matcher then holds back
        elif not isinstance(one, type) and callable(getattr(type(one), "admits", None)):
            calls = self.stateful if getattr(one, "stateful", False) else self.stateless
            admits = _guarded(one.admits, self._drop)
            if self._refused is not None:
                admits = _told(one, admits, self._refused)
            calls.append(admits)
        else:
            return False
        return True


def _guarded(
    admits: Callable[[str, int], object], drop: Callable[[str, str], object]
) -> Callable[[str, int], object]:
    """Return a function that calls *admits*.

    If *admits* raises, the function calls *drop*, which counts the message as dropped, and returns
    NotImplemented: the message is then not counted as held back too.
    """

    def guarded(type: str, severity: int) -> object:
        try:
            answer = admits(type, severity)
        except Exception as error:
            drop("filter", f"filter {admits!r} raised {error!r}")
            return NotImplemented
        return True if answer is NotImplemented else answer  # which is true, as for every caller

    return guarded


def _told(
    one: object,
    admits: Callable[[str, int], object],
    refused: Callable[[object, str, int], object],
) -> Callable[[str, int], object]:
    """Return a function that calls *admits*, and *refused* if the answer is no."""

    def told(type: str, severity: int) -> object:
        answer = admits(type, severity)
        if answer is not NotImplemented and not answer:
            refused(one, type, severity)
        return answer

    return told

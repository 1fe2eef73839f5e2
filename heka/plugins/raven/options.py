"""The settings of the raven plugin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, cast

from heka._core import nearest
from heka.exceptions import InvalidArgumentError
from heka.plugins.raven.dsn import DSN
from heka.plugins.raven.limits import Limits
from heka.plugins.raven.profiles import PROFILES
from heka.severity import EXPECTED, severity_from

_DSN_FIELDS = ("full", "public", "none")
_REPRS = ("safe", "full")


@dataclass(frozen=True, slots=True)
class Options:
    """The validated settings of one ``client.raven``.

    Attributes:
        dsn: The project; None: events are sent without one.
        logger: None: the client's.
        severity: Of the messages.
        sentry_project_id: Id of the project, used without a DSN.
        type: Type of the messages.
        dsn_field: What the field ``dsn`` holds: ``full``, ``public`` (no secret), ``none``.
        epoch_timestamp: Add a field of this name, in seconds, for consumers older than 2013-11.
        summary: Add the fields ``culprit`` and ``exc_type``.
        profile: Format of the events.
        repr: ``full`` calls ``repr()`` of variables whose type is not built in.
        release, environment: Of the program, for ``sentry7``.
        time_budget: Seconds for all variables of an event.
    """

    dsn: DSN | None = None
    logger: str | None = None
    severity: int = 3
    sentry_project_id: str | None = None
    type: str = "sentry"
    dsn_field: str = "full"
    epoch_timestamp: bool = False
    summary: bool = False
    profile: str = "raven3"
    repr: str = "safe"
    release: str | None = None
    environment: str | None = None
    time_budget: float = Limits().seconds

    @classmethod
    def read(cls, config: Mapping[str, Any], profile: str) -> Options:
        """Validate *config*; *profile* is the default profile.

        Raises:
            InvalidArgumentError: A key is unknown, or a value is invalid.
        """
        known = [one.name for one in fields(cls)]
        unknown = [key for key in config if key not in known]
        if unknown:
            meant = nearest(unknown[0], known)
            hint = f"; did you mean {meant!r}?" if meant else ""
            raise InvalidArgumentError(
                f"Unexpected arguments: {repr(unknown)[:200]}{hint}; expected {', '.join(known)}"
            )
        given = {key: value for key, value in config.items() if value is not None}
        if config.get("dsn_field", "") is None:
            given["dsn_field"] = "none"
        made: dict[str, Any] = {"profile": profile}
        for key, value in given.items():
            if key == "dsn" and isinstance(value, str) and not value.strip():
                continue  # ${SENTRY_DSN} where there is no Sentry
            made[key] = _CHECKS[key](key, value)
        return cls(**made)

    @property
    def project(self) -> str:
        """The id of the project; by default 1, as in earlier versions."""
        if self.dsn is not None:
            return self.dsn.project
        return self.sentry_project_id or "1"


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(key, "text", value)
    return value


def _severity(key: str, value: object) -> int:
    number = severity_from(value)
    if number is None:
        raise _wrong(key, EXPECTED, value)
    return int(number)


def _id(key: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise _wrong(key, "the number of a project", value)
    return str(value).strip()


def _boolean(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(key, "true or false", value)
    return value


def _seconds(key: str, value: object) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(cast(Any, value))
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise _wrong(key, "seconds, 0 or more", value)
    return number


def _one_of(*choices: str) -> Any:
    def check(key: str, value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise _wrong(key, " or ".join(map(repr, choices)), value)
        return value

    return check


def _wrong(key: str, expected: str, got: object) -> InvalidArgumentError:
    return InvalidArgumentError(f"{key}: expected {expected}, got {got!r}")


_CHECKS: dict[str, Any] = {
    "dsn": lambda key, value: DSN.parse(value),
    "logger": _text,
    "severity": _severity,
    "sentry_project_id": _id,
    "type": _text,
    "dsn_field": _one_of(*_DSN_FIELDS),
    "epoch_timestamp": _boolean,
    "summary": _boolean,
    "profile": _one_of(*PROFILES),
    "repr": _one_of(*_REPRS),
    "release": lambda key, value: _text(
        key, str(value) if isinstance(value, (int, float)) else value
    ),
    "environment": _text,
    "time_budget": _seconds,
}

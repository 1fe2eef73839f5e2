"""The settings of the CEF plugin, and the device that a call names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from heka._core import nearest
from heka.exceptions import InvalidArgumentError

#: Valid values of ``cef_meta.syslog_facility``.
FACILITIES = (
    *("KERN", "USER", "MAIL", "DAEMON", "AUTH", "LPR", "NEWS", "UUCP", "CRON"),
    *("LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7"),
)
#: Valid values of ``cef_meta.syslog_priority``; with an empty one the consumer decides.
PRIORITIES = ("", "EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG")
#: Valid values of ``cef_meta.syslog_options``, which metlog's Ruby consumer read.
SYSLOG_OPTIONS = ("PID", "CONS", "NDELAY", "NOWAIT", "LOG_PERROR")
#: Keys of the extension for the host of a request.
DIALECTS = ("dest", "dhost")


@dataclass(frozen=True, slots=True)
class Options:
    """The validated settings of one ``client.cef``.

    Attributes:
        syslog_facility, syslog_ident, syslog_priority: For the consumer that writes to syslog.
        dialect: ``dest`` as in cef 0.3, or ``dhost`` as in later versions and the CEF standard.
        trusted_proxies: Number of your own proxies in front of the program; None: the first
            address of X-Forwarded-For is used, whoever wrote it.
        syslog_options: For metlog-cef only.
    """

    syslog_facility: str = "LOCAL4"
    syslog_ident: str = ""
    syslog_priority: str = ""
    dialect: str = "dest"
    trusted_proxies: int | None = None
    syslog_options: str | None = None

    @classmethod
    def read(cls, config: Mapping[str, Any], *more: str) -> Options:
        """Validate *config*; *more* are further keys that the provider accepts.

        Raises:
            InvalidArgumentError: A key is unknown, or a value is invalid.
        """
        known = [one.name for one in fields(cls) if one.name in more or one.name in _ALWAYS]
        unknown = [key for key in config if key not in known]
        if unknown:
            meant = nearest(unknown[0], known)
            hint = f"; did you mean {meant!r}?" if meant else ""
            raise InvalidArgumentError(
                f"Unexpected arguments: {repr(unknown)[:200]}{hint}; expected {', '.join(known)}"
            )
        given = {key: value for key, value in config.items() if value is not None}
        return cls(**{key: _CHECKS[key](key, value) for key, value in given.items()})

    @property
    def meta(self) -> dict[str, str]:
        """The value of the field ``cef_meta``."""
        found = {
            "syslog_facility": self.syslog_facility,
            "syslog_ident": self.syslog_ident,
            "syslog_priority": self.syslog_priority,
        }
        if self.syslog_options is not None:
            found["syslog_options"] = self.syslog_options
        return found


@dataclass(frozen=True, slots=True)
class Device:
    """The reporting device: the first fields of the header."""

    version: str
    vendor: str
    product: str
    device_version: str

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Device:
        """Read ``cef.version`` and the others from *config*; other keys are ignored.

        Raises:
            InvalidArgumentError: One is missing, or is neither text nor a number.
        """
        keys = [f"cef.{one.name}" for one in fields(cls)]
        if not isinstance(config, Mapping):
            raise _wrong("config", f"a mapping with {', '.join(keys)}", config)
        missing = [key for key in keys if key not in config]
        if missing:
            raise InvalidArgumentError(
                f"config: expected {', '.join(keys)}, got none of {', '.join(missing)}"
            )
        return cls(*(_text_or_number(key, config[key]) for key in keys))


def _text_or_number(key: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _wrong(key, "text or a number", value)
    return str(value)


def _one_of(*choices: str) -> Any:
    def check(key: str, value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise _wrong(key, f"one of {', '.join(map(repr, choices))}", value)
        return value

    return check


def _count(key: str, value: object) -> int:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _wrong(key, "how many proxies, 0 or more", value)
    return value


def _syslog_options(key: str, value: object) -> str:
    # Several lines of an INI value arrive as a list.
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)):
        raise _wrong(key, f"one or more of {', '.join(SYSLOG_OPTIONS)}, separated by commas", value)
    names = [part.strip() if isinstance(part, str) else part for part in parts]
    if names == [""]:
        return ""
    if any(name not in SYSLOG_OPTIONS for name in names):
        raise _wrong(key, f"one or more of {', '.join(SYSLOG_OPTIONS)}, separated by commas", value)
    return ",".join(names)


def _wrong(key: str, expected: str, got: object) -> InvalidArgumentError:
    return InvalidArgumentError(f"{key}: expected {expected}, got {got!r}")


_CHECKS: dict[str, Any] = {
    "syslog_facility": _one_of(*FACILITIES),
    "syslog_ident": _text_or_number,
    "syslog_priority": _one_of(*PRIORITIES),
    "dialect": _one_of(*DIALECTS),
    "trusted_proxies": _count,
    "syslog_options": _syslog_options,
}
_ALWAYS = [key for key in _CHECKS if key != "syslog_options"]

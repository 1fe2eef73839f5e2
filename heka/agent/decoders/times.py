"""Times in text, by a layout of Go or of strptime, whatever the locale."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from heka.exceptions import ConfigError

__all__ = ["Layout"]

_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_NAMES: Final = {
    "ANSIC": "Mon Jan _2 15:04:05 2006",
    "UnixDate": "Mon Jan _2 15:04:05 MST 2006",
    "RubyDate": "Mon Jan 02 15:04:05 -0700 2006",
    "RFC822": "02 Jan 06 15:04 MST",
    "RFC822Z": "02 Jan 06 15:04 -0700",
    "RFC850": "Monday, 02-Jan-06 15:04:05 MST",
    "RFC1123": "Mon, 02 Jan 2006 15:04:05 MST",
    "RFC1123Z": "Mon, 02 Jan 2006 15:04:05 -0700",
    "RFC3339": "2006-01-02T15:04:05Z07:00",
    "RFC3339Nano": "2006-01-02T15:04:05.999999999Z07:00",
    "Stamp": "Jan _2 15:04:05",
    "StampMilli": "Jan _2 15:04:05.000",
    "StampMicro": "Jan _2 15:04:05.000000",
    "StampNano": "Jan _2 15:04:05.000000000",
}
_EPOCHS: Final = {
    "Epoch": 1_000_000_000,
    "EpochMilli": 1_000_000,
    "EpochMicro": 1_000,
    "EpochNano": 1,
}
#: Parts of a layout: what Go writes for the reference time, and strptime's directives.
_YEAR, _MONTH, _DAY = r"(?P<year>\d{4})", r"(?P<month>\d{1,2})", r"(?P<day>[ ]?\d{1,2})"
_HOUR, _MINUTE, _SECOND = r"(?P<hour>\d{1,2})", r"(?P<minute>\d{1,2})", r"(?P<second>\d{1,2})"
_NAME, _WEEKDAY = r"(?P<name>[A-Za-z]{3,9})", r"[A-Za-z]{3,9}"
_ZONE, _ZONE_NAME = r"(?P<zone>Z|[+-]\d\d:?\d\d)", r"(?P<zone_name>[A-Z]{3,5})"
_FRACTION: Final = r"(?:[.,](?P<fraction>\d{1,9}))?"
_SHORT_YEAR, _HALF = r"(?P<short_year>\d\d)", r"(?P<half>[AaPp][Mm])"
_GO: Final = (
    *(("January", _NAME), ("Jan", _NAME), ("Monday", _WEEKDAY), ("Mon", _WEEKDAY)),
    *(("MST", _ZONE_NAME), ("2006", _YEAR), ("Z07:00", _ZONE), ("-07:00", _ZONE)),
    *(("Z0700", _ZONE), ("-0700", _ZONE), ("01", _MONTH), ("02", _DAY), ("03", _HOUR)),
    *(("04", _MINUTE), ("05", _SECOND), ("06", _SHORT_YEAR), ("15", _HOUR), ("PM", _HALF)),
    *(("_2", _DAY), ("1", _MONTH), ("2", _DAY), ("3", _HOUR), ("4", _MINUTE), ("5", _SECOND)),
)
_DIRECTIVES: Final = {
    **dict.fromkeys("bBh", _NAME),
    **dict.fromkeys("aA", _WEEKDAY),
    "Y": _YEAR,
    "y": _SHORT_YEAR,
    "m": _MONTH,
    "d": _DAY,
    "e": _DAY,
    "H": _HOUR,
    "I": _HOUR,
    "M": _MINUTE,
    "S": _SECOND,
    "f": r"(?P<fraction>\d{1,9})",
    "z": _ZONE,
    "Z": _ZONE_NAME,
    "p": _HALF,
    "%": "%",
    "T": f"{_HOUR}:{_MINUTE}:{_SECOND}",
    "F": f"{_YEAR}-{_MONTH}-{_DAY}",
}
_FRACTION_IN_GO: Final = re.compile(r"[.,](?:0+|9+)(?!\d)")


class Layout:
    """Reads times of one layout."""

    def __init__(self, layout: str, location: str = "UTC") -> None:
        """Compile *layout*; ConfigError when it, or *location*, is none.

        Args:
            layout: As Go writes it, a name of Go's as ``RFC3339``, ``Epoch`` with ``Milli``,
                ``Micro`` or ``Nano``, or directives of strptime.
            location: Zone of times that say none, as ``Europe/Berlin``.
        """
        try:
            self._location: tzinfo = timezone.utc if location == "UTC" else ZoneInfo(location)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigError(
                f"timestamp_location: expected a zone as 'Europe/Berlin', got {location!r}"
            ) from None
        self._factor = _EPOCHS.get(layout, 0)
        self._last: tuple[str, int | None] = ("", None)
        layout = _NAMES.get(layout, layout)
        pattern = _from_strptime(layout) if "%" in layout else _from_go(layout)
        try:
            self._match: Callable[[str], re.Match[str] | None] = re.compile(pattern).fullmatch
        except re.error:  # the same part twice
            raise ConfigError(
                f"timestamp_layout: expected each part of a time once, got {layout!r}"
            ) from None
        has_time = bool(self._factor) or "(?P<" in pattern
        if not has_time:
            raise ConfigError(f"timestamp_layout: {layout!r} has no part of a time")

    def read(self, text: str) -> int | None:
        """Return nanoseconds since 1970; None when *text* is of another layout, or no time."""
        if text != self._last[0]:  # lines of one second have the same text
            self._last = (text, self._read(text.strip()))
        return self._last[1]

    def _read(self, text: str) -> int | None:
        if self._factor:
            try:
                whole, _, rest = text.partition(".")
                nanoseconds = int(whole) * self._factor
                part = int(rest[:9].ljust(9, "0") or "0") * self._factor // 10**9
                return nanoseconds + (-part if whole.startswith("-") else part)
            except ValueError:
                return None
        found = self._match(text)
        return None if found is None else self._time(found.groupdict())

    def _time(self, parts: dict[str, str | None]) -> int | None:
        try:
            when = self._moment(parts)
        except (ValueError, OverflowError):
            return None
        seconds = when - datetime(1970, 1, 1, tzinfo=timezone.utc)
        fraction = int((parts.get("fraction") or "0").ljust(9, "0"))
        return (seconds.days * 86_400 + seconds.seconds) * 1_000_000_000 + fraction

    def _moment(self, parts: dict[str, str | None]) -> datetime:
        month = int(parts.get("month") or 1)
        if name := parts.get("name"):
            month = 1 + next(
                (index for index, each in enumerate(_MONTHS) if each.startswith(name.lower())), 99
            )
        hour = int(parts.get("hour") or 0)
        if half := parts.get("half"):
            hour = hour % 12 + (12 if half.lower() == "pm" else 0)
        second = int(parts.get("second") or 0)
        leap = second == 60  # a leap second is the begin of the next one
        zone = _zone(parts.get("zone"), parts.get("zone_name")) or self._location
        year, is_guessed = self._year(parts)
        rest = (month, int(parts.get("day") or 1), hour, int(parts.get("minute") or 0))
        when = datetime(year, *rest, second - leap, tzinfo=zone)
        if is_guessed and when.timestamp() > time.time() + 86_400:
            when = when.replace(year=year - 1)  # written before New Year, read after it
        return when + timedelta(seconds=int(leap))

    def _year(self, parts: dict[str, str | None]) -> tuple[int, bool]:
        if year := parts.get("year"):
            return int(year), False
        if short := parts.get("short_year"):
            return int(short) + (2000 if int(short) < 69 else 1900), False
        return datetime.now(self._location).year, True


def _zone(offset: str | None, name: str | None) -> tzinfo | None:
    if offset == "Z" or name in ("UTC", "GMT"):
        return timezone.utc
    if offset:
        digits = offset[1:].replace(":", "")
        delta = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return timezone(-delta if offset[0] == "-" else delta)
    return None


def _from_strptime(layout: str) -> str:
    pieces = re.split(r"%(.)", layout)
    for name in pieces[1::2]:
        if name not in _DIRECTIVES:
            known = ", ".join(f"%{each}" for each in sorted(_DIRECTIVES))
            raise ConfigError(f"timestamp_layout: expected one of {known}, got %{name}")
    return "".join(
        _DIRECTIVES[piece] if index % 2 else re.escape(piece) for index, piece in enumerate(pieces)
    )


def _from_go(layout: str) -> str:
    pattern = ""
    has_fraction = False
    while layout:
        fraction = _FRACTION_IN_GO.match(layout)
        part = next((pair for pair in _GO if layout.startswith(pair[0])), None)
        if fraction is not None and pattern:
            pattern += _FRACTION
            has_fraction = True
            layout = layout[fraction.end() :]
        elif part is not None:
            pattern += part[1]
            # As in Go, a fraction may follow the seconds also where the layout has none.
            is_next = _FRACTION_IN_GO.match(layout[len(part[0]) :]) is not None
            if part[1] == _SECOND and not is_next and not has_fraction:
                pattern += _FRACTION
                has_fraction = True
            layout = layout[len(part[0]) :]
        else:
            pattern += re.escape(layout[0])
            layout = layout[1:]
    return pattern

"""Severities of RFC 5424, 0 to 7, with their names in Heka, metlog and syslog.

Whatever takes a severity takes its number, one of the constants here, or its name as text, in any
case. ``heka.Message`` and ``heka.pack`` take numbers only.
"""

from __future__ import annotations

from heka._core import SEVERITY_CHOICES, severities

EMERGENCY = EMERG = PANIC = 0
ALERT = 1
CRITICAL = CRIT = 2
ERROR = ERR = 3
WARNING = WARN = 4
NOTICE = 5
INFORMATIONAL = INFO = 6
DEBUG = 7

__all__ = [
    "ALERT",
    "CRIT",
    "CRITICAL",
    "DEBUG",
    "EMERG",
    "EMERGENCY",
    "ERR",
    "ERROR",
    "INFO",
    "INFORMATIONAL",
    "NOTICE",
    "PANIC",
    "WARN",
    "WARNING",
]

#: What an error text says about what was expected.
EXPECTED = f"a severity {SEVERITY_CHOICES}"


def severity_from(value: object) -> int | None:
    """Return the number of a severity given as number, digits or name; None for anything else.

    Digits are for configurations: text of files and environment variables.
    """
    if isinstance(value, str):
        text = value.strip()
        is_number = text.isascii() and text.isdecimal() and len(text) < 20
        number = int(text) if is_number else severities.get(text.lower())
    else:
        number = value if isinstance(value, int) and not isinstance(value, bool) else None
    return number if number is not None and 0 <= number <= 7 else None

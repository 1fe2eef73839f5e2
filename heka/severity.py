"""Severities of RFC 5424, 0 to 7, with their names in Heka, metlog and syslog."""

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

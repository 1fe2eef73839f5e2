"""Formats one event as a CEF line of at most 1,024 bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from heka.plugins.cef.escape import extension, header, key_of, size_of, text_of
from heka.plugins.cef.options import Device
from heka.plugins.cef.source import source_of, value_of

#: Longest line in bytes that every syslog accepts.
LINE_MAX = 1024

# Not strftime, which depends on the locale.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SEVERITIES = ("Unknown", "Low", "Medium", "High", "Very-High")


@dataclass(frozen=True, slots=True)
class Event:
    """One security event; values are not escaped yet.

    Attributes:
        device: The reporting device.
        signature, name, severity: The event in the header.
        standard: The extensions of every event, in order.
        extras: Extensions that the program adds.
    """

    device: Device
    signature: str
    name: str
    severity: str
    standard: dict[str, str]
    extras: dict[str, str]


def request_extensions(
    environ: Any, username: object, dialect: str, trusted_proxies: int | None
) -> dict[str, str]:
    """Return the standard extensions for a request."""
    return {
        "cs1Label": "requestClientApplication",
        "cs1": value_of(environ, "HTTP_USER_AGENT", "none"),
        "requestMethod": value_of(environ, "REQUEST_METHOD", ""),
        "request": value_of(environ, "PATH_INFO", ""),
        "src": source_of(environ, trusted_proxies),
        dialect: value_of(environ, "HTTP_HOST", "none"),
        "suser": text_of(username),
    }


def severity_of(value: object) -> str:
    """Return a severity in the form of the header.

    Raises:
        ValueError: It is neither 0 to 10 nor a word of the format.
    """
    text = text_of(value).strip()
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if is_number or isinstance(value, str):
        if text in _SEVERITIES:
            return text
        if text.isascii() and text.isdigit() and len(text) <= 2 and int(text) <= 10:
            return str(int(text))
    raise ValueError(
        f"severity: expected 0 to 10 or one of {', '.join(_SEVERITIES)}, got {text[:50]!r}"
    )


def extra_extensions(extras: Mapping[str, object], report: Callable[[str], None]) -> dict[str, str]:
    """Return the program's extensions with valid keys, and values as text."""
    found: dict[str, str] = {}
    for name, value in extras.items():
        key = key_of(name)
        if key != name:
            report(f'The "{name}" key contains illegal characters; it is sent as "{key}"')
            while key in found or key in extras:
                key += "_"
        found[key] = text_of(value)
    return found


def line_of(
    event: Event, hostname: str, now: time.struct_time, report: Callable[[str], None]
) -> str:
    """Return *event* as text; call *report* with what did not fit."""
    start = f"{_MONTHS[now.tm_mon - 1]} {now.tm_mday:02} "
    start += f"{now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02}"

    def base(most: int | None) -> str:
        device = event.device
        head = "|".join(
            header(text, most)
            for text in (
                *(device.version, device.vendor, device.product, device.device_version),
                *(event.signature, event.name, event.severity),
            )
        )
        tail = " ".join(f"{key}={extension(text, most)}" for key, text in event.standard.items())
        host = header(hostname, most).replace(" ", "-")
        return f"{start} {host} CEF:{head}|{tail}"

    line = base(None) if _is_short(event) else base(LINE_MAX)
    if size_of(line) > LINE_MAX:
        # All long values get the same limit, so that none displaces another.
        low, high = 0, LINE_MAX
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if size_of(base(middle)) <= LINE_MAX else (low, middle)
        line = base(low)
        report(f"CEF Message too big: values of more than {low} bytes are cut")
    return _with_extras(line, event.extras, report)


def _is_short(event: Event) -> bool:
    """Return whether every value is short enough to be escaped whole."""
    values = (event.signature, event.name, *event.standard.values())
    return all([len(text) <= LINE_MAX for text in values])


def _with_extras(line: str, extras: dict[str, str], report: Callable[[str], None]) -> str:
    """Add *extras*, smallest first, up to the first that does not fit."""
    order = sorted(extras, key=lambda key: (size_of(extras[key]), len(key), key))
    left = LINE_MAX - size_of(line)
    parts = [line]
    for position, key in enumerate(order):
        # Escaping never shortens a value.
        part = f" {key}={extension(extras[key])}" if len(extras[key]) <= left else ""
        left -= size_of(part)
        if not part or left < 0:
            names = ", ".join(order[position:])
            report(f"CEF Message too big. Without the extensions that did not fit: {names}")
            break
        parts.append(part)
    return "".join(parts)

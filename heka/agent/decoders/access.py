"""NginxAccessDecoder and ApacheAccessDecoder: access logs, by the log_format of the server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka._core import Regex
from heka.agent.decoders.text import GroupsDecoder
from heka.agent.decoders.times import Layout
from heka.agent.options import REQUIRED, option
from heka.exceptions import ConfigError
from heka.message import Field, Message

if TYPE_CHECKING:
    from heka.agent.world import World

__all__ = ["ApacheAccessDecoder", "ApacheAccessOptions", "NginxAccessDecoder", "NginxAccessOptions"]

_COMBINED: Final = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent"'
)
_NO_MATCH: Final = "the line is of another log_format"
_TIMES: Final = {
    "time_local": "%d/%b/%Y:%H:%M:%S %z",
    "time_iso8601": "2006-01-02T15:04:05Z07:00",
    "msec": "Epoch",
}
#: Unit of the values that are numbers.
_UNITS: Final = {
    **dict.fromkeys(("body_bytes_sent", "bytes_sent", "request_length"), "B"),
    **dict.fromkeys(("request_time", "upstream_response_time", "upstream_connect_time"), "s"),
    "request_time_us": "us",
}
_WHOLE: Final = frozenset({"status", "connection", "connection_requests", "pid", "remote_port"})
_NUMBER: Final = re.compile(r"-?\d{1,18}(\.\d{1,9})?")
_ESCAPED: Final = re.compile(rb"\\x([0-9A-Fa-f]{2})|\\([\"\\nrt])")
_NAMED: Final = {b'"': b'"', b"\\": b"\\", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_IPV4: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_ADDRESSES: Final = frozenset({"remote_addr", "realip_remote_addr", "server_addr"})

#: Apache's directives, and the name of the same value in nginx.
_APACHE: Final = {
    "h": "remote_addr",
    "a": "remote_addr",
    "l": "remote_ident",
    "u": "remote_user",
    "t": "time_local",
    "r": "request",
    "s": "status",
    "b": "body_bytes_sent",
    "B": "body_bytes_sent",
    "O": "bytes_sent",
    "I": "request_length",
    "D": "request_time_us",
    "T": "request_time",
    "m": "request_method",
    "U": "uri",
    "q": "args",
    "H": "server_protocol",
    "v": "server_name",
    "V": "host",
    "p": "server_port",
    "P": "pid",
    "X": "connection_status",
    "k": "connection_requests",
    "f": "request_filename",
    "A": "server_addr",
}
_APACHE_FORMATS: Final = {
    "common": '%h %l %u %t "%r" %>s %b',
    "combined": '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"',
    "vhost_combined": '%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"',
}
_DIRECTIVE: Final = re.compile(r"%[<>!0-9,]*(?:\{([^}]*)\})?(\^?[A-Za-z]{1,2}|%)")
_VARIABLE: Final = re.compile(r"\$(?:([A-Za-z0-9_]+)|\{([A-Za-z0-9_]+)\})")


@dataclass(frozen=True)
class NginxAccessOptions:
    """Options of ``NginxAccessDecoder``: those of hekad's nginx_access.lua."""

    log_format: str = option(_COMBINED, "text", "As nginx' log_format says it.")
    message_type: str = option("", "text", "Type of the messages; else they keep theirs.")
    payload_keep: bool = option(False, "boolean", "Keep the line as Payload.")

    def __post_init__(self) -> None:
        """Check the format; ConfigError."""
        _regex_of(_nginx_parts(self.log_format))


@dataclass(frozen=True)
class ApacheAccessOptions:
    """Options of ``ApacheAccessDecoder``: those of hekad's apache_access.lua."""

    log_format: str = option(
        REQUIRED, "text", "As Apache's LogFormat says it, or common, combined, vhost_combined."
    )
    message_type: str = option("", "text", "Type of the messages; else they keep theirs.")
    payload_keep: bool = option(False, "boolean", "Keep the line as Payload.")

    def __post_init__(self) -> None:
        """Check the format; ConfigError."""
        _regex_of(_apache_parts(self.log_format))


class _AccessDecoder(GroupsDecoder):
    """What both have in common."""

    def __init__(self, parts: list[tuple[str, str]], message_type: str, payload_keep: bool) -> None:
        super().__init__(_regex_of(parts))
        self._names = [name for name, _ in parts if name]
        self._type = message_type
        self._keep = payload_keep
        self._layouts = {name: Layout(layout) for name, layout in _TIMES.items()}

    def apply(self, message: Message, found: tuple[str | None, ...] | None) -> str:
        """Set the values as fields."""
        if found is None:
            return _NO_MATCH
        fields = dict(message.fields)
        for name, text in zip(self._names, found, strict=True):
            if not text or text == "-":
                continue
            layout = self._layouts.get(name)
            if layout is None:
                fields[name] = _value(name, text)
                continue
            nanoseconds = layout.read(text.strip("[]"))
            if nanoseconds is None:
                return f"{name} is no time: {text[:50]!r}"
            message.timestamp = nanoseconds
        message.fields = fields
        if self._type:
            message.type = self._type
        if not self._keep:
            message.payload = ""
        return ""


class NginxAccessDecoder(_AccessDecoder):
    """Reads lines of nginx' access log, by its log_format: fields named like the variables.

    Numbers are numbers, with their unit; ``-`` is no value. ``$time_local``, ``$time_iso8601`` and
    ``$msec`` are the Timestamp.
    """

    Options: ClassVar[type] = NginxAccessOptions

    def __init__(self, name: str, options: NginxAccessOptions, world: World) -> None:
        """Compile the format."""
        parts = list(_nginx_parts(options.log_format))
        super().__init__(parts, options.message_type, options.payload_keep)


class ApacheAccessDecoder(_AccessDecoder):
    """Reads lines of Apache's access log, by its LogFormat, into fields named as nginx does."""

    Options: ClassVar[type] = ApacheAccessOptions

    def __init__(self, name: str, options: ApacheAccessOptions, world: World) -> None:
        """Compile the format."""
        parts = list(_apache_parts(options.log_format))
        super().__init__(parts, options.message_type, options.payload_keep)


# ---- formats ------------------------------------------------------------------------------------


def _nginx_parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield ("", literal) and (variable, "") of a log_format."""
    at = 0
    for found in _VARIABLE.finditer(text):
        if found.start() > at:
            yield "", text[at : found.start()]
        yield found[1] or found[2], ""
        at = found.end()
    if at < len(text):
        yield "", text[at:]


def _apache_parts(text: str) -> Iterator[tuple[str, str]]:
    text = _APACHE_FORMATS.get(text, text).replace('\\"', '"')
    at = 0
    for found in _DIRECTIVE.finditer(text):
        if found.start() > at:
            yield "", text[at : found.start()]
        yield _apache_name(found[2], found[1]) if found[2] != "%" else ("", "%")
        at = found.end()
    rest = text[at:]
    if "%" in rest:
        raise ConfigError(f"log_format: expected a directive of Apache, got {rest[:20]!r}")
    if rest:
        yield "", rest


def _apache_name(directive: str, argument: str | None) -> tuple[str, str]:
    if argument and directive in ("i", "o", "e", "C", "n"):
        kind = {"i": "http", "o": "sent_http", "e": "env", "C": "cookie", "n": "note"}[directive]
        return f"{kind}_{re.sub('[^a-z0-9]', '_', argument.lower())}", ""
    name = _APACHE.get(directive)
    if name is None or (directive == "t" and argument):
        raise ConfigError(
            f"log_format: expected one of {', '.join(f'%{each}' for each in _APACHE)}, got "
            f"%{'{' + argument + '}' if argument else ''}{directive}"
        )
    return name, ""


def _regex_of(parts: Iterable[tuple[str, str]]) -> Regex:
    """Return an expression with a group for each variable; ConfigError without a variable."""
    pieces = list(parts)
    names = [name for name, _ in pieces if name]
    if not names:
        raise ConfigError("log_format: expected at least one variable, got none")
    pattern = "^"
    for index, (name, literal) in enumerate(pieces):
        if not name:
            pattern += _quoted(literal)
            continue
        following = pieces[index + 1][1] if index + 1 < len(pieces) else ""
        if name == "time_local":
            values = r"\[?[^\]\"]+\]?" if following[:1] != "]" else r"[^\]]+"
        elif not following:
            values = ".*" if index + 1 == len(pieces) else r"[^\s\"]*"
        else:
            values = f"[^{_quoted(following[0])}]*"
        pattern += f"(?P<g{index}>{values})"
    return Regex(pattern + "$")


def _quoted(text: str) -> str:
    """Return *text* as a regular expression for itself, in RE2's syntax."""
    return re.sub(r"([^A-Za-z0-9_ ])", r"\\\1", text) if text.isascii() else text


# ---- values -------------------------------------------------------------------------------------


def _value(name: str, text: str) -> Any:
    """Return the value of a variable: a number where it is one, else text without escapes."""
    unit = _UNITS.get(name)
    if (unit or name in _WHOLE) and _NUMBER.fullmatch(text):
        number = float(text) if "." in text or unit == "s" else int(text)
        return Field(number, unit) if unit else number
    if "\\" in text:
        # Two escapes may be the bytes of one character; what is no character becomes U+FFFD.
        raw = _ESCAPED.sub(_unescaped, text.encode())
        text = raw.decode("utf-8", "replace")
    if name in _ADDRESSES:
        if _IPV4.fullmatch(text):
            return Field(text, "ipv4")
        return Field(text, "ipv6") if ":" in text else text
    return text


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)]) if found[1] else _NAMED[found[2]]

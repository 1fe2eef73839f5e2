"""A message as a block of text.

    2026-03-01T14:02:11.123+01:00  ERROR      checkout.failed
      signed by ops v1 · tcp 127.0.0.1:40112 · logger shop · host web-3 · pid 4211
      │ Traceback (most recent call last):
      │   File "shop.py", line 12, in pay
      │ ValueError: card expired
      amount  = 12.5 EUR          double
      items   = "hat", "gloves"   string[2]

A message cannot imitate another block: its text is escaped (``escape``), each line of a payload
starts with a bar, values are in quotes, and in the second line what the receiver itself knows comes
before what the message claims. On a terminal, long lines are wrapped here, so that their
continuation is indented too. Knows no sockets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from heka._display import values
from heka._display.escape import ELLIPSIS, counted, display_width, shortened, visible
from heka._display.style import PLAIN, Style, fold
from heka.message import Field, Message

# Limits of what is shown, so that no message fills the screen; --json shows everything.
PAYLOAD_CHARACTERS: Final = 4_000
PAYLOAD_LINES: Final = 30
FIELDS: Final = 60
VALUES: Final = 12  # of one field
VALUE_CHARACTERS: Final = 240  # of one string, and of all values of one field
NAME_CHARACTERS: Final = 100  # of a type, logger, host, signer, field name, unit

_SEVERITY_COLUMNS: Final = max(map(len, values.SEVERITIES))
_NAME_COLUMNS: Final = 24  # longer names do not widen the column
_VALUE_COLUMNS: Final = 44  # longer values do not widen the column
_SEVERITY_STYLES: Final = (
    "fatal",
    "fatal",
    "fatal",
    "bad",
    "warn",
    "notice",
    "info",
    "dim",
)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_INDENT: Final = "  "


def render(
    message: Message,
    *,
    signer: str | None = None,
    signer_version: int | None = None,
    checked: bool | None = False,
    origin: str = "",
    style: Style = PLAIN,
) -> str:
    """Return *message* as a block of lines, each with its newline, without empty lines around it.

    Args:
        message: A decoded message: its fields are ``Field`` objects.
        signer: Name of the verified signer; None: unsigned or not verified.
        signer_version: The version of the signer's key.
        checked: Whether signatures were verified; if not, the block says "not verified" and never
            "unsigned". None: it says neither, for a message of this process.
        origin: Where the message came from, as the receiver names it.
        style: Colours and glyphs; plain by default.
    """
    bar = f"{_INDENT}{style.paint('dim', style.bar)} "
    lines = [(_headline(message, style), _INDENT * 2)]
    second = _origin_line(message, signer, signer_version, checked, origin, style)
    if second:
        lines.append((_INDENT + second, _INDENT * 2))
    lines += ((bar + line, bar) for line in _payload(message.payload, style))
    lines += ((_INDENT + line, _INDENT * 3) for line in _fields(message.fields, style))
    columns = style.columns()
    encoded = ((style.encodable(line).rstrip(" "), style.encodable(lead)) for line, lead in lines)
    return "".join(
        f"{line if columns is None else fold(line, columns, lead)}\n" for line, lead in encoded
    )


def _headline(message: Message, style: Style) -> str:
    severity = message.severity
    colour = _SEVERITY_STYLES[severity] if 0 <= severity < len(_SEVERITY_STYLES) else "warn"
    kind = _short_text(message.type, style)
    return "  ".join(
        (
            style.paint("dim", values.local_time(message.timestamp)),
            style.paint(colour, values.severity_name(severity).ljust(_SEVERITY_COLUMNS)),
            style.paint("strong", kind) if kind else style.paint("dim", "(no type)"),
        )
    )


def _origin_line(
    message: Message,
    signer: str | None,
    signer_version: int | None,
    checked: bool | None,
    origin: str,
    style: Style,
) -> str:
    parts = []
    if signer is not None:
        name = _short_text(signer, PLAIN)
        parts.append(style.paint("good", f"signed by {name} v{signer_version}"))
    elif checked is not None:
        parts.append(style.paint("dim", "unsigned" if checked else "not verified"))
    if origin:
        parts.append(style.paint("dim", visible(origin)))
    for label, value in (
        ("logger", message.logger),
        ("host", message.hostname),
        ("pid", str(message.pid) if message.pid else ""),
    ):
        if value:
            parts.append(f"{style.paint('dim', label)} {_short_text(value, style)}")
    return style.paint("dim", f" {style.dot} ").join(parts)


def _payload(payload: str, style: Style) -> Iterator[str]:
    if not payload:
        return
    lines = payload[:PAYLOAD_CHARACTERS].split("\n")
    shown = lines[:PAYLOAD_LINES]
    left = len(payload) - sum(map(len, shown)) - (len(shown) - 1)
    if left == 1 and payload.endswith("\n"):  # most payloads end with a newline: not shown
        left = 0
    if shown[-1] == "" and len(shown) > 1 and not left:
        shown.pop()
    for line in shown:
        yield _text(line, style)
    if left:
        yield style.paint("dim", f"{ELLIPSIS} +{left:,} of {counted(len(payload), 'character')}")


def _fields(fields: Mapping[str, Field], style: Style) -> Iterator[str]:
    rows = []
    for name, field in list(fields.items())[:FIELDS]:
        label, width = _name(name, style), display_width(_name(name, PLAIN))
        value, value_width = _value_list(field, style)
        rows.append((label, width, value, value_width, _type(field)))
    name_column = max((row[1] for row in rows if row[1] <= _NAME_COLUMNS), default=0)
    value_column = max((row[3] for row in rows if row[3] <= _VALUE_COLUMNS), default=0)
    for label, width, value, value_width, kind in rows:
        yield "".join(
            (
                label + " " * max(name_column - width, 0),
                style.paint("dim", " = "),
                value + " " * max(value_column - value_width, 0),
                "  ",
                style.paint("dim", kind),
            )
        )
    if len(fields) > FIELDS:
        yield style.paint("dim", f"{ELLIPSIS} +{counted(len(fields) - FIELDS, 'field')}")


def _name(name: str, style: Style) -> str:
    """Return a field's name, in quotes when it has other characters than ordinary names."""
    if _PLAIN_NAME.fullmatch(name):
        return shortened(name, NAME_CHARACTERS)
    return f'"{_text(shortened(name, NAME_CHARACTERS), style, quoted=True)}"'


def _type(field: Field) -> str:
    name = values.type_name(field)
    return name if len(field) == 1 else f"{name}[{len(field):,}]"


def _value_list(field: Field, style: Style) -> tuple[str, int]:
    """Return the styled values and unit, and their width in columns."""
    found = values.values_of(field)
    plain: list[str] = []
    styled: list[str] = []
    length = 0
    for value in found[:VALUES]:
        if plain and length > VALUE_CHARACTERS:
            break
        plain.append(_value(value, PLAIN))
        styled.append(_value(value, style))
        length += len(plain[-1])
    text, width = ", ".join(styled), display_width(", ".join(plain))
    if not found:
        text = style.paint("dim", "(no value)")
        width = len("(no value)")
    elif len(plain) < len(found):
        more = f", {ELLIPSIS} +{len(found) - len(plain):,}"
        text += style.paint("dim", more)
        width += len(more)
    if field.representation:
        unit = _short_text(field.representation, PLAIN)
        text += " " + style.paint("unit", unit)
        width += 1 + display_width(unit)
    return text, width


def _value(value: values.Value, style: Style) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if len(value) <= VALUE_CHARACTERS:
            return f'"{_text(value, style, quoted=True)}"'
        head = _text(value[:VALUE_CHARACTERS], style, quoted=True)
        rest = counted(len(value) - VALUE_CHARACTERS, "character")
        return f'"{head}"{style.paint("dim", f"{ELLIPSIS} +{rest}")}'
    if isinstance(value, bytes):
        head = value[: VALUE_CHARACTERS // 4].hex(" ", -4)
        left = len(value) - VALUE_CHARACTERS // 4
        tail = f"{ELLIPSIS} +{counted(left, 'byte')}" if left > 0 else ""
        return f"0x{head}{style.paint('dim', tail)}" if value else "0x"
    return repr(value)


def _short_text(text: str, style: Style) -> str:
    return _text(shortened(text, NAME_CHARACTERS), style)


def _text(text: str, style: Style, *, quoted: bool = False) -> str:
    return visible(text, quoted=quoted, mark=lambda run: style.paint("escape", run))

"""Finds secrets in XML and HTML, and in objects that pair a name with a value."""

from __future__ import annotations

import re
from collections.abc import Iterator

from heka._secrets.names import is_secret_text
from heka._secrets.pattern import Pattern
from heka._secrets.values import QUOTE, Found, is_harmless, value_at

_TAG = Pattern(
    r"(?:<|&lt;|\\u003c)(?P<n>(?:[\w.-]{1,60}:)?[\w.-]{1,60})"
    r"(?P<a>(?:\s[^<>&]{0,500})?)(?P<c>>|&gt;|\\u003e)",
    re.I,
)
_SIGN = Pattern(r"<|&lt;|\\u003c", re.I)
_ATTRIBUTE = Pattern(r"\b(?:name|key|id)\s{0,3}=\s{0,3}\\{0,32}[\"'](?P<n>[\w.-]{1,60})")
#: A property list: <key>password</key><string>x</string>.
_PLIST = Pattern(r"<key>(?P<n>[\w.-]{1,60})</key>\s{0,40}<(?:string|data)>(?P<v>[^<]+)", re.I)
_CDATA = "<![CDATA["
#: {"name": "password", "value": "x"}, - name: PASSWORD\n  value: x, <add key="pw" value="x"/>
_NAME_AND_VALUE = Pattern(
    rf"\b(?:name|key|field|header|option|param)(?:{QUOTE})?\s{{0,5}}[=:]\s{{0,5}}b?(?:{QUOTE})?"
    rf"(?P<n>[\w.-]{{2,60}})(?:{QUOTE})?(?:[\s,;]|\\{{1,32}}n){{1,40}}[b-]?(?:{QUOTE})?"
    rf"(?:value|val|content)(?:{QUOTE})?\s{{0,5}}[=:]\s{{0,5}}",
    re.I,
)


def secrets_in(text: str, lower: str) -> Iterator[Found]:
    """Yield the secrets in *text*; *lower* is the same in lower case."""
    if ">" in text or "&gt;" in lower or "u003e" in lower:
        yield from _in_elements(text)
        for match in _PLIST.finditer(text):
            if is_secret_text(match["n"]):
                yield Found(*match.span("v"), (match["v"],))
    if "val" in lower or "content" in lower:
        for match in _NAME_AND_VALUE.finditer(text):
            if is_secret_text(match["n"]):
                found = value_at(text, match.end())
                if found is not None:
                    yield found


def _in_elements(text: str) -> Iterator[Found]:
    unclosed: set[str] = set()
    at = 0
    while True:
        match = _TAG.search(text, at)
        if match is None:
            return
        at = match.end()
        attribute = _ATTRIBUTE.search(match["a"])
        name = match["n"]
        is_secret = is_secret_text(name.rpartition(":")[2]) or (
            attribute is not None and is_secret_text(attribute["n"])
        )
        if not is_secret or match["a"].endswith("/"):
            continue
        end = _end_of_element(text, at, name, unclosed)
        start = at
        if text.startswith(_CDATA, start):
            start += len(_CDATA)
        value = text[start:end].removesuffix("]]>")
        at = end
        if not is_harmless(value):
            words = () if "<" in value else (value.strip(),)
            yield Found(start, start + len(value), words)


def _end_of_element(text: str, at: int, name: str, unclosed: set[str]) -> int:
    """Return the end of the element *name*, or of its text if it is never closed."""
    if name not in unclosed:
        found = re.compile(rf"(?:<|&lt;|\\u003c)\\?/{re.escape(name)}\b", re.I).search(text, at)
        if found is not None:
            return found.start()
        unclosed.add(name)  # then no later one of that name is closed either
    sign = _SIGN.search(text, at)
    return len(text) if sign is None else sign.start()

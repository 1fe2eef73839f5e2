"""Finds passwords in URLs and tokens of known services."""

from __future__ import annotations

import re
from collections.abc import Iterator

from heka._secrets.pattern import Pattern
from heka._secrets.values import Found

#: From :// to a blank, a quotation mark, or the next ://.
_REGION = Pattern(
    r":\\{0,32}/\\{0,32}/(?P<r>[^\s\"'<>`:]*(?::(?!\\{0,32}/\\{0,32}/)[^\s\"'<>`:]*)*)"
)
_SIMPLE = Pattern(r"[^/?#\s:@]{0,200}:(?P<v>[^/?#\s@]+)@")
_PORT_AND_PATH = Pattern(r"\d{1,5}[/?#]")
_PORT = Pattern(r"\d{1,5}(?:[/?#,]|\Z)")
#: The same within a query string.
_ESCAPED = Pattern(r"%3A%2F%2F[^\s&:@/%]{0,200}(?:%3A|:)(?P<v>[^\s&\"'<>/]{1,500})(?:%40|@)", re.I)
_DRIVER = Pattern(r"@(?:tcp6?|unix)\(")
_NETLOC = Pattern(
    r"\b(?:netloc|authority|userinfo)=\\{0,32}['\"](?P<u>[^'\":]{0,200}):(?P<v>[^'\"]{1,500})@"
)
_END_OF_WORD = Pattern(r"[\s\"'`]")
_SERVICES = Pattern(
    r"(?<![\w-])(?P<v>eyJ[\w-]{8,8192}\.[\w-]{8,8192}\.[\w-]{0,8192}"
    r"|gh[pousr]_\w{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,255}|xox[abeprs]-[\w-]{10,255}"
    r"|[sr]k_(?:live|test)_\w{10,255}|sk-(?:proj-|ant-)?[\w-]{20,255}|AIza[\w-]{30,60}"
    r"|hvs\.[\w-]{20,255}|npm_\w{30,60}|pypi-[\w-]{30,255}|SG\.[\w-]{16,64}\.[\w-]{16,64})"
)


def in_urls(text: str, lower: str) -> Iterator[Found]:
    """Yield the passwords of URLs in *text*, which has an @; *lower* is the same in lower case."""
    if ":" in text:
        yield from _in_urls(text)
        for at in _DRIVER.finditer(text):
            start = max(0, at.start() - 300)
            words = _END_OF_WORD.split(text[start : at.start()])
            user, colon, password = words[-1].partition(":")
            if colon and password and "/" not in user:
                yield Found(at.start() - len(password), at.start(), (password,))
        if "netloc" in lower or "userinfo" in lower or "authority" in lower:
            for match in _NETLOC.finditer(text):
                yield Found(*match.span("v"), (match["v"],))


def of_services(text: str) -> Iterator[Found]:
    """Yield tokens of known services, and passwords of URLs within a query string."""
    if "%" in text:
        for match in _ESCAPED.finditer(text):
            yield Found(*match.span("v"), (match["v"],))
    for match in _SERVICES.finditer(text):
        value = match["v"]
        # Tokens contain digits; "sk-" and words are an ordinary name.
        if any(sign.isdigit() for sign in value) or value.startswith("eyJ"):
            yield Found(*match.span("v"), (value,))


def _in_urls(text: str) -> Iterator[Found]:
    for match in _REGION.finditer(text):
        region, start = match["r"], match.start("r")
        at = region.rfind("@")
        if at < 0:
            # Either there is no password, or it contains a quotation mark.
            simple = _SIMPLE.match(text, start)
            if simple is not None and _PORT.match(simple["v"]) is None:
                yield Found(*simple.span("v"), (simple["v"],))
            continue
        # A user may be a mail address; the host follows the last @.
        user, colon, password = region[:at].partition(":")
        if not colon or not password or set(user) & set("/?#["):
            continue
        if _PORT_AND_PATH.match(password) is not None:  # a port, and a path that holds an @
            continue
        begin = start + len(user) + 1
        yield Found(begin, begin + len(password), (password,))

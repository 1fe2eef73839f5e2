"""Finds secrets in text: after their names, in headers, and by their own shape.

One set of rules covers reprs, JSON, YAML, query strings, logs and source lines, because each occurs
within the others. A rule finds a name and an operator; ``values.py`` finds the end of the value.
"""

from __future__ import annotations

import base64
import binascii
import re
import string
from collections.abc import Iterable, Iterator

from heka._secrets import addresses, commands, markup
from heka._secrets.names import is_secret_text
from heka._secrets.pattern import Pattern
from heka._secrets.values import (
    QUOTE,
    Found,
    balanced,
    block_at,
    end_of_quoted,
    is_prose,
    literals,
    quoted,
    value_at,
)

#: Replaces a secret.
MASK = "********"

#: Candidates: parts of the names of secrets; then the whole name is checked.
_WORD = (
    r"(?:pass|pwd|pw|pin|otp|secret|token|cookie|credential|authori[sz]ation|auth|sess|sid|jwt"
    r"|cvv|cvc|bearer|[xc]srf|signature|symfony|key|forwarded[_-]for|real[_-]ip|remote[_-]addr"
    r"|ip[_-]address|[?&]sig(?==))"
)
_CLOSING = rf"(?:{QUOTE}|%5D)?[\])]{{0,2}}"
_BLANKS = r"[ \t]{0,10}"
_NAMED = Pattern(
    rf"(?P<core>{_WORD})[\w.-]{{0,40}}(?P<close>{_CLOSING})"
    rf"{_BLANKS}(?:\n[ \t]{{0,40}}(?=:))?(?P<op>===?|!=|:=|=>|->|=|:(?!//)|%3[ADad]|,){_BLANKS}",
    re.I,
)
#: The same in source lines, where an annotation may come before the equals sign.
_NAMED_IN_SOURCE = Pattern(
    rf"(?P<core>{_WORD})[\w.-]{{0,40}}(?P<close>{_CLOSING}){_BLANKS}"
    rf"(?P<op>:{_BLANKS}[\w.|\[\], ]{{1,40}}=(?!=)|===?|!=|:=|=(?!=)|:|,){_BLANKS}",
    re.I,
)
_NAME_SIGNS = f"{string.ascii_letters}{string.digits}_.$-"
#: Every text with a secret contains one of these characters, except for _UNMARKED.
_MARKS = Pattern(r"[=:>'\"%@&-]")
_UNMARKED = (
    *("basic", "bearer", "digest", "negotiate", "ntlm", "login", "eyj", "hvs.", "sg."),
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_", "k_live", "k_test", "npm_"),
)
#: It also contains one of these, in lower case; this check is faster than the patterns.
_PARTS = (
    *("pass", "pw", "pin", "otp", "secret", "token", "cookie", "cred", "auth", "sess", "sid"),
    *("jwt", "cvv", "cvc", "bearer", "srf", "signature", "symfony", "key", "forwarded", "real"),
    *(
        "addr",
        "sig=",
        "basic",
        "digest",
        "negotiate",
        "ntlm",
        "login",
        "identified",
        "mysql",
        "maria",
    ),
    *("redis", "-u", "netloc", "userinfo", "%3a%2f", "eyj", "ghp_", "gho_", "ghu_", "ghs_"),
    *("ghr_", "github_", "glpat", "xox", "k_live", "k_test", "sk-", "aiza", "hvs.", "npm_"),
    *("pypi-", "sg."),
)
_ENTRY = Pattern(rf"(?P<before>[(\[])[ \t]*[a-z]{{0,2}}{QUOTE}?\Z", re.I)
_LINE_START = Pattern(r"(?:^|[\n;{\"']|\\n)[ \t]*(?:[-#*$][ \t]*|export[ \t]+)?(?:[\w.-]*)\Z")
#: A bracket, or the call of a class.
_CONSTRUCTOR = Pattern(r"(?:[\w.]{0,100}\.)?(?:[A-Z]\w{0,60})?(?=[(\[{])")
#: Names of headers whose value is the rest of the line.
_COOKIES = Pattern(r"cookie2?\Z", re.I)
_AUTHORIZATION = Pattern(r"authori[sz]ation\Z", re.I)
_FORWARDED = Pattern(r"forwarded[_-]for\Z", re.I)
_SCHEME = Pattern(r"(?P<scheme>[A-Za-z][\w-]{0,30})[ \t]+(?=[^\s,;])")
_PARAMETER = Pattern(r"[^\n]{0,200}?(?:\w\s{0,2}=\\{0,32}\"|[\w,;]\s{0,2}\w+=\S)")
_COOKIE = Pattern(r"(?P<n>[^\s=;,]{1,100})=(?P<v>[^;\s]+)")
_MARK = Pattern(r"\\+[\"']?|[\"']")
_ANCHOR = Pattern(r"(?:[&!][^\s,]{0,60}[ \t]{1,5}){1,2}")
#: Characters of a header's line.
_LONGEST_LINE = 8192
#: Attributes of Set-Cookie whose values are no secrets.
_ATTRIBUTES = frozenset({"path", "domain", "expires", "max-age", "samesite", "version", "comment"})
_BARE = Pattern(
    r"\b(?P<scheme>basic|bearer|digest|negotiate|ntlm)[ \t]{1,5}"
    r"(?P<v>[\w.~+/-]{2,}={0,2}(?![\w=]))",
    re.I,
)
_WORD_ONLY = Pattern(r"[A-Za-z]?[a-z-]+[.]?\Z|[A-Z]+\Z")
_PEM = Pattern(r"-----? ?BEGIN (?:[A-Z0-9]{1,20} ){0,4}?(?:PRIVATE )?KEY(?: BLOCK)? ?-----?")
_END_OF_PEM = Pattern(r"-----? ?END ")
_PUBLIC = ("PUBLIC", "CERTIFICATE")


def secrets_in(text: str, *, source: bool = False) -> list[Found]:
    """Return the secrets in *text*, unordered; they may overlap.

    Args:
        text: Any text.
        source: *text* is a source line: ``password = ask()`` contains no secret.
    """
    if text.isalnum():
        return []
    lower = text.lower()
    for part in _PARTS if _MARKS.search(text) is not None else _UNMARKED:
        if part in lower:
            break
    else:  # most texts
        return list(addresses.in_urls(text, lower)) if "@" in text else []
    found = list(_behind_names(text, source))
    if not source:
        found += commands.secrets_in(text, lower)
        found += markup.secrets_in(text, lower)
        found += _bare_headers(text)
    else:
        found += commands.in_sql(text, lower)
        found += _in_literals(text)
    if "begin " in lower:
        found += _pem_keys(text)
    if "@" in text:
        found += addresses.in_urls(text, lower)
    found += addresses.of_services(text)
    return found


def masked(text: str) -> str:
    """Return *text* with its secrets masked, also where they occur again."""
    found = secrets_in(text)
    if not found:
        return text
    clean = cover(text, ((one.start, one.end) for one in found))
    again = {value for one in found for value in one.texts if 6 <= len(value) <= 2048}
    for value in sorted(again, key=len, reverse=True)[:100]:
        clean = clean.replace(value, MASK)
    return clean


def cover(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return *text* with each of *spans* masked; overlapping spans share a mask."""
    pieces: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if end <= at:
            continue
        if start >= at:
            pieces += [text[at:start], MASK]
        at = end
    return "".join([*pieces, text[at:]])


# ---- behind a name ------------------------------------------------------------------------------


def _behind_names(text: str, source: bool) -> Iterator[Found]:
    pattern = _NAMED_IN_SOURCE if source else _NAMED
    at = 0
    while True:
        match = pattern.search(text, at)
        if match is None:
            return
        at = match.end()
        name_at, name = _name_of(text, match)
        if not (is_secret_text(name) or match["core"][0] in "?&"):
            at = max(match.end("core"), match.start("op"))
            continue
        op = match["op"]
        if op == ",":
            found = _second_of_pair(text, name_at, name, match)
        elif source:
            yield from (in_source := list(_in_source(text, at)))
            at = max([at, *(one.end for one in in_source)])
            continue
        else:
            found = _value(text, at, name_at, name, op, match["close"])
        if found is None:
            # Search from the value on, which may be the next name.
            at = match.end("op")
            continue
        yield found
        at = found.end


def _name_of(text: str, match: re.Match[str]) -> tuple[int, str]:
    """Return position and text of the whole name around the candidate of *match*."""
    first = max(0, match.start() - 60)
    core_at = match.start() + (match["core"][0] in "?&")
    begin = first + len(text[first:core_at].rstrip(_NAME_SIGNS))
    # The letter of an escape is not part of the name: "\npassword".
    if begin > 0 and text[begin - 1] == "\\" and text[begin] in "nrt" and begin < core_at:
        begin += 1
    return begin, text[begin : match.start("close")].strip(".-")


def _value(text: str, at: int, name_at: int, name: str, op: str, closing: str) -> Found | None:
    if op == ":":
        header = _header(text, at, name_at, name)
        if header is not None:
            return header
    if op in ("==", "===", "!=") and quoted(text, at) is None:
        return None
    if op == "->" and closing[-1:] in (")", "]"):  # the type that a function returns
        return None
    before = text[max(0, name_at - 40) : name_at]
    before = f".{before}" if name_at > 40 else before  # the middle of a line
    is_first = _LINE_START.search(before) is not None
    if op == ":" and text[at : at + 1] in ("&", "!"):  # an anchor or a tag of YAML
        anchor = _ANCHOR.match(text, at)
        at = at if anchor is None else anchor.end()
    if op == ":" and text[at : at + 1] in (*"|>", *("\n\r\\" if is_first else "")):
        block = block_at(text, at, name_at)
        if block is not None:
            return block
    if op == ":" and text[at : at + 1] in ("\n", "\r"):
        return None
    is_line = is_first and not before.rstrip().endswith((";", "{")) and text[at - 1] in " \t"
    is_list = op == "=" and before.rstrip(" ").endswith(";") and ";" in text[at : at + 200]
    return value_at(text, at, is_line=is_line, is_list=is_list)


def _second_of_pair(text: str, name_at: int, name: str, match: re.Match[str]) -> Found | None:
    """Return the second item of ``('password', 'x')``, or the argument after '--password'."""
    if not match["close"]:
        return None
    entry = _ENTRY.search(text, max(0, name_at - 24), name_at)
    is_flag = text[name_at : name_at + 1] == "-" or text[name_at - 1 : name_at] == "-"
    if entry is None and not is_flag:
        return None
    within = quoted(text, match.end())
    if within is None:
        if entry is None or is_flag:
            return None
        return value_at(text, match.end())
    start, end, after = within
    value = text[start:end]
    if is_flag:
        return None if value.startswith("-") or not value else Found(start, end, (value,))
    # A list of names has more than two items, or the name of a secret as second.
    follows = text[after : after + 1]
    if (follows and follows not in ")]") or not value or is_secret_text(value):
        return None
    return Found(start, end, (value,))


def _in_source(text: str, at: int) -> Iterator[Found]:
    """Yield the literals in a source line after a name and an operator."""
    within = quoted(text, at)
    if within is not None:
        start, end, _ = within
        if end > start:
            yield Found(start, end, (text[start:end],))
        return
    call = _CONSTRUCTOR.match(text, at)
    if call is not None:
        for start, end in literals(text, call.end(), balanced(text, call.end())):
            yield Found(start, end, (text[start:end],))


def _in_literals(text: str) -> Iterator[Found]:
    """Yield the secrets within the string literals of a source line."""
    at = 0
    while (mark := _MARK.search(text, at)) is not None:
        at = mark.end()
        if mark[0] not in ("'", '"'):
            continue
        end, after = end_of_quoted(text, at, mark[0], 0)
        literal = text[at:end]
        if any(sign in literal for sign in " =:"):
            for found in secrets_in(literal):
                # Not the placeholder of a format.
                if literal[found.start : found.start + 1] not in ("{", "%"):
                    yield Found(at + found.start, at + found.end, found.texts)
        at = after


# ---- headers ------------------------------------------------------------------------------------


def _header(text: str, at: int, name_at: int, name: str) -> Found | None:
    """Return the value of a header that ends with its line, or with the quotes around it."""
    if quoted(text, at) is not None:
        return None
    if _COOKIES.search(name):
        if _COOKIE.match(text, at) is None:
            return None
        end = _end_of_line(text, at, name_at)
        cookies = _COOKIE.finditer(text, at, end)
        values = [one["v"] for one in cookies if one["n"].lower() not in _ATTRIBUTES]
        return Found(at, end, tuple(values))
    if _AUTHORIZATION.search(name):
        scheme = _SCHEME.match(text, at)
        if scheme is None or is_prose(scheme["scheme"], text, scheme.end("scheme")):
            return None
        start = scheme.end()
        end = _end_of_line(text, start, name_at)
        if _PARAMETER.match(text, start, end) is not None:  # Digest username="ann", response="x"
            return Found(start, end, ())
        return value_at(text, start)
    if _FORWARDED.search(name):
        end = _end_of_line(text, at, name_at)
        return Found(at, end, (text[at:end],)) if end > at else None
    return None


def _end_of_line(text: str, at: int, name_at: int) -> int:
    """Return where the line ends, or what is quoted from directly before the name on."""
    last = min(len(text), at + _LONGEST_LINE)
    ends = [text.find(sign, at, last) for sign in ("\n", "\r", "\\n", "\\r")]
    end = min([one for one in ends if one >= 0], default=last)
    mark = text[name_at - 1] if name_at else ""
    if mark and mark in "'\"":
        before = text[max(0, name_at - 33) : name_at - 1]
        slashes = len(before) - len(before.rstrip("\\"))
        for found in _MARK.finditer(text, at, end):
            if found[0] == "\\" * slashes + mark:
                end = found.start()
                break
    while end > at and text[end - 1] == "\\":
        end -= 1
    return end


def _bare_headers(text: str) -> Iterator[Found]:
    for match in _BARE.finditer(text):
        value = match["v"]
        is_basic = match["scheme"].lower() == "basic"
        if (is_basic and _is_user_and_password(value)) or (
            _WORD_ONLY.match(value) is None and len(value) >= 4
        ):
            yield Found(*match.span("v"), (value,))


def _is_user_and_password(value: str) -> bool:
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _pem_keys(text: str) -> Iterator[Found]:
    at = 0
    while True:
        begin = _PEM.search(text, at)
        if begin is None:
            return
        if any(word in begin[0] for word in _PUBLIC):
            at = begin.end()
            continue
        end = _END_OF_PEM.search(text, begin.end())
        at = len(text) if end is None else end.start()
        lines = re.split(r"[\s\\]+", text[begin.end() : min(at, begin.end() + 16384)])
        yield Found(begin.end(), at, tuple(line for line in lines if len(line) >= 12))

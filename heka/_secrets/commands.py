"""Finds secrets in command lines and SQL statements."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator

from heka._secrets.names import is_secret_text
from heka._secrets.pattern import Pattern
from heka._secrets.values import Found, end_of_quoted, is_harmless, is_prose, quoted

_FLAG = Pattern(r"(?<![\w-])--?(?P<n>[A-Za-z][\w.-]{0,60})[ \t]{1,5}(?=[^\s-])")
#: Flags whose argument is user:password.
_USER_FLAGS = frozenset({"-u", "--user", "--proxy-user"})
_ARGUMENT = Pattern(r"[^\s\"',;]+")
#: curl -u user:password, and the same as a list.
_USER = Pattern(
    r"(?<![\w-])(?:-u|--(?:proxy-)?user(?:name)?)(?:[ =]{1,3}|\\{0,32}[\"'], ?)\\{0,32}[\"']?"
    r"(?P<u>[^\s:\"']{1,100}):(?P<v>[^\s\"'\\]+)"
)
_SHORT = Pattern(
    r"\b(?:(?P<my>mysql\w*|mariadb[\w-]*)|sshpass|redis-cli|(?:docker|podman|oc|az|helm|cf)\s{1,3}(?:registry\s{1,3})?login)\b(?=(?P<rest>[^\n]{0,400}))",
    re.I,
)
_GLUED = Pattern(r"(?<![\w-])-p(?P<v>[^\s\"',]{1,200})")
_APART = Pattern(
    r"(?<![\w-])-[pa](?:[ \t]{0,3}|\\{0,32}[\"'], ?\\{0,32}[\"'])(?P<v>[^\s\"',]{1,200})"
)
_NETRC = Pattern(r"\blogin\s{1,20}\S{1,200}\s{1,20}password\s{1,20}(?P<v>\S+)")
_COOKIE_REPR = Pattern(r"<(?:Simple)?Cookie:? [^\s=<>]{1,100}=(?P<v>[^\s>]+)")
#: One of these words before a quoted text.
_QUOTED = Pattern(
    r"\b(?:password|passwd|passphrase|passcode|pwd|identified\s{1,5}(?:with\s{1,5}\S{1,60}\s{1,5})?by)"
    r"(?:\s{1,5}(?:like|in|is|was|as|to|of|for\s\S{1,60}))?(?:\s{1,5}\(?|\()\s{0,5}(?=\\{0,32}[\"'])",
    re.I,
)
_INSERT = Pattern(
    r"\b(?:insert|replace)\s{1,5}into\s{1,5}[^\s(]{1,200}\s{0,5}"
    r"\((?P<names>[^()]{1,4000})\)\s{0,5}(?:\\n)?\s{0,5}values?\s{0,5}(?=\()",
    re.I,
)
_PARAMETERS = Pattern(r"(?:parameters|params|args)['\"]?\s{0,3}[:=]\s{0,3}\[?(?=\()", re.I)
_SIGN = Pattern(r"\\+[\"']?|[\"'(),]|[^\s\\\"'(),]+")


def hides_next(argument: str, following: str) -> bool:
    """Return whether *argument* of a command line is a flag that makes *following* a secret."""
    if argument[:1] != "-" or following[:1] == "-":
        return False
    if argument in _USER_FLAGS:
        user, _, password = following.partition(":")
        return bool(password) and not (user.isdigit() and password.isdigit())
    return "=" not in argument and is_secret_text(argument)


def secrets_in(text: str, lower: str) -> Iterator[Found]:
    """Yield the secrets in *text*; *lower* is the same in lower case."""
    if "-" in text:
        yield from _behind_flags(text)
    if "login" in lower:
        for match in _NETRC.finditer(text):
            yield Found(*match.span("v"), (match["v"],))
    if "cookie" in lower:
        for match in _COOKIE_REPR.finditer(text):
            value = match["v"].strip("'\"")
            yield Found(*match.span("v"), (value,))
    yield from in_sql(text, lower)


def in_sql(text: str, lower: str) -> Iterator[Found]:
    """Yield the secrets in SQL statements, and quoted texts after "password"."""
    if "pass" in lower or "pwd" in lower or "identified" in lower:
        for match in _QUOTED.finditer(text):
            within = quoted(text, match.end())
            if within is not None and not is_harmless(text[within[0] : within[1]]):
                yield Found(within[0], within[1], (text[within[0] : within[1]],))
    if "into" in lower:
        at = 0
        while (statement := _INSERT.search(text, at)) is not None:
            at = yield from _inserted(text, statement)


def _behind_flags(text: str) -> Iterator[Found]:
    for match in _FLAG.finditer(text):
        if not is_secret_text(match["n"]):
            continue
        within = quoted(text, match.end())
        if within is not None:
            yield Found(within[0], within[1], (text[within[0] : within[1]],))
            continue
        argument = _ARGUMENT.match(text, match.end())
        if argument is not None and not is_prose(argument[0], text, argument.end()):
            yield Found(*argument.span(), (argument[0],))
    for match in _USER.finditer(text):
        value = match["v"]
        if not (value.isdigit() and match["u"].isdigit()):  # numbers of a user and a group
            yield Found(*match.span("v"), (value,))
    for match in _SHORT.finditer(text):
        pattern = _GLUED if match["my"] else _APART
        for one in pattern.finditer(text, match.end(), match.end("rest")):
            yield Found(*one.span("v"), (one["v"],))


def _inserted(text: str, match: re.Match[str]) -> Generator[Found, None, int]:
    """Yield the secrets among the values of a statement; return where it ends."""
    names = [name.strip(" \t\r\n`\"'[]\\") for name in match["names"].split(",")]
    wanted = {index for index, name in enumerate(names) if is_secret_text(name)}
    if not wanted:
        return match.end()
    end = yield from _rows(text, match.end(), wanted)
    parameters = _PARAMETERS.search(text, end, end + 2000)
    if parameters is not None:
        end = yield from _rows(text, parameters.end(), wanted)
    return end


def _rows(text: str, at: int, wanted: set[int]) -> Generator[Found, None, int]:
    """Yield the values at the indices *wanted* of each row; return the end of the last row."""
    depth = index = 0
    start = at
    while True:
        piece = _SIGN.search(text, at)
        if piece is None:
            break
        at = piece.end()
        sign = piece[0][-1]
        if sign in "'\"":
            at = end_of_quoted(text, at, sign, len(piece[0]) - 1)[1]
        elif sign == "(":
            depth += 1
            if depth == 1:
                index, start = 0, at
        elif depth == 0:
            if sign != "," and text[at - 1 : at + 1] not in ("\\n", "\\r"):
                return piece.start()  # the statement continues after its rows
            at += sign == "\\"
        elif depth == 1 and sign in ",)":
            if index in wanted:
                yield from _cell(text, start, piece.start())
            index, start = index + 1, at
            depth -= sign == ")"
        elif sign == ")":
            depth -= 1
    if depth and index in wanted:
        yield from _cell(text, start, len(text))
    return len(text)


def _cell(text: str, start: int, end: int) -> Iterator[Found]:
    value = text[start:end]
    shown = value.strip()
    if not is_harmless(shown):
        begin = start + value.index(shown)
        yield Found(begin, begin + len(shown), (shown.strip("'\"\\"),))

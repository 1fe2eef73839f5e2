"""Secrets: which names have one for a value, which texts are one, and where they occur again.

A value is masked by the name it has, a text also by its shape. What was masked, if it has 6
characters or more, is remembered and masked wherever else the event holds it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
from itertools import islice
from typing import Any

from heka.plugins.raven.kinds import CONTAINERS, LISTS, NAMES, NOTHING_TO_HIDE
from heka.plugins.raven.tree import Shown, Tree

MASK = Shown("********")
#: Characters of the shortest text that is looked for elsewhere; shorter ones are in every word.
SHORTEST = 6
#: Characters of a secret that are compared; more than any text of an event has.
LONGEST = 2048
#: Values that are looked at for secrets in one event.
NODES = 20_000
#: Of containers that are looked into: more than is shown, for it may occur elsewhere.
DEPTH = 8
ITEMS = 500
#: Times that a text is looked through: a mask may complete another secret with what is beside it.
ROUNDS = 8

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NAMED = re.compile(
    r"pass_?word|pass_?wd|pass_?phrase|pass_?code|authori[sz]ation|credential"
    r"|(?:api|access|private|secret|signing|encryption)_?key"
    r"|(?:secret|token|cookie|pwd|jwt|cvv|cvc)s?(?![a-z])|(?<![a-z])session_?id(?![a-z])"
)
#: The same in running text, where a name ends at the sign before its value.
_WORD = (
    r"(?:password|passwd|passphrase|passcode|authorization|credentials?|pwd|secret|token|cookie"
    r"|(?:api|access|private|secret|signing)[_-]?key)s?"
)
# name="value", name: 'value', name=value; Authorization: Bearer value; scheme://user:value@host
_LITERAL = re.compile(
    rf"{_WORD}[\w-]{{0,20}}[\"']?\s{{0,3}}[=:]\s{{0,3}}[a-z]{{0,2}}([\"'])(?P<v>(?:(?!\1).)+)\1",
    re.I,
)
_ASSIGNED = re.compile(rf"{_WORD}[\w-]{{0,20}}=(?P<v>[^\s\"'&;,=()\[\]{{}}]+)", re.I)
_HEADER = re.compile(
    r"(?:authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:[a-z]{1,20}\s)?|\bbearer\s)(?P<v>[\w.~+/=-]+)",
    re.I,
)
_URL = re.compile(r"://[^/?#\s:@]{0,200}:(?P<v>[^/?#\s@]+)@")
# Digits in groups, as cards have them: 13 to 16, not a part of more, nor of a fraction.
_CARD = re.compile(r"(?<![\d.])(?P<v>(?:\d[ -]?){12,15}\d)(?![\d.]*\d)")
_CARD_DIGITS = range(10**12, 10**16)
_IN_SOURCE = (_LITERAL, _URL, _CARD)
# One of these is in every text that a pattern may match: a word, in lower case, or what the digits
# of a card are among.
_SIGN = re.compile("passw|passp|passc|pwd|secret|token|cookie|credential|authoriz|key|bearer")
_DIGITS = re.compile(r"[\d -]{13}")
_ASCII_DIGITS = re.compile(r"[0-9 -]{13}")


def is_secret_name(name: object) -> bool:
    """Say whether what has this *name* is a secret."""
    kind = type(name)
    if kind is str:
        return is_secret_text(name)
    text = None if id(kind) in NOTHING_TO_HIDE else text_of(name)
    return text is not None and is_secret_text(text)


@functools.lru_cache(2048)
def is_secret_text(name: str) -> bool:
    """Say the same of a *name* that is exactly a str."""
    if len(name) > 200:
        return False
    return _NAMED.search(_CAMEL.sub("_", name).lower().replace("-", "_")) is not None


def is_card_number(number: int) -> bool:
    """Say whether *number* is one that a card may have: its check digit is right."""
    if number not in _CARD_DIGITS:
        return False
    total = 0
    for index, digit in enumerate(reversed(str(number))):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def text_of(value: object) -> str | None:
    """Return *value* as text if it is a str or bytes, or of a class derived from one."""
    kind = type(value)
    if issubclass(kind, str):
        return str.__str__(value)
    for base in (bytes, bytearray):
        if issubclass(kind, base):
            # mypy does not know that it is one of them; a class of the program's may lie, if asked.
            start: Any = base.__getitem__(value, slice(LONGEST))  # type: ignore[call-overload]
            return str(start.decode("latin-1"))
    return None


class Scrubber:
    """The secrets of one event."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._learnt: set[str] = set()
        self._lines: dict[str, str] = {}
        #: What one who always cleans with the same limit has found; valid until more is learnt.
        self.cleaned: dict[str, str] = {}
        #: Names that hold nothing of what is known by now.
        self._plain: set[str] = set()
        #: What is looked for in JSON.
        self._in_json: dict[str, str] = {}
        self._longest = 0
        self._nodes = NODES
        #: By their ids, and kept: the id of one that is gone would be another's.
        self._searched: dict[int, object] = {}

    def __bool__(self) -> bool:
        """Say whether there is anything to look for."""
        return bool(self._secrets)

    # ---- what is secret ---------------------------------------------------------------------

    def learn(self, text: str) -> None:
        """Remember *text*, if it is long enough, in every form that it may occur in."""
        # Blanks are in every event.
        if len(text) < SHORTEST or text in self._learnt or not text.strip():
            return
        self._learnt.add(text)
        self.cleaned.clear()
        self._plain.clear()
        text = text[: 2 * LONGEST]
        forms = {text, repr(text)[1:-1], json.dumps(text)[1:-1], text.replace("'", "\\'")}
        forms.add(json.dumps(text, ensure_ascii=False)[1:-1])
        forms.add(repr(text.encode("utf-8", "surrogatepass"))[2:-1])
        forms.add(text.encode("utf-8", "surrogatepass").decode("latin-1"))
        forms.update(text.splitlines())
        for form in forms:
            stripped = form.strip()
            kept = (stripped if len(stripped) >= SHORTEST else form)[:LONGEST]
            if len(kept) >= SHORTEST and stripped.strip("*"):  # masks are in every event too
                self._secrets.add(kept)
                self._longest = max(self._longest, len(kept))

    def learn_value(self, value: object) -> None:
        """Remember every text in *value*, which is a secret as a whole."""
        waiting = [(value, 0)]
        for _ in range(NODES):
            if not waiting:
                return
            one, depth = waiting.pop()
            text = text_of(one)
            if text is not None:
                self.learn(text)
                if not issubclass(type(one), str):  # bytes: they may mean a text
                    for errors in ("surrogatepass", "replace"):
                        with contextlib.suppress(UnicodeDecodeError):
                            self.learn(text.encode("latin-1").decode("utf-8", errors))
                            break
            elif type(one) is int:
                if one.bit_length() <= 256:
                    self.learn(str(one))
            elif type(one) is float:
                self.learn(repr(one))
            elif depth < DEPTH:
                waiting += [(inner, depth + 1) for inner in _inside(one)]

    def search(self, value: object, depth: int = 0) -> None:
        """Remember the values in *value* whose names are those of secrets."""
        if depth > DEPTH or self._nodes < 0 or id(value) in self._searched:
            return  # where there is too much: what is shown later on is looked at then
        self._searched[id(value)] = value
        inner: Any
        if type(value) is dict:
            pairs = _first(value.items())
            self._nodes -= len(pairs)
            for name, inner in pairs:
                if inner is not None and (
                    is_secret_text(name) if type(name) is str else is_secret_name(name)
                ):
                    self.learn_value(inner)
                elif id(type(inner)) in CONTAINERS:
                    self.search(inner, depth + 1)
        elif id(type(value)) in CONTAINERS:
            items = _first(value)
            self._nodes -= len(items)
            if id(type(value)) in LISTS and name_of_pair(items) is not None:
                self.learn_value(items[1])
            for inner in items:
                if id(type(inner)) in CONTAINERS:
                    self.search(inner, depth + 1)

    # ---- where it is ------------------------------------------------------------------------

    def clean(self, text: str, limit: int = LONGEST, *, source: bool = False) -> str:
        """Return *text* without secrets, cut after *limit* characters.

        Args:
            text: What is to be shown; secrets are looked for before it is cut.
            limit: Of the characters, those of ``...`` behind them not counted.
            source: A line of a program: ``password = ask()`` tells no secret.
        """
        window = text if len(text) <= limit else text[: limit + max(self._longest, LONGEST)]
        spans = self._shaped(window, source)
        for secret in self._secrets:
            if secret in window:
                spans += self._known(window)
                break
        if not spans and len(text) <= limit:
            return text
        return self.clean_known(_masked(window, spans, limit, len(text) > limit))

    def clean_name(self, name: str, limit: int) -> str:
        """Return a name of the program's: it has no secret's shape, but may be a known one."""
        if name in self._plain:
            return name
        if len(name) > limit:
            return self.clean(name, limit)
        for secret in self._secrets:
            if secret in name:
                return self.clean_known(name)
        self._plain.add(name)
        return name

    def clean_line(self, line: str, limit: int) -> str:
        """Return a line of source without secrets; many frames have the same around them."""
        known = self._lines.get(line)
        if known is None:
            clean = self.clean_name if _is_plain_line(line) else self._clean_source
            known = self._lines[line] = clean(line, limit)
        return known

    def _clean_source(self, line: str, limit: int) -> str:
        return self.clean(line, limit, source=True)

    def clean_known(self, text: str) -> str:
        """Return *text* without what is remembered."""
        for _ in range(ROUNDS):
            spans = self._known(text)
            if not spans:
                return text
            text = _masked(text, spans, len(text), False)
        return MASK

    def occurs_in(self, data: str) -> bool:
        """Say whether something that is remembered may be in *data*, which is JSON."""
        for secret in self._secrets:
            written = self._in_json.get(secret)
            if written is None:
                written = self._in_json[secret] = json.dumps(secret)[1:-1]
            if written in data:
                return True
        return False

    def clean_tree(self, tree: Any, keep: frozenset[str]) -> Any:
        """Return *tree*, made of what JSON knows, without what is remembered.

        Names in *keep* are those of the format; what is called so is cleaned, they are not.
        """
        if isinstance(tree, str):
            return self.clean_known(tree)
        if isinstance(tree, list):
            return [self.clean_tree(value, keep) for value in tree]
        if isinstance(tree, dict):
            cleaned: dict[str, Any] = {}
            for name, value in tree.items():
                shown = name if name in keep else self.clean_known(name)
                while shown in cleaned:
                    shown += "*"
                cleaned[shown] = self.clean_tree(value, keep if name != "vars" else frozenset())
            return cleaned
        if type(tree) in (int, float) and len(repr(tree)) >= SHORTEST:
            return MASK if self._known(repr(tree)) else tree
        return tree

    def _shaped(self, text: str, source: bool) -> list[tuple[int, int]]:
        """Return the places of what looks like a secret, and remember it."""
        spans = []
        for pattern in _patterns(text, source):
            for match in pattern.finditer(text):
                value = match["v"]
                if value.strip("*"):
                    self.learn(value)
                spans.append(match.span("v"))
        return spans

    def _known(self, text: str) -> list[tuple[int, int]]:
        """Return the places of what is remembered."""
        found = [secret for secret in self._secrets if secret in text]
        if not found:
            return []
        spans = []
        for secret in found:
            at = text.find(secret)
            while at >= 0:
                # Of a longer one only the beginning is known: what follows goes too.
                end = len(text) if len(secret) >= LONGEST else at + len(secret)
                spans.append((at, end))
                at = text.find(secret, at + 1)
        return spans


def _patterns(text: str, source: bool) -> list[re.Pattern[str]]:
    """Return those that *text* may match; most texts match none, and to look is quicker."""
    lower = text.lower()
    found = []
    if _SIGN.search(lower):
        found += [_LITERAL] if source else [_LITERAL, _ASSIGNED, _HEADER]
    if "://" in lower:
        found.append(_URL)
    if (_ASCII_DIGITS if text.isascii() else _DIGITS).search(text):
        found.append(_CARD)
    return found


@functools.lru_cache(4096)
def _is_plain_line(line: str) -> bool:
    """Say whether a line of source holds nothing of a secret's shape."""
    return not any(pattern.search(line) for pattern in _IN_SOURCE)


def _inside(value: Any) -> list[Any]:
    """Return what is in a container, of exactly these types; of a dict the values."""
    if type(value) is dict:
        return _first(value.values())
    return _first(value) if id(type(value)) in CONTAINERS else []


def _first(values: Any) -> list[Any]:
    """Return the first of *values*, as many as are looked at."""
    try:
        return list(islice(values, ITEMS))
    except RuntimeError:  # another thread changes it
        return []


def name_of_pair(value: Any) -> str | None:
    """Return the name that ``(name, value)`` gives to a secret, as headers are written."""
    if len(value) == 2 and id(type(value[0])) in NAMES and is_secret_name(value[0]):
        text = text_of(value[0])
        return text if text is not None and len(text) <= 40 else None
    return None


def _masked(text: str, spans: list[tuple[int, int]], limit: int, cut: bool) -> str:
    """Return the first *limit* characters of *text* with *spans* masked; *cut*: there is more."""
    pieces = []
    at = 0
    for start, end in sorted(spans):
        if start >= limit:
            break
        if end <= at:
            continue
        if start >= at:
            pieces += [text[at:start], MASK]
        at = end  # one that overlaps the last is behind the same mask
    pieces.append(text[at:limit])
    return "".join(pieces) + ("..." if cut else "")


def argument_list(scrubber: Scrubber, arguments: list[Any], items: int) -> list[Tree]:
    """Return a command line without secrets: ``--password x`` and ``--password=x`` have one."""
    shown: list[Tree] = []
    follows = False
    for argument in arguments[:items]:
        text = text_of(argument)
        if text is None:
            shown.append(Shown("?"))
        elif follows and not text.startswith("-"):
            scrubber.learn(text)
            shown.append(MASK)
        else:
            shown.append(text)
        name, equals, value = (text or "").partition("=")
        secret = name.startswith("-") and is_secret_name(name)
        if secret and equals:
            scrubber.learn(value)
            shown[-1] = f"{name}={MASK}"
        follows = secret and not equals
    return [
        Shown(scrubber.clean(text)) if isinstance(text, Shown) else scrubber.clean(text)
        for text in shown
    ]

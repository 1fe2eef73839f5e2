"""Masks the secrets of one event, wherever they occur in it.

``heka._secrets`` finds secrets by name and by shape. A secret of 6 characters or more is remembered
and masked everywhere else in the event.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from heka import _secrets
from heka._secrets import (
    cards_in,
    hides_next,
    is_card_number,
    is_secret_name,
    is_secret_text,
    may_hold_card,
    secrets_in,
)
from heka.plugins.raven.kinds import CONTAINERS, LISTS, NAMES, PLAIN
from heka.plugins.raven.tree import Shown, Tree

__all__ = [
    "MASK",
    "Scrubber",
    "argument_list",
    "hidden_arguments",
    "hides_next",
    "is_card_number",
    "is_secret_name",
    "is_secret_text",
    "name_of_pair",
    "text_of",
    "value_of_name",
]

MASK = Shown(_secrets.MASK)
#: Length of the shortest secret that is searched for; shorter ones occur in many words.
SHORTEST = 6
#: Characters of a secret that are compared; longer than any text of an event.
LONGEST = 2048
#: Most secrets that are searched for in one event; each costs a search of every text.
MOST = 2_000
#: Most values that are examined in one event.
NODES = 20_000
#: Limits of examined containers: more than is shown, because a secret may occur elsewhere.
DEPTH = 8
ITEMS = 500
#: Keys of objects that pair a name with a value, as lists of headers do.
_NAMES = ("name", "key", "field", "header")
_VALUES = ("value", "val", "content")
_BASES = (dict, list, tuple, set, frozenset)
_MRO = type.__dict__["__mro__"]
_DICT = type.__dict__["__dict__"]
#: Passes over one text: a mask and the text beside it may form another secret.
ROUNDS = 8


def text_of(value: object) -> str | None:
    """Return *value* as text if it is a str, bytes or bytearray; subclasses count."""
    return _secrets.text_of(value, LONGEST)


class Scrubber:
    """The secrets of one event."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._learnt: set[str] = set()
        self._lines: dict[str, str] = {}
        #: Cache of the cleaned texts of variables; emptied when a secret is learnt.
        self.cleaned: dict[str, str] = {}
        #: Names without any known secret.
        self._plain: set[str] = set()
        #: Secrets as JSON writes them.
        self._in_json: dict[str, str] = {}
        self._longest = 0
        self._nodes = NODES
        #: Whether objects of a class are searched, and the class, by its id.
        self._kinds: dict[int, tuple[bool, type]] = {}
        #: Searched objects by id; keeping them keeps the ids valid.
        self._searched: dict[int, object] = {}

    def __bool__(self) -> bool:
        """Return whether any secret is known."""
        return bool(self._secrets)

    # ---- what is secret ---------------------------------------------------------------------

    def learn(self, text: str) -> None:
        """Remember *text*, if it is long enough, in every form in which it may occur."""
        # Blank text occurs in every event.
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
            if len(self._secrets) >= MOST:
                return
            if len(kept) >= SHORTEST and stripped.strip("*"):  # masks occur in every event too
                self._secrets.add(kept)
                self._longest = max(self._longest, len(kept))

    def learn_value(self, value: object) -> None:
        """Remember every text in *value*: all of it is secret."""
        waiting = [(value, 0)]
        for _ in range(NODES):
            if not waiting:
                return
            one, depth = waiting.pop()
            text = text_of(one)
            if text is not None:
                self.learn(text)
                if not issubclass(type(one), str):  # bytes may be encoded text
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

    def search(self, value: Any, depth: int = 0) -> None:
        """Remember the values in *value* that have the name of a secret."""
        if depth > DEPTH or self._nodes < 0 or id(value) in self._searched:
            return  # over the limit; what is shown is checked again when it is shown
        self._searched[id(value)] = value
        inner: Any
        if issubclass(type(value), dict):
            pairs = _first(dict.items(value))
            hidden = value_of_name(value)
            if hidden is not None:
                self.learn_value(dict.get(value, hidden))
            self._search_pairs(pairs, depth)
            return
        names = _field_names(value)
        if names is not None:
            self._search_pairs(_first(names), depth)
            return
        items = _first(_items_of(value))
        self._nodes -= len(items)
        if id(type(value)) in LISTS and name_of_pair(items) is not None:
            self.learn_value(items[1])
        before = ""
        for inner in items:
            kind = type(inner)
            if kind is str:
                if before and hides_next(before, inner):
                    self.learn(inner)
                before = inner if inner[:1] == "-" else ""
            elif id(kind) not in PLAIN and self._is_searched(kind):
                self.search(inner, depth + 1)

    def _search_pairs(self, pairs: list[tuple[Any, Any]], depth: int) -> None:
        self._nodes -= len(pairs)
        for name, inner in pairs:
            if inner is None:
                continue
            if is_secret_text(name) if type(name) is str else is_secret_name(name):
                self.learn_value(inner)
            elif id(type(inner)) not in PLAIN and self._is_searched(type(inner)):
                self.search(inner, depth + 1)

    def _is_searched(self, kind: type) -> bool:
        known = self._kinds.get(id(kind))
        if known is None:
            known = self._kinds[id(kind)] = is_searched(kind), kind
        return known[0]

    # ---- where it is ------------------------------------------------------------------------

    def clean(self, text: str, limit: int = LONGEST, *, source: bool = False) -> str:
        """Return *text* without secrets, cut after *limit* characters.

        Args:
            text: Secrets are searched for before it is cut.
            limit: Characters of the result, not counting ``...`` at its end.
            source: *text* is a source line: ``password = ask()`` contains no secret.
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
        """Return a name without known secrets; names are not searched for shapes of secrets."""
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
        """Return a source line without secrets; results are cached, as frames share lines."""
        known = self._lines.get(line)
        if known is None:
            clean = self.clean_name if _is_plain_line(line) else self._clean_source
            known = self._lines[line] = clean(line, limit)
        return known

    def _clean_source(self, line: str, limit: int) -> str:
        return self.clean(line, limit, source=True)

    def clean_known(self, text: str) -> str:
        """Return *text* without known secrets."""
        for _ in range(ROUNDS):
            spans = self._known(text)
            if not spans:
                return text
            text = _masked(text, spans, len(text), False)
        return MASK

    def occurs_in(self, data: str) -> bool:
        """Return whether a known secret occurs in *data*, which is JSON."""
        for secret in self._secrets:
            written = self._in_json.get(secret)
            if written is None:
                written = self._in_json[secret] = json.dumps(secret)[1:-1]
            if written in data:
                return True
        return False

    def clean_tree(self, tree: Any, keep: frozenset[str]) -> Any:
        """Return *tree*, of JSON types, without known secrets.

        Keys in *keep* belong to the format and stay; their values are cleaned.
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
        """Return the places of what has the shape of a secret, and remember it."""
        spans = []
        places = secrets_in(text, source=source)
        if may_hold_card(text):
            places += cards_in(text)
        for found in places:
            for value in found.texts:
                self.learn(value)
            spans.append((found.start, found.end))
        return spans

    def _known(self, text: str) -> list[tuple[int, int]]:
        """Return the places of known secrets."""
        found = [secret for secret in self._secrets if secret in text]
        if not found:
            return []
        spans = []
        for secret in found:
            at = text.find(secret)
            while at >= 0:
                # Only the beginning of a longer secret is known: mask all that follows.
                end = len(text) if len(secret) >= LONGEST else at + len(secret)
                spans.append((at, end))
                # Jump to the last overlapping occurrence; one step at a time would be quadratic.
                overlapping = text.rfind(secret, at + 1, end + len(secret) - 1)
                at = text.find(secret, end) if overlapping < 0 else overlapping
        return spans


@functools.lru_cache(4096)
def _is_plain_line(line: str) -> bool:
    """Return whether a source line contains nothing with the shape of a secret."""
    return not secrets_in(line, source=True) and not any(cards_in(line))


def _inside(value: Any) -> list[Any]:
    """Return the items of a container; of a dict the values."""
    kind = type(value)
    if id(kind) in PLAIN or not is_searched(kind):
        return []
    if issubclass(kind, dict):
        return _first(dict.values(value))
    names = _field_names(value)
    return _first(_items_of(value)) if names is None else [inner for _, inner in _first(names)]


def is_searched(kind: type) -> bool:
    """Return whether objects of *kind* are searched; runs no code of the program."""
    return issubclass(kind, _BASES) or _has_fields(kind)


def _has_fields(kind: type) -> bool:
    return any("__dataclass_fields__" in _DICT.__get__(base) for base in _MRO.__get__(kind))


def _field_names(value: Any) -> Any:
    """Return the pairs of name and value of a named tuple or a dataclass; None of others."""
    kind = type(value)
    if id(kind) in CONTAINERS:
        return None
    if issubclass(kind, tuple):
        for base in _MRO.__get__(kind):
            names = _DICT.__get__(base).get("_fields")
            if type(names) is tuple:
                return zip(names, tuple.__iter__(value), strict=False)
        return None
    if issubclass(kind, _BASES):
        return None
    try:
        found = object.__getattribute__(value, "__dict__")
    except Exception:
        return ()
    return dict.items(found) if type(found) is dict else ()


def _items_of(value: Any) -> Any:
    """Return an iterator over a list, tuple or set; runs no code of a subclass."""
    for base in _BASES[1:]:
        if issubclass(type(value), base):
            return base.__iter__(value)
    return iter(())


def _first(values: Any) -> list[Any]:
    """Return the first ITEMS of *values*."""
    try:
        return list(islice(values, ITEMS))
    except RuntimeError:  # another thread changes it
        return []


def value_of_name(pairs: dict[Any, Any]) -> object:
    """Return "value" for ``{"name": "password", "value": "x"}``; None for other dicts."""
    for key in _VALUES:
        if dict.__contains__(pairs, key):
            names = [dict.get(pairs, name) for name in _NAMES]
            is_secret = any(type(name) is str and is_secret_text(name) for name in names)
            return key if is_secret else None
    return None


def name_of_pair(value: Any) -> str | None:
    """Return the name that ``(name, value)`` gives to a secret, as headers are written."""
    if len(value) == 2 and id(type(value[0])) in NAMES and is_secret_name(value[0]):
        text = text_of(value[0])
        return text if text is not None and len(text) <= 40 else None
    return None


def _masked(text: str, spans: list[tuple[int, int]], limit: int, cut: bool) -> str:
    """Return the first *limit* characters of *text*, *spans* masked, with ``...`` if *cut*."""
    pieces = []
    at = 0
    for start, end in sorted(spans):
        if start >= limit:
            break
        if end <= at:
            continue
        if start >= at:
            pieces += [text[at:start], MASK]
        at = end  # overlapping spans share a mask
    pieces.append(text[at:limit])
    return "".join(pieces) + ("..." if cut else "")


def hidden_arguments(items: Iterable[Any], scrubber: Scrubber) -> Iterator[Any]:
    """Yield *items*, with MASK for a text that a flag before it makes a secret."""
    before = ""
    for item in items:
        is_text = type(item) is str
        if is_text and before and hides_next(before, item):
            scrubber.learn(item)
            yield MASK
        else:
            yield item
        before = item if is_text and item[:1] == "-" else ""


def argument_list(scrubber: Scrubber, arguments: list[Any], items: int) -> list[Tree]:
    """Return a command line without secrets, as in ``--password x`` and ``--password=x``."""
    shown: list[Tree] = []
    before = ""
    for argument in arguments[:items]:
        text = text_of(argument)
        if text is None:
            shown.append(Shown("?"))
        elif hides_next(before, text):
            scrubber.learn(text)
            shown.append(MASK)
        else:
            shown.append(text)
        before = text or ""
        name, equals, value = before.partition("=")
        if equals and name.startswith("-") and is_secret_name(name):
            scrubber.learn(value)
            shown[-1] = f"{name}={MASK}"
    return [
        Shown(scrubber.clean(text)) if isinstance(text, Shown) else scrubber.clean(text)
        for text in shown
    ]

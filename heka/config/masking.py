"""Masks secrets of configurations: the signing key, and whatever looks like a secret.

They are masked in ``client._config`` and in the texts of errors.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from heka._secrets import MASK, is_secret_name, masked, secrets_in
from heka.config.tree import Path

#: Length of the shortest secret that is searched for; shorter ones occur in many words.
_SHORTEST = 4
#: Settings that are numbers: how many tokens a limit of a rate has.
_NUMBERS = frozenset({"tokens"})


def as_json(config: Mapping[str, Any]) -> str:
    """Return *config* as JSON with its secrets masked; other objects are shown by name."""
    return json.dumps(_masked(config))


def secrets(value: Any, path: Path = ()) -> Iterator[str]:
    """Yield the secrets in *value* in the forms that an error text may contain."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from secrets(inner, (*path, key))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            yield from secrets(inner, path)
    elif isinstance(value, (str, bytes)):
        text = value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")
        found = [text] if _is_secret(path) else [text[s.start : s.end] for s in secrets_in(text)]
        for secret in found:
            # Unchanged, and as in the repr of str and bytes.
            yield from {secret, repr(secret)[1:-1], repr(secret.encode("utf-8", "replace"))[2:-1]}


def hide(text: str, found: Iterator[str]) -> str:
    """Return *text* without the secrets *found* and other text that looks like a secret."""
    # Longest first: a secret may contain another.
    for secret in sorted((s for s in found if len(s) >= _SHORTEST), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return masked(text)


def _is_secret(path: Path) -> bool:
    if not path:
        return False
    name = str(path[-1])
    return path == ("hmac", "key") or (is_secret_name(name) and name not in _NUMBERS)


def _masked(value: Any, path: Path = ()) -> Any:
    """Return *value* converted to JSON types, without secrets."""
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else repr(key): _masked(inner, (*path, key))
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_masked(inner, path) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    if _is_secret(path) and value != "":
        return MASK
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        return masked(value)
    return _described(value)


def _described(value: object) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    named = value if hasattr(value, "__qualname__") else type(value)
    name = f"{getattr(named, '__module__', '?')}:{getattr(named, '__qualname__', '?')}"
    return name if named is value else f"<{name}>"

"""Mask secrets of configurations in ``client._config`` and in error texts.

Secrets are the signing key, passwords in URLs, and values whose key is such as password or token.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from heka.config.tree import Path

MASK = "********"
#: Fewest characters of a secret that is masked in error texts; shorter ones occur by chance.
_SECRET_MIN = 4
_URL_PASSWORD = re.compile(r"(?<=://)([^/?#\s:@]*):([^/?#\s]+)@")
_SECRET_NAME = re.compile(
    r"(?<![a-z])(password|passwd|passphrase|secret|token|authorization|cookie|credentials?"
    r"|(api|access|private|secret|signing)_?key)(?![a-z])"
)


def as_json(config: Mapping[str, Any]) -> str:
    """Return *config* as JSON with its secrets masked; other objects become their type's name."""
    return json.dumps(_masked(config))


def secrets(value: Any, path: Path = ()) -> Iterator[str]:
    """Yield the secrets in *value*, in each form in which an error text may quote them."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from secrets(inner, (*path, key))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            yield from secrets(inner, path)
    elif isinstance(value, (str, bytes)):
        text = value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")
        found = [text] if _is_secret(path) else [m[2] for m in _URL_PASSWORD.finditer(text)]
        for secret in found:
            # The text itself, its repr(), and the repr() of its bytes.
            yield from {secret, repr(secret)[1:-1], repr(secret.encode("utf-8", "replace"))[2:-1]}


def hide(text: str, found: Iterator[str]) -> str:
    """Return *text* with the secrets *found* masked."""
    # Longest first, as one secret may be part of another.
    for secret in sorted((s for s in found if len(s) >= _SECRET_MIN), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _is_secret(path: Path) -> bool:
    if not path:
        return False
    name = str(path[-1]).lower().replace("-", "_")
    return path == ("hmac", "key") or _SECRET_NAME.search(name) is not None


def _masked(value: Any, path: Path = ()) -> Any:
    """Return *value* as types that JSON has, with secrets masked."""
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
        return _URL_PASSWORD.sub(rf"\1:{MASK}@", value)
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

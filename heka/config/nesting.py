"""Keys with a prefix become a table of their own: ``stream_host`` is ``host`` of ``stream``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any

from heka.config.places import Places
from heka.config.tree import Path
from heka.exceptions import ConfigError

#: What the stream was called before it was a stream.
OLD_NAME = "sender"


def nest_prefixes(
    config_dict: dict[str, Any], prefixes: Iterable[str] | None = None, separator: str = "_"
) -> dict[str, Any]:
    """Collect the keys that begin with a prefix in one dict each, under the prefix alone.

    Args:
        config_dict: Gets the new dicts, and keeps the keys they are made of; what is in one of
            them already is kept, unless a key with the prefix says otherwise.
        prefixes: ``['stream']`` where None.
        separator: Stands between the prefix and the rest of the key.

    Returns:
        *config_dict*.
    """
    for prefix in ["stream"] if prefixes is None else prefixes:
        found = _with_prefix(config_dict, prefix + separator)
        if found:
            config_dict[prefix] = {**_table(config_dict, prefix, Places()), **found}
    return config_dict


def nest_stream(config: dict[str, Any], places: Places) -> list[str]:
    """Make ``config['stream']`` of it, of ``stream_*``, and of ``sender`` and ``sender_*``.

    *places* learns where the keys in it were written. What ``stream`` is other than a table or
    text (then the class) stays as it is, unless there are more keys for it.

    Returns:
        The keys that begin with ``sender``.
    """
    new = _collected(config, "stream", places)
    old = _collected(config, OLD_NAME, places)
    for key in new.keys() & old.keys():
        (value, path), (old_value, old_path) = new[key], old[key]
        # Equal where this has been done before.
        if value != old_value:
            raise ConfigError(
                f"{places(*old_path)} and {places(*path)} are two names of one setting, with two "
                "values; keep the second"
            )
    if new or old:
        settings = {**new, **old}
        config["stream"] = {key: value for key, (value, _) in settings.items()}
        places.written.update({("stream", key): path for key, (_, path) in settings.items()})
    return [key for key in config if _is_old(key)]


def _collected(
    config: Mapping[str, Any], prefix: str, places: Places
) -> dict[str, tuple[Any, Path]]:
    """Return what is set under *prefix*, in its table or flat, with the path where."""
    flat = _with_prefix(config, f"{prefix}_")
    # An object with a write method, say, is the stream.
    if not flat and not isinstance(config.get(prefix), (str, Mapping, NoneType)):
        return {}
    table = _table(config, prefix, places)
    return {
        **{key: (value, (prefix, key)) for key, value in table.items()},
        **{key: (value, (f"{prefix}_{key}",)) for key, value in flat.items()},
    }


def _is_old(key: object) -> bool:
    return isinstance(key, str) and (key == OLD_NAME or key.startswith(f"{OLD_NAME}_"))


def _with_prefix(config: Mapping[str, Any], start: str) -> dict[str, Any]:
    return {
        key[len(start) :]: value
        for key, value in config.items()
        if isinstance(key, str) and key.startswith(start)
    }


def _table(config: Mapping[str, Any], key: str, places: Places) -> dict[str, Any]:
    """Return the table under *key*, empty where there is none; a text alone names the class."""
    value = config.get(key)
    if value is None:
        return {}
    if isinstance(value, str):
        return {"class": value}
    if isinstance(value, Mapping):
        return dict(value)
    raise ConfigError(
        f"{places(key)}: expected a table, for there is more than this key for it; "
        f"got {type(value).__name__}"
    )

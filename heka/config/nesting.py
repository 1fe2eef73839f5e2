"""Collect keys with a prefix into a table: ``stream_host`` becomes ``host`` of ``stream``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any

from heka.config.places import Places
from heka.config.tree import Path
from heka.exceptions import ConfigError

#: The name of a stream in older versions of heka-py and in metlog; still accepted.
OLD_NAME = "sender"


def nest_prefixes(
    config_dict: dict[str, Any], prefixes: Iterable[str] | None = None, separator: str = "_"
) -> dict[str, Any]:
    """Collect the keys that begin with a prefix into one dict per prefix.

    ``{'stream_host': 'a'}`` becomes ``{'stream_host': 'a', 'stream': {'host': 'a'}}``.

    Args:
        config_dict: Changed in place: gets a dict under each prefix and keeps the flat keys. A
            dict that is already there is copied; flat keys override its values.
        prefixes: None means ``['stream']``.
        separator: The text between the prefix and the rest of the key.

    Returns:
        *config_dict*.

    Raises:
        ConfigError: The value under a prefix is neither a mapping, a text (the class) nor None.
    """
    for prefix in ["stream"] if prefixes is None else prefixes:
        found = _with_prefix(config_dict, prefix + separator)
        if found:
            config_dict[prefix] = {**_table(config_dict, prefix, Places()), **found}
    return config_dict


def nest_stream(config: dict[str, Any], places: Places) -> list[str]:
    """Merge ``stream``, ``stream_*``, ``sender`` and ``sender_*`` into ``config['stream']``.

    Records in *places* which key each value was written under. A ``stream`` that is a stream
    object (neither table nor text) is left as it is if no ``stream_*`` key is set.

    Returns:
        The keys that begin with ``sender``.

    Raises:
        ConfigError: A ``sender*`` key and a ``stream*`` key have different values.
    """
    new = _collected(config, "stream", places)
    old = _collected(config, OLD_NAME, places)
    for key in new.keys() & old.keys():
        (value, path), (old_value, old_path) = new[key], old[key]
        # Equal if this function has already run on the configuration.
        if value != old_value:
            raise ConfigError(
                f"{places(*old_path)} and {places(*path)} set the same setting to different "
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
    """Return {key: (value, path)} of the settings in the table *prefix* or in flat keys."""
    flat = _with_prefix(config, f"{prefix}_")
    # Any other type is a stream object, not a table of settings.
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
    """Return the table under *key*: empty if there is none; for a text, its ``class``."""
    value = config.get(key)
    if value is None:
        return {}
    if isinstance(value, str):
        return {"class": value}
    if isinstance(value, Mapping):
        return dict(value)
    raise ConfigError(
        f"{places(key)}: expected a table, because there are keys with the prefix {key}_ too; "
        f"got {type(value).__name__}"
    )

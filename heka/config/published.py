"""Providers by their published names: entry points of the group ``heka.plugins``.

Asks the metadata of what is installed, and only when a configuration names a plugin so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from heka.config import schema
from heka.exceptions import ConfigError
from heka.path import resolve_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

#: Where distributions announce the providers of plugins.
GROUP = "heka.plugins"


def is_published_name(name: str) -> bool:
    """Say whether *name* is no dotted name: those have a dot or a colon."""
    return "." not in name and ":" not in name


def published(name: str, where: str) -> Any:
    """Return the provider that an installed distribution publishes as *name*.

    Raises:
        ConfigError: None does, several do, or it cannot be imported; says what there is instead,
            which they are, and *where* it was named.
    """
    from importlib.metadata import entry_points  # takes longer than all of heka

    name = name.strip()
    try:
        installed = list(entry_points(group=GROUP))
        # One provider that two distributions announce, a fork and its origin, is one.
        found = list({each.value: each for each in installed if each.name == name}.values())
    except Exception as error:  # of metadata that is broken
        raise ConfigError(
            f"{where}: cannot look for the plugin {name!r} among what is installed: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not found:
        raise ConfigError(f"{where}: {_missing(name, {each.name for each in installed})}")
    if len(found) > 1:
        raise ConfigError(
            f"{where}: the plugin {name!r} is published by {_listed(found)}; name one of them by "
            f"its dotted name, as in {found[0].value}"
        )
    (entry,) = found
    try:
        return resolve_name(f"{entry.module}:{entry.attr}" if entry.attr else entry.module)
    except Exception as error:  # modules may raise anything while they are imported
        raise ConfigError(
            f"{where}: cannot import the plugin {name!r} of {_listed(found)}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _missing(name: str, known: set[str]) -> str:
    close = schema.closest(name, known) or ";"
    names = f"published are {', '.join(sorted(known))}" if known else "none is published at all"
    return (
        f"nothing that is installed publishes a plugin {name!r}{close} {names} (entry points of "
        f"the group {GROUP!r}); a dotted name is written as in package.module:function"
    )


def _listed(entries: Sequence[EntryPoint]) -> str:
    """Return ``distribution version (dotted name)`` of each."""
    return " and ".join(
        [
            f"{each.dist.name} {each.dist.version} ({each.value})"
            if each.dist is not None
            else each.value
            for each in entries
        ]
    )

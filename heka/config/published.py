"""Look up plugin providers by name: entry points of the group ``heka.plugins``.

Reads the metadata of installed distributions only when a configuration uses such a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from heka._runtime.forks import importing
from heka.config import schema
from heka.exceptions import ConfigError
from heka.path import resolve_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

#: The entry point group in which distributions publish plugin providers.
GROUP = "heka.plugins"


def is_published_name(name: str) -> bool:
    """Return whether *name* is a published name; a dotted name has a dot or a colon."""
    return "." not in name and ":" not in name


def published(name: str, where: str) -> Any:
    """Return the provider that an installed distribution publishes as *name*.

    Raises:
        ConfigError: No distribution or several distributions publish *name*, or the provider
            cannot be imported. The text begins with *where* and lists the candidates.
    """
    with importing():
        from importlib.metadata import entry_points  # its import takes longer than that of heka

    name = name.strip()
    try:
        installed = list(entry_points(group=GROUP))
        # A fork and its original distribution may publish the same provider: count it once.
        found = list({each.value: each for each in installed if each.name == name}.values())
    except Exception as error:  # broken metadata raises anything
        raise ConfigError(
            f"{where}: cannot look up the plugin {name!r} in the installed distributions: "
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
    names = f"published are {', '.join(sorted(known))}" if known else "none is published"
    return (
        f"no installed distribution publishes a plugin {name!r}{close} {names} (entry points of "
        f"the group {GROUP!r}); write a dotted name as package.module:function"
    )


def _listed(entries: Sequence[EntryPoint]) -> str:
    """Return ``distribution version (dotted name)`` of each entry point, joined by "and"."""
    return " and ".join(
        [
            f"{each.dist.name} {each.dist.version} ({each.value})"
            if each.dist is not None
            else each.value
            for each in entries
        ]
    )

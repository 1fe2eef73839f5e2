"""Find objects by dotted name: ``package.module:attribute`` or ``package.module.attribute``.

Imports the module, and returns any kind of object.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from heka._core import nearest

__all__ = ["DottedNameResolver", "resolve_name", "resolve_within"]

_EXPECTED = "expected 'package.module:attribute' or 'package.module.attribute'"


class DottedNameResolver:
    """Resolves dotted names, absolute or relative to a package.

    Args:
        package: The package for relative names, which begin with a dot: a package, a module in it,
            or the name of either. None: relative names are refused.
    """

    def __init__(self, package: ModuleType | str | None = None) -> None:
        if isinstance(package, str):
            package = importlib.import_module(package)
        self._package = package and _package_of(package)

    def resolve(self, dotted: str) -> Any:
        """Return the object called *dotted*.

        ``a.b:c.d`` is attribute ``c.d`` of module ``a.b``. Without a colon, each part is an
        attribute if there is one of that name, else a submodule to import.

        Raises:
            ValueError: *dotted* is not a dotted name, or it is relative and there is no package.
            ImportError: There is no such object; the text suggests a similar name. Other errors
                that a module raises during import are not caught.
        """
        name = self._absolute(dotted)
        module, colon, attributes = name.partition(":")
        if colon:
            found: Any = importlib.import_module(module)
            used = module
            for attribute in attributes.split("."):
                found = _attribute(found, attribute, used)
                used += f".{attribute}"
            return found
        used, *parts = name.split(".")
        found = importlib.import_module(used)
        for part in parts:
            try:
                found = getattr(found, part)  # once: a module's __getattr__ may warn
            except AttributeError:
                if isinstance(found, ModuleType):
                    _import_below(found, f"{used}.{part}")
                found = _attribute(found, part, used)
            used += f".{part}"
        return found

    def maybe_resolve(self, dotted: Any) -> Any:
        """Return the object called *dotted*; a value that is not a str is returned unchanged."""
        return self.resolve(dotted) if isinstance(dotted, str) else dotted

    def _absolute(self, dotted: object) -> str:
        if not isinstance(dotted, str):
            raise ValueError(f"{_EXPECTED}, got {dotted!r}")
        name = dotted.strip()
        if name.startswith((".", ":")):
            if not self._package:
                raise ValueError(
                    f"{dotted!r} is relative, but there is no package; give an absolute name"
                )
            name = self._below_package(name)
        parts = name.replace(":", ".", 1).split(".")
        if not all(part.isidentifier() for part in parts):
            raise ValueError(f"{_EXPECTED}, got {dotted!r}")
        return name

    def _below_package(self, name: str) -> str:
        """Prepend the package: one dot means the package, each further dot one level above it."""
        package = str(self._package).split(".")
        if name.startswith(":"):
            return ".".join(package) + name
        below = name.lstrip(".")
        above = len(name) - len(below) - 1
        if above >= len(package):
            raise ValueError(f"{name!r} is above the top of package {self._package!r}")
        kept = package[: len(package) - above]
        if below.startswith(":") or not below:
            return ".".join(kept) + below
        return ".".join([*kept, below])


def _package_of(module: ModuleType) -> str:
    is_package = hasattr(module, "__path__")
    return module.__name__ if is_package else module.__name__.rpartition(".")[0]


def _import_below(module: ModuleType, name: str) -> None:
    """Import the submodule *name* if it exists; errors inside it are raised."""
    if not hasattr(module, "__path__"):
        return
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise


def _attribute(found: Any, name: str, used: str) -> Any:
    try:
        return getattr(found, name)
    except AttributeError as error:
        if isinstance(found, ModuleType) and hasattr(found, "__getattr__"):
            # The text of the module itself may say more, for instance where the name has moved.
            raise ImportError(str(error), name=used) from None
        close = nearest(name, dir(found))
        hint = f"; did you mean {close!r}?" if close else ""
        raise ImportError(f"{used!r} has no {name!r}{hint}", name=used) from None


def resolve_within(name: str, package: str) -> Any:
    """Return the object with the dotted *name*; *package* has those that are meant by a bare name.

    Raises:
        ValueError, ImportError: As ``resolve_name``. If *name* is one word, the text says which
            name of *package* is nearest.
    """
    try:
        return resolve_name(name)
    except (ValueError, ImportError) as error:
        if name.isidentifier():
            meant = nearest(name, list(importlib.import_module(package).__all__))
            remedy = f"; did you mean '{package}.{meant}'?" if meant else ""
            raise ImportError(
                f"{name!r} is no module; expected a dotted name, as in "
                f"package.module.attribute{remedy}",
                name=name,
            ) from error
        raise


def resolve_name(name: str, package: ModuleType | str | None = None) -> Any:
    """Return the object with the dotted *name*, as ``DottedNameResolver.resolve`` does."""
    return DottedNameResolver(package).resolve(name)

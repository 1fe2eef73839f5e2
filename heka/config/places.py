"""Name the place of a setting in the notation of its author, for error texts.

A path is the sequence of keys to a value in the nested dict: ``('stream', 'host')``,
``('filters', 0)``.
"""

from __future__ import annotations

from collections.abc import Sequence

from heka.config.tree import Path


class Places:
    """Places in a dict: ``config['stream']['host']``.

    Attributes:
        written: {path in the nested dict: path at which the author wrote the value}, for values
            that were moved.
    """

    def __init__(self) -> None:
        self.written: dict[Path, Path] = {}

    def __call__(self, *path: object) -> str:
        """Return the name of the place at *path*."""
        return self._name(self.written.get(path, path))

    def _name(self, path: Path) -> str:
        return "config" + "".join(f"[{part!r}]" for part in path)


class TomlPlaces(Places):
    """Places in a table of a TOML document: ``tool.heka.stream.host``."""

    def __init__(self, table: str) -> None:
        """Set the dotted name of the client's table; ``""`` means the whole document."""
        super().__init__()
        self._table = table

    def _name(self, path: Path) -> str:
        parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
        return (self._table + "".join(parts)).lstrip(".") or "the document"


class IniPlaces(Places):
    """Places in an INI file: ``[heka] stream_host``, ``[heka_filter_max] severity``.

    Attributes:
        filters: Sections of the filters, in order.
        plugins: {plugin: its section}.
    """

    def __init__(self, section: str) -> None:
        super().__init__()
        self.filters: list[str] = []
        self.plugins: dict[str, str] = {}
        self._section = section

    def _name(self, path: Path) -> str:
        section = self._section
        match path:
            case ("filters", int(index), *keys) if index < len(self.filters):
                return _option(self.filters[index], keys)
            case ("plugins", name, *keys) if name in self.plugins:
                return _option(self.plugins[str(name)], keys)
            case ("hmac", *keys):
                return _option(f"{section}_hmac", keys)
            case ("stream", key, *_):
                return _option(section, [f"stream_{key}"])
        return _option(section, path)


def _option(section: str, keys: Sequence[object]) -> str:
    return " ".join([f"[{section}]", *map(str, keys)])

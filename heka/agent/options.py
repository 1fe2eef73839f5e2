"""Options of a section: how a plugin declares them, and how a table of a configuration is read.

A plugin's ``Options`` is a frozen dataclass; its field names are the keys of the section:

    @dataclass(frozen=True)
    class Options:
        address: str = option(REQUIRED, "address", "HOST:PORT to listen on.")
        perm: str = option("644", "text", "Mode of the file, octal.")
        tls: TlsOptions | None = option(None, TlsOptions, "A table of its own, [X.tls].")

``read`` returns an instance for a table, and adds every error to a list: the caller reports all of
them at once.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from heka import matcher
from heka._core import nearest
from heka._net.options import as_size
from heka._receiving.endpoint import parse_address
from heka._secrets import is_secret_name, masked
from heka.exceptions import ConfigError, MatcherError

__all__ = [
    "KINDS",
    "REQUIRED",
    "Described",
    "Kind",
    "Problem",
    "Untyped",
    "choice",
    "closest",
    "described",
    "dotted",
    "option",
    "read",
    "shown",
    "tables_of",
]

#: The default of an option that a section must give.
REQUIRED: Final[Any] = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()
_SAME: Final[Any] = object()
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_DURATION: Final = r"([0-9]{1,18}(?:\.[0-9]{1,18})?)(h|ms|m|s|us|ns)"
#: A key that needs no quotes.
_BARE: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
#: Characters of a value that an error text quotes.
_SHOWN_MAX: Final = 100
_T = TypeVar("_T")


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes:
        name: For the reference: ``seconds``.
        expected: For error texts: ``seconds, 0 or more``.
        read: Returns the value of what TOML has; ValueError when it is of another kind. Its text,
            if it has one, is added to the error.
        inner: For a table of tables: the dataclass of each.
    """

    name: str
    expected: str
    read: Callable[[Any], Any]
    inner: type | None = None


@dataclass(frozen=True)
class Problem:
    """One error of a configuration.

    Attributes:
        path: The keys that lead to the value, below the section.
        text: What was expected, and what came.
    """

    path: tuple[str, ...]
    text: str


class Untyped(str):
    """A value of INI text: it may stand for a value of any kind."""

    __slots__ = ()

    def typed(self, kind: str) -> Any:
        """Return the value that TOML would have for an option of *kind*; itself, if none."""
        lines = [line.strip() for line in self.splitlines() if line.strip()]
        if kind == "names":
            return lines
        if kind == "numbers":
            return [_as_number(line) for line in lines]
        if kind == "boolean":
            return {"true": True, "false": False}.get(self.lower(), str(self))
        return _as_number(self) if kind in ("integer", "number", "seconds", "size") else str(self)


def _as_number(text: str) -> int | float | str:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return str(text)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _seconds(value: Any) -> float:
    """Return a number, or a duration as Go writes it: ``'250ms'``, ``'1m30s'``."""
    if isinstance(value, str) and re.fullmatch(rf"(?:{_DURATION})+", value):
        parts = re.findall(_DURATION, value)
        return _number(sum(float(number) * _UNITS[unit] for number, unit in parts))
    number = _number(value)
    if number < 0:
        raise ValueError
    return number


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _mode(value: Any) -> str:
    if not re.fullmatch(r"0?[0-7]{3,4}", _text(value)):
        raise ValueError
    return str(value)


def _size(value: Any) -> int:
    try:
        return as_size(value, "")
    except ConfigError:
        raise ValueError from None


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError
    return tuple(value)


def _numbers(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise ValueError
    return tuple(map(_number, value))


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError
    return dict(value)


def _address(value: Any) -> str:
    parse_address(_text(value))
    return str(value)


def _matcher(value: Any) -> Any:
    try:
        return matcher.compile(_text(value))
    except MatcherError as problem:
        raise ValueError(str(problem)) from None


#: The kinds by name; ``choice`` makes others, a dataclass is a table of its own.
KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("text", "text", _text),
        Kind("integer", "an integer", _integer),
        Kind("number", "a number", _number),
        Kind("seconds", "seconds, 0 or more, or a duration as '250ms'", _seconds),
        Kind("boolean", "true or false", _boolean),
        Kind("mode", "an octal mode as in '644'", _mode),
        Kind("size", "bytes, as a number or as in '64 KiB', '8 MiB' or '1 GiB'", _size),
        Kind("names", "a list of texts", _names),
        Kind("numbers", "a list of numbers", _numbers),
        Kind("texts", "a table of texts", _texts),
        Kind("address", "HOST:PORT, PORT or [IPV6]:PORT", _address),
        Kind("matcher", "a matcher expression", _matcher),
    )
}


def choice(*values: str) -> Kind:
    """Return the kind whose values are *values*."""
    shown = [f"'{value}'" for value in values]
    expected = " or ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]

    def read(value: Any) -> str:
        if value not in values:
            raise ValueError
        return str(value)

    return Kind("choice", expected, read)


def tables_of(options: type) -> Kind:
    """Return the kind of a table whose values are tables of *options*: ``{name: options}``."""
    return Kind("tables", "a table of tables", dict, options)


def option(default: Any, kind: str | Kind | type, doc: str, *, hekad: Any = _SAME) -> Any:
    """Return a field of an Options dataclass.

    Args:
        default: Its value when the section does not give it; REQUIRED: the section must.
        kind: A name in KINDS, a Kind, or a dataclass for a table of its own.
        doc: One or two sentences for the reference.
        hekad: The default in a hekad configuration, where that is another.
    """
    found = KINDS[kind] if isinstance(kind, str) else kind
    metadata = {"kind": found, "doc": doc}
    if hekad is not _SAME:
        metadata["hekad"] = hekad
    if default is REQUIRED:
        return dataclasses.field(metadata={**metadata, "required": True}, default=REQUIRED)
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def read(
    options: type[_T],
    table: Mapping[str, Any],
    problems: list[Problem],
    path: tuple[str, ...] = (),
    *,
    known: tuple[str, ...] = (),
    hekad: bool = False,
) -> _T | None:
    """Return *options* as *table* gives them; None, and at least one more problem, if it cannot.

    Args:
        options: The dataclass.
        table: Of the configuration.
        problems: Gets what is wrong.
        path: The keys that lead to *table*.
        known: Further keys that the author may have meant by an unknown one.
        hekad: Take the defaults of a hekad configuration.
    """
    dataclass_: Any = options  # mypy does not know that it is one
    fields = {field.name: field for field in dataclasses.fields(dataclass_)}
    before = len(problems)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key in fields:
            kind = fields[key].metadata["kind"]
            values[key] = _read_value(kind, value, problems, (*path, key), hekad)
        else:
            near = closest(key, [*fields, *known], f"; known are {', '.join(sorted(fields))}")
            problems.append(Problem((*path, key), f"unknown option{near if fields else ''}"))
    for name, field in fields.items():
        if hekad and "hekad" in field.metadata:
            values.setdefault(name, field.metadata["hekad"])
        if field.metadata.get("required") and name not in table:
            kind = field.metadata["kind"]
            problems.append(
                Problem((*path, name), f"expected {_expected(kind)}, got nothing: it is required")
            )
    if len(problems) > before:
        return None
    try:
        return options(**values)
    except ConfigError as problem:
        key, colon, text = str(problem).partition(": ")
        is_named = bool(colon) and key in fields
        problems.append(Problem((*path, key), text) if is_named else Problem(path, str(problem)))
        return None


def _read_value(
    kind: Kind | type, value: Any, problems: list[Problem], path: tuple[str, ...], hekad: bool
) -> Any:
    if isinstance(kind, type):
        if isinstance(value, Mapping):
            return read(kind, value, problems, path, hekad=hekad)
        problems.append(Problem(path, f"expected a table, got {shown(value, path)}"))
        return None
    if kind.inner is not None and isinstance(value, Mapping):
        return {
            name: _read_value(kind.inner, table, problems, (*path, name), hekad)
            for name, table in value.items()
        }
    if isinstance(value, Untyped):
        value = value.typed(kind.name)
    try:
        return kind.read(value)
    except (ValueError, TypeError) as problem:
        more = f": {problem}" if str(problem) and kind.name == "matcher" else ""
        problems.append(Problem(path, f"expected {kind.expected}, got {shown(value, path)}{more}"))
        return None


def shown(value: Any, path: tuple[str, ...]) -> str:
    """Return *value* for an error text, cut, without a secret; *path* ends in its key."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list) and any(isinstance(each, (dict, list)) for each in value):
        return "a list of tables or lists"
    text = masked(str(value).lower() if isinstance(value, bool) else repr(value))
    if any(is_secret_name(key) for key in path):
        text = "a value that is not shown"
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "..."


def _expected(kind: Kind | type) -> str:
    return "a table" if isinstance(kind, type) else kind.expected


def closest(word: str, known: list[str], other: str = "") -> str:
    """Return ``; did you mean 'x'?`` for the closest of *known*; *other* if none is similar."""
    found = nearest(word, known)
    return f"; did you mean {found!r}?" if found else other


def dotted(path: Sequence[str]) -> str:
    """Return *path* as TOML writes it, for an error text; a long key is cut."""
    shown_keys = (key if len(key) <= _SHOWN_MAX else key[:_SHOWN_MAX] + "..." for key in path)
    return ".".join(key if _BARE.fullmatch(key) else repr(key) for key in shown_keys)


@dataclass(frozen=True)
class Described:
    """An option for the reference.

    Attributes:
        key: Its name.
        kind: What its value is.
        default: As TOML writes it; empty: none.
        hekad: The default in a configuration of hekad, where that is another.
        required: A section must have it.
        doc: One or two sentences.
        table: The dataclass of a table, or of each table of a table of tables.
    """

    key: str
    kind: str
    default: str
    hekad: str | None
    required: bool
    doc: str
    table: type | None


def described(options: type) -> list[Described]:
    """Return each option of *options*."""
    found = []
    for each in dataclasses.fields(options):
        kind = each.metadata["kind"]
        is_table = isinstance(kind, type)
        name = "table" if is_table else kind.expected if kind.name == "choice" else kind.name
        required = bool(each.metadata.get("required"))
        hekad = each.metadata.get("hekad", _SAME)
        found.append(
            Described(
                key=each.name,
                kind=name,
                default="" if required else _written(name, each.default),
                hekad=None if hekad is _SAME else _written(name, hekad),
                required=required,
                doc=each.metadata["doc"],
                table=kind if is_table else kind.inner,
            )
        )
    return found


def _written(kind: str, value: Any) -> str:
    """Return a default as TOML writes it; empty: none."""
    if value is None or value is dataclasses.MISSING or value in ("", ()):
        return ""
    if kind == "size":
        for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
            if value and value % unit == 0:
                return f'"{value // unit} {name}"'
    if kind == "seconds":
        return f"{value:g}"
    return json.dumps(list(value) if isinstance(value, tuple) else value)

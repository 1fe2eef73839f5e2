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
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from heka import matcher
from heka._core import nearest
from heka._net.options import as_size
from heka._receiving.endpoint import parse_address
from heka._secrets import masked
from heka.exceptions import ConfigError, MatcherError

__all__ = ["KINDS", "REQUIRED", "Kind", "Problem", "choice", "option", "read", "tables_of"]

#: The default of an option that a section must give.
REQUIRED: Final[Any] = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()
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
    number = _number(value)
    if number < 0:
        raise ValueError
    return number


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


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
        Kind("seconds", "seconds, 0 or more", _seconds),
        Kind("boolean", "true or false", _boolean),
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


def option(default: Any, kind: str | Kind | type, doc: str) -> Any:
    """Return a field of an Options dataclass.

    Args:
        default: Its value when the section does not give it; REQUIRED: the section must.
        kind: A name in KINDS, a Kind, or a dataclass for a table of its own.
        doc: One or two sentences for the reference.
    """
    found = KINDS[kind] if isinstance(kind, str) else kind
    metadata = {"kind": found, "doc": doc}
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
    ignored: tuple[str, ...] = (),
) -> _T | None:
    """Return *options* as *table* gives them; None, and at least one more problem, if it cannot.

    Args:
        options: The dataclass.
        table: Of the configuration.
        problems: Gets what is wrong.
        path: The keys that lead to *table*.
        ignored: Keys of *table* that somebody else reads.
    """
    fields = {field.name: field for field in dataclasses.fields(options)}  # type: ignore[arg-type]
    before = len(problems)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key in fields:
            values[key] = _read_value(fields[key].metadata["kind"], value, problems, (*path, key))
        elif key not in ignored:
            known = [*fields, *ignored]
            problems.append(Problem((*path, key), f"unknown option{_closest(key, known)}"))
    for name, field in fields.items():
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
        problems.append(Problem(path, str(problem)))
        return None


def _read_value(
    kind: Kind | type, value: Any, problems: list[Problem], path: tuple[str, ...]
) -> Any:
    if isinstance(kind, type):
        if isinstance(value, Mapping):
            return read(kind, value, problems, path)
        problems.append(Problem(path, f"expected a table, got {shown(value, path)}"))
        return None
    if kind.inner is not None and isinstance(value, Mapping):
        return {
            name: _read_value(kind.inner, table, problems, (*path, name))
            for name, table in value.items()
        }
    try:
        return kind.read(value)
    except (ValueError, TypeError) as problem:
        more = f": {problem}" if str(problem) and kind.name == "matcher" else ""
        problems.append(Problem(path, f"expected {kind.expected}, got {shown(value, path)}{more}"))
        return None


def shown(value: Any, path: tuple[str, ...]) -> str:
    """Return *value* for an error text, cut, without a secret; *path* ends in its key."""
    text = masked(repr(value))
    if any(word in path[-1].lower() for word in ("key", "password", "secret", "token")):
        text = "a value that is not shown"
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "..."


def _expected(kind: Kind | type) -> str:
    return "a table" if isinstance(kind, type) else kind.expected


def _closest(word: str, known: list[str]) -> str:
    found = nearest(word, known)
    return f"; did you mean {found!r}?" if found else f"; known are {', '.join(sorted(known))}"


def described(options: type) -> Iterator[tuple[str, str, str, str]]:
    """Yield (key, kind, default, doc) for each option, for the reference."""
    for field in dataclasses.fields(options):
        kind = field.metadata["kind"]
        name = "table" if isinstance(kind, type) else kind.name
        if name == "choice":
            name = kind.expected
        required = field.metadata.get("required")
        default = "required" if required else _default(field.default)
        yield field.name, name, default, field.metadata["doc"]


def _default(value: Any) -> str:
    if value is None or value is dataclasses.MISSING:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)

"""Read INI text into the dict of a client: sections, options, and errors with line numbers."""

from __future__ import annotations

import configparser
import io
import re
import textwrap
from collections.abc import Iterable, Iterator, MutableMapping
from typing import IO, Any

from heka.config import schema
from heka.config.dialect import convert, plain
from heka.config.nesting import nest_stream
from heka.config.places import IniPlaces, Places
from heka.exceptions import ConfigError

Source = IO[str] | IO[bytes] | Iterable[str]
#: ``[x_filter_*]``, ``[x_plugin_*]`` and ``[x_hmac]`` belong to the section ``[x]``.
_PARTS = ("filter", "plugin", "hmac")
#: Most letters in which a section's name with a typing error differs from one of _PARTS; other
#: clients may have sections like ``[x_file]``.
_TYPOS_MAX = 1
#: Most levels of nested ``%(name)s``; configparser's own limit.
_INTERPOLATION_DEPTH_MAX = 10


class ReadConfig(dict[str, Any]):
    """A configuration read from INI text: its ``${NAME}`` are already replaced.

    Attributes:
        places: The name of each value's place in the file, for error texts.
    """

    places: Places = Places()


class _Interpolation(configparser.Interpolation):
    """Replaces ``%(name)s`` by another option and ``%%`` by ``%``; keeps any other ``%``."""

    _REFERENCE = re.compile(r"%(?:%|\(([^()]+)\)s)")

    def before_get(
        self,
        parser: MutableMapping[str, Any],
        section: str,
        option: str,
        value: str,
        defaults: Any,
    ) -> str:
        """Return *value* with its references replaced.

        *defaults* holds the options of the section and of ``[DEFAULT]``.
        """
        return self._replaced(value, (option,), section, defaults)

    def _replaced(self, value: str, trail: tuple[str, ...], section: str, options: Any) -> str:
        def replacement(match: re.Match[str]) -> str:
            if match[1] is None:
                return "%"
            name = match[1].lower()
            if name not in options:
                return match[0]
            if name in trail or len(trail) == _INTERPOLATION_DEPTH_MAX:
                raise ConfigError(
                    f"[{section}] {trail[0]}: %({match[1]})s refers to itself, or is nested more "
                    f"than {_INTERPOLATION_DEPTH_MAX} levels deep"
                )
            return self._replaced(options[name], (*trail, name), section, options)

        return self._REFERENCE.sub(replacement, value)


def read_ini(stream: Source, section: str, strict: bool) -> ReadConfig:
    """Return the configuration of the client in the section *section*."""
    parser = parse_ini(stream)
    _check_sections(parser, section, strict)
    places = IniPlaces(section)
    config = ReadConfig(_main(parser, section, places, strict))
    config.places = places

    filters = []
    for name in _sections(parser, f"{section}_filter"):
        places.filters.append(name)
        filters.append(_provided(parser, name))
    config["filters"] = filters

    plugins: dict[str, tuple[str, dict[str, Any]]] = {}
    for name in _sections(parser, f"{section}_plugin"):
        plugin = name.removeprefix(f"{section}_plugin_")
        places.plugins[plugin] = name
        plugins[plugin] = _provided(parser, name)
    config["plugins"] = plugins

    config["hmac"] = _hmac(parser, f"{section}_hmac")
    nest_stream(config, places)
    return config


def dedented(text: str) -> io.StringIO:
    """Return *text* as a file, with the indentation common to all lines removed."""
    if not isinstance(text, str):
        raise ConfigError(f"expected the configuration as text, got {type(text).__name__}")
    return io.StringIO(textwrap.dedent(text))


def _main(
    parser: configparser.ConfigParser, section: str, places: Places, strict: bool
) -> dict[str, Any]:
    config: dict[str, Any] = {}
    defaults = parser.defaults()
    for option in parser.options(section):
        where = places(option)
        if option in _PARTS or option in ("filters", "plugins"):
            part = option.removesuffix("s")
            schema.report_no_effect(
                f"[{section}] {option}: not an option here; expected a section [{section}_{part}"
                f"{'' if part == 'hmac' else '_NAME'}]",
                strict,
            )
            continue
        if not schema.is_known(option) and option in defaults:
            continue  # options of [DEFAULT] may be meant for other readers of the file
        read = plain if option in schema.TEXT_KEYS else convert
        config[option] = read(parser.get(section, option), where)
    return config


def _provided(parser: configparser.ConfigParser, section: str) -> tuple[str, dict[str, Any]]:
    """Return (provider, other options) of a section."""
    options = {
        option: (plain if option == "provider" else convert)(
            parser.get(section, option), f"[{section}] {option}"
        )
        for option in parser.options(section)
    }
    provider = options.pop("provider", "")
    if not isinstance(provider, str) or not provider:
        raise ConfigError(
            f"[{section}] provider: expected the dotted name of a function, as in "
            f"heka.filters.severity_max_provider; got {provider or 'nothing'}"
        )
    return provider, options


def _hmac(parser: configparser.ConfigParser, section: str) -> dict[str, Any]:
    if not parser.has_section(section):
        return {}
    options = {
        option: plain(parser.get(section, option), f"[{section}] {option}")
        for option in parser.options(section)
        if option in schema.HMAC_KEYS or option not in parser.defaults()
    }
    # Missing keys are present and empty, so that an empty section is an error, not "unsigned".
    return {**dict.fromkeys(schema.HMAC_KEYS, ""), **options}


def _sections(parser: configparser.ConfigParser, start: str) -> list[str]:
    return [name for name in parser.sections() if name.startswith(start)]


def _check_sections(parser: configparser.ConfigParser, section: str, strict: bool) -> None:
    sections = parser.sections()
    if section not in sections:
        there = ", ".join(f"[{name}]" for name in sections) or "none"
        close = schema.closest(str(section), sections)
        raise ConfigError(f"there is no section [{section}]{close}; sections: {there}")
    for name in sections:
        part = name.removeprefix(f"{section}_").partition("_")[0]
        if name.startswith(f"{section}_") and not part.startswith(_PARTS):
            close = schema.closest(part, _PARTS, _TYPOS_MAX)
            if close:
                schema.report_no_effect(f"[{name}]: unknown section{close}", strict)


def parse_ini(stream: Source) -> configparser.ConfigParser:
    """Return the sections of *stream*; ConfigError, with the line, when it is not INI."""
    parser = configparser.ConfigParser(
        # Python 2's default, for which existing files were written.
        inline_comment_prefixes=(";",),
        interpolation=_Interpolation(),
    )
    source = str(getattr(stream, "name", "the configuration"))
    try:
        parser.read_file(_lines(stream, source), source)
    except configparser.DuplicateSectionError as error:
        problem = f"section [{error.section}] occurs twice; merge the two"
        raise ConfigError(f"{source}, line {error.lineno}: {problem}") from None
    except configparser.DuplicateOptionError as error:
        problem = f"[{error.section}] {error.option} occurs twice; keep one"
        raise ConfigError(f"{source}, line {error.lineno}: {problem}") from None
    except configparser.MissingSectionHeaderError as error:
        problem = "expected a [section] before the first option"
        raise ConfigError(f"{source}, line {error.lineno}: {problem}") from None
    except configparser.ParsingError as error:
        # The text quotes no line: one may hold a signing key.
        numbers = ", ".join(str(number) for number, _ in error.errors)
        problem = "expected 'option = value', '[section]' or a comment"
        raise ConfigError(f"{source}, line {numbers}: {problem}") from None
    except UnicodeDecodeError as error:  # from a file in text mode; the line is unknown
        raise ConfigError(f"{source}: expected {error.encoding} text") from None
    return parser


def _lines(stream: Any, source: str) -> Iterator[str]:
    """Yield the lines of *stream* as text, without a byte order mark; bytes must be UTF-8."""
    if not isinstance(stream, Iterable):
        raise ConfigError(f"expected an open file with INI text, got {stream!r}")
    for number, line in enumerate(stream, 1):
        try:
            text = line.decode("utf-8") if isinstance(line, bytes) else line
        except UnicodeDecodeError:
            raise ConfigError(f"{source}, line {number}: expected UTF-8 text") from None
        if not isinstance(text, str):
            raise ConfigError(f"{source}, line {number}: expected text, got {type(text).__name__}")
        yield text.removeprefix("\ufeff") if number == 1 else text

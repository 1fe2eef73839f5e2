"""Clients from configuration: INI files, dicts and TOML.

::

    [heka]
    logger = myapp
    stream_class = heka.streams.UdpStream
    stream_host = ${HEKA_HOST}
    stream_port = 5565

    client = client_from_stream_config(open("app.ini"), "heka")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heka.client import HekaClient
from heka.config.builder import build
from heka.config.dialect import expand_tree
from heka.config.ini import ReadConfig, Source, dedented, read_ini
from heka.config.nesting import nest_prefixes
from heka.config.places import Places
from heka.config.toml import TomlSource, read_toml
from heka.config.tree import copy_tree
from heka.exceptions import ConfigError

__all__ = [
    "client_from_dict_config",
    "client_from_stream_config",
    "client_from_text_config",
    "client_from_toml_config",
    "dict_from_stream_config",
    "nest_prefixes",
]


def client_from_dict_config(
    config: Mapping[str, Any], client: HekaClient | None = None, *, strict: bool = False
) -> HekaClient:
    """Return a client as *config* describes it.

    Args:
        config: What the client is to be; not changed. All keys but the stream are optional:

            ``logger``, ``severity``
                Defaults of the messages: text, and 0 to 7 (6).
            ``disabled_timers``
                Names of timers that do nothing; ``*`` is all of them.
            ``stream``
                ``{'class': dotted name, 'args': positional arguments, ...}``; the rest are keyword
                arguments. ``stream_host`` beside it is the same as ``host`` in it.
            ``to``
                Instead of ``stream``: a destination as for ``heka.log``, ``udp://localhost:5565``.
            ``encoder``
                Dotted name; ``heka.encoders.ProtobufEncoder`` where there is none.
            ``hmac``
                ``signer``, ``key_version``, ``hash_function`` (sha1 or md5) and ``key``.
            ``filters``
                A sequence of ``(provider, {argument: value})``, or a table of tables each with a
                key ``provider``; asked in that order.
            ``plugins``
                ``{section: (provider, {key: value})}``, or a table of such tables. The method is
                called what ``override`` in it says, or its ``heka_name``, or the section.
            ``level``, ``bad_values``, ``oversize``, ``timeout``
                As in ``heka.configure``.

            ``${NAME}`` in a text is the environment variable; ``$${`` is ``${``.
        client: Configured in place; None makes one. As long as this raises, it is as it was.
        strict: Refuse what would have no effect, instead of a ``ConfigWarning``.

    Raises:
        ConfigError: Something is wrong; says where, what was expected, and what came.
        InvalidArgumentError: From a plugin.
        SyntaxError: The name of a plugin's method is taken.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(f"expected the configuration as a dict, got {type(config).__name__}")
    if isinstance(config, ReadConfig):
        return build(copy_tree(config), config.places, client, strict)
    return _from_mapping(config, Places(), client, strict)


def _from_mapping(
    config: Mapping[str, Any], places: Places, client: HekaClient | None, strict: bool
) -> HekaClient:
    try:
        tree = expand_tree(config, places)
    except RecursionError:
        raise ConfigError(f"{places()}: nested too deeply, or part of itself") from None
    return build(tree, places, client, strict)


def dict_from_stream_config(
    stream: Source, section: str, *, strict: bool = False
) -> dict[str, Any]:
    """Read INI text and return the dict for ``client_from_dict_config``.

    Args:
        stream: An open file, or an iterable of lines.
        section: The client's section; ``[section_filter_*]``, ``[section_plugin_*]`` and
            ``[section_hmac]`` belong to it.
        strict: Refuse what would have no effect, instead of a ``ConfigWarning``.

    A value is an int, ``true t on yes`` or ``false f off no``, or text; several lines are a list.
    ``%(name)s`` is another option of the section, ``%%`` is ``%``, and any other ``%`` itself.
    Environment variables are replaced, and stay text.

    Raises:
        ConfigError: It is no INI text, or has no such section.
        EnvironmentNotFoundError: A variable is not set.
    """
    return read_ini(stream, section, strict)


def client_from_stream_config(
    stream: Source, section: str, client: HekaClient | None = None, *, strict: bool = False
) -> HekaClient:
    """Return a client as INI text in the open file *stream* describes it.

    See ``dict_from_stream_config`` for the notation, ``client_from_dict_config`` for the rest.
    """
    config = read_ini(stream, section, strict)
    return client_from_dict_config(config, client, strict=strict)


def client_from_text_config(
    text: str, section: str, client: HekaClient | None = None, *, strict: bool = False
) -> HekaClient:
    """Return a client as the INI *text* describes it; the text may be indented as a whole."""
    return client_from_stream_config(dedented(text), section, client, strict=strict)


def client_from_toml_config(
    toml: TomlSource,
    section: str = "tool.heka",
    client: HekaClient | None = None,
    *,
    strict: bool = False,
) -> HekaClient:
    """Return a client as a table of a TOML document describes it.

    ::

        [tool.heka]
        logger = "myapp"
        to = "udp://localhost:5565"

        [[tool.heka.filters]]
        provider = "heka.filters.severity_max_provider"
        severity = 4

    Args:
        toml: The document: text, bytes, a path, a file opened in binary mode, or a dict that
            ``tomllib`` has read.
        section: Dotted name of the table; ``""`` is the whole document.
        client: As in ``client_from_dict_config``.
        strict: As there.

    Raises:
        ConfigError: It is no TOML, or has no such table. Python 3.10 has no ``tomllib``: install
            the package tomli, or give a dict.
    """
    table, places = read_toml(toml, section)
    return _from_mapping(table, places, client, strict)

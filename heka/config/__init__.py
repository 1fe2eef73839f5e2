"""Create clients from configuration: INI files, dicts and TOML.

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
    """Return the client that the dict *config* describes.

    Args:
        config: The settings; not changed. Only ``stream`` (or ``to``) is required:

            ``logger``, ``severity``
                Defaults for messages: text (``''``), and 0 to 7 (6).
            ``disabled_timers``
                Names of timers that do nothing; ``*`` disables all.
            ``stream``
                ``{'class': dotted name, 'args': positional arguments, ...}``; all other keys are
                keyword arguments. A top-level key ``stream_host`` means ``host`` in this dict.
            ``to``
                Instead of ``stream``: a destination as for ``heka.log``, such as
                ``udp://localhost:5565``.
            ``encoder``
                Dotted name; the default is ``heka.encoders.ProtobufEncoder``.
            ``hmac``
                ``signer``, ``key_version``, ``hash_function`` (sha1 or md5) and ``key``.
            ``filters``
                A sequence of ``(provider, {argument: value})``, or a table of tables each with a
                key ``provider``; evaluated in that order.
            ``plugins``
                ``{section: (provider, {key: value})}``, or a table of tables each with a key
                ``provider``. The method is named by ``override`` if that is a text, else by the
                method's ``heka_name``, else by the section.
            ``level``, ``bad_values``, ``oversize``, ``timeout``
                As in ``heka.configure``.

            ``${NAME}`` in a text is replaced by the environment variable; ``$${`` means ``${``.
        client: The client to configure in place; None creates one. If this function raises, the
            client is unchanged.
        strict: Raise ConfigError for a setting that has no effect, instead of a ``ConfigWarning``.

    Raises:
        ConfigError: A setting is wrong; the text says which, what was expected, and what came.
        InvalidArgumentError: A plugin refused its settings.
        SyntaxError: A plugin's method would replace an existing one, and ``override`` is not set.
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
        strict: Raise ConfigError for a setting that has no effect, instead of a ``ConfigWarning``.

    A value is converted to int, to bool (``true t on yes``, ``false f off no``) or stays text; a
    value of several lines becomes a list. ``%(name)s`` is replaced by another option of the
    section, ``%%`` means ``%``, any other ``%`` is kept. The value of an environment variable is
    always text.

    Raises:
        ConfigError: The text is not valid INI, or has no such section.
        EnvironmentNotFoundError: An environment variable is not set.
    """
    return read_ini(stream, section, strict)


def client_from_stream_config(
    stream: Source, section: str, client: HekaClient | None = None, *, strict: bool = False
) -> HekaClient:
    """Return the client that the INI text in the open file *stream* describes.

    See ``dict_from_stream_config`` for the syntax, ``client_from_dict_config`` for the settings,
    the other arguments and the errors.
    """
    config = read_ini(stream, section, strict)
    return client_from_dict_config(config, client, strict=strict)


def client_from_text_config(
    text: str, section: str, client: HekaClient | None = None, *, strict: bool = False
) -> HekaClient:
    """Return the client that the INI *text* describes; common indentation is removed.

    See ``client_from_stream_config`` for the arguments and the errors.
    """
    return client_from_stream_config(dedented(text), section, client, strict=strict)


def client_from_toml_config(
    toml: TomlSource,
    section: str = "tool.heka",
    client: HekaClient | None = None,
    *,
    strict: bool = False,
) -> HekaClient:
    """Return the client that a table of a TOML document describes.

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
        section: Dotted name of the table; ``""`` means the whole document.
        client: As in ``client_from_dict_config``.
        strict: As in ``client_from_dict_config``.

    Raises:
        ConfigError: The document is not valid TOML, has no such table, or describes no client.
            Also on Python 3.10, which has no ``tomllib``, without the package tomli: install it,
            or pass a dict.
    """
    table, places = read_toml(toml, section)
    return _from_mapping(table, places, client, strict)

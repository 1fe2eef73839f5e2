"""Build a client from a configuration: stream, encoder, filters, plugins.

All parts are created before the client is changed: if the configuration has an error, the client
is unchanged.
"""

from __future__ import annotations

import contextlib
import inspect
import types
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heka.client import HekaClient
from heka.config import schema
from heka.config.masking import as_json, hide, secrets
from heka.config.nesting import nest_stream
from heka.config.places import Places
from heka.config.published import is_published_name, published
from heka.config.queueing import take_queue
from heka.config.tree import Path
from heka.exceptions import ConfigError, InvalidArgumentError
from heka.filters import SeverityMax
from heka.path import resolve_within
from heka.streams import QueuedStream, UrlStream

#: The package that has what a bare name means, by the first key of a path.
_PACKAGES = {"encoder": "heka.encoders", "filters": "heka.filters", "stream": "heka.streams"}
_ENCODER = "heka.encoders.ProtobufEncoder"
#: Most characters of an error text, which quotes values of any length.
_ERROR_TEXT_MAX = 1000
#: Settings that are attributes of a client.
_ATTRIBUTES = ("bad_values", "oversize", "timeout")
#: Names of the plugin methods that the last configuration added; the next one may replace them.
_bound: weakref.WeakKeyDictionary[HekaClient, frozenset[str]] = weakref.WeakKeyDictionary()


def build(
    config: dict[str, Any], places: Places, client: HekaClient | None, strict: bool
) -> HekaClient:
    """Build the client that *config* describes, or configure *client*.

    Takes ownership of *config* and changes it. Error texts are cut to 1,000 characters, and the
    secrets of *config* are masked in them.
    """
    try:
        old = nest_stream(config, places)
        if old:
            schema.warn(
                f"{', '.join(map(places, old))}: a sender is called a stream now; write 'stream' "
                "for 'sender'",
                DeprecationWarning,
            )
        schema.report_unknown(config, places, strict)
        return _Builder(config, places, strict).build(client)
    except ConfigError as error:
        message = str(error)
        text = hide(message, secrets(config))
        if type(error) is not ConfigError or (text == message and len(message) <= _ERROR_TEXT_MAX):
            raise
        # The text of the cause may hold the same secret, so it is dropped then.
        raise ConfigError(text[:_ERROR_TEXT_MAX]) from (
            error.__cause__ if text == message else None
        )


@dataclass
class _Plugin:
    """A method to add to the client."""

    name: str
    method: Callable[..., Any]
    overrides: bool
    place: str


class _Builder:
    """Builds the parts of one client."""

    def __init__(self, config: dict[str, Any], places: Places, strict: bool) -> None:
        # JSON and YAML write None for a setting that is not set.
        self._config = {key: value for key, value in config.items() if value is not None}
        self._places = places
        self._strict = strict
        self._shown = as_json(config)

    def build(self, client: HekaClient | None) -> HekaClient:
        settings = {
            key: check(self._config[key], self._places(key))
            for key, check in schema.SETTINGS.items()
            if key in self._config
        }
        filters = self._filters()
        if "level" in settings:
            filters.insert(0, SeverityMax(settings["level"]))
        hmac = schema.hmac(self._config.get("hmac"), self._places, self._strict)
        encoder = self._encoder(hmac)
        plugins = self._plugins()
        if client is not None:
            _refuse_taken(client, plugins)
        stream = self._stream(settings)
        is_made = stream is not self._config.get("stream")
        try:
            arguments = {
                "logger": settings.get("logger", ""),
                "severity": settings.get("severity", 6),
                "disabled_timers": settings.get("disabled_timers", []),
                "filters": filters,
                "encoder": lambda hmc: encoder,  # created above, so that its errors name a setting
                "hmc": hmac,
            }
            if client is None:
                client = HekaClient(stream, **arguments)
                _refuse_taken(client, plugins)
            else:
                client.setup(stream, **arguments)
            client._own(stream if is_made else None)
            for name in _ATTRIBUTES:
                if name in settings:
                    setattr(client, name, settings[name])
            for plugin in plugins:
                client.add_method(plugin.method, override=plugin.name)
        except BaseException:
            if is_made:
                _close(stream)
            raise
        _bound[client] = frozenset(plugin.name for plugin in plugins)
        client._config = self._shown
        return client

    # ---- the parts --------------------------------------------------------------------------

    def _filters(self) -> list[Callable[..., Any]]:
        entries = self._config.get("filters", [])
        if isinstance(entries, Mapping):
            keyed = list(entries.items())
        elif isinstance(entries, Sequence) and not isinstance(entries, (str, bytes)):
            keyed = list(enumerate(entries))
        else:
            raise schema.expected(
                "a sequence of (provider, {argument: value})", entries, self._places("filters")
            )
        return [self._filter(entry, ("filters", key)) for key, entry in keyed]

    def _filter(self, entry: object, path: Path) -> Callable[..., Any]:
        if callable(entry):
            return entry
        provider, arguments = self._spec(entry, path)
        factory = self._resolved(provider, (*path, "provider"))
        made = self._call(factory, provider, (), arguments, path)
        if not callable(made):
            raise schema.expected(
                f"{_named(provider)} to return a filter, a callable",
                type(made),
                self._places(*path),
            )
        return made  # type: ignore[no-any-return]  # callable() does not narrow the return type

    def _encoder(self, hmac: dict[str, Any]) -> Any:
        name = self._config.get("encoder", _ENCODER)
        if not isinstance(name, (str, type)) and callable(getattr(name, "encode", None)):
            if hmac:
                raise ConfigError(
                    f"{self._places('hmac')}: has no effect, as {self._places('encoder')} is an "
                    "encoder object with its own signer; pass its class, or remove hmac"
                )
            return name
        factory = self._resolved(name, ("encoder",))
        made = self._call(factory, name, (hmac,), {}, ("encoder",))
        if not callable(getattr(made, "encode", None)):
            raise schema.expected(
                "a class with encode(message)", _named(name), self._places("encoder")
            )
        return made

    def _stream(self, settings: dict[str, Any]) -> Any:
        where = self._places("stream")
        stream, to = self._config.get("stream"), self._config.get("to")
        if to is not None:
            if stream is not None:
                raise ConfigError(
                    f"{self._places('to')} and {where}: expected one of them, got both"
                )
            timeout = {key: settings[key] for key in ("timeout",) if key in settings}
            return self._call(UrlStream, "heka.streams.UrlStream", (to,), timeout, ("to",))
        if stream is None or (isinstance(stream, Mapping) and "class" not in stream):
            raise ConfigError(
                f"{self._places('stream', 'class')}: expected the class of the stream, as in "
                "heka.streams.UdpStream, got nothing; or set a destination with "
                f"{self._places('to')}, as in udp://localhost:5565"
            )
        if isinstance(stream, Mapping):
            stream = self._made_stream(dict(stream))
        if not callable(getattr(stream, "write", None)):
            raise schema.expected("a stream, with write(data)", type(stream), where)
        return stream

    def _made_stream(self, arguments: dict[str, Any]) -> Any:
        queue = take_queue(arguments, self._places)
        name = arguments.pop("class")
        factory = self._resolved(name, ("stream", "class"))
        positional = arguments.pop("args", ())
        if not isinstance(positional, (list, tuple)):
            positional = (positional,)
        stream = self._call(factory, name, positional, arguments, ("stream",))
        if queue is None:
            return stream
        try:
            if isinstance(queue.get("on_drop"), str):
                queue["on_drop"] = self._resolved(queue["on_drop"], ("stream", "queue_on_drop"))
            return self._call(
                QueuedStream, "heka.streams.QueuedStream", (stream,), queue, ("stream", "queue")
            )
        except BaseException:
            _close(stream)
            raise

    def _plugins(self) -> list[_Plugin]:
        sections = self._config.get("plugins", {})
        if not isinstance(sections, Mapping):
            raise schema.expected(
                "a table {section: (provider, {key: value})}", sections, self._places("plugins")
            )
        plugins: dict[str, _Plugin] = {}
        for section, entry in sections.items():
            plugin = self._plugin(section, entry)
            before = plugins.get(plugin.name)
            if before is not None and not plugin.overrides:
                raise SyntaxError(
                    f"{plugin.place}: the name {plugin.name!r} is taken by {before.place}; set "
                    "override to another name, or to true to replace that one"
                )
            plugins[plugin.name] = plugin
        return list(plugins.values())

    def _plugin(self, section: object, entry: object) -> _Plugin:
        path = ("plugins", section)
        place = self._places(*path)
        provider, arguments = self._spec(entry, path)
        override = arguments.pop("override", False)
        if not isinstance(override, (bool, str)):
            raise schema.expected(
                "true, false or the name of the method", override, self._places(*path, "override")
            )
        factory = self._provider(provider, (*path, "provider"))
        method = self._call(factory, provider, (arguments,), {}, path)
        if not isinstance(method, types.FunctionType):
            raise schema.expected(
                f"{_named(provider)} to return a function, to be a method", type(method), place
            )
        name = override if isinstance(override, str) else _method_name(method) or section
        if not isinstance(name, str) or not name.isidentifier():
            raise schema.expected(
                "the name of a method, in the method's heka_name or in override", name, place
            )
        return _Plugin(name, method, override is not False, place)

    def _provider(self, name: object, path: Path) -> Callable[..., Any]:
        """Return the provider with the dotted name or published name *name*."""
        if not (isinstance(name, str) and is_published_name(name)):
            return self._resolved(name, path)
        where = self._places(*path)
        found = published(name, where)
        if not callable(found):
            raise schema.expected(f"{name} to be published as a function", found, where)
        return found  # type: ignore[no-any-return]  # callable() does not narrow the return type

    # ---- how parts are made -----------------------------------------------------------------

    def _spec(self, entry: object, path: Path) -> tuple[Any, dict[str, Any]]:
        """Return (provider, arguments) of a filter or plugin, given as a pair or as a table."""
        if isinstance(entry, Mapping):
            arguments = dict(entry)
            provider = arguments.pop("provider", None)
        elif isinstance(entry, (list, tuple)) and len(entry) == 2:
            provider, given = entry
            if not isinstance(given, (Mapping, type(None))):
                raise schema.expected("its settings as a table", given, self._places(*path))
            arguments = dict(given or {})
        else:
            raise schema.expected("(provider, {key: value})", entry, self._places(*path))
        if not provider:
            raise ConfigError(
                f"{self._places(*path, 'provider')}: expected the dotted name of a function, got "
                "nothing"
            )
        return provider, arguments

    def _resolved(self, name: object, path: Path) -> Callable[..., Any]:
        """Return the object with the dotted *name*, or *name* itself if it is a callable."""
        where = self._places(*path)
        found: Any = name
        if isinstance(name, str) and "://" in name and path[0] == "stream":
            raise ConfigError(
                f"{where}: expected the class of a stream, got the URL {name!r}: set it with "
                f"{self._places('to')}"
            )
        if isinstance(name, str):
            try:
                found = resolve_within(name, _PACKAGES.get(path[0], "heka.plugins"))
            except Exception as error:  # modules may raise anything while they are imported
                raise ConfigError(
                    f"{where}: cannot import {name!r}: {_error_text(error)}"
                ) from error
        if not callable(found):
            raise schema.expected("a dotted name of a class or function", name, where)
        made: Callable[..., Any] = found
        return made

    def _call(
        self,
        factory: Callable[..., Any],
        name: object,
        positional: Sequence[Any],
        keywords: dict[str, Any],
        path: Path,
    ) -> Any:
        """Call *factory*, shown as *name*; an error it raises becomes a ConfigError at *path*."""
        for key in keywords:
            self._refuse_unknown_argument(factory, name, key, path)
        try:
            return factory(*positional, **keywords)
        except InvalidArgumentError:
            raise
        except Exception as error:
            place = self._places(*path)
            raise ConfigError(f"{place}: {_named(name)}: {_error_text(error)}") from error

    def _refuse_unknown_argument(
        self, factory: Callable[..., Any], name: object, key: object, path: Path
    ) -> None:
        place = self._places(*path, key)
        if not isinstance(key, str):
            raise schema.expected("a name as key", key, place)
        try:
            parameters = inspect.signature(factory).parameters.values()
        except (TypeError, ValueError):  # some callables written in C have no signature
            return
        if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
            return
        known = [each.name for each in parameters if each.kind is not each.POSITIONAL_ONLY]
        if key not in known:
            close = schema.closest(key, known)
            takes = ", ".join(known) or "nothing"
            raise ConfigError(f"{place}: {_named(name)} takes no {key!r}{close}; it takes {takes}")


def _refuse_taken(client: HekaClient, plugins: list[_Plugin]) -> None:
    """Refuse plugins that would hide an attribute of the client that no plugin added."""
    ours = _bound.get(client, frozenset())
    for plugin in plugins:
        if not plugin.overrides and plugin.name not in ours and hasattr(client, plugin.name):
            raise SyntaxError(
                f"{plugin.place}: the client already has the method {plugin.name!r}; set override "
                "to another name, or to true to replace it"
            )


def _method_name(method: object) -> Any:
    return getattr(method, "heka_name", None) or getattr(method, "metlog_name", None)


def _named(name: object) -> str:
    return name if isinstance(name, str) else getattr(name, "__qualname__", None) or repr(name)


def _error_text(error: Exception) -> str:
    """Return the text of *error*, with its type in front unless it is a ConfigError."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return text if isinstance(error, ConfigError) and text else f"{type(error).__name__}: {text}"


def _close(stream: object) -> None:
    close = getattr(stream, "close", None)
    if callable(close):
        with contextlib.suppress(Exception):
            close()

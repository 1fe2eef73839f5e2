"""Streams and providers for configurations of the tests; they record their arguments."""

from __future__ import annotations

from typing import Any, ClassVar

from heka.exceptions import InvalidArgumentError


class Recorder:
    """A stream that records its arguments, its writes and whether it was closed."""

    made: ClassVar[list[Recorder]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        self.kwargs = kwargs
        self.written: list[Any] = []
        self.closed = False
        self.made.append(self)

    def write(self, data: Any) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True


class FixedStream:
    """A stream that takes two arguments and no more."""

    def __init__(self, host: str, port: int = 5565) -> None:
        self.host = host
        self.port = port

    def write(self, data: Any) -> None:
        pass


class RefusingStream:
    """A stream whose constructor raises."""

    def __init__(self, **kwargs: Any) -> None:
        raise OSError(f"no such disk: {kwargs}")


class NoStream:
    """An object without ``write``."""


class RefusingEncoder:
    """An encoder whose constructor raises."""

    def __init__(self, hmc: Any = None) -> None:
        raise RuntimeError("encoder out of order")


def filter_provider(**config: Any) -> Any:
    """Return a filter that passes everything and has its configuration as ``config``."""

    def passes(msg: Any) -> bool:
        return True

    passes.config = config
    return passes


def empty_provider(*args: Any, **kwargs: Any) -> None:
    """Return None instead of a filter or method."""


def refusing_provider(*args: Any, **kwargs: Any) -> Any:
    """Raise KeyError."""
    raise KeyError("provider out of order")


def plugin_provider(config: dict[str, Any]) -> Any:
    """Return a method named dummy that returns its configuration; changes the dict it is given."""
    kept = dict(config)
    config.clear()
    config["changed"] = True

    def dummy(self: Any, *args: Any, **kwargs: Any) -> Any:
        return kept

    dummy.heka_name = "dummy"
    return dummy


def metlog_plugin_provider(config: dict[str, Any]) -> Any:
    """Return a method that is named by ``metlog_name``, as metlog's plugins are."""

    def method(self: Any) -> str:
        return "metlog"

    method.metlog_name = "from_metlog"
    return method


def nameless_plugin_provider(config: dict[str, Any]) -> Any:
    """Return a method without ``heka_name``: it is named by its section."""

    def method(self: Any) -> Any:
        return config

    return method


def exception_plugin_provider(config: dict[str, Any]) -> Any:
    """Return a method named ``exception``, as a method of the client."""

    def exception(self: Any, *args: Any, **kwargs: Any) -> str:
        return "the plugin's"

    exception.heka_name = "exception"
    return exception


def picky_plugin_provider(config: dict[str, Any]) -> Any:
    """Refuse every argument with InvalidArgumentError, as plugins do."""
    raise InvalidArgumentError(f"Unexpected arguments: {sorted(config)}")


def ini(*lines: str) -> str:
    """Return INI text with a client [heka] that writes to a Recorder, and *lines* behind it."""
    return "\n".join(["[heka]", "stream_class = client.config_support.Recorder", *lines, ""])

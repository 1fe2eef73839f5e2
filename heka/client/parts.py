"""The arguments of a client made into its parts: stream, encoder, filters."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import Any

from heka._net.addresses import STANDARD
from heka._runtime.forks import importing
from heka.exceptions import ConfigError
from heka.filters import HeadFilter
from heka.path import resolve_within

__all__ = ["checked_filters", "checked_stream", "make_encoder", "make_stream"]


def make_encoder(encoder: Any, hmc: Mapping[str, Any] | None) -> Any:
    """Return the encoder that *encoder* is, or is the class or dotted name of."""
    if isinstance(encoder, str):
        encoder = resolve_within(encoder, "heka.encoders")
    if callable(encoder):
        return encoder(hmc)
    if callable(getattr(encoder, "encode", None)):
        if hmc is not None:
            raise ConfigError(f"hmc is for an encoder's class; {encoder!r} is made already")
        return encoder
    raise ConfigError(
        f"encoder must be a class, its dotted name, or have encode(message), got {encoder!r}"
    )


def make_stream(stream: Any) -> Any:
    """Return the stream that *stream* is, or is the URL or dotted name of; None without one."""
    if not isinstance(stream, str):
        return checked_stream(stream)
    if "://" in stream or stream in STANDARD:
        with importing():
            from heka.streams import UrlStream

        return UrlStream(stream)
    if not all(part.isidentifier() for part in stream.replace(":", ".", 1).split(".")):
        raise ConfigError(
            f"stream: expected a URL, as in udp://{_like_a_host(stream)}, the dotted name of a "
            f"class, or an object with write(data), got {stream!r}"
        )
    return checked_stream(resolve_within(stream, "heka.streams")())


def _like_a_host(text: str) -> str:
    """Return *text* if it may be a host and a port, else an example of them."""
    host, _, port = text.partition(":")
    is_host = host.replace(".", "").replace("-", "").isalnum() and host.isascii()
    return text if is_host and (not port or port.isdecimal()) else "localhost:5565"


def checked_stream(stream: Any) -> Any:
    """Return *stream*, which is None or has ``write``; else raise ConfigError."""
    is_class = isinstance(stream, type) and isinstance(
        getattr(stream, "write", None), types.FunctionType
    )
    if stream is None or (callable(getattr(stream, "write", None)) and not is_class):
        return stream
    remedy = ""
    if is_class:
        raise ConfigError(
            f"stream: expected an object with write(data), got the class {stream.__name__}; make "
            f"one of it: {stream.__name__}(...)"
        )
    if isinstance(stream, (str, tuple)):
        remedy = "; heka.streams.UrlStream(destination) makes one of a destination"
    if callable(getattr(stream, "send_message", None)):
        remedy = "; a sender becomes one when its send_message(msg) is called write(data)"
    raise ConfigError(f"stream: expected an object with write(data), got {stream!r}{remedy}")


def checked_filters(filters: Any) -> list[Any]:
    """Return *filters* as a list.

    Raises:
        ConfigError: It is no iterable, or one of it cannot be called with a message.
    """
    expected = "filters: expected callables that take a message"
    if isinstance(filters, str) or not isinstance(filters, Iterable):
        raise ConfigError(f"{expected}, in a list, got {filters!r}")
    chosen = list(filters)
    for one in chosen:
        remedy = ""
        if isinstance(one, type) and issubclass(one, HeadFilter):
            remedy = f"; make a filter of it: {one.__name__}(...)"
        elif isinstance(one, tuple):
            remedy = "; (provider, settings) is for configurations, call provider(**settings)"
        elif callable(one):
            continue
        raise ConfigError(f"{expected}, got {one!r}{remedy}")
    return chosen

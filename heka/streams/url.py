"""Any destination of ``heka.log``, by its URL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from heka._net.addresses import Address, parse
from heka.exceptions import ConfigError
from heka.streams.base import Stream
from heka.streams.network import DestinationStream
from heka.streams.queued import QueuedStream

__all__ = ["UrlStream"]


class UrlStream(DestinationStream):
    """Send each frame to the destination of a URL, or to each of several.

    With ``?queue=1`` it is a QueuedStream, configured by the other options of the URL.

    Args:
        url: ``udp://host:port``, ``tcp://host:port``, ``unix:///path``, ``unixgram:///path``,
            ``tls://host:port``, ``file:///path`` with the options of ``heka.log(to=...)``,
            ``'host:port'``, ``(host, port)``, or a list of such.
        timeout: Seconds that one write may take, including connecting.

    Raises:
        ConfigError: *url* is invalid.
    """

    # Ignored: mypy wants an instance of this class; the URL decides whether it is a queue instead.
    def __new__(cls, url: Any, *, timeout: float = 1.0) -> Stream:  # type: ignore[misc]
        """Return the stream of *url*: a QueuedStream if the URL has ``queue=1``."""
        addresses = _addresses(url)
        queued = [address for address in addresses if address.queue is not None]
        if not queued:
            return super().__new__(cls)
        if len(queued) < len(addresses):
            raise ConfigError(f"{url!r}: expected a queue for each destination, or for none")
        return QueuedStream.of_addresses(addresses)

    def __init__(self, url: Any, *, timeout: float = 1.0) -> None:
        super().__init__(_addresses(url), timeout)


def _addresses(url: Any) -> list[Address]:
    one = isinstance(url, (str, tuple, Address)) or not isinstance(url, Iterable)
    return [parse(each) for each in ([url] if one else url)]

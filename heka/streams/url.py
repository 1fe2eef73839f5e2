"""Any destination of ``heka.log``, by its URL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from heka.addresses import Address, parse
from heka.streams.network import DestinationStream

__all__ = ["UrlStream"]


class UrlStream(DestinationStream):
    """Send each frame where a URL says, or to each of several.

    Args:
        url: ``udp://host:port``, ``tcp://host:port``, ``unix:///path``, ``unixgram:///path``,
            ``file:///path`` with the options of ``heka.log(to=...)``, ``'host:port'``,
            ``(host, port)``, or a list of such.
        timeout: Seconds that one write may take, connecting included.

    Raises:
        ConfigError: *url* is none.
    """

    def __init__(self, url: Any, *, timeout: float = 1.0) -> None:
        one = isinstance(url, (str, tuple, Address)) or not isinstance(url, Iterable)
        super().__init__([parse(each) for each in ([url] if one else url)], timeout)

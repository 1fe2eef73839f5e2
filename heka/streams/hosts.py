"""Hosts and ports in the notation of older configurations: each is one value or a sequence.

Knows the notation and nothing else: resolves no names, opens no sockets.
"""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from heka._net.addresses import Address, parse
from heka.exceptions import ConfigError, ConfigWarning

__all__ = ["Host", "Port", "pair", "values_of"]

Host = str | Iterable[str]
Port = int | str | Iterable[int | str]


def pair(scheme: str, host: Host, port: Port) -> list[Address]:
    """Return the addresses of *host* and *port*, zipped.

    If there are fewer ports than hosts, the last port is repeated. Extra ports are ignored, with a
    ConfigWarning; older versions ignored them silently.

    Raises:
        ConfigError: A host or port is invalid; the text names it.
    """
    hosts = values_of(host, "host", str)
    ports = values_of(port, "port", (int, str))
    extra = ports[len(hosts) :]
    if extra:
        warnings.warn(
            f"{len(ports)} ports for {len(hosts)} hosts: {', '.join(map(str, extra))} ignored; "
            "expected at most one port for each host",
            ConfigWarning,
            stacklevel=3,
        )
    ports += ports[-1:] * (len(hosts) - len(ports))
    return [_address(scheme, one, at) for one, at in zip(hosts, ports, strict=False)]


def values_of(given: Any, name: str, kind: type | tuple[type, ...], *, least: int = 1) -> list[Any]:
    """Return *given*, a value of *kind* or several, as a list; ConfigError when it is neither."""
    if isinstance(given, kind):
        return [given]
    if isinstance(given, (bytes, bytearray)) or not isinstance(given, Iterable):
        raise ConfigError(f"{name}: expected one {name} or a sequence of them, got {given!r}")
    values = list(given)
    if len(values) < least:
        raise ConfigError(f"{name}: expected at least one {name}, got {given!r}")
    return values


def _address(scheme: str, host: Any, port: Any) -> Address:
    if not isinstance(host, str):
        raise ConfigError(f"host: expected a name or an address, got {host!r}")
    if ":" in host and not _is_ip_v6(host):
        raise ConfigError(f"host: expected a name or an address without a port, got {host!r}")
    return replace(parse((host, port)), scheme=scheme)


def _is_ip_v6(host: str) -> bool:
    try:
        return bool(ipaddress.IPv6Address(host))
    except ValueError:
        return False

"""The source address of a request, taken from headers only as far as configured."""

from __future__ import annotations

import ipaddress
from typing import Any

from heka.plugins.cef.escape import environ_text


def value_of(environ: Any, key: str, default: str) -> str:
    """Return the value of *key* in *environ* as text. Never raises."""
    try:
        value = environ.get(key)
    except Exception:
        return default
    return default if value is None else environ_text(value)


def source_of(environ: Any, trusted_proxies: int | None) -> str:
    """Return the address of the client, or the text ``None`` if it is unknown.

    Each proxy appends the address that called it, so only the addresses that our proxies appended
    can be trusted. Without a number of proxies the first address is used, as in cef.
    """
    remote = value_of(environ, "REMOTE_ADDR", "")
    header = value_of(environ, "HTTP_X_FORWARDED_FOR", "")
    forwarded = [part.strip() for part in header.split(",")] if header.strip() else []
    if trusted_proxies is None:
        found = forwarded[0] if forwarded else remote
    else:
        hops = [*forwarded, remote]
        # Fewer addresses than proxies: the request bypassed one, so the header is not trusted.
        found = hops[-1 - trusted_proxies] if len(hops) > trusted_proxies else remote
    return _address(found) or "None"


def _address(text: str) -> str:
    """Return *text* without brackets and port if the rest is an address."""
    text = text.strip().strip('"')
    bare = text
    if text.startswith("["):
        bare = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        bare = text.partition(":")[0]
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return text  # a name, "unknown" or a forged value: shown as it is
    return bare

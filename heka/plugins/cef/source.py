"""Where a request came from, as far as its environ can be believed."""

from __future__ import annotations

import ipaddress
from typing import Any

from heka.plugins.cef.escape import environ_text


def value_of(environ: Any, key: str, default: str) -> str:
    """Return what *environ* has for *key*, as text. Never raises."""
    try:
        value = environ.get(key)
    except Exception:
        return default
    return default if value is None else environ_text(value)


def source_of(environ: Any, trusted_proxies: int | None) -> str:
    """Return the address of the client; ``None`` as a word where nothing tells.

    Each proxy appends the address it was called from, so what stands to the left of those of ours
    was written by somebody else. Without a number of proxies the first is believed, as ever.
    """
    remote = value_of(environ, "REMOTE_ADDR", "")
    header = value_of(environ, "HTTP_X_FORWARDED_FOR", "")
    forwarded = [part.strip() for part in header.split(",")] if header.strip() else []
    if trusted_proxies is None:
        found = forwarded[0] if forwarded else remote
    else:
        hops = [*forwarded, remote]
        # Fewer than our proxies write: the request went round one, and may hold anything.
        found = hops[-1 - trusted_proxies] if len(hops) > trusted_proxies else remote
    return _address(found) or "None"


def _address(text: str) -> str:
    """Return *text* without brackets and port, if that leaves an address."""
    text = text.strip().strip('"')
    bare = text
    if text.startswith("["):
        bare = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        bare = text.partition(":")[0]
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return text  # a name, "unknown", or what somebody made up: for the reader to see
    return bare

"""``client.audit``: who did what, as messages of the type 'audit'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import heka
from heka.client import HekaClient
from heka.exceptions import InvalidArgumentError
from heka.plugins import named

__all__ = ["AuditClient", "config_plugin"]


class AuditClient(HekaClient):
    """The type of a client with this plugin, for type checkers."""

    audit: Callable[..., bool]


def config_plugin(config: dict[str, Any]) -> Callable[..., bool]:
    """Return the method ``audit`` for a client.

    Args:
        config: ``severity`` of the messages, default 5.

    Raises:
        InvalidArgumentError: A key is unknown, or a value is invalid.
    """
    severity = config.pop("severity", heka.NOTICE)
    if config:
        raise InvalidArgumentError(f"Unexpected arguments: {sorted(config)}; expected severity")
    if severity not in range(8):
        raise InvalidArgumentError(f"severity: expected 0 to 7, got {severity!r}")

    @named("audit")
    def audit(self: HekaClient, who: str, action: str, **fields: Any) -> bool:
        """Log that *who* did *action*; return whether the stream accepted it."""
        return self.heka("audit", severity=severity, payload=action, fields={"who": who, **fields})

    return audit


# A type checker reports here an error that a configuration would report at run time.
_plugin: heka.Plugin = config_plugin

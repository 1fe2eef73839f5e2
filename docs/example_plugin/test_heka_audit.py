"""Tests of the plugin: its messages and its settings."""

from __future__ import annotations

from typing import Any, cast

import pytest
from heka_audit import AuditClient

import heka.testing
from heka.config import client_from_dict_config
from heka.exceptions import InvalidArgumentError


def client(**settings: Any) -> AuditClient:
    """Return a client with the plugin; the configuration uses its published name."""
    config = {"to": "udp://localhost:5565", "plugins": {"audit": ("audit", settings)}}
    return cast(AuditClient, client_from_dict_config(config))


def test_action_is_sent() -> None:
    """One call sends one message with all arguments of the call."""
    shop = client()

    with heka.testing.capture(shop) as captured:
        assert shop.audit("ann", "refund", order=4711)

    (message,) = captured
    assert (message.type, message.severity, message.payload) == ("audit", 5, "refund")
    assert message.fields == {"who": ["ann"], "order": [4711]}


@pytest.mark.parametrize("settings", [{"severity": 8}, {"severty": 3}])
def test_wrong_setting_is_refused(settings: dict[str, Any]) -> None:
    """A wrong setting raises InvalidArgumentError when the client is made."""
    with pytest.raises(InvalidArgumentError, match="expected"):
        client(**settings)

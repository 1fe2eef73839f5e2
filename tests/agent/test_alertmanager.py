"""AlertmanagerOutput: what states become, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agent.test_http import serving

from heka._core import monotonic, pack
from heka.agent.outputs.alertmanager import (
    AlertmanagerOptions,
    AlertmanagerOutput,
    _AlertWriter,
    alerts_of,
)
from heka.agent.outputs.encoders import PayloadEncoder
from heka.exceptions import ConfigError
from heka.framing import BlockReader
from heka.message import Message

OPTIONS = AlertmanagerOptions(url="http://h", labels={"team": "ops"})
SECOND = 1_000_000_000


def alerts(payload: str = "", **fields: str) -> list[tuple[str, str, str]]:
    """Return (severity, start, end) of the alerts of a message at 1000 s."""
    message = Message("t", "disk", 4, fields or None, payload, timestamp_ns=1000 * SECOND)
    found = list(alerts_of(message, OPTIONS))
    return [
        (each["labels"]["severity"], each["startsAt"][-14:-6], each["endsAt"][:19])
        for each in found
    ]


def test_a_state_begins_an_alert_that_expires() -> None:
    message = Message(
        "t",
        "disk",
        4,
        {"key": "a", "state": "WARNING"},
        "WARNING: a: full",
        hostname="web1",
        timestamp_ns=1000 * SECOND,
    )
    [alert] = alerts_of(message, OPTIONS)
    assert alert["labels"] == {
        "alertname": "disk",
        "instance": "web1",
        "key": "a",
        "team": "ops",
        "severity": "warning",
    }
    assert alert["annotations"] == {"summary": "a: full"}
    assert alert["startsAt"] == "1970-01-01T00:16:40+00:00"
    assert alert["endsAt"] == "1970-01-02T00:16:40+00:00"


def test_another_state_ends_the_alert_before() -> None:
    assert alerts("CRITICAL: x", state="CRITICAL", before="WARNING") == [
        ("warning", "00:16:39", "1970-01-01T00:16:40"),
        ("critical", "00:16:40", "1970-01-02T00:16:40"),
    ]
    assert alerts("OK: x", state="OK", before="CRITICAL") == [
        ("critical", "00:16:39", "1970-01-01T00:16:40")
    ]
    assert [each[0] for each in alerts("OK: x")] == ["warning", "critical"], "whichever it was"


@pytest.mark.parametrize("payload", ["", "DOWN: x", "CRITICAL", "critical: x"])
def test_a_message_without_a_state_makes_no_alert(payload: str) -> None:
    assert alerts(payload) == []


def test_a_block_is_one_request_and_messages_without_a_state_are_refused() -> None:
    frames = b"".join(pack("t", payload=text) for text in ("OK: a", "none", "CRITICAL: b@"))
    [block] = BlockReader().feed(frames.replace(b"b@", b"b\xff"))
    with serving(lambda body: (200, {}, b"")) as store:
        writer = _AlertWriter(AlertmanagerOptions(url=store.url))
        assert writer.write(block, monotonic() + 30) == {"no-state": [1]}
        writer.close(0.0)
    [(path, headers, body)] = store.requests
    assert path == "/api/v2/alerts"
    assert headers["Content-Type"] == "application/json"
    assert [each["labels"]["severity"] for each in json.loads(body)] == [
        *("warning", "critical", "critical"),
    ]


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="expires: expected 60"):
        AlertmanagerOptions(url="http://h", expires=1.0)
    encoder: Any = PayloadEncoder("p", PayloadEncoder.Options())
    with pytest.raises(ConfigError, match="encoder: expected none"):
        AlertmanagerOutput("a", OPTIONS, encoder)

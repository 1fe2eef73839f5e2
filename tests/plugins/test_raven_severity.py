"""The severity of ``client.raven`` and ``@capture_stack``; calls without a stream are counted."""

from __future__ import annotations

import enum
import logging

import pytest
from plugins.raven_support import raven_client

import heka
from heka.plugins.raven import capture_stack


class Severity(enum.IntEnum):
    LOW = 5
    LEVEL = 40


REFUSED = r"severity must be from 0 \(emergency\) to 7 \(debug\)"
WRONG = [logging.ERROR, 8, -1, True, False, 2**80, Severity.LEVEL]


@pytest.mark.parametrize("severity", WRONG)
def test_a_severity_that_is_none_is_refused(severity):
    """As by ``heka.log``; it was sent as the plugin's own."""
    client = raven_client()

    with heka.testing.capture(client) as captured:
        with pytest.raises(ValueError, match=REFUSED):
            client.raven("msg", ValueError("x"), severity=severity)
        with pytest.raises(ValueError, match=f"got {int(severity)}|got {severity}"):
            client.raven("msg", ValueError("x"), None, severity)

    assert len(captured) == 0


@pytest.mark.parametrize("severity", WRONG)
def test_a_decorator_refuses_it_before_anything_is_called(severity):
    with pytest.raises(ValueError, match="severity must be from 0"):
        capture_stack(severity=severity)


@pytest.mark.parametrize("severity", [0, 7, Severity.LOW])
def test_other_severities_are_sent(severity):
    client = raven_client()

    with heka.testing.capture(client) as captured:
        assert client.raven("msg", ValueError("x"), severity=severity)

    assert captured[0].severity == severity


def test_none_is_the_severity_of_the_plugin():
    client = raven_client()

    with heka.testing.capture(client) as captured:
        assert client.raven("msg", ValueError("x"), severity=None)

    assert captured[0].severity == 3


def test_a_report_without_a_stream_is_counted():
    client = raven_client()
    client.stream = None

    assert client.raven("msg", ValueError("x")) is False
    assert client.stats()["dropped"] == {"inactive": 1}


def test_a_report_to_a_closed_client_is_counted():
    client = raven_client()
    client.close()

    assert client.raven("msg", ValueError("x")) is False
    assert client.stats()["dropped"] == {"closed": 1}

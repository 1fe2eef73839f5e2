"""Severities: the numbers of RFC 5424 under every name that Heka clients used."""

from __future__ import annotations

import logging.handlers

import pytest

import heka
import heka.severity

NUMBERS = {
    "EMERGENCY": 0,
    "EMERG": 0,
    "PANIC": 0,
    "ALERT": 1,
    "CRITICAL": 2,
    "CRIT": 2,
    "ERROR": 3,
    "ERR": 3,
    "WARNING": 4,
    "WARN": 4,
    "NOTICE": 5,
    "INFORMATIONAL": 6,
    "INFO": 6,
    "DEBUG": 7,
}


@pytest.mark.parametrize(("name", "number"), NUMBERS.items())
def test_numbers(name, number):
    assert getattr(heka, name) == number
    assert getattr(heka.severity, name) is getattr(heka, name)


def test_these_are_all():
    assert set(heka.severity.__all__) == set(NUMBERS)
    assert set(NUMBERS) <= set(heka.__all__)


@pytest.mark.parametrize("name", ["EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO"])
def test_they_are_those_of_syslog(name):
    assert getattr(heka, name) == getattr(logging.handlers.SysLogHandler, f"LOG_{name}")


def test_the_default_of_a_message_is_debug_and_of_a_log_call_info():
    """As in earlier Heka clients."""
    assert heka.Message().severity == heka.DEBUG
    with heka.testing.capture() as captured:
        heka.log("t")
    assert captured[0].severity == heka.INFO

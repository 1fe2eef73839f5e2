"""Whatever takes a severity takes it by number, by constant and by name, in any case."""

from __future__ import annotations

import logging

import pytest
from client.messages import Kept, kept_by

import heka
import heka.severity
from heka import filters
from heka._core import severities
from heka.api import _emitter
from heka.client import HekaClient
from heka.config import client_from_dict_config, client_from_text_config
from heka.decorators import incr_count, timeit
from heka.logging import SEVERITY_MAP, severity_of
from heka.plugins.raven import capture_stack
from heka.testing import capture

NAMES = [*heka.severity.__all__, "error", "WARN", "Critical", "dEBUG"]
REFUSED = r"from 0 \(emergency\) to 7 \(debug\), or a name \(emergency, alert, critical, error, "


def sent(act):
    """Return the severity of the one message that *act* sends by heka.log or its argument."""
    client = HekaClient(Kept(), "tests")
    with capture() as captured:
        act(client)
    (message,) = [*kept_by(client).messages, *captured]
    return message.severity


def threshold(made):
    """Return the largest severity that the filter *made* admits."""
    return max(severity for severity in range(8) if made.admits("t", severity))


def exempted(made):
    """Return the largest severity that *made*, which has no budget left, sends in any case."""
    made.admits("t", 7)
    return max(severity for severity in range(8) if made.admits("t", severity))


def configured_level(severity):
    before = _emitter.level
    heka.configure(level=severity)
    found = _emitter.level
    heka.configure(level=before)
    return found


def mapped(severity):
    SEVERITY_MAP[35] = severity
    try:
        return severity_of(35)
    finally:
        del SEVERITY_MAP[35]


def attribute(severity):
    client = HekaClient(None, "tests")
    client.severity = severity
    return client.severity


def raven_client(**options):
    plugin = ("heka.plugins.raven:config_plugin", {"time_budget": 60, **options})
    return client_from_dict_config({"stream": Kept(), "plugins": {"raven": plugin}})


def reported(client, **arguments):
    client.raven("msg", ValueError("x"), **arguments)
    (message,) = kept_by(client).messages
    return message.severity


def captured_stack(severity):
    client = raven_client()

    @capture_stack(severity=severity, client=client)
    def fail():
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    (message,) = kept_by(client).messages
    return message.severity


def by_ini(key, severity):
    return client_from_text_config(
        f"[heka]\nstream_class = heka.streams.DebugCaptureStream\n{key} = {severity}", "heka"
    )


#: Each returns the number that it has understood.
TAKE = {
    "log": lambda s: sent(lambda c: heka.log("t", severity=s)),
    "incr": lambda s: sent(lambda c: heka.incr("t", severity=s)),
    "gauge": lambda s: sent(lambda c: heka.gauge("t", 1, severity=s)),
    "timer": lambda s: sent(lambda c: heka.timer("t", severity=s)(int)()),
    "configure": configured_level,
    "client": lambda s: HekaClient(None, "tests", severity=s).severity,
    "client.severity": attribute,
    "client.heka": lambda s: sent(lambda c: c.heka("t", severity=s)),
    "client.incr": lambda s: sent(lambda c: c.incr("t", severity=s)),
    "client.gauge": lambda s: sent(lambda c: c.gauge("t", 1, severity=s)),
    "client.timer": lambda s: sent(lambda c: c.timer("t", severity=s)(int)()),
    "client.timer_send": lambda s: sent(lambda c: c.timer_send("t", 1, severity=s)),
    "client.log": lambda s: sent(lambda c: c.log(s, "text")),
    "timeit": lambda s: sent(lambda c: timeit("n", severity=s, client=c)(int)()),
    "incr_count": lambda s: sent(lambda c: incr_count("n", severity=s, client=c)(int)()),
    "SeverityMax": lambda s: threshold(filters.SeverityMax(s)),
    "TypeSeverityMax": lambda s: threshold(filters.TypeSeverityMax({"t": s})),
    "TypeSeverityMax-table": lambda s: threshold(filters.TypeSeverityMax({"t": {"severity": s}})),
    "RateLimit": lambda s: exempted(filters.RateLimit(1e-9, exempt_severity=s, clock=lambda: 1.0)),
    "Sample": lambda s: exempted(filters.Sample(0, exempt_severity=s)),
    "config-severity": lambda s: (
        client_from_dict_config({"stream": Kept(), "severity": s}).severity
    ),
    "config-level": lambda s: threshold(
        client_from_dict_config({"stream": Kept(), "level": s}).filters[0]
    ),
    "ini-severity": lambda s: by_ini("severity", s).severity,
    "ini-level": lambda s: threshold(by_ini("level", s).filters[0]),
    "SEVERITY_MAP": mapped,
    "raven": lambda s: reported(raven_client(), severity=s),
    "raven-option": lambda s: reported(raven_client(severity=s)),
    "capture_stack": captured_stack,
}
#: These may be given as text in a configuration; a number may be text there.
CONFIGURED = {
    *("SeverityMax", "TypeSeverityMax", "TypeSeverityMax-table", "RateLimit", "Sample"),
    *("config-severity", "config-level", "ini-severity", "ini-level", "raven-option"),
    "SEVERITY_MAP",
}


@pytest.mark.parametrize("take", TAKE)
@pytest.mark.parametrize("severity", [*range(8), *NAMES])
def test_a_severity_is_taken_by_number_and_by_name(take, severity):
    number = getattr(heka, severity.upper()) if isinstance(severity, str) else severity

    assert TAKE[take](severity) == number


@pytest.mark.parametrize("take", sorted(set(TAKE) - {"SEVERITY_MAP"}))
@pytest.mark.parametrize("severity", ["worst", "", "error!", "ERRÖR", 8, -2, logging.ERROR, True])
def test_anything_else_is_refused_with_the_choices(take, severity):
    if take.startswith("ini") and not severity:
        pytest.skip("nothing is set")

    with pytest.raises(ValueError, match=REFUSED):
        TAKE[take](severity)


@pytest.mark.parametrize("take", sorted(CONFIGURED))
def test_a_configuration_may_have_the_number_as_text(take):
    assert TAKE[take]("3") == 3


@pytest.mark.parametrize("take", sorted(set(TAKE) - CONFIGURED))
def test_a_call_takes_no_number_as_text(take):
    with pytest.raises(ValueError, match=REFUSED):
        TAKE[take]("3")


@pytest.mark.parametrize("value", ["worst", 8, None, True])
def test_what_is_no_severity_in_severity_map_is_ignored(value):
    assert mapped(value) == heka.WARNING


def test_the_names_are_those_of_the_constants():
    constants = {name.lower(): getattr(heka.severity, name) for name in heka.severity.__all__}

    assert dict(severities) == constants


@pytest.mark.parametrize("make", [heka.Message, heka.pack])
def test_a_message_has_a_number(make):
    with pytest.raises(TypeError, match="severity must be int, not str"):
        make("t", severity="error")


@pytest.mark.parametrize("decorator", [timeit, incr_count])
def test_a_decorator_raises_where_it_is_applied(decorator):
    """A ValueError, as everywhere; and a TypeError, as for its other arguments."""
    for kind in (TypeError, ValueError):
        with pytest.raises(kind, match=REFUSED):
            decorator("n", severity="worst")

"""The raven plugin under its old module names."""

from __future__ import annotations

import importlib

import pytest
from plugins.raven_support import DSN, event, fields, message, raven_client

import heka.plugins.raven
from heka.plugins.raven import capture_stack

MODULES = ["heka.raven_plugin", "heka_raven.raven_plugin", "metlog_raven.raven_plugin"]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(
    "name", ["config_plugin", "capture_stack", "RavenClient", "InvalidArgumentError"]
)
def test_name_means_the_same_object(module, name):
    assert getattr(importlib.import_module(module), name) is getattr(heka.plugins.raven, name)


@pytest.mark.parametrize("module", MODULES)
def test_configuration_of_an_earlier_program(module):
    client = raven_client(provider=f"{module}:config_plugin", dsn=DSN)

    @capture_stack(client=client)
    def exception_call(a, b):
        return a / (b - b)

    with pytest.raises(ZeroDivisionError):
        exception_call(5, 5)

    frame = event(client)["sentry.interfaces.Stacktrace"]["frames"][-1]
    assert (frame["vars"]["'a'"], frame["function"]) == (5, "exception_call")
    assert fields(message(client)) == {"msg": "", "dsn": DSN}


def test_name_of_the_method():
    assert importlib.import_module("heka_raven.raven_plugin").HEKA_PLUGIN_NAME == "raven"
    assert importlib.import_module("metlog_raven.raven_plugin").METLOG_PLUGIN_NAME == "raven"

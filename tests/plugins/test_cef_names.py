"""The CEF plugin under its old module names."""

from __future__ import annotations

import importlib

import pytest

from heka.config import client_from_text_config
from heka.exceptions import InvalidArgumentError
from heka.plugins import cef

CONSTANTS = [name for name in cef.__all__ if name.isupper()]


@pytest.mark.parametrize("package", ["heka_cef", "metlog_cef"])
@pytest.mark.parametrize("module", ["", ".cef_plugin"])
def test_constants_of_earlier_packages(package, module):
    found = importlib.import_module(package + module)

    assert len(CONSTANTS) == 5
    assert [getattr(found, name) for name in CONSTANTS] == [getattr(cef, n) for n in CONSTANTS]


def test_heka_cef_is_the_plugin():
    module = importlib.import_module("heka_cef.cef_plugin")

    assert module.config_plugin is cef.config_plugin


@pytest.mark.parametrize("written", ["PID,NDELAY", "PID, NDELAY"])
def test_configuration_of_metlog(written):
    client = client_from_text_config(
        "[metlog]\nstream_class = heka.streams.DebugCaptureStream\n[metlog_plugin_cef]\n"
        f"provider = metlog_cef.cef_plugin:config_plugin\nsyslog_options = {written}\n",
        "metlog",
    )

    assert client.cef.cef_meta["syslog_options"] == "PID,NDELAY"


@pytest.mark.parametrize(
    ("package", "value"), [("heka_cef", "PID"), ("metlog_cef", "PIDS"), ("metlog_cef", 5)]
)
def test_invalid_syslog_options_are_refused(package, value):
    module = importlib.import_module(f"{package}.cef_plugin")

    with pytest.raises(InvalidArgumentError, match="syslog_options"):
        module.config_plugin({"syslog_options": value})

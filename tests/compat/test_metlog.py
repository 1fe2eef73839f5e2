"""Programs written for metlog: their imports, their configuration, their calls."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
import warnings
from textwrap import dedent

import pytest
from compat.support import capturing, message, messages

import heka.client
import heka.config
import heka.decorators
import heka.exceptions
import heka.filters
import heka.holder
import heka.logging
import heka.path
import heka.streams
from heka.message import first_value

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import metlog
    import metlog.client
    import metlog.config
    import metlog.holder
    from metlog.decorators.base import MetlogDecorator

# Every name that metlog 0.9.10 had and that lives on, and what it is.
NAMES = {
    "metlog.client": {
        "MetlogClient": heka.client.HekaClient,
        "SEVERITY": heka.client.SEVERITY,
    },
    "metlog.config": {
        name: getattr(heka.config, name)
        for name in (
            *("client_from_dict_config", "client_from_stream_config", "client_from_text_config"),
            *("dict_from_stream_config", "nest_prefixes"),
        )
    },
    "metlog.decorators": {
        "incr_count": heka.decorators.incr_count,
        "timeit": heka.decorators.timeit,
    },
    "metlog.decorators.stats": {
        "incr_count": heka.decorators.incr_count,
        "timeit": heka.decorators.timeit,
    },
    "metlog.exceptions": {
        "EnvironmentNotFoundError": heka.exceptions.EnvironmentNotFoundError,
        "MethodNotFoundError": heka.exceptions.MethodNotFoundError,
    },
    "metlog.filters": {
        name: getattr(heka.filters, name)
        for name in (
            *("severity_max_provider", "type_blacklist_provider"),
            *("type_severity_max_provider", "type_whitelist_provider"),
        )
    },
    "metlog.holder": {
        "CLIENT_HOLDER": heka.holder.CLIENT_HOLDER,
        "MetlogClientHolder": heka.holder.HekaClientHolder,
        "get_client": heka.holder.get_client,
    },
    "metlog.logging": {
        "MetlogHandler": heka.logging.HekaHandler,
        "hook_logger": heka.logging.hook_logger,
    },
    "metlog.path": {
        "DottedNameResolver": heka.path.DottedNameResolver,
        "resolve_name": heka.path.resolve_name,
    },
}
SENDERS = {
    ("metlog.senders", "DebugCaptureSender"): heka.streams.DebugCaptureStream,
    ("metlog.senders", "FileSender"): heka.streams.FileStream,
    ("metlog.senders", "StdOutSender"): heka.streams.StdOutStream,
    ("metlog.senders", "UdpSender"): heka.streams.UdpStream,
    ("metlog.senders.dev", "DebugCaptureSender"): heka.streams.DebugCaptureStream,
    ("metlog.senders.dev", "FileSender"): heka.streams.FileStream,
    ("metlog.senders.dev", "StdOutSender"): heka.streams.StdOutStream,
    ("metlog.senders.logging", "StdLibLoggingSender"): heka.streams.StdLibLoggingStream,
    ("metlog.senders.udp", "UdpSender"): heka.streams.UdpStream,
}


@pytest.fixture(autouse=True)
def empty_holder(monkeypatch):
    """A holder without the clients of other tests."""
    monkeypatch.setattr(heka.holder.CLIENT_HOLDER, "_clients", {})
    monkeypatch.setattr(heka.holder.CLIENT_HOLDER, "_default_clientname", None)


# ---- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "name", "meant"),
    [
        pytest.param(module, name, meant, id=f"{module}.{name}")
        for module, names in NAMES.items()
        for name, meant in names.items()
    ],
)
def test_a_name_means_the_same_object(module, name, meant):
    found = importlib.import_module(module)

    assert getattr(found, name) is meant
    assert name in found.__all__


@pytest.mark.parametrize(
    ("module", "name", "meant"), [(*key, meant) for key, meant in SENDERS.items()]
)
def test_a_sender_is_the_stream_of_today(module, name, meant):
    with pytest.warns(DeprecationWarning, match=meant.__name__):
        found = getattr(importlib.import_module(module), name)

    assert found is meant


@pytest.mark.parametrize("name", ["ZmqPubSender", "ZmqHandshakePubSender"])
@pytest.mark.parametrize("module", ["metlog.senders", "metlog.senders.zmq"])
def test_zeromq_senders_raise_with_the_replacement(module, name):
    with pytest.raises(ImportError):
        exec(f"from {module} import {name}", {})
    with pytest.raises(AttributeError, match=r"heka\.streams\.TcpStream"):
        getattr(importlib.import_module(module), name)


def test_every_module_imports():
    for found in pkgutil.walk_packages(metlog.__path__, "metlog."):
        importlib.import_module(found.name)


def test_importing_warns_once_at_the_line_that_imports(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import sys\nfrom metlog.client import MetlogClient\nimport metlog.holder\n")

    done = subprocess.run(
        [sys.executable, "-W", "always::DeprecationWarning", str(program)],
        capture_output=True,
        text=True,
        check=True,
        env=None,
    )

    assert done.stderr.count("DeprecationWarning") == 1
    assert done.stderr.startswith(
        f"{program}:2: DeprecationWarning: metlog is deprecated: import 'heka'"
    )


# ---- configuration ------------------------------------------------------------------------------


def test_an_ini_file_of_metlog_configures_a_client():
    """Keys begin with ``sender``, classes and providers are metlog's."""
    text = dedent(
        """
        [metlog]
        logger = myapp
        severity = 4
        disabled_timers = foo
                          bar
        sender_class = metlog.senders.DebugCaptureSender

        [metlog_filter_sev_max]
        provider = metlog.filters.severity_max_provider
        severity = 4

        [metlog_filter_whitelist]
        provider = metlog.filters:type_whitelist_provider
        types = timer
                oldstyle
        """
    )

    with (
        pytest.warns(DeprecationWarning, match=r"\[metlog\] sender_class: .*stream"),
        pytest.warns(DeprecationWarning, match="DebugCaptureStream"),
    ):
        client = metlog.config.client_from_text_config(text, "metlog")
    client.warn("kept")
    client.info("too quiet")
    client.metlog("another")

    assert client._disabled_timers == {"foo", "bar"}
    sent = message(client)
    assert (sent.logger, sent.severity, sent.payload) == ("myapp", 4, "kept")


def test_a_dict_of_metlog_configures_a_client():
    config = {"logger": "amo", "sender": {"class": "heka.streams.DebugCaptureStream", "tag": 7}}
    before = json.dumps(config)

    with pytest.warns(DeprecationWarning, match="sender"):
        client = metlog.holder.get_client("amo", config)

    assert isinstance(client, metlog.client.MetlogClient)
    assert client.stream.tag == 7
    assert json.dumps(config) == before
    assert metlog.holder.get_client("amo") is heka.holder.get_client("amo") is client


def test_zeromq_in_a_file_is_refused_with_the_remedy():
    text = "[metlog]\nsender_class = metlog.senders.zmq.ZmqPubSender\nsender_bindstrs = tcp://h:1\n"

    with (
        pytest.warns(DeprecationWarning, match="sender"),
        pytest.raises(heka.ConfigError, match=r"sender_class.*heka\.streams\.TcpStream"),
    ):
        metlog.config.client_from_text_config(text, "metlog")


def test_global_settings_warn_that_they_have_no_effect():
    text = (
        "[metlog]\nsender_class = heka.streams.DebugCaptureStream\n"
        "global_disabled_decorators = incr_count\n"
    )

    with (
        pytest.warns(DeprecationWarning, match="sender"),
        pytest.warns(heka.exceptions.ConfigWarning, match="global_disabled_decorators"),
    ):
        metlog.config.client_from_text_config(text, "metlog")


# ---- plugins and decorators ---------------------------------------------------------------------


def test_a_plugin_of_metlog_is_bound_by_its_name():
    def my_plugin(self, text):
        return self.metlog("plugged", payload=text)

    my_plugin.metlog_name = "dummy"
    client = capturing()

    client.add_method(my_plugin)
    client.dummy("through")

    sent = message(client)
    assert (sent.type, sent.payload) == ("plugged", "through")


class announced(MetlogDecorator):
    """A decorator of a program: announces each call."""

    def metlog_call(self, *args, **kwargs):
        self.client.metlog("call", payload=self._fn_fq_name)
        return self._invoke(*args, **kwargs)


def test_a_decorator_of_the_program_uses_metlog_call():
    client = capturing()

    @announced(client=client)
    def add(x, y):
        return x + y

    assert add(3, 4) == 7
    assert message(client).payload.endswith(".add")


def test_a_decorator_without_metlog_call_raises_not_implemented():
    with pytest.raises(NotImplementedError, match="metlog_call"):
        MetlogDecorator(lambda: None, client=capturing()).heka_call()


def test_timeit_and_incr_count_find_the_default_client():
    client = capturing()
    metlog.holder.CLIENT_HOLDER.set_client("app", client)

    @importlib.import_module("metlog.decorators").timeit
    @importlib.import_module("metlog.decorators").incr_count
    def work():
        return 7

    assert work() == 7
    assert [(sent.type, first_value(sent, "name")) for sent in messages(client)] == [
        ("counter", f"{__name__}.work"),
        ("timer", f"{__name__}.work"),
    ]

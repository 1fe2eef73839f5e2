"""Plugins: methods that configurations add to clients, their names and name conflicts."""

from __future__ import annotations

import pytest
from client.config_support import ini

from heka.client import HekaClient
from heka.config import client_from_dict_config, client_from_text_config
from heka.exceptions import ConfigError, InvalidArgumentError

SUPPORT = "client.config_support"
RECORDER = {"class": f"{SUPPORT}.Recorder"}


def configured(provider, section="x", client=None, **settings):
    """Return a client with one plugin."""
    plugins = {section: (f"{SUPPORT}.{provider}", settings)}
    return client_from_dict_config({"stream": RECORDER, "plugins": plugins}, client)


def test_plugin_of_ini_text():
    client = client_from_text_config(
        ini(
            "[heka_plugin_section]",
            "provider=client.config_support:plugin_provider",
            "verbose=True",
            "some_list = dog",
            "            cat",
            "port=8080",
        ),
        "heka",
    )

    assert client.dummy() == {"verbose": True, "some_list": ["dog", "cat"], "port": 8080}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param((f"{SUPPORT}.plugin_provider", {"port": 1}), id="pair"),
        pytest.param([f"{SUPPORT}:plugin_provider", {"port": 1}], id="json"),
        pytest.param({"provider": f"{SUPPORT}.plugin_provider", "port": 1}, id="table"),
    ],
)
def test_plugin_of_a_dict(spec):
    client = client_from_dict_config({"stream": RECORDER, "plugins": {"x": spec}}, strict=True)

    assert client.dummy() == {"port": 1}


@pytest.mark.parametrize(
    ("provider", "settings", "name"),
    [
        pytest.param("plugin_provider", {}, "dummy", id="heka-name"),
        pytest.param("plugin_provider", {"override": True}, "dummy", id="override-is-no-name"),
        pytest.param("plugin_provider", {"override": "mine"}, "mine", id="override-names-it"),
        pytest.param("metlog_plugin_provider", {}, "from_metlog", id="metlog-name"),
        pytest.param("nameless_plugin_provider", {}, "x", id="section"),
        pytest.param("nameless_plugin_provider", {"override": "mine"}, "mine", id="nameless"),
    ],
)
def test_name_of_the_method(provider, settings, name):
    client = configured(provider, **settings)

    assert set(client._dynamic_methods) == {name}
    assert callable(getattr(client, name))


def test_override_is_not_a_setting_of_the_plugin():
    assert configured("plugin_provider", override=True, port=1).dummy() == {"port": 1}


def test_plugin_with_the_name_of_a_client_method_is_a_syntax_error():
    with pytest.raises(
        SyntaxError, match=r"^\[heka_plugin_e\]: the client already has the method 'exception'"
    ):
        client_from_text_config(
            ini("[heka_plugin_e]", f"provider = {SUPPORT}.exception_plugin_provider"), "heka"
        )


def test_override_replaces_a_method():
    client = configured("exception_plugin_provider", override=True)

    assert client.exception() == "the plugin's"


def test_plugin_with_the_name_of_an_added_method_is_a_syntax_error():
    def dummy(self):
        return "by hand"

    dummy.heka_name = "dummy"
    client = HekaClient(stream=None, logger="app")
    client.add_method(dummy)

    with pytest.raises(SyntaxError, match="the client already has the method 'dummy'"):
        configured("plugin_provider", client=client)

    assert client.dummy() == "by hand"
    assert not client.is_active


def test_client_is_configured_again_with_the_same_plugins():
    """A later configuration may replace the methods that an earlier one added."""
    client = configured("plugin_provider", port=1)

    configured("plugin_provider", client=client, port=2)

    assert client.dummy() == {"port": 2}


def test_two_plugins_of_one_name_are_a_syntax_error():
    plugins = {name: (f"{SUPPORT}.plugin_provider", {}) for name in ("a", "b")}

    with pytest.raises(SyntaxError) as caught:
        client_from_dict_config({"stream": RECORDER, "plugins": plugins})

    assert "config['plugins']['b']: the name 'dummy' is taken by config['plugins']['a']" in str(
        caught.value
    )


def test_one_provider_serves_two_sections():
    plugins = {name: (f"{SUPPORT}.nameless_plugin_provider", {"n": name}) for name in ("a", "b")}

    client = client_from_dict_config({"stream": RECORDER, "plugins": plugins})

    assert (client.a(), client.b()) == ({"n": "a"}, {"n": "b"})


def test_invalid_argument_error_of_a_plugin_is_passed_on():
    with pytest.raises(InvalidArgumentError) as caught:
        configured("picky_plugin_provider", dns="x")

    assert str(caught.value) == "Unexpected arguments: ['dns']"
    assert isinstance(caught.value, ConfigError)
    assert isinstance(caught.value, RuntimeError)

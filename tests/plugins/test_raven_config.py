"""The configuration of the plugin: its formats, and what is refused."""

from __future__ import annotations

import json

import pytest
from plugins.raven_support import DSN, PROVIDER, Kept, event, raven_client, reported

from heka.config import client_from_dict_config, client_from_text_config
from heka.exceptions import ConfigError, InvalidArgumentError
from heka.plugins.raven import capture, config_plugin
from heka.plugins.raven.dsn import DSN as Parsed


def test_plugin_of_ini_text():
    client = client_from_text_config(
        f"""
        [heka]
        stream_class = heka.streams.DebugCaptureStream
        [heka_plugin_ravensection]
        provider = {PROVIDER}
        dsn = {DSN}
        severity = 4
        sentry_project_id = 3
        """.replace("        ", ""),
        "heka",
    )

    assert client.raven(exc_info=ValueError("x"))
    assert len(client.stream.msgs) == 1


@pytest.mark.parametrize("kind", [tuple, list])
def test_plugin_of_a_dict(kind):
    plugins = {"any section": kind([PROVIDER, {"dsn": DSN}])}

    client = client_from_dict_config({"stream": Kept(), "plugins": plugins}, strict=True)

    assert client.raven(exc_info=ValueError("x"))


@pytest.mark.parametrize(
    "provider",
    [
        "heka.plugins.raven:config_plugin",
        "heka.plugins.raven.config_plugin",
        "heka.raven_plugin:config_plugin",
    ],
)
def test_provider_has_several_names(provider):
    client = raven_client(provider=provider)

    assert "event_id" in reported(ValueError("x"), client)


def test_new_code_has_the_new_profile():
    client = raven_client(provider="heka.plugins.raven:capture")

    assert reported(ValueError("x"), client)["exception"]["values"][0]["value"] == "x"


def test_capture_takes_another_profile():
    method = capture({"profile": "raven2"})

    assert method.heka_name == "raven"


def test_unknown_key_is_refused():
    with pytest.raises(InvalidArgumentError, match=r"^Unexpected arguments: \['sentry_dsn'\]") as e:
        raven_client(sentry_dsn=DSN)

    assert isinstance(e.value, ConfigError)
    assert isinstance(e.value, RuntimeError)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("severity", 8),
        ("severity", -1),
        ("severity", True),
        ("severity", "high"),
        ("logger", 5),
        ("dsn", 5),
        ("dsn", "nonsense"),
        ("dsn", "udp://host"),
        ("dsn", "udp://user:pass@/2"),
        ("dsn", "//host/2"),
        ("dsn", "udp://host:port/2"),
        ("dsn", "udp://[::1/2"),
        ("dsn_field", "some"),
        ("sentry_project_id", []),
        ("sentry_project_id", True),
        ("type", None.__class__),
        ("profile", "raven4"),
        ("repr", "no"),
        ("summary", "yes"),
        ("epoch_timestamp", 1),
        ("release", []),
        ("environment", 1),
        ("time_budget", -1),
        ("time_budget", "soon"),
        ("time_budget", float("nan")),
        ("time_budget", True),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_wrong_value_is_refused(key, value):
    with pytest.raises(InvalidArgumentError, match=rf"^{key}: expected "):
        config_plugin({key: value})


@pytest.mark.parametrize("nothing", ["", "  ", None])
def test_empty_dsn_is_none(nothing):
    """As from ``${SENTRY_DSN}`` when the variable is empty."""
    client = raven_client(dsn=nothing)

    assert reported(ValueError("x"), client)["project"] == "1"


def test_configuration_is_not_changed():
    config = {"dsn": DSN, "severity": 2}

    config_plugin(config)

    assert config == {"dsn": DSN, "severity": 2}


@pytest.mark.parametrize(
    ("text", "public", "secret", "host", "project"),
    [
        (DSN, "4f2a", "c0ffee99", "sentry.example:9001", "2"),
        ("https://pub@o1.ingest.sentry.io/55", "pub", "", "o1.ingest.sentry.io", "55"),
        ("http://a:b@[::1]:9/path/to/3/", "a", "b", "[::1]:9", "3"),
        ("http://a:b@c@h/1", "a", "b@c", "h", "1"),
    ],
)
def test_parts_of_a_dsn(text, public, secret, host, project):
    dsn = Parsed.parse(text)

    assert (dsn.public, dsn.secret, dsn.host, dsn.project) == (public, secret, host, project)


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(lambda client, method: client._config, id="client-config"),
        pytest.param(lambda client, method: repr(client), id="client-repr"),
        pytest.param(lambda client, method: repr(method), id="method"),
        pytest.param(lambda client, method: repr(Parsed.parse(DSN)), id="dsn-repr"),
        pytest.param(lambda client, method: str(Parsed.parse(DSN)), id="dsn-str"),
    ],
)
def test_secret_of_the_dsn_is_not_shown(shown):
    client = raven_client(dsn=DSN)

    assert "c0ffee99" not in shown(client, client.raven)


def test_refused_dsn_is_not_shown():
    with pytest.raises(InvalidArgumentError) as caught:
        config_plugin({"dsn": "udp://user:c0ffee99@/2"})

    assert "c0ffee99" not in str(caught.value)


def test_secret_of_the_dsn_and_of_the_signature_is_in_no_event():
    def fail():
        dsn = DSN
        key = "signing-key-1"
        raise ValueError(dsn + key)

    client = raven_client(dsn=DSN)
    client.setup(
        Kept(),
        hmc={"signer": "s", "key_version": 1, "hash_function": "sha1", "key": "signing-key-1"},
    )
    reported(fail, client)

    text = json.dumps(event(client))
    assert "c0ffee99" not in text
    assert "signing-key-1" not in text

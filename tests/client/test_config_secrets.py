"""Secrets of configurations stay out of ``client._config`` and of the texts of errors."""

from __future__ import annotations

import io
import json
import traceback

import pytest
from client.config_support import ini

from heka.config import (
    client_from_dict_config,
    client_from_text_config,
    client_from_toml_config,
    dict_from_stream_config,
)
from heka.exceptions import ConfigError, HekaError

SECRET = "s3cr3t'\\k\u00e9y"
HMAC = {"signer": "s", "key_version": "1", "hash_function": "sha1", "key": SECRET}
RECORDER = {"class": "client.config_support.Recorder"}


def telling_provider(*args, **kwargs):
    """Raise an error whose text shows the arguments."""
    raise ValueError(f"cannot use {args!r} {kwargs!r} {kwargs.get('password')}")


def telling_encoder(hmc=None):
    raise ValueError(f"cannot sign with {hmc}")


def test_signing_key_is_not_shown_but_used():
    client = client_from_dict_config({"stream": RECORDER, "hmac": HMAC})

    assert json.loads(client._config)["hmac"] == {**HMAC, "key": "********"}
    assert client.encoder.hmc == HMAC


def test_key_of_bytes_is_not_shown():
    hmac = {**HMAC, "key": SECRET.encode()}

    client = client_from_dict_config({"stream": RECORDER, "hmac": hmac})

    assert json.loads(client._config)["hmac"]["key"] == "********"


@pytest.mark.parametrize(
    ("shown", "value"),
    [
        pytest.param(
            "http://public:********@sentry.example/1",
            "http://public:s3cr3t@sentry.example/1",
            id="dsn",
        ),
        pytest.param("http://public@sentry.example/1", None, id="dsn-of-today"),
        pytest.param("http://sentry.example:9000/a:b@c", None, id="port"),
        pytest.param(
            "a tcp://:********@h and tcp://u:********@h",
            "a tcp://:x@h and tcp://u:a:b@h",
            id="more",
        ),
    ],
)
def test_password_in_a_url_is_not_shown(shown, value):
    plugins = {"x": ("client.config_support.plugin_provider", {"dsn": value or shown})}

    client = client_from_dict_config({"stream": RECORDER, "plugins": plugins})

    assert json.loads(client._config)["plugins"]["x"][1] == {"dsn": shown}
    assert client.dummy() == {"dsn": value or shown}


@pytest.mark.parametrize(
    ("key", "is_secret"),
    [
        *[(key, True) for key in ("password", "db_password", "Secret", "api_key", "apikey")],
        *[(key, True) for key in ("auth-token", "credentials", "private_key", "secret_key")],
        *[(key, False) for key in ("key", "tokens", "keyboard", "secretary", "host")],
    ],
)
def test_value_is_secret_by_its_name(key, is_secret):
    client = client_from_dict_config({"stream": {**RECORDER, key: "value of it"}})

    assert json.loads(client._config)["stream"][key] == ("********" if is_secret else "value of it")


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({"hmac": {"key": SECRET, "signer": "s"}}, id="hmac-incomplete"),
        pytest.param({"hmac": {**HMAC, "key_version": SECRET}}, id="key-as-version"),
        pytest.param({"hmac": HMAC, "encoder": telling_encoder}, id="encoder-tells"),
        pytest.param({"filters": [(telling_provider, {"password": SECRET})]}, id="filter-tells"),
        pytest.param({"plugins": {"x": (telling_provider, {"token": SECRET})}}, id="plugin-tells"),
        pytest.param(
            {"plugins": {"x": (telling_provider, {"api_key": SECRET.encode()})}}, id="bytes-told"
        ),
        pytest.param(
            {"plugins": {"x": (telling_provider, {"dsn": f"http://a:{SECRET}@b"})}}, id="dsn-told"
        ),
        pytest.param({"stream": None, "to": f"udp://u:{SECRET}@localhost"}, id="url"),
        pytest.param({"stream_passwd": SECRET, "severity": SECRET}, id="elsewhere-too"),
    ],
)
def test_secret_is_in_no_error(config):
    """Nor in the error's cause, which a traceback prints."""
    with pytest.raises(ConfigError) as caught:
        client_from_dict_config({"stream": RECORDER, **config})

    printed = "".join(traceback.format_exception(caught.value))
    for text in (repr(caught.value), printed):
        assert "s3cr3t" not in text


def test_both_of_two_secrets_are_masked_if_one_contains_the_other():
    settings = {"password": "abcd", "token": "abcdefgh", "secret": "efghabcdefgh"}
    config = {"stream": RECORDER, "filters": [(telling_provider, settings)]}

    with pytest.raises(ConfigError) as caught:
        client_from_dict_config(config)

    assert "abcd" not in str(caught.value)
    assert "efgh" not in str(caught.value)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["[heka_hmac]", f"key {SECRET}"], id="no-equals-sign"),
        pytest.param(["[heka_hmac]", f"key = {SECRET}", f"key = {SECRET}"], id="twice"),
        pytest.param(["[heka_hmac]", f"key = {SECRET}", "signer = %(signer)s"], id="circle"),
        pytest.param(["[heka_hmac]", f"key = {SECRET}", "signer = ${NO_SUCH}"], id="variable"),
    ],
)
def test_secret_is_in_no_error_about_ini_text(lines, monkeypatch):
    monkeypatch.delenv("NO_SUCH", raising=False)

    with pytest.raises(HekaError) as caught:
        dict_from_stream_config(io.StringIO(ini(*lines)), "heka")

    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


def test_secret_is_in_no_error_about_toml():
    with pytest.raises(ConfigError) as caught:
        client_from_toml_config(f"[tool.heka.hmac]\nkey = {SECRET}")

    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


def test_secret_of_the_environment_is_not_shown(monkeypatch):
    monkeypatch.setenv("SIGNING_KEY", SECRET)
    text = ini(
        *("[heka_hmac]", "signer = s", "key_version = 1", "hash_function = md5"),
        "key = ${SIGNING_KEY}",
    )

    client = client_from_text_config(text, "heka")

    assert client.encoder.hmc["key"] == SECRET
    assert "s3cr3t" not in client._config

"""Properties of configuration values over arbitrary values and texts."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import re
import warnings

import pytest
from client.config_support import Recorder
from hypothesis import assume, example, given
from hypothesis import strategies as st

from heka.config import (
    client_from_dict_config,
    client_from_text_config,
    client_from_toml_config,
    dict_from_stream_config,
)
from heka.exceptions import ConfigError, ConfigWarning
from heka.streams import DebugCaptureStream

WORDS = ("true", "t", "on", "yes", "false", "f", "off", "no")
LOOKS = re.compile(rf"-?[0-9]+|{'|'.join(WORDS)}", re.IGNORECASE)


def can_be_written(text):
    """INI has no notation for line ends, outer space and ' ;' in a value."""
    ends = "\n" in text or "\r" in text
    return not ends and text == text.strip() and not re.search(r"(^|\s);", text)


texts = st.text().filter(can_be_written).filter(lambda text: not LOOKS.fullmatch(text))
numbers = st.integers(min_value=-(10**30), max_value=10**30)
scalars = st.booleans() | numbers | texts
items = scalars.filter(lambda item: item != "" and not str(item).startswith(("#", ";")))


def written(value):
    """Return the INI text of one scalar."""
    if isinstance(value, str):
        return value.replace("%", "%%").replace("${", "$${")
    return str(value)


def read(text):
    """Return the value of an INI option whose text is *text*."""
    source = io.StringIO(f"[heka]\nstream_value = {text}\n")
    return dict_from_stream_config(source, "heka")["stream"]["value"]


@given(scalars)
@example("%(stream_value)s")
@example("$${A}")
@example("${")
@example("[heka]")
@example("a = b")
@example("a\x85b")
@example("a\u2028b")
def test_scalar_survives_ini_text(value):
    found = read(written(value))

    assert found == value
    assert type(found) is type(value)


@given(st.lists(items, min_size=1))
@example(["[heka]", "key = value"])
def test_list_survives_ini_text(values):
    found = read("".join(f"\n    {written(value)}" for value in values))

    assert found == values
    assert [type(each) for each in found] == [type(each) for each in values]


@given(st.text())
def test_text_without_notation_is_itself(text):
    """A text is converted to int or bool, or unchanged."""
    assume(can_be_written(text) and "%%" not in text and "${" not in text)
    assume(not LOOKS.fullmatch(text) and "%(stream_value)s" not in text.lower())

    assert read(text) == text


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.text())
def test_variable_is_taken_as_it_is(value, before):
    """The variable may hold any text; the text around it is unchanged."""
    assume(can_be_written(before) and "%" not in before and "$" not in before)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEKA_TEST_VALUE", value)

        found = read(f"{before}${{HEKA_TEST_VALUE}}")

    assert found == before + value


pieces = st.sampled_from(
    [
        *("[heka]", "[heka_filter_a]", "[heka_filter_b]", "[heka_plugin_a]", "[heka_hmac]"),
        *("[DEFAULT]", "[", "]", "\n", "\n", "\n    ", "\t", " = ", "=", ":", ";", "#", "%"),
        *("stream_class", "sender_class", "stream", "stream_host", "logger", "severity", "to"),
        *("heka.streams.DebugCaptureStream", "client.config_support:plugin_provider", "provider"),
        *("heka.filters.severity_max_provider", "override", "true", "7", "key", "signer"),
        *("${HOME}", "${NO_SUCH_VARIABLE}", "${", "$", "}", "%(", ")s", "%(logger)s", "%%"),
        *("filters", "plugins", "hmac", "timeout", "disabled_timers", "x.y", "\ufeff", "\r"),
    ]
)
ini_texts = st.text() | st.lists(pieces | st.text(max_size=3), max_size=40).map("".join)


@given(ini_texts, st.booleans())
@example("[heka]\n[heka_hmac]\n", False)
@example("[heka]\nstream = x\nsender_class = y\n", False)
@example("[heka]\n= 5\n", False)
@example("[heka]\n %(logger)s\n", False)
def test_any_ini_text_gives_a_client_or_a_config_error(text, strict):
    """A plugin with a name in use is a SyntaxError, as in heka-py 0.30."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            client = client_from_text_config(text, "heka", strict=strict)
        except (ConfigError, SyntaxError):
            return

    assert client.is_active
    json.loads(client._config)


@given(st.text() | st.binary() | st.lists(pieces, max_size=40).map("".join))
def test_any_toml_document_gives_a_client_or_a_config_error(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(ConfigError):
            json.loads(client_from_toml_config(text)._config)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
keys = st.sampled_from(
    [
        *("logger", "severity", "disabled_timers", "filters", "plugins", "encoder", "hmac"),
        *("to", "bad_values", "oversize", "timeout", "level", "stream_x", "sender_y", "zzz"),
    ]
)


@given(st.dictionaries(keys, values, max_size=4))
@example({"filters": {"a": {"provider": "x", 5: 1}}})
@example({"hmac": {5: 1}})
@example({"plugins": {5: ("client.config_support.nameless_plugin_provider", {})}})
def test_any_dict_gives_a_client_or_a_config_error(config):
    """The dict is unchanged afterwards."""
    config = {"stream": {"class": Recorder}, **config}
    before = copy.deepcopy(config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            client = client_from_dict_config(config)
        except ConfigError:
            pass
        else:
            json.loads(client._config)

    assert repr(config) == repr(before)


@given(values)
def test_any_value_reaches_the_stream_as_it_is(value):
    assume("${" not in repr(value))

    client = client_from_dict_config({"stream": {"class": Recorder, "value": value}})

    assert repr(client.stream.kwargs["value"]) == repr(value)


@given(st.text(min_size=2), keys, values)
def test_no_error_shows_the_signing_key(rest, key, value):
    secret = f"s3cr3t{rest}"
    assume("${" not in secret)
    hmac = {"signer": secret, "key_version": secret, "hash_function": secret, "key": secret}
    config = {"stream": {"class": Recorder}, key: value, "hmac": hmac}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ConfigError) as caught:
            client_from_dict_config(config)

    assert "s3cr3t" not in str(caught.value)


@given(st.text(st.characters(categories=["Ll"]), min_size=1))
def test_any_unknown_key_is_named(key):
    known = {"logger", "severity", "level", "timeout", "oversize", "encoder", "filters", "hmac"}
    assume(key not in known | {"plugins", "stream", "sender", "to"})

    with pytest.warns(ConfigWarning, match=re.escape(f"config[{key!r}]: unknown key")):
        client_from_dict_config({"stream": {"class": DebugCaptureStream}, key: 1})

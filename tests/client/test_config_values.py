"""Values of INI files: ints, bools, lists, ${ENV}, and the percent sign."""

from __future__ import annotations

import io

import pytest
from client.config_support import ini

from heka.config import client_from_dict_config, client_from_text_config, dict_from_stream_config
from heka.exceptions import ConfigError, EnvironmentNotFoundError


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """Set the environment variables that the tests use."""
    monkeypatch.setenv("A", "alpha")
    monkeypatch.setenv("B", "beta")
    monkeypatch.setenv("PIN", "007")
    monkeypatch.setenv("LINES", "one\ntwo")
    monkeypatch.setenv("NESTED", "${A}")
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)


def stream_value(text):
    """Return what the INI value *text* becomes on its way to a stream."""
    client = client_from_text_config(ini(f"stream_value = {text}"), "heka")
    return client.stream.kwargs["value"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("123", 123, id="int"),
        pytest.param("-5", -5, id="negative"),
        pytest.param("007", 7, id="leading-zeros"),
        pytest.param("1.5", "1.5", id="float-stays-text"),
        pytest.param("12abc", "12abc", id="digits-and-letters"),
        pytest.param("1_000", "1_000", id="underscore-is-no-digit"),
        pytest.param("+5", "+5", id="plus-stays-text"),
        pytest.param("1٣", "1٣", id="other-digits-stay-text"),
        pytest.param("9" * 5000, "9" * 5000, id="more-digits-than-python-converts"),
        *[pytest.param(t, True, id=f"true-{t}") for t in ("True", "t", "Yes", "on", "ON")],
        *[pytest.param(f, False, id=f"false-{f}") for f in ("false", "F", "no", "OFF")],
        pytest.param("y", "y", id="y-is-text"),
        pytest.param("", "", id="empty"),
        pytest.param("a b  c", "a b  c", id="inner-space-stays"),
        pytest.param("foo\n  bar", ["foo", "bar"], id="lines"),
        pytest.param("1\n  2", [1, 2], id="lines-of-ints"),
        pytest.param("on\n  off", [True, False], id="lines-of-bools"),
        pytest.param("\n  foo\n\n  7\n  no", ["foo", 7, False], id="mixed-and-empty-lines"),
        pytest.param("5565 ; the port", 5565, id="comment-behind"),
        pytest.param("a;b", "a;b", id="semicolon-inside"),
        pytest.param("a # b", "a # b", id="hash-inside"),
    ],
)
def test_value_of_an_option(text, value):
    found = stream_value(text)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("${A}", "alpha", id="alone"),
        pytest.param("${A}/x", "alpha/x", id="at-the-start"),
        pytest.param("x${A}", "xalpha", id="at-the-end"),
        pytest.param("${A}-${B}", "alpha-beta", id="two"),
        pytest.param("1${PIN}", "1007", id="behind-a-digit"),
        pytest.param("${PIN}", "007", id="stays-text"),
        pytest.param("${A}\n  ${B}", ["alpha", "beta"], id="in-lines"),
        pytest.param("${LINES}", "one\ntwo", id="lines-of-the-variable-are-no-list"),
        pytest.param("${NESTED}", "${A}", id="replaced-once"),
        pytest.param("$${A}", "${A}", id="escaped"),
        pytest.param("$${A}${A}", "${A}alpha", id="escaped-and-not"),
        pytest.param("$${", "${", id="escaped-alone"),
        pytest.param("${A", "${A", id="unfinished"),
        pytest.param("$A {A}", "$A {A}", id="no-notation-of-ours"),
    ],
)
def test_environment_in_a_value(text, value):
    assert stream_value(text) == value


@pytest.mark.parametrize(
    ("text", "varname"),
    [
        pytest.param("${NO_SUCH_VARIABLE}", "NO_SUCH_VARIABLE", id="alone"),
        pytest.param("${A} ${NO_SUCH_VARIABLE}", "NO_SUCH_VARIABLE", id="second"),
        pytest.param("a\n  ${NO_SUCH_VARIABLE}", "NO_SUCH_VARIABLE", id="in-lines"),
        pytest.param("${}", "", id="empty"),
        pytest.param("${\ud800}", "\ud800", id="no-name-of-any-variable"),
    ],
)
def test_missing_variable_is_named(text, varname):
    with pytest.raises(EnvironmentNotFoundError, match=r"^\[heka\] stream_value: ") as caught:
        stream_value(text)

    assert caught.value.varname == varname


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        pytest.param(("logger = ${NO_SUCH_VARIABLE}",), "[heka] logger", id="main"),
        pytest.param(
            ("[heka_filter_x]", "provider = ${NO_SUCH_VARIABLE}"),
            "[heka_filter_x] provider",
            id="filter",
        ),
        pytest.param(
            ("[heka_plugin_x]", "provider = p", "dsn = ${NO_SUCH_VARIABLE}"),
            "[heka_plugin_x] dsn",
            id="plugin",
        ),
        pytest.param(("[heka_hmac]", "key = ${NO_SUCH_VARIABLE}"), "[heka_hmac] key", id="hmac"),
    ],
)
def test_missing_variable_is_placed(lines, where):
    with pytest.raises(EnvironmentNotFoundError) as caught:
        client_from_text_config(ini(*lines), "heka")

    assert caught.value.where == where


def test_environment_in_every_section():
    """Providers and signing keys too, in which heka-py 0.30 did not replace variables."""
    config = dict_from_stream_config(
        io.StringIO(
            ini(
                "logger = ${A}",
                "[heka_filter_x]",
                "provider = ${A}.filter",
                "[heka_plugin_y]",
                "provider = ${B}:plugin",
                "dsn = http://${A}",
                "[heka_hmac]",
                "signer = ${A}",
                "key_version = ${PIN}",
                "hash_function = md5",
                "key = ${B}",
            )
        ),
        "heka",
    )

    assert config["logger"] == "alpha"
    assert config["filters"] == [("alpha.filter", {})]
    assert config["plugins"] == {"y": ("beta:plugin", {"dsn": "http://alpha"})}
    assert config["hmac"] == {
        "signer": "alpha",
        "key_version": "007",
        "hash_function": "md5",
        "key": "beta",
    }


def test_environment_in_a_dict_however_deep():
    config = {
        "stream": {
            "class": "client.config_support.Recorder",
            "args": ("${A}",),
            "hosts": ["${A}", {"name": "${B}"}],
            "names": {"${A}"},
        }
    }

    stream = client_from_dict_config(config).stream

    assert stream.args == ("alpha",)
    assert stream.kwargs == {"hosts": ["alpha", {"name": "beta"}], "names": {"alpha"}}


def test_text_in_a_dict_is_not_converted():
    config = {"stream": {"class": "client.config_support.Recorder", "a": "5", "b": "on"}}

    assert client_from_dict_config(config).stream.kwargs == {"a": "5", "b": "on"}


def test_dict_that_was_read_is_not_read_again():
    """The value of a variable is not expanded again."""
    config = dict_from_stream_config(io.StringIO(ini("stream_value = ${NESTED}")), "heka")

    assert client_from_dict_config(config).stream.kwargs["value"] == "${A}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("100%", "100%", id="at-the-end"),
        pytest.param("%d of %s", "%d of %s", id="format"),
        pytest.param("%(message)s", "%(message)s", id="no-option-of-that-name"),
        pytest.param("%(", "%(", id="unfinished"),
        pytest.param("a%b%c", "a%b%c", id="anywhere"),
        pytest.param("100%%", "100%", id="doubled-as-ever"),
        pytest.param("%(logger)s.log", "app.log", id="another-option-as-ever"),
        pytest.param("%(LOGGER)s", "app", id="in-any-case"),
        pytest.param("%(here)s/x", "/etc/x", id="of-the-default-section"),
        pytest.param("%(stream_chain)s!", "app and more!", id="through-a-third"),
        pytest.param("%%(logger)s", "%(logger)s", id="doubled-before-a-name"),
    ],
)
def test_percent_notation_of_a_value(text, value):
    client = client_from_text_config(
        "[DEFAULT]\nhere = /etc\n"
        + ini("logger = app", "stream_chain = %(logger)s and more", f"stream_value = {text}"),
        "heka",
    )

    assert client.stream.kwargs["value"] == value


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["stream_a = %(stream_a)s"], id="itself"),
        pytest.param(["stream_a = %(stream_b)s", "stream_b = %(stream_a)s"], id="circle"),
        pytest.param(
            [f"stream_{c} = %(stream_{chr(ord(c) + 1)})s" for c in "abcdefghijkl"]
            + ["stream_m = 1"],
            id="too-long-a-way",
        ),
    ],
)
def test_option_that_refers_to_itself_or_is_nested_too_deeply_is_refused(lines):
    with pytest.raises(
        ConfigError, match=r"^\[heka\] stream_a: %\(stream_[a-z]\)s refers to itself"
    ):
        client_from_text_config(ini(*lines), "heka")


@pytest.mark.parametrize("text", ["2024", "on", "007", "no"])
def test_logger_is_never_converted_from_text(text):
    assert client_from_text_config(ini(f"logger = {text}"), "heka").logger == text


def test_names_of_disabled_timers_are_never_converted_from_text():
    client = client_from_text_config(ini("disabled_timers = on", "    404"), "heka")

    assert client._disabled_timers == {"on", "404"}


def test_option_names_are_lower_case():
    client = client_from_text_config(ini("Logger = app", "STREAM_Value = x"), "heka")

    assert client.logger == "app"
    assert client.stream.kwargs == {"value": "x"}


def test_comments_and_empty_lines_are_skipped():
    text = ini("# logger = a", "; logger = b", "", "logger = c", "stream_l = x", "", "# y", "  z")

    client = client_from_text_config(text, "heka")

    assert client.logger == "c"
    assert client.stream.kwargs == {"l": ["x", "z"]}


def test_defaults_are_for_every_reader_of_the_file():
    """Known options of [DEFAULT] are used; unknown ones are ignored."""
    text = "[DEFAULT]\ndebug = true\nlogger = app\nstream_value = 5\n" + ini()

    client = client_from_text_config(text, "heka", strict=True)

    assert client.logger == "app"
    assert client.stream.kwargs == {"value": 5}

"""The CEF plugin: its lines, read by an independent parser of the format."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import heka
from heka.client import HekaClient
from heka.config import client_from_dict_config, client_from_text_config
from heka.exceptions import ConfigError, InvalidArgumentError
from heka.plugins import cef

PROVIDER = "heka.plugins.cef:config_plugin"
DEVICE = {
    "cef.version": "0",
    "cef.vendor": "mozilla",
    "cef.product": "weave",
    "cef.device_version": "3",
    "cef": True,
}
ENVIRON = {
    "REMOTE_ADDR": "192.0.2.7",
    "HTTP_HOST": "shop.example",
    "PATH_INFO": "/login",
    "REQUEST_METHOD": "POST",
    "HTTP_USER_AGENT": "MySuperBrowser",
}
STANDARD = ["cs1Label", "cs1", "requestMethod", "request", "src", "dest", "suser"]
UNUSUAL = st.text(alphabet=st.sampled_from("\\|=\r\n a\x00\x1b\x85\u2028é😀\udc80"), max_size=40)
TEXTS = st.one_of(UNUSUAL, st.text(max_size=60))


class Kept:
    """A stream that records its frames."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.frames.append(data)


def cef_client(provider: str = PROVIDER, **options: object) -> HekaClient:
    plugins = {"x": (provider, options)}
    return client_from_dict_config({"logger": "app", "stream": Kept(), "plugins": plugins})


def message(client: HekaClient) -> heka.Message:
    (found,) = [
        read.message for data in client.stream.frames for read in heka.StreamReader().feed(data)
    ]
    return found


def line(name="login", severity=5, environ=ENVIRON, options=(), config=DEVICE, **more) -> str:
    """Return the result of ``client.cef``, after checking that it was sent."""
    client = cef_client(**dict(options))
    text = client.cef(name, severity, environ, config, **more)
    assert message(client).payload == text
    return text


def parse(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the header's fields, the date and host before it left out, and the extensions.

    Character by character, as the format's description has it.
    """
    assert len(text.splitlines()) == 1
    stamp = re.match(r"[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \S+ CEF:", text)
    assert stamp
    fields, current, position = [], "", stamp.end()
    while len(fields) < 7:
        one = text[position]
        if one == "\\":
            position += 1
            current += {"r": "\r", "n": "\n", "|": "|", "\\": "\\"}[text[position]]
        elif one == "|":
            fields.append(current)
            current = ""
        else:
            current += one
        position += 1
    return fields, extensions_of(text[position:])


def extensions_of(text: str) -> list[tuple[str, str]]:
    tokens: list[str] = []  # characters with their escapes undone; None is a bare equals sign
    position = 0
    while position < len(text):
        one = text[position]
        if one == "\\":
            position += 1
            tokens.append({"r": "\r", "n": "\n", "=": "=", "\\": "\\"}[text[position]])
        else:
            tokens.append(None if one == "=" else one)
        position += 1
    *front, last = _split(tokens)
    found, key = [], "".join(front[0]) if front else ""
    for index, part in enumerate([*front[1:], last]):
        if index == len(front) - 1:
            found.append((key, "".join(part)))
        else:  # the key of the next stands behind the last space
            space = len(part) - 1 - part[::-1].index(" ")
            found.append((key, "".join(part[:space])))
            key = "".join(part[space + 1 :])
    return found


def _split(tokens: list) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for one in tokens:
        if one is None:
            parts.append([])
        else:
            parts[-1].append(one)
    return parts


def visible(text: str) -> str:
    """Return *text* as the reader sees it: control characters and surrogates as escapes."""
    bad = {*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0xD800, 0xE000)} - {10, 13}
    shown = [f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in text]
    return "".join(s if ord(c) in bad else c for c, s in zip(text, shown, strict=True))


def test_line_is_exactly_this(monkeypatch):
    monkeypatch.setattr(HekaClient, "hostname", "web1")

    text = line("xx|x", 5, username="ann", custom1="ok", ext="a=b\\c")

    assert re.sub(r"^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d", "NOW", text) == (
        r"NOW web1 CEF:0|mozilla|weave|3|xx\|x|xx\|x|5|cs1Label=requestClientApplication"
        r" cs1=MySuperBrowser requestMethod=POST request=/login src=192.0.2.7"
        r" dest=shop.example suser=ann custom1=ok ext=a\=b\\c"
    )


def test_message_around_the_line():
    client = cef_client(syslog_ident="shop", syslog_facility="KERN", syslog_priority="EMERG")

    client.cef("login", 5, ENVIRON, DEVICE)

    found = message(client)
    assert (found.type, found.severity, found.logger) == ("cef", 6, "app")
    assert {name: value[0] for name, value in found.fields.items()} == {
        "cef_meta.syslog_facility": "KERN",
        "cef_meta.syslog_ident": "shop",
        "cef_meta.syslog_priority": "EMERG",
    }


def test_signature_differs_from_the_name():
    header, _ = parse(line(signature=cef.AUTH_FAILURE))

    assert header[4:6] == ["AuthFail", "login"]


def test_signatures():
    assert (cef.AUTH_FAILURE, cef.CAPTCHA_FAILURE) == ("AuthFail", "CaptchaFail")
    assert (cef.OVERRIDE_FAILURE, cef.ACCOUNT_LOCKED) == ("InvalidAdmin", "AccountLockout")
    assert cef.PASSWD_RESET_CLR == "PasswordResetCleared"


@given(name=TEXTS, signature=TEXTS, vendor=TEXTS, user=TEXTS, agent=TEXTS, extra=TEXTS)
def test_every_value_is_read_back(name, signature, vendor, user, agent, extra):
    environ = {**ENVIRON, "HTTP_USER_AGENT": agent}

    header, extensions = parse(
        line(
            name,
            environ=environ,
            config={**DEVICE, "cef.vendor": vendor},
            signature=signature,
            username=user,
            extra=extra,
        )
    )

    expected = ["0", vendor, "weave", "3", signature, name, "5"]
    found = dict(extensions)
    if "..." not in "".join([*header, *found.values()]):
        assert header == [visible(text) for text in expected]
        assert (found["suser"], found["extra"]) == (visible(user), visible(extra))
        assert found["cs1"] in (visible(agent), visible(as_utf8(agent)))
    assert [key for key, _ in extensions][:7] == STANDARD


def as_utf8(text: str) -> str:
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


@pytest.mark.parametrize(
    "key", ["REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "HTTP_HOST", "PATH_INFO", "REQUEST_METHOD"]
)
@pytest.mark.parametrize(
    "attack", ["x\r\nJan 01 00:00:00 h CEF:0|a|b|c|d|e|9|src=1", "x suser=root", "x\\", "x\u2028y"]
)
def test_environ_forges_nothing(key, attack):
    header, extensions = parse(line(environ={**ENVIRON, key: attack}))

    assert header == ["0", "mozilla", "weave", "3", "login", "login", "5"]
    assert [key for key, _ in extensions] == STANDARD
    assert dict(extensions)["suser"] == "none"


def test_user_name_forges_nothing():
    _, extensions = parse(line(username="ann src=10.0.0.1\nsuser=root"))

    assert dict(extensions)["suser"] == "ann src=10.0.0.1\nsuser=root"
    assert len(extensions) == 7


def test_key_forges_nothing(capsys):
    _, extensions = parse(line(**{"ba|d": 1, "a=b c\n": 2, "": 3, "ba_d": 4}))

    assert dict(extensions[7:]) == {"ba_d_": "1", "a_b_c_": "2", "_": "3", "ba_d": "4"}
    assert 'The "ba|d" key contains illegal characters' in capsys.readouterr().err


def test_bytes_of_the_request_are_utf8():
    _, extensions = parse(line(environ={**ENVIRON, "PATH_INFO": "/é".encode().decode("latin-1")}))

    assert dict(extensions)["request"] == "/é"


def test_standard_extension_of_the_program_replaces_its_value():
    _, extensions = parse(line(src="10.0.0.9", suser="a=b"))

    assert (dict(extensions)["src"], dict(extensions)["suser"]) == ("10.0.0.9", "a=b")
    assert len(extensions) == 7


def test_dialect_names_the_destination():
    _, extensions = parse(line(options={"dialect": "dhost"}))

    assert dict(extensions)["dhost"] == "shop.example"
    assert "dest" not in dict(extensions)


@pytest.mark.parametrize(
    ("forwarded", "trusted", "source"),
    [
        pytest.param(None, None, "192.0.2.7", id="no-proxy"),
        pytest.param("", None, "192.0.2.7", id="empty"),
        pytest.param("10.1.1.1, 10.2.2.2", None, "10.1.1.1", id="first-as-ever"),
        pytest.param("10.1.1.1, 10.2.2.2", 0, "192.0.2.7", id="none-trusted"),
        pytest.param("10.1.1.1, 10.2.2.2", 1, "10.2.2.2", id="one-trusted"),
        pytest.param("10.1.1.1, 10.2.2.2", 2, "10.1.1.1", id="two-trusted"),
        pytest.param("10.1.1.1, 10.2.2.2", 3, "192.0.2.7", id="went-round-a-proxy"),
        pytest.param("2001:db8::1", None, "2001:db8::1", id="ipv6"),
        pytest.param("[2001:db8::1]:443", None, "2001:db8::1", id="ipv6-with-port"),
        pytest.param("10.1.1.1:443", None, "10.1.1.1", id="ipv4-with-port"),
        pytest.param("unknown", None, "unknown", id="no-address"),
    ],
)
def test_source(forwarded, trusted, source):
    environ = dict(ENVIRON) if forwarded is None else {**ENVIRON, "HTTP_X_FORWARDED_FOR": forwarded}

    _, extensions = parse(line(environ=environ, options={"trusted_proxies": trusted}))

    assert dict(extensions)["src"] == source


def test_source_without_any():
    assert " src=None dest=none suser=none" in line(environ={})


class Hostile:
    def __str__(self):
        raise RuntimeError("no")


class HostileEnviron(dict):
    def get(self, key, default=None):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "environ",
    [dict.fromkeys([*ENVIRON, "HTTP_X_FORWARDED_FOR"], v) for v in (Hostile(), None, b"\xff", 5)]
    + [HostileEnviron()],
    ids=["raises", "none", "bytes", "number", "mapping-raises"],
)
def test_environ_may_hold_anything(environ):
    _, extensions = parse(line(environ=environ))

    assert [key for key, _ in extensions] == STANDARD


def test_extras_end_at_the_first_that_does_not_fit(capsys):
    text = line(custom1="ok", big="i" * 500, bigger="u" * 550, biggest="v" * 551)

    assert text.endswith(f" custom1=ok big={'i' * 500}")
    err = capsys.readouterr().err
    assert "CEF Message too big" in err
    assert "bigger, biggest" in err


def test_no_extra_follows_one_that_does_not_fit():
    """Extras are sorted by unescaped size, and fit by escaped size."""
    text = line(small="=" * 500, larger="x" * 501)

    assert text.endswith(" suser=none")


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_limit_is_1024_bytes_as_sent(more, fits):
    room = 1024 - len(line().encode()) - len(" e=")
    value = "é" * (room // 2 - 5) + "=" * 5 + "x" * (room % 2 + more)

    text = line(e=value)

    assert (" e=" in text) is fits
    assert len(text.encode()) == 1024 or not fits


@given(st.lists(st.one_of(TEXTS, TEXTS.map(lambda t: t * 60)), min_size=6, max_size=6))
def test_line_is_never_larger_and_never_torn(values):
    name, user, agent, path, host, extra = values
    environ = {"HTTP_USER_AGENT": agent, "PATH_INFO": path, "HTTP_HOST": host, "REMOTE_ADDR": "::1"}

    text = line(name, environ=environ, username=user, extra=extra)

    header, extensions = parse(text)
    assert len(text.encode()) <= 1024
    assert len(header) == 7
    assert [key for key, _ in extensions][:7] == STANDARD
    assert dict(extensions)["src"] == "::1"


def test_long_agent_displaces_no_other_value(capsys):
    _, extensions = parse(line(environ={**ENVIRON, "HTTP_USER_AGENT": "\\" * 9000}, username="ann"))

    found = dict(extensions)
    assert (found["src"], found["suser"], found["request"]) == ("192.0.2.7", "ann", "/login")
    assert found["cs1"].endswith("\\...")
    assert "CEF Message too big" in capsys.readouterr().err


@pytest.mark.parametrize("severity", [0, 10, "7", "High"])
def test_severity(severity):
    assert parse(line(severity=severity))[0][6] == str(severity)


@pytest.mark.parametrize("severity", [-1, 11, "11", "worst", "5|x", None, True, 5.5])
def test_invalid_severity_is_refused(severity):
    with pytest.raises(ValueError, match=r"^severity: expected 0 to 10"):
        line(severity=severity)


@pytest.mark.parametrize("key", [key for key in DEVICE if key != "cef"])
def test_missing_device_key_is_refused(key):
    config = {name: value for name, value in DEVICE.items() if name != key}

    with pytest.raises(InvalidArgumentError, match=f"got none of {key}$"):
        line(config=config)


@pytest.mark.parametrize("config", [None, [], {**DEVICE, "cef.vendor": None}])
def test_invalid_device_is_refused(config):
    with pytest.raises(InvalidArgumentError, match="expected"):
        line(config=config)


def test_environ_without_get_is_refused():
    with pytest.raises(TypeError, match=r"^environ: expected a WSGI environ, got NoneType"):
        line(environ=None)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("syslog_facility", "LOCAL8"),
        ("syslog_facility", "AUTHPRIV"),
        ("syslog_facility", "local4"),
        ("syslog_facility", ""),
        ("syslog_priority", "PANIC"),
        ("syslog_priority", 3),
        ("syslog_ident", []),
        ("dialect", "host"),
        ("trusted_proxies", -1),
        ("trusted_proxies", True),
        ("trusted_proxies", "many"),
    ],
)
def test_wrong_value_is_refused(key, value):
    with pytest.raises(InvalidArgumentError, match=rf"^{key}: expected "):
        cef.config_plugin({key: value})


def test_unknown_key_is_refused():
    with pytest.raises(InvalidArgumentError, match=r"^Unexpected arguments: \['options'\]") as e:
        cef_client(options=1)

    assert isinstance(e.value, ConfigError)
    assert isinstance(e.value, RuntimeError)


def test_plugin_of_ini_text():
    client = client_from_text_config(
        f"[heka]\nstream_class = heka.streams.DebugCaptureStream\n[heka_plugin_cef]\n"
        f"provider = {PROVIDER}\nsyslog_facility = KERN\nsyslog_ident = 5\nsyslog_priority =\n"
        "trusted_proxies = 1\n",
        "heka",
    )

    expected = {"syslog_facility": "KERN", "syslog_ident": "5", "syslog_priority": ""}
    assert client.cef.cef_meta == expected
    environ = {**ENVIRON, "HTTP_X_FORWARDED_FOR": "1.1.1.1, 2.2.2.2"}
    assert " src=2.2.2.2 " in client.cef("x", 1, environ, DEVICE)


def test_options_have_defaults():
    assert cef_client().cef.cef_meta == {
        "syslog_facility": "LOCAL4",
        "syslog_ident": "",
        "syslog_priority": "",
    }

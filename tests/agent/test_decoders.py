"""Decoders: what becomes of payloads, and that what is of another form goes on as it came."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from typing import Any

import pytest
from agent.support import WORLD
from hypothesis import given
from hypothesis import strategies as st

from heka._core import Regex, pack
from heka.agent.decoders.access import (
    ApacheAccessDecoder,
    ApacheAccessOptions,
    NginxAccessDecoder,
    NginxAccessOptions,
)
from heka.agent.decoders.json import FIELDS_MAX, REST, JsonDecoder, JsonOptions
from heka.agent.decoders.multi import MultiDecoder, MultiOptions
from heka.agent.decoders.regex import PayloadRegexDecoder, PayloadRegexOptions
from heka.agent.decoders.times import Layout
from heka.agent.decoding import UNDECODED
from heka.exceptions import ConfigError, MatcherError
from heka.framing import Block, BlockReader
from heka.message import Message

SECOND = 1_000_000_000


def block_of(*payloads: str, **head: Any) -> Block:
    frames = (pack("logfile", "app", payload=text, **head) for text in payloads)
    [block] = BlockReader().feed(b"".join(frames))
    return block


def decoded(decoder: Any, *payloads: str) -> list[Message]:
    return [each.message for block in decoder.decode(block_of(*payloads)) for each in block]


def values(message: Message) -> dict[str, Any]:
    """Return name -> value, or list of values."""
    return {
        name: field[0] if len(field) == 1 else list(field) for name, field in message.fields.items()
    }


def ns(*when: int) -> int:
    return int(datetime(*when, tzinfo=timezone.utc).timestamp()) * SECOND  # type: ignore[misc]


# ---- times --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "text", "expected"),
    [
        ("RFC3339", "2026-12-01T13:02:11Z", ns(2026, 12, 1, 13, 2, 11)),
        ("RFC3339Nano", "2026-12-01T13:02:11.5+01:00", ns(2026, 12, 1, 12, 2, 11) + SECOND // 2),
        ("02/Jan/2006:15:04:05 -0700", "10/Oct/2026:13:55:36 -0700", ns(2026, 10, 10, 20, 55, 36)),
        ("%d/%b/%Y:%H:%M:%S %z", "10/Oct/2026:13:55:36 +0000", ns(2026, 10, 10, 13, 55, 36)),
        ("Jan _2 2006 3:04 PM", "Feb  3 2026 1:05 pm", ns(2026, 2, 3, 13, 5)),
        ("Jan _2 2006 3:04 PM", "Feb  3 2026 12:05 AM", ns(2026, 2, 3, 0, 5)),
        ("2006-01-02 15:04:05", "2026-06-30 23:59:60", ns(2026, 7, 1)),
        (
            "2006-01-02 15:04:05",
            "2026-06-30 23:59:59.25",
            ns(2026, 6, 30, 23, 59, 59) + SECOND // 4,
        ),
        ("Epoch", "1772370131.123456789", 1772370131123456789),
        ("EpochMilli", "1772370131123", 1772370131123000000),
        ("%y%m%d", "260302", ns(2026, 3, 2)),
    ],
)
def test_a_time_is_read_by_its_layout(layout: str, text: str, expected: int) -> None:
    assert Layout(layout).read(text) == expected


@pytest.mark.parametrize("text", ["", "x", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert Layout("RFC3339").read(text) is None
    assert Layout("Epoch").read("1e5") is None


def test_a_time_without_a_year_is_not_of_the_future() -> None:
    tomorrow = time.gmtime(time.time() + 3 * 86_400)
    read = Layout("Jan _2 15:04:05").read(time.strftime("%b %e %H:%M:%S", tomorrow))
    assert read is not None
    assert read / SECOND < time.time()


def test_a_time_without_a_zone_is_of_the_location() -> None:
    layout = Layout("2006-01-02 15:04:05", "Europe/Berlin")
    assert layout.read("2026-07-01 12:00:00") == ns(2026, 7, 1, 10)
    assert layout.read("2026-12-01 12:00:00") == ns(2026, 12, 1, 11)


@pytest.mark.parametrize(
    ("layout", "location", "text"),
    [
        ("%Q", "UTC", "expected one of"),
        ("2006 2006", "UTC", "each part of a time once"),
        ("nothing", "UTC", "has no part of a time"),
        ("RFC3339", "Mars/North", "expected a zone"),
    ],
)
def test_wrong_layouts_are_refused(layout: str, location: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        Layout(layout, location)


# ---- Regex and PayloadRegexDecoder --------------------------------------------------------------


def test_groups_are_read_in_their_order() -> None:
    regex = Regex(r"(?P<b>\d+)(?:-(?P<a>[a-zé]+))?")
    assert regex.groups == ("b", "a")
    found = regex.captures(block_of("x 12-zé", "3", "none", ""))
    assert found == ([("12", "zé"), ("3", None), None, None], 0)


def test_a_pattern_that_explodes_counts_as_no_match() -> None:
    found, limits = Regex("(?P<a>(x+x+)+[yz])").captures(block_of("x" * 5000))
    assert (found, limits) == ([None], 1)
    with pytest.raises(MatcherError):
        Regex(r"(?P<a>x)\1")


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_given_back(one: str, two: str) -> None:
    one, two = (text.encode("utf-8", "replace").decode().replace(";", "") for text in (one, two))
    block = block_of(f"{one};{two}")
    assert Regex("(?s)^(?P<one>[^;]*);(?P<two>.*)$").captures(block) == ([(one, two)], 0)


def regex(**options: Any) -> PayloadRegexDecoder:
    return PayloadRegexDecoder("regex", PayloadRegexOptions(**options), WORLD)


def test_groups_become_attributes_and_fields() -> None:
    decoder = regex(
        match_regex=r"^(?P<Timestamp>\S+ \S+) (?P<Severity>\w+) (?P<name>\w+) took (?P<ms>\d+)",
        message_fields={"Type": "%name%Took", "took|ms": "%ms%", "from": "%Logger%", "no": "%x%"},
        severity_map={"warn": 4},
        timestamp_layout="2006-01-02 15:04:05",
    )
    good, bad = decoded(decoder, "2026-12-01 13:02:11 warn job took 17", "other")
    assert (good.timestamp, good.severity) == (ns(2026, 12, 1, 13, 2, 11), 4)
    assert (good.type, good.logger) == ("jobTook", "app")
    assert values(good) == {"took": "17", "from": "app", "no": ""}
    assert good.fields["took"].representation == "ms"
    assert good.payload == "2026-12-01 13:02:11 warn job took 17"
    assert (bad.payload, bad.type) == ("other", "logfile")
    assert values(bad) == {UNDECODED: "the expression does not match"}
    assert decoder.account() == {"undecoded": 1}


@pytest.mark.parametrize(
    ("pattern", "payload", "why"),
    [
        ("(?P<Timestamp>.*)", "soon", "Timestamp is of another layout: 'soon'"),
        ("(?P<Severity>.*)", "loud", "Severity is unknown: 'loud'"),
    ],
)
def test_a_group_of_another_form_leaves_the_message(pattern: str, payload: str, why: str) -> None:
    [message] = decoded(regex(match_regex=pattern), payload)
    assert values(message) == {UNDECODED: why}


def test_a_message_that_would_be_too_large_goes_on_as_it_came() -> None:
    decoder = regex(match_regex="(?P<all>.*)", message_fields={"copy": "%all%"})
    [message] = decoded(decoder, "x" * 40_000)
    assert message.payload == "x" * 40_000
    assert "65536" in values(message)[UNDECODED]
    [message] = decoded(decoder, "x" * 65_400)
    assert message.fields == {}, "not even the mark has room"
    assert decoder.undecoded == 2


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"match_regex": "("}, "match_regex: column"),
        ({"match_regex": "a", "timestamp_layout": "%Q"}, "timestamp_layout: expected one of"),
    ],
)
def test_wrong_options_of_a_regex_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        PayloadRegexOptions(**options)


# ---- access logs ---------------------------------------------------------------------------------

LINE = (
    '203.0.113.9 - frank [10/Oct/2026:13:55:36 +0200] "GET /cart?x=1 HTTP/1.1" 200 2326 '
    '"https://shop.example.org/" "Mozilla/5.0 (X11)"'
)


def nginx(**options: Any) -> NginxAccessDecoder:
    return NginxAccessDecoder("nginx", NginxAccessOptions(**options), WORLD)


def test_a_line_of_nginx_has_typed_fields() -> None:
    [message] = decoded(nginx(message_type="nginx.access"), LINE)
    assert (message.type, message.payload) == ("nginx.access", "")
    assert message.timestamp == ns(2026, 10, 10, 11, 55, 36)
    assert values(message) == {
        "remote_addr": "203.0.113.9",
        "remote_user": "frank",
        "request": "GET /cart?x=1 HTTP/1.1",
        "status": 200,
        "body_bytes_sent": 2326,
        "http_referer": "https://shop.example.org/",
        "http_user_agent": "Mozilla/5.0 (X11)",
    }
    assert message.fields["remote_addr"].representation == "ipv4"
    assert message.fields["body_bytes_sent"].representation == "B"


def test_other_variables_and_what_clients_send() -> None:
    decoder = nginx(
        log_format='$remote_addr "$request" ${status}|$request_time|$upstream_addr $msec',
        payload_keep=True,
    )
    line = '2001:db8::1 "\\x16\\x03\\x01\\xC3\\xA4\\x22" 400|0.012|- 1772370131.123'
    [message] = decoded(decoder, line)
    assert message.payload == line
    assert message.timestamp == 1772370131123000000
    assert values(message) == {
        "remote_addr": "2001:db8::1",
        "request": '\x16\x03\x01ä"',
        "status": 400,
        "request_time": 0.012,
    }
    assert message.fields["remote_addr"].representation == "ipv6"


@pytest.mark.parametrize(
    "line",
    ["", "text", LINE.replace("10/Oct", "10/Okt"), LINE.replace('" "', '" x "'), LINE + " more"],
)
def test_a_line_of_another_format_goes_on_as_it_came(line: str) -> None:
    [message] = decoded(nginx(), line or " ")
    assert message.payload == (line or " ")
    assert list(values(message)) == [UNDECODED]


def test_a_line_of_apache_has_the_names_of_nginx() -> None:
    options = ApacheAccessOptions(log_format="combined")
    [message] = decoded(ApacheAccessDecoder("apache", options, WORLD), LINE)
    assert values(message) == {
        "remote_addr": "203.0.113.9",
        "remote_user": "frank",
        "request": "GET /cart?x=1 HTTP/1.1",
        "status": 200,
        "body_bytes_sent": 2326,
        "http_referer": "https://shop.example.org/",
        "http_user_agent": "Mozilla/5.0 (X11)",
    }
    assert message.timestamp == ns(2026, 10, 10, 11, 55, 36)
    own = ApacheAccessOptions(log_format='%v:%p \\"%{X-Id}i\\" %D %% %U')
    [message] = decoded(ApacheAccessDecoder("apache", own, WORLD), 'a.org:443 "17" 250 % /x y')
    assert values(message) == {
        "server_name": "a.org",
        "server_port": "443",
        "http_x_id": "17",
        "request_time_us": 250,
        "uri": "/x y",
    }


@pytest.mark.parametrize("text", ["no variable", ""])
def test_a_format_without_a_variable_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="at least one variable"):
        NginxAccessOptions(log_format=text)
    with pytest.raises(ConfigError, match="log_format: expected"):
        ApacheAccessOptions(log_format="%{x}Z")


# ---- JSON ----------------------------------------------------------------------------------------


def jsons(**options: Any) -> JsonDecoder:
    return JsonDecoder("json", JsonOptions(**options), WORLD)


def test_members_are_fields_of_their_types() -> None:
    text = json.dumps(
        {
            "text": "ä",
            "n": 3,
            "x": 1.5,
            "yes": True,
            "none": None,
            "list": ["a", "b"],
            "numbers": [1, 2.5],
            "mixed": [1, "a"],
            "in": {"er": {"most": 1}, "empty": {}},
            "big": 2**63,
        }
    )
    [message] = decoded(jsons(), text)
    assert message.payload == ""
    assert values(message) == {
        "text": "ä",
        "n": 3,
        "x": 1.5,
        "yes": True,
        "list": ["a", "b"],
        "numbers": [1.0, 2.5],
        "mixed": '[1, "a"]',
        "in.er.most": 1,
        "in.empty": "{}",
        "big": str(2**63),
    }


def test_members_may_be_attributes() -> None:
    decoder = jsons(
        map={"Timestamp": "@t", "Severity": "level", "Payload": "msg", "Logger": "log.name"},
        severity_map={"chatty": 7},
        message_type="app",
    )
    text = '{"@t":"2026-12-01T13:02:11Z","level":"chatty","msg":"hi","log":{"name":"x","id":1}}'
    [message] = decoded(decoder, text)
    assert (message.type, message.payload, message.logger, message.severity) == (
        "app",
        "hi",
        "x",
        7,
    )
    assert message.timestamp == ns(2026, 12, 1, 13, 2, 11)
    assert values(message) == {"log.id": 1}


def test_a_message_of_metlog_is_what_it_was() -> None:
    text = json.dumps(
        {
            "type": "counter",
            "timestamp": "2012-03-30T01:17:31.302215",
            "logger": "syncstorage",
            "severity": 6,
            "payload": "1",
            "fields": {"name": "hits", "rate": 1.0},
            "env_version": "0.8",
            "metlog_pid": 17,
            "metlog_hostname": "web1",
        }
    )
    [message] = decoded(jsons(layout="metlog"), text)
    assert (message.type, message.logger, message.payload) == ("counter", "syncstorage", "1")
    assert (message.severity, message.pid, message.hostname) == (6, 17, "web1")
    assert message.timestamp == ns(2012, 3, 30, 1, 17, 31) + 302_215_000
    assert values(message) == {"name": "hits", "rate": 1.0}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is no JSON"),
        ("{", "it is no JSON"),
        ("[1]", "it is no object"),
        ("[" * 5000, "it is no JSON"),
        ('{"a":"\\ud800"}', "surrogate"),
        ('{"n":' + "9" * 5000 + "}", "it is no JSON"),
    ],
)
def test_what_is_no_object_goes_on_as_it_came(text: str, why: str) -> None:
    [message] = decoded(jsons(), text or " ")
    assert message.payload == (text or " ")
    assert why in values(message)[UNDECODED]


@pytest.mark.parametrize("levels", [500, 5000, 10_000])
def test_many_levels_are_bounded(levels: int) -> None:
    """Whether json reads them depends on the version of Python."""
    text = '{"a":' * levels + "1" + "}" * levels
    [message] = decoded(jsons(), text)
    [name] = message.fields
    if name == UNDECODED:
        assert message.payload == text
    else:
        assert name == ".".join("a" * 32)


def test_hostile_objects_are_bounded() -> None:
    many = json.dumps({f"k{number}": number for number in range(1000)})
    deep = '{"a":' * 100 + "1" + "}" * 100
    wide, nested, odd = decoded(jsons(), many, deep, '{"a":1,"a":2,"x":1e400}')
    assert len(wide.fields) == FIELDS_MAX
    assert json.loads(values(wide)[REST])["k999"] == 999
    [(name, text)] = values(nested).items()
    assert name.count(".") == 31
    assert text.startswith('{"a": ')
    assert values(odd) == {"a": 2, "x": float("inf")}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=10,
    )
)
def test_no_json_stops_the_decoder(value: Any) -> None:
    [message] = decoded(jsons(), json.dumps({"a": value}))
    assert message.type == "logfile"


# ---- MultiDecoder --------------------------------------------------------------------------------


def multi(strategy: str, *subs: Any) -> MultiDecoder:
    names = tuple(f"s{number}" for number in range(len(subs)))
    options = MultiOptions(subs=names, cascade_strategy=strategy)
    return MultiDecoder("multi", options, WORLD, subs)


def test_the_first_that_can_decode_does() -> None:
    decoder = multi(
        "first-wins", jsons(), regex(match_regex=r"^n=(?P<n>\d+)", message_fields={"n": "%n%"})
    )
    found = decoded(decoder, '{"n":1}', "n=2", "no")
    assert [values(each).get("n") for each in found] == [1, "2", None]
    assert UNDECODED in found[2].fields
    assert decoder.account()["undecoded"] == 1


def test_all_decoders_work_on_what_those_before_have_made() -> None:
    decoder = multi(
        "all",
        regex(match_regex=r"(?P<n>\d+)", message_fields={"n": "%n%"}),
        jsons(),
        regex(match_regex=r"(?P<w>[a-z]+)", message_fields={"w": "%w%"}),
    )
    both, none = decoded(decoder, "12 ab", "-")
    assert values(both) == {"n": "12", "w": "ab"}
    assert UNDECODED in none.fields
    with pytest.raises(ConfigError, match="subs: expected at least one"):
        MultiOptions(subs=())

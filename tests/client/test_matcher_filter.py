"""A matcher as filter of a client: what it sees, when it is asked, configuration files."""

from __future__ import annotations

import logging

import pytest
from client.messages import Kept, kept_by

import heka
from heka import matcher
from heka.client import HekaClient
from heka.config import (
    client_from_dict_config,
    client_from_text_config,
    client_from_toml_config,
)
from heka.filters import (
    MatcherFilter,
    matcher_provider,
    rate_limit_provider,
    severity_max_provider,
)

PROVIDER = "heka.filters.matcher_provider"
EXPRESSION = "Type == 'shop' && Fields[status] >= 500"


def types_sent(client):
    frames = heka.StreamReader().feed(b"".join(kept_by(client).written))
    return [frame.message.type for frame in frames]


@pytest.mark.parametrize(
    "text",
    [
        "Type == 'é'",
        "Logger == 'own'",
        "Severity == 3",
        "Payload =~ /b.d/",
        "Fields[n][0][1] == 2",
        "Fields[bound] == 'yes'",
        "Timestamp == 5000000000",
        "Pid > 0 && Hostname != '' && EnvVersion == '0.8' && Uuid =~ /^[0-9a-f-]{36}$/",
    ],
)
def test_it_sees_what_will_be_sent(text):
    """Defaults of the client and fields of the context too."""
    client = HekaClient(Kept(), "own", filters=[MatcherFilter(text)])

    with heka.context(bound="yes"):
        assert client.heka("é", severity=3, payload="abcd", fields={"n": [1, 2]}, timestamp=5)
    assert not client.heka("other", "else", fields={"n": 1}) or text.startswith("Pid")

    assert client.stats()["filtered"] == (0 if text.startswith("Pid") else 1)


def test_metrics_and_records_are_asked_about():
    client = HekaClient(Kept(), "own", filters=[matcher_provider("Fields[name] == 'b'")])

    assert [client.incr("a"), client.incr("b"), client.gauge("a", 1)] == [False, True, False]
    heka.logging.HekaHandler(client).handle(logging.makeLogRecord({"levelno": 20}))
    assert client.stats()["filtered"] == 3


def test_no_message_is_made_for_one_that_it_holds_back():
    """Filters of the program behind it get a Message of the others."""
    seen = []

    def see(message):
        seen.append(message.type)
        return True

    client = HekaClient(Kept(), "own", filters=[matcher_provider("Type =~ /^a/"), see])

    assert [client.heka(name) for name in ("a", "b", "ab")] == [True, False, True]

    assert seen == ["a", "ab"]
    assert types_sent(client) == ["a", "ab"]


def test_filters_are_asked_in_the_order_of_the_list():
    """A rate limit behind a matcher counts what passes it, one before it all."""
    limit = rate_limit_provider(rate=2, per=3600)
    behind = HekaClient(Kept(), "own", filters=[matcher_provider("Payload == 'x'"), limit])
    for payload in "yyyxxx":
        behind.heka("t", payload=payload)
    assert behind.stats()["filtered"] == 4

    limit = rate_limit_provider(rate=2, per=3600)
    before = HekaClient(Kept(), "own", filters=[limit, matcher_provider("Payload == 'x'")])
    for payload in "yyyxxx":
        before.heka("t", payload=payload)
    assert before.stats()["filtered"] == 6


def test_several_matchers_and_a_changed_list():
    first = matcher_provider("Severity < 4")
    client = HekaClient(
        Kept(), "own", filters=[first, matcher_provider("Type != 'a'"), severity_max_provider(5)]
    )

    answers = [client.heka(name, severity=n) for name in "ab" for n in (3, 4)]
    assert answers == [False, False, True, False]
    client.filters.remove(first)

    assert client.heka("b", severity=4)
    assert not client.heka("b", severity=6)
    assert client.admits("a", 3)  # which only the encoded message can tell


def test_a_message_of_the_program():
    one = matcher_provider(matcher.compile("Signer == '' && Pid == -1", "heka2"))
    client = HekaClient(Kept(), "own", filters=[one])

    assert client.send_message(heka.Message("t", pid=-1))
    assert not client.send_message(heka.Message("t", pid=1))
    assert repr(one) == "MatcherFilter(Matcher(\"Signer == '' && Pid == -1\", dialect='heka2'))"


def test_a_message_that_no_receiver_takes_follows_the_policy():
    """The matcher is asked about the whole message; what is sent is truncated."""
    client = HekaClient(Kept(), "own", filters=[matcher_provider("Payload =~ /z$/")])

    assert client.heka("t", payload="a" * 100_000 + "z")
    assert not client.heka("t", payload="a" * 100_000)
    assert client.heka("t", payload="z", fields={"n": "a" * 100_000})


def test_a_limit_of_a_regular_expression_holds_the_message_back():
    one = matcher_provider("Payload =~ /(a+)+$/")
    client = HekaClient(Kept(), "own", filters=[one])

    assert not client.heka("t", payload="a" * 100 + "b")

    assert one.matcher.limits == {"Payload =~ /(a+)+$/": 1}


CONFIGS = [
    pytest.param(
        lambda: client_from_text_config(
            "[heka]\nlogger = own\nstream_class = client.messages.Kept\n"
            f"[heka_filter_own]\nprovider = {PROVIDER}\nmatcher = {EXPRESSION}\n",
            "heka",
        ),
        id="ini",
    ),
    pytest.param(
        lambda: client_from_toml_config(
            '[heka]\nlogger = "own"\nstream = {class = "client.messages.Kept"}\n'
            f'[[heka.filters]]\nprovider = "{PROVIDER}"\nmatcher = "{EXPRESSION}"\n',
            "heka",
        ),
        id="toml",
    ),
    pytest.param(
        lambda: client_from_dict_config(
            {
                "logger": "own",
                "stream": {"class": "client.messages.Kept"},
                "filters": [(PROVIDER, {"matcher": EXPRESSION})],
            }
        ),
        id="dict",
    ),
]


@pytest.mark.parametrize("make", CONFIGS)
def test_configuration(make):
    client = make()

    answers = [client.heka("shop", fields={"status": status}) for status in (200, 503)]

    assert answers == [False, True]
    assert client.heka("other", fields={"status": 503}) is False

"""Filters on type and severity are evaluated before a message is built; others see the Message."""

from __future__ import annotations

import logging

import pytest
from client.messages import Kept, kept_by

import heka
from heka.client import HekaClient
from heka.filters import (
    severity_max_provider,
    type_blacklist_provider,
    type_severity_max_provider,
    type_whitelist_provider,
)
from heka.logging import HekaHandler


class NeverBuilt(dict):
    """Fields that raise when they are read."""

    def keys(self):
        raise AssertionError("the message was built")

    __iter__ = items = keys


def client_with(*filters):
    return HekaClient(Kept(), "tests", filters=filters)


def types_sent(client):
    return [message.type for message in kept_by(client).messages]


@pytest.mark.parametrize(
    ("one", "dropped", "sent"),
    [
        pytest.param(severity_max_provider(severity=3), ("t", 4), ("t", 3), id="severity"),
        pytest.param(type_blacklist_provider(types=["bad"]), ("bad", 0), ("good", 7), id="black"),
        pytest.param(type_whitelist_provider(types=["good"]), ("bad", 0), ("good", 7), id="white"),
        pytest.param(
            type_severity_max_provider(types={"t": {"severity": 3}}), ("t", 4), ("u", 7), id="both"
        ),
    ],
)
def test_filter_on_type_and_severity_drops_before_the_message_is_built(one, dropped, sent):
    client = client_with(one)

    assert client.heka(dropped[0], severity=dropped[1], fields=NeverBuilt()) is False
    assert client.admits(*dropped) is False
    assert client.admits(*sent) is True
    assert client.heka(sent[0], severity=sent[1]) is True
    assert types_sent(client) == [sent[0]]


def test_message_must_pass_every_filter_on_type_and_severity():
    client = client_with(
        severity_max_provider(severity=5),
        type_whitelist_provider(types=["a", "b"]),
        type_blacklist_provider(types=["b"]),
        severity_max_provider(severity=4),
        type_whitelist_provider(types=["a", "b", "c"]),
        type_severity_max_provider(types={"a": {"severity": 2}}),
        type_severity_max_provider(types={"a": {"severity": 3}}),
    )

    admitted = [(t, s) for t in "abcd" for s in range(8) if client.admits(t, s)]

    assert admitted == [("a", 0), ("a", 1), ("a", 2)]


def test_filter_sees_the_message_and_may_change_it():
    def rename(message):
        message.type = "renamed"
        message.fields["added"] = 1
        return True

    client = client_with(rename)
    client.heka("t", fields={"a": 1})

    (message,) = kept_by(client).messages
    assert (message.type, message.fields) == ("renamed", {"a": [1], "added": [1]})


def test_filter_after_one_that_changes_the_message_sees_the_change():
    def promote(message):
        message.severity = 7
        return True

    client = client_with(promote, severity_max_provider(severity=6))

    assert client.heka("t", severity=0) is False


def test_filters_are_called_in_order_until_one_returns_false():
    asked = []
    client = client_with(
        lambda m: asked.append(1) or True,
        lambda m: asked.append(2) or False,
        lambda m: asked.append(3) or True,
    )

    assert client.heka("t") is False
    assert asked == [1, 2]
    assert client.stats()["offered"] == 0


def test_the_list_of_filters_is_live():
    client = client_with()
    client.heka("a")
    client.filters.append(type_blacklist_provider(types=["b"]))
    client.heka("b")
    client.filters.append(lambda message: message.type != "c")
    client.heka("c")
    client.filters.clear()
    client.heka("d")
    client.filters = [severity_max_provider(severity=0)]
    client.heka("e")

    assert types_sent(client) == ["a", "d"]


def test_context_fields_reach_the_filters():
    seen = []
    client = client_with(lambda message: seen.append(dict(message.fields)) or True)
    with heka.context(request_id="r1"):
        client.heka("t", fields={"a": 1})

    assert seen == [{"a": [1], "request_id": ["r1"]}]


def test_filter_that_raises_drops_the_message_and_is_reported(capfd):
    """The message may hold a secret that the filter would have removed."""

    def broken(message):
        raise KeyError("lost")

    client = client_with(broken)

    assert client.heka("t") is False
    assert client.stats()["dropped"] == {"filter": 1}
    assert "KeyError('lost')" in capfd.readouterr().err


class Broken:
    """A filter that uses type and severity only, and raises."""

    def admits(self, type, severity):
        raise KeyError("lost")

    def __call__(self, message):
        raise AssertionError("asked with a message")


class BrokenLimit(Broken):
    """One that is asked last, once for each message."""

    stateful = True


@pytest.mark.parametrize("broken", [Broken, BrokenLimit])
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda client: client.heka("t"), id="heka"),
        pytest.param(lambda client: client.info("text"), id="info"),
        pytest.param(lambda client: client.incr("n"), id="incr"),
        pytest.param(lambda client: client.log(3, "text"), id="log"),
        pytest.param(lambda client: _log_a_record(client), id="HekaHandler"),
    ],
)
def test_filter_whose_admits_raises_drops_the_message_and_counts_it_once(call, broken, capfd):
    client = client_with(broken())

    assert not call(client)
    assert client.stats()["dropped"] == {"filter": 1}
    assert client.stats()["offered"] == 1
    assert client.stats()["filtered"] == 0
    assert kept_by(client).written == []
    said = capfd.readouterr().err
    assert "KeyError('lost'); the message is dropped" in said


def _log_a_record(client):
    HekaHandler(client).emit(logging.makeLogRecord({"msg": "text"}))


def test_filter_that_raises_is_counted_without_a_stream():
    client = client_with(Broken())
    client.stream = None

    assert client.heka("t") is False
    assert client.stats()["dropped"] == {"filter": 1}


def test_filter_of_the_program_with_admits_needs_no_message():
    class Every:
        """Admits every other one."""

        def __init__(self):
            self.count = 0

        def admits(self, type, severity):
            self.count += 1
            return self.count % 2

        def __call__(self, message):
            raise AssertionError("asked with a message")

    client = client_with(Every())

    assert [client.heka("t", fields=NeverBuilt() if i % 2 else None) for i in range(4)] == [
        *(True, False, True, False)
    ]


def test_send_message_asks_all_filters():
    client = client_with(severity_max_provider(severity=3))
    message = heka.Message("t", "elsewhere", 3, {"a": 1}, "by hand")

    assert client.send_message(heka.Message("t", severity=7)) is False
    assert client.send_message(message) is True
    assert kept_by(client).messages == [message]


def test_log_line_that_is_filtered_out_is_not_formatted():
    class Unprintable:
        def __str__(self):
            raise AssertionError("formatted")

    client = client_with(severity_max_provider(severity=6))

    assert client.debug("%s", Unprintable()) is False


def test_message_too_large_is_cut_behind_filters_too():
    client = client_with(lambda message: True)
    client.heka("t", payload="x" * 70_000)

    (message,) = kept_by(client).messages
    assert message.fields["heka.truncated"] == [70_000]


def test_hash_of_a_type_may_replace_the_filters_during_the_lookup():
    """User code may run during the lookup; the set that is being read must stay alive."""

    class Plotting(str):
        def __hash__(self):
            client.filters[:] = [type_blacklist_provider(types=["other"])]
            client.admits("t", 0)
            return super().__hash__()

    client = client_with(
        type_blacklist_provider(types=["bad"]),
        type_whitelist_provider(types=["good"]),
        type_severity_max_provider(types={"good": {"severity": 3}}),
    )

    assert client.admits(Plotting("bad"), 0) in {True, False}
    assert client.heka(Plotting("good")) is True

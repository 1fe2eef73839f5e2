"""``filtered`` in ``stats()``: the calls that a level, a filter or a rate holds back."""

from __future__ import annotations

import logging
import os
import threading

import pytest
from client.messages import Kept, kept_by

import heka
from heka.client import HekaClient
from heka.decorators import timeit
from heka.filters import (
    matcher_provider,
    rate_limit_provider,
    severity_max_provider,
    type_blacklist_provider,
    type_severity_max_provider,
    type_whitelist_provider,
)
from heka.logging import HekaHandler
from heka.testing import capture


class Never:
    """A filter of the program that needs no message and refuses every one."""

    def admits(self, type, severity):
        return False

    def __call__(self, message):
        return self.admits(message.type, message.severity)


def never(message):
    """A filter of the program that needs the message and refuses every one."""
    return False


FILTERS = [
    pytest.param(severity_max_provider(severity=3), id="severity"),
    pytest.param(type_blacklist_provider(types=["t", "oldstyle", "counter"]), id="blacklist"),
    pytest.param(type_whitelist_provider(types=["other"]), id="whitelist"),
    pytest.param(
        type_severity_max_provider(
            types={name: {"severity": 3} for name in ("t", "oldstyle", "counter")}
        ),
        id="type-severity",
    ),
    pytest.param(matcher_provider("Type == 'other' && Fields[x] == NIL"), id="matcher"),
    pytest.param(Never(), id="admits"),
    pytest.param(never, id="message"),
]
CALLS = [
    pytest.param(lambda c: c.heka("t"), id="heka"),
    pytest.param(lambda c: c.incr("n"), id="incr"),
    pytest.param(lambda c: c.info("text"), id="info"),
    pytest.param(lambda c: c.log(6, "text"), id="log"),
    pytest.param(lambda c: c.send_message(heka.Message("t", severity=6)), id="send_message"),
]


@pytest.fixture
def level():
    yield lambda level: heka.configure(level=level)
    heka.configure(level=heka.DEBUG)


def handle(client, **attributes):
    HekaHandler(client).handle(logging.makeLogRecord({"levelno": 20, **attributes}))


# --- clients ---


@pytest.mark.parametrize("one", FILTERS)
@pytest.mark.parametrize("call", CALLS)
def test_call_that_a_filter_holds_back_is_counted_outside_of_the_sum(call, one):
    client = HekaClient(Kept(), "tests", filters=[one])

    assert [call(client) for _ in range(3)] == [False] * 3

    account = client.stats()
    assert (account["filtered"], account["offered"], account["dropped"]) == (3, 0, {})
    assert kept_by(client).written == []


@pytest.mark.parametrize("one", FILTERS)
def test_record_of_a_handler_that_a_filter_holds_back_is_counted_once(one):
    client = HekaClient(Kept(), "tests", filters=[one])

    handle(client)

    assert (client.stats()["filtered"], client.stats()["offered"]) == (1, 0)


def test_messages_that_pass_are_not_counted_as_filtered():
    client = HekaClient(Kept(), "tests", filters=[severity_max_provider(severity=6)])

    client.heka("t")
    client.info("text")
    handle(client)

    assert (client.stats()["filtered"], client.stats()["sent"]) == (0, 3)


def test_rate_limit_counts_what_it_holds_back():
    client = HekaClient(Kept(), "tests", filters=[rate_limit_provider(rate=2, per=3600)])

    answers = [client.heka("t") for _ in range(5)]

    assert answers == [True, True, False, False, False]
    assert client.stats()["filtered"] == 3


@pytest.mark.parametrize("name", ["incr", "gauge"])
def test_calls_that_a_rate_leaves_out_are_counted(name):
    client = HekaClient(Kept(), "tests")

    answers = [getattr(client, name)("n", 1, rate=0.5) for _ in range(200)]

    account = client.stats()
    assert account["filtered"] == answers.count(False)
    assert account["sent"] == answers.count(True)


def test_filter_that_answers_not_implemented_admits():
    """Which is true; the core's own sign for a filter that raised is another thing."""

    class Undecided(Never):
        def admits(self, type, severity):
            return NotImplemented

    client = HekaClient(Kept(), "app", filters=[Undecided()])

    assert client.heka("t") is True
    assert client.stats()["filtered"] == 0


def test_record_that_a_filter_holds_back_is_counted_once_in_a_capture():
    client = HekaClient(None, "app", filters=[severity_max_provider(severity=3)])
    logger = logging.Logger("app")
    logger.addHandler(HekaHandler(client))

    with capture():
        logger.info("x")

    assert client.stats()["filtered"] == 1


def test_decorator_is_made_without_a_count():
    before = heka.stats()["filtered"]
    heka.configure(level=3)
    try:
        timeit(severity=6)
    finally:
        heka.configure(level=7)

    assert heka.stats()["filtered"] == before


def test_admits_counts_a_message_that_it_refuses():
    """The caller of admits() does not send such a message."""
    client = HekaClient(Kept(), "tests", filters=[severity_max_provider(severity=3)])

    assert [client.admits("t", severity) for severity in (3, 4)] == [True, False]
    assert client.stats()["filtered"] == 1


@pytest.mark.parametrize("call", CALLS[:4])
def test_without_a_stream_a_call_that_a_filter_holds_back_is_filtered(call):
    client = HekaClient(None, "tests", filters=[severity_max_provider(severity=3)])

    call(client)

    assert (client.stats()["filtered"], client.stats()["offered"]) == (1, 0)


def test_count_stays_when_the_client_is_closed():
    client = HekaClient(Kept(), "tests", filters=[severity_max_provider(severity=3)])
    client.heka("t")
    client.close()

    assert client.stats()["filtered"] == 1


def test_clients_that_share_a_stream_count_for_themselves():
    stream = Kept()
    strict = HekaClient(stream, "strict", filters=[severity_max_provider(severity=3)])
    other = HekaClient(stream, "other")
    strict.heka("t")

    assert (strict.stats()["filtered"], other.stats()["filtered"]) == (1, 0)


def test_threads_lose_no_count():
    client = HekaClient(Kept(), "tests", filters=[severity_max_provider(severity=3)])

    def work():
        for _ in range(2000):
            client.heka("t")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert client.stats()["filtered"] == 8000


def test_child_process_counts_from_zero(level):
    client = HekaClient(Kept(), "tests", filters=[severity_max_provider(severity=3)])
    level(3)
    client.heka("t")
    heka.log("t")

    pid = os.fork()
    if not pid:
        os._exit(client.stats()["filtered"] + heka.stats()["filtered"])

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert client.stats()["filtered"] == 1


# --- heka.log and handlers ---


def test_call_above_the_level_is_counted(level):
    before = heka.stats()
    level(heka.WARNING)

    assert heka.log("t", severity=heka.NOTICE) is False

    after = heka.stats()
    assert after["filtered"] == before["filtered"] + 1
    assert after["offered"] == before["offered"]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: heka.incr("n"), id="incr"),
        pytest.param(lambda: heka.gauge("n", 1), id="gauge"),
        pytest.param(lambda: heka.timer("n").__enter__().__exit__(None, None, None), id="timer"),
        pytest.param(lambda: heka.timer("n", severity=7), id="a-timer-that-is-not-used"),
        pytest.param(lambda: heka.exception("text"), id="exception"),
    ],
)
def test_other_functions_count_once_what_the_level_holds_back(level, call, request):
    before = heka.stats()
    level(heka.CRITICAL)

    call()

    expected = "not-used" not in request.node.name
    assert heka.stats()["filtered"] == before["filtered"] + expected
    assert heka.stats()["offered"] == before["offered"]


def test_functions_count_what_a_rate_leaves_out():
    before = heka.stats()

    assert heka.incr("n", rate=0.0) is False
    assert heka.gauge("n", 1, rate=0.0) is False

    assert heka.stats()["filtered"] == before["filtered"] + 2


def test_record_above_the_level_of_heka_log_is_counted(level):
    before = heka.stats()["filtered"]
    level(heka.WARNING)

    handle("udp://127.0.0.1:9")

    assert heka.stats()["filtered"] == before + 1


def test_record_that_a_filter_of_the_handler_holds_back_is_counted_by_the_handler():
    client = HekaClient(Kept(), "tests")
    handler = HekaHandler(client)
    handler.addFilter(lambda record: False)

    handler.handle(logging.makeLogRecord({"levelno": 20}))

    assert handler.stats() == {"filtered": 1}
    assert client.stats()["filtered"] == 0


def test_record_for_a_client_that_does_not_exist_is_counted_by_the_handler():
    handler = HekaHandler("no client has this name")

    handler.handle(logging.makeLogRecord({"levelno": 20}))

    assert handler.stats() == {"inactive": 1}

"""loguru with HekaSink and with HekaHandler."""

from __future__ import annotations

import copy
import sys
import threading

import pytest
from client.messages import Kept, only_message
from loguru import logger as shared

from heka.client import HekaClient
from heka.integrations.loguru import HekaSink
from heka.logging import HekaHandler


@pytest.fixture
def logger():
    """A copy of loguru's logger without handlers; the original gets its handler back."""
    shared.remove()
    made = copy.deepcopy(shared)
    yield made
    made.remove()
    shared.add(sys.stderr)


def test_message_has_its_text_and_what_was_bound(logger, client):
    logger.add(HekaSink(client))
    logger.bind(user="ann").warning("login of {} failed", "ann", attempts=3)

    message = only_message(client)
    assert (message.type, message.logger, message.severity) == ("oldstyle", "tests", 4)
    assert message.payload == "login of ann failed"
    assert message.fields == {"loglevel": [30], "user": ["ann"], "attempts": [3]}


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        ("TRACE", 7),
        ("DEBUG", 7),
        ("INFO", 6),
        ("SUCCESS", 5),
        ("WARNING", 4),
        ("ERROR", 3),
        ("CRITICAL", 2),
    ],
)
def test_level_becomes_the_nearest_severity(logger, client, level, severity):
    logger.add(HekaSink(client), level=0)
    logger.log(level, "x")

    assert only_message(client).severity == severity


def test_traceback_follows_the_text(logger, client):
    logger.add(HekaSink(client))
    try:
        raise LookupError("no such thing")
    except LookupError:
        logger.exception("went wrong")

    message = only_message(client)
    assert message.payload.startswith("went wrong\nTraceback (most recent call last):")
    assert message.payload.endswith("LookupError: no such thing")


def test_source_is_sent_on_request(logger, client):
    logger.add(HekaSink(client, fields=["name", "function", "line", "nonsense"]))
    logger.info("x")

    fields = only_message(client).fields
    assert fields["name"] == [__name__]
    assert fields["function"] == ["test_source_is_sent_on_request"]
    assert fields["line"].value_type == type(fields["line"]).INTEGER
    assert "nonsense" not in fields


def test_timestamp_is_that_of_the_record(logger, client):
    times = []
    logger.add(lambda message: times.append(message.record["time"]))
    logger.add(HekaSink(client))
    logger.info("x")

    assert round(only_message(client).timestamp / 1000) == round(times[0].timestamp() * 1e6)


def test_module_is_the_logger_if_the_client_has_none(logger):
    client = HekaClient(Kept(), "")
    logger.add(HekaSink(client))
    logger.info("x")

    assert only_message(client).logger == __name__


def test_value_without_a_type_is_left_out_or_sent_as_its_repr(logger, client):
    logger.add(HekaSink(client))
    logger.bind(a=None, b=1, c=1j).info("x")

    assert only_message(client).fields == {"loglevel": [20], "b": [1], "c": ["1j"]}


def test_message_is_sent_with_enqueue(logger):
    """With enqueue=True a thread of loguru sends."""
    sender = []
    client = HekaClient(Kept(), "tests")
    client.filters.append(lambda message: sender.append(threading.get_ident()) or True)
    logger.add(HekaSink(client), enqueue=True)
    logger.info("x")
    logger.complete()

    assert only_message(client).payload == "x"
    assert sender != [threading.get_ident()]


def test_error_stays_in_the_sink(logger, client, capsys):
    client.oversize = "raise"
    sink = HekaSink(client)
    logger.add(sink, catch=False)
    logger.info("x" * 70_000)
    logger.info("next")

    assert only_message(client).payload == "next"
    assert sink.stats() == {"error": 1}
    assert "HekaSink: a message is lost" in capsys.readouterr().err


def test_heka_handler_works_as_a_loguru_sink(logger, client):
    """It gets a stdlib record from loguru with the bound values under one name."""
    logger.add(HekaHandler(client), format="{message}")
    logger.bind(a=1).info("x")

    message = only_message(client)
    assert message.payload == "x"
    assert message.fields == {"loglevel": [20], "extra.a": [1]}


class Locked(Exception):
    """Cannot be pickled."""

    def __init__(self, what, why):
        super().__init__(f"{what} is locked by {why}")
        self.lock = threading.Lock()


@pytest.mark.parametrize(
    "error",
    [LookupError("no such thing"), Locked("cart", "ann")],
    ids=["picklable", "not-picklable"],
)
@pytest.mark.parametrize("options", [{}, {"format": "{message} | {level}"}, {"backtrace": True}])
def test_traceback_is_sent_with_enqueue(logger, client, error, options):
    """The exception was pickled on its way, if that is possible; its traceback is in the text."""
    logger.add(HekaSink(client), enqueue=True, **options)
    try:
        raise error
    except Exception:
        logger.exception("Traceback (most recent call last): wanted")
    logger.complete()

    lines = only_message(client).payload.splitlines()
    assert lines[:2] == [
        "Traceback (most recent call last): wanted",
        "Traceback (most recent call last):",
    ]
    assert any("test_traceback_is_sent_with_enqueue" in line for line in lines)
    assert lines[-1].endswith(f"{type(error).__name__}: {error}")


def test_exception_that_was_not_raised_is_sent_with_enqueue(logger, client):
    logger.add(HekaSink(client), enqueue=True)
    logger.opt(exception=LookupError("no such thing")).error("x")
    logger.complete()

    assert only_message(client).payload == "x\nLookupError: no such thing"

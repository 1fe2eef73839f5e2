"""structlog with HekaProcessor and HekaRenderer."""

from __future__ import annotations

import logging

import pytest
import structlog
from client.messages import Kept, kept_by, only_message

from heka.client import HekaClient
from heka.filters import SeverityMax
from heka.integrations.structlog import HekaProcessor, HekaRenderer
from heka.logging import HekaHandler


def logger_with(*processors, wrapper=structlog.BoundLogger):
    """Return a logger that does not use the global configuration."""
    output = structlog.testing.CapturingLogger()
    made = structlog.wrap_logger(output, processors=list(processors), wrapper_class=wrapper)
    return made, output


def test_event_becomes_a_message(client):
    logger, output = logger_with(HekaRenderer(client))
    logger.bind(user="ann").warning("login failed", attempts=3)

    message = only_message(client)
    assert (message.type, message.logger, message.severity) == ("oldstyle", "tests", 4)
    assert message.payload == "login failed"
    assert message.fields == {"user": ["ann"], "attempts": [3], "loglevel": [30]}
    assert output.calls == []


def test_processor_passes_the_event_on_as_it_was(client):
    seen = []

    def last(logger, name, event_dict):
        seen.append(dict(event_dict))
        raise structlog.DropEvent

    logger, _ = logger_with(HekaProcessor(client), last)
    logger.info("x", level="debug", a=1)

    assert seen == [{"event": "x", "level": "debug", "a": 1}]
    assert only_message(client).severity == 7


@pytest.mark.parametrize(
    ("method", "severity"),
    [
        ("debug", 7),
        ("info", 6),
        ("notice", 5),
        ("warn", 4),
        ("warning", 4),
        ("error", 3),
        ("exception", 3),
        ("critical", 2),
        ("fatal", 2),
        ("alert", 1),
        ("emergency", 0),
        ("something", 6),
    ],
)
def test_method_decides_the_severity(client, method, severity):
    logger, _ = logger_with(HekaRenderer(client))
    getattr(logger, method)("x")

    assert only_message(client).severity == severity


def test_level_that_a_processor_added_decides_too(client):
    """With structlog's filtering logger and add_log_level."""
    wrapper = structlog.make_filtering_bound_logger(logging.INFO)
    logger, _ = logger_with(
        structlog.processors.add_log_level, HekaRenderer(client), wrapper=wrapper
    )
    logger.debug("below")
    logger.error("x")

    message = only_message(client)
    assert (message.severity, message.fields) == (3, {"loglevel": [40]})


def test_traceback_follows_the_event(client):
    logger, _ = logger_with(HekaRenderer(client))
    try:
        raise LookupError("no such thing")
    except LookupError:
        logger.error("went wrong", exc_info=True, a=1)

    message = only_message(client)
    assert message.payload.startswith("went wrong\nTraceback (most recent call last):")
    assert message.payload.endswith("LookupError: no such thing")
    assert message.fields == {"a": [1], "loglevel": [40]}


@pytest.mark.parametrize("shape", ["exception", "tuple"])
def test_traceback_may_be_given(client, shape):
    logger, _ = logger_with(HekaRenderer(client))
    error = LookupError("no such thing")
    given = error if shape == "exception" else (LookupError, error, None)
    logger.error("went wrong", exc_info=given)

    assert only_message(client).payload == "went wrong\nLookupError: no such thing"


def test_exc_info_without_an_exception_adds_nothing(client):
    logger, _ = logger_with(HekaRenderer(client))
    logger.error("x", exc_info=True)

    assert only_message(client).payload == "x"


def test_value_without_a_type_is_left_out_or_sent_as_its_repr(client):
    logger, _ = logger_with(HekaRenderer(client))
    logger.info("x", a=None, b=1, c=1j)

    assert only_message(client).fields == {"b": [1], "c": ["1j"], "loglevel": [20]}


def test_event_that_is_not_text_is_sent(client):
    logger, _ = logger_with(HekaRenderer(client))
    logger.info({"a": 1})

    assert only_message(client).payload == "{'a': 1}"


def test_context_variables_become_fields(client):
    logger, _ = logger_with(structlog.contextvars.merge_contextvars, HekaRenderer(client))
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        logger.info("x")

    assert only_message(client).fields == {"request_id": ["r1"], "loglevel": [20]}


def test_logger_name_is_used_if_the_client_has_none():
    client = HekaClient(Kept(), "")
    logger, _ = logger_with(HekaRenderer(client))
    logger.info("x", logger="app.part")

    assert only_message(client).logger == "app.part"


def test_stream_that_logs_does_not_loop(client):
    class Logging(Kept):
        def write(self, data):
            super().write(data)
            logger.info("wrote")

    logger, _ = logger_with(HekaRenderer(client))
    client.stream = Logging()
    logger.info("x")

    assert only_message(client).payload == "x"
    assert client.stats()["dropped"] == {"reentrant": 1}


def test_filter_that_logs_does_not_loop(client):
    renderer = HekaRenderer(client)
    logger, _ = logger_with(renderer)
    client.filters.append(lambda message: logger.info("filtering") or True)
    logger.info("x")
    logger.info("y")

    assert [message.payload for message in kept_by(client).messages] == ["x", "y"]
    assert renderer.stats() == {"reentrant": 2}


def test_event_that_logs_itself_does_not_recurse_forever(client):
    class Mirror:
        def __str__(self):
            logger.info(self)
            logger.info(self)
            return "mirror"

    logger, _ = logger_with(HekaRenderer(client))
    logger.info(Mirror())

    assert [message.payload for message in kept_by(client).messages] == ["mirror"] * 7


def test_event_that_the_clients_filters_refuse_is_never_made_text(client):
    class Precious:
        def __str__(self):
            pytest.fail("made text for nothing")

    client.filters.append(SeverityMax(4))
    logger, _ = logger_with(HekaRenderer(client))
    logger.info(Precious())

    assert kept_by(client).messages == []


def test_exception_of_the_client_loses_only_the_event(client, capsys):
    client.oversize = "raise"
    renderer = HekaRenderer(client)
    logger, _ = logger_with(renderer)
    logger.info("x" * 70_000)
    logger.info("next")

    assert only_message(client).payload == "next"
    assert renderer.stats() == {"error": 1}
    assert "HekaRenderer: a message is lost" in capsys.readouterr().err


@pytest.mark.parametrize("level", [2, "high", None, True, ["error"]])
def test_level_that_is_the_name_of_none_is_a_field(client, level):
    logger, _ = logger_with(HekaRenderer(client))
    logger.error("going up", level=level)

    message = only_message(client)
    assert message.severity == 3
    assert message.fields["loglevel"] == [40]
    assert ("level" in message.fields) == (level is not None)


def test_what_processor_formatter_adds_is_no_field(client):
    """For HekaHandler in the record's ``extra``, for the processors in the event."""
    record_logger = logging.Logger("app")
    record_logger.addHandler(HekaHandler(client))
    wrap = structlog.stdlib.ProcessorFormatter.wrap_for_formatter
    logger = structlog.wrap_logger(record_logger, processors=[wrap])
    logger.warning("x", a=1)

    assert only_message(client).fields == {"loglevel": [30]}


def test_record_of_processor_formatter_is_no_field(client):
    handler = logging.StreamHandler(open("/dev/null", "w"))  # noqa: SIM115 - closed below
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[HekaProcessor(client), structlog.dev.ConsoleRenderer()],
        )
    )
    record_logger = logging.Logger("app")
    record_logger.addHandler(handler)
    record_logger.warning("x")
    handler.stream.close()

    assert only_message(client).fields == {"loglevel": [30]}


class Nothing:
    """An object whose class cannot be asked for."""

    def __getattribute__(self, name):
        raise ValueError(name)


class Undecided:
    def __bool__(self):
        raise ValueError("neither")


def test_an_event_of_which_nothing_can_be_asked_is_sent(client):
    logger, _ = logger_with(HekaRenderer(client))

    event = Nothing()

    logger.info(event, value=event)

    message = only_message(client)
    assert message.payload == repr(event)
    assert message.fields["value"] == [repr(event)]


@pytest.mark.parametrize("kind", [Nothing, Undecided])
def test_exc_info_that_cannot_be_read_loses_only_the_event(client, capsys, kind):
    processor = HekaProcessor(client)
    logger, output = logger_with(processor)

    logger.info("text", exc_info=kind())

    assert len(output.calls) == 1
    assert processor.stats() == {"error": 1}
    assert "HekaProcessor: a message is lost: ValueError: " in capsys.readouterr().err


def test_a_processor_behind_the_renderer_says_where_it_belongs(client, capsys):
    processor = HekaProcessor(client)
    logger, output = logger_with(structlog.processors.JSONRenderer(), processor)

    logger.info("text")

    assert output.calls[0].args == ('{"event": "text"}',)
    assert processor.stats() == {"error": 1}
    assert "got str: put this processor before the one that makes" in capsys.readouterr().err

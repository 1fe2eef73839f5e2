"""StdLibLoggingStream: levels, texts, loggers by type, and no endless loops."""

from __future__ import annotations

import logging
import logging.handlers
import queue
from contextlib import contextmanager
from unittest.mock import patch

import pytest

import heka
from heka.encoders import JSONEncoder, NullEncoder, ProtobufEncoder, StdlibPayloadEncoder
from heka.exceptions import ConfigError
from heka.streams import StdLibLoggingStream
from heka.streams.logging import RECORD_MARK

NAME = "heka_streams_logging"


class Records(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@contextmanager
def handling(handler, name=NAME):
    logger = logging.getLogger(name)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(1)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@pytest.fixture
def records():
    with handling(Records()) as handler:
        yield handler.records


def said(records):
    return [(record.levelno, record.getMessage()) for record in records]


@pytest.mark.parametrize(
    ("severity", "level"),
    list(enumerate(["CRITICAL"] * 3 + ["ERROR", "WARNING", "INFO", "INFO", "DEBUG"])),
)
def test_every_severity_is_logged_at_its_level(records, severity, level):
    """heka-py 0.30 lost ALERT, the severity of exception(), and NOTICE."""
    message = heka.Message("oldstyle", severity=severity, payload="text")

    assert StdLibLoggingStream(NAME).write(StdlibPayloadEncoder().encode(message)) is True
    assert [(record.levelname, record.getMessage()) for record in records] == [
        (level, "oldstyle: text")
    ]


def test_a_replaced_log_method_of_the_logger_is_called():
    stream = StdLibLoggingStream(NAME)
    with patch.object(stream.logger, "log") as log:
        stream.write(StdlibPayloadEncoder().encode(heka.Message("t", severity=6, payload="text")))

    assert [call.args for call in log.call_args_list] == [(logging.INFO, "t: text")]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        pytest.param(heka.Message("t", payload="100 %s %(x)d"), "t: 100 %s %(x)d", id="percents"),
        pytest.param(heka.Message("é", payload="ü\n2"), "é: ü\n2", id="not-ascii"),
        pytest.param(heka.Message("sandbox-output", payload="p"), "sandbox-ou: p", id="long-type"),
        pytest.param(heka.Message("", payload=""), ": ", id="empty"),
    ],
)
def test_type_and_payload_are_the_text(records, message, text):
    StdLibLoggingStream(NAME).write(StdlibPayloadEncoder().encode(message))

    assert said(records) == [(10, text)]


def test_none_is_the_root_logger(monkeypatch):
    assert StdLibLoggingStream().logger is logging.getLogger()
    assert repr(StdLibLoggingStream()) == "<StdLibLoggingStream 'root'>"


def test_a_message_below_the_loggers_level_is_not_logged(records):
    logging.getLogger(NAME).setLevel(logging.ERROR)

    StdLibLoggingStream(NAME).write(StdlibPayloadEncoder().encode(heka.Message("t", severity=6)))

    assert records == []


@pytest.mark.parametrize("encoder", [NullEncoder, ProtobufEncoder])
def test_whole_messages_are_logged_by_their_type(records, encoder):
    """As in metlog's sender."""
    stream = StdLibLoggingStream(NAME, payload_types="line", json_types=["data", "more"])
    messages = [
        heka.Message("line", severity=4, payload="text"),
        heka.Message("data", severity=3, payload="p"),
        heka.Message("other"),
    ]

    assert [stream.write(encoder().encode(one)) for one in messages] == [True, True, False]

    assert said(records) == [
        (logging.WARNING, "text"),
        (logging.ERROR, JSONEncoder().encode(messages[1]).rstrip("\n")),
    ]
    assert stream.stats()["dropped"] == {"filtered": 1}


def test_by_default_log_lines_are_payloads_and_the_rest_is_json(records):
    stream = StdLibLoggingStream(NAME)

    stream.write(heka.Message("oldstyle", severity=6, payload="text"))
    stream.write(heka.Message("counter", severity=6))

    assert said(records)[0] == (20, "text")
    assert said(records)[1][1].startswith('{"time":')


def test_payloads_only(records):
    stream = StdLibLoggingStream(NAME, payload_types="*", json_types=())

    stream.write(heka.Message("a", payload="p"))

    assert said(records) == [(10, "p")]


def test_a_frame_is_told_from_level_30(records):
    """A frame and a payload of level 30 both begin with byte 30."""
    message = heka.Message("\x08t", severity=4, payload="p")
    stream = StdLibLoggingStream(NAME, payload_types="*")

    stream.write(StdlibPayloadEncoder().encode(message))
    stream.write(ProtobufEncoder().encode(message))

    assert said(records) == [(30, "\x08t: p"), (30, "p")]


def test_text_is_logged_as_it_is(records):
    StdLibLoggingStream(NAME).write('{"a": 1}\n')

    assert said(records) == [(20, '{"a": 1}')]


def test_a_byte_that_is_no_utf_8_is_logged(records):
    StdLibLoggingStream(NAME).write(b"\x14t         a\xff")

    assert said(records) == [(20, "t: a\udcff")]


@pytest.mark.parametrize("data", [b"", b"short", None, 5, b"\x1e\x02\x08\x01"])
def test_data_that_no_encoder_produces_is_counted_as_dropped(records, capsys, data):
    stream = StdLibLoggingStream(NAME)

    assert stream.write(data) is False
    assert stream.stats()["dropped"] == {"error": 1}
    assert records == []


def test_the_record_names_the_code_that_wrote(records):
    StdLibLoggingStream(NAME).write("text")

    (record,) = records
    assert (record.pathname, record.funcName) == (
        __file__,
        "test_the_record_names_the_code_that_wrote",
    )


def test_a_handler_that_raises_is_counted(capsys):
    class Broken(logging.Handler):
        def emit(self, record):
            raise RuntimeError("broken")

    stream = StdLibLoggingStream(NAME)
    with handling(Broken()):
        assert stream.write("text") is False

    assert stream.stats()["dropped"] == {"error": 1}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param({"logger_name": 5}, "logger_name: expected the name", id="name"),
        pytest.param({"payload_types": 5}, "payload_types: expected one payload_types", id="int"),
        pytest.param({"json_types": [5]}, r"json_types: expected message types, or '\*'", id="in"),
    ],
)
def test_what_makes_no_sense_is_refused(options, text):
    with pytest.raises(ConfigError, match=text):
        StdLibLoggingStream(**options)


# ---- loops ---------------------------------------------------------------------------------------


class ToStream(logging.Handler):
    """A handler that sends records to a stream and ignores the mark."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream

    def emit(self, record):
        message = heka.Message("oldstyle", severity=6, payload=record.getMessage())
        self.stream.write(StdlibPayloadEncoder().encode(message))


def test_a_handler_that_writes_to_the_stream_does_not_loop(records):
    stream = StdLibLoggingStream(NAME)
    with handling(ToStream(stream)):
        logging.getLogger(NAME).info("once")

    assert said(records) == [(20, "once"), (20, "oldstyle: once")]
    assert stream.stats()["dropped"] == {"reentrant": 1}


def test_two_streams_that_log_to_each_other_do_not_loop(records):
    first, second = StdLibLoggingStream(NAME), StdLibLoggingStream(NAME)
    with handling(ToStream(first)), handling(ToStream(second)):
        logging.getLogger(NAME).info("once")

    assert len(records) < 10


def test_records_of_the_stream_are_marked_across_queues():
    """With a queue another thread logs, so a per-thread guard does not recognise the record."""
    waiting = queue.SimpleQueue()
    with handling(logging.handlers.QueueHandler(waiting)):
        StdLibLoggingStream(NAME).write("text")
        logging.getLogger(NAME).info("other")

    assert getattr(waiting.get(), RECORD_MARK) is True
    assert not hasattr(waiting.get(), RECORD_MARK)

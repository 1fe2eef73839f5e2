"""HekaHandler: the message of a record: payload, severity, fields, timestamp."""

from __future__ import annotations

import datetime
import decimal
import logging
import sys
import threading

import pytest
from client.messages import Kept, kept_by, only_message

import heka
from heka.client import SEVERITY, HekaClient
from heka.logging import LOGLEVEL_MAP, SEVERITY_MAP, HekaHandler, severity_of


class Loud(logging.Logger):
    """A logger that no other test uses."""

    def __init__(self, *handlers: logging.Handler) -> None:
        super().__init__("app.part")
        for handler in handlers:
            self.addHandler(handler)


@pytest.fixture
def logger(client):
    return Loud(HekaHandler(client))


def failing():
    try:
        raise LookupError("no such thing")
    except LookupError:
        return sys.exc_info()


# ---- payload -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "args", "payload"),
    [
        pytest.param("plain", (), "plain", id="text"),
        pytest.param("x %s", (1,), "x 1", id="argument"),
        pytest.param("%(a)s-%(b)d", ({"a": "x", "b": 2},), "x-2", id="mapping"),
        pytest.param("100 %", (), "100 %", id="per-cent-without-arguments"),
        pytest.param(("a", 1), (), "('a', 1)", id="message-that-is-no-text"),
        pytest.param("sur\ud800rogate", (), "sur\\ud800rogate", id="what-utf8-has-not"),
        pytest.param("nul\0 ж 🦎", (), "nul\0 ж 🦎", id="any-character"),
    ],
)
def test_payload_is_the_formatted_message(logger, client, text, args, payload):
    logger.info(text, *args)

    assert only_message(client).payload == payload


def test_message_is_of_the_classic_type_with_its_level(logger, client):
    logger.error("x")

    message = only_message(client)
    assert (message.type, message.logger, message.severity) == ("oldstyle", "tests", 3)
    assert message.fields == {"loglevel": [40]}


def test_type_may_be_another(client):
    Loud(HekaHandler(client, type="log")).info("x")

    assert only_message(client).type == "log"


def test_client_without_a_logger_leaves_the_name_to_the_record():
    client = HekaClient(Kept(), "")
    Loud(HekaHandler(client)).info("x")

    assert only_message(client).logger == "app.part"


def test_traceback_follows_the_message(logger, client):
    logger.error("went wrong: %s", "this", exc_info=failing())

    lines = only_message(client).payload.splitlines()
    assert lines[:2] == ["went wrong: this", "Traceback (most recent call last):"]
    assert lines[-1] == "LookupError: no such thing"


def test_exception_method_sends_the_traceback_at_error(logger, client):
    try:
        raise LookupError("no such thing")
    except LookupError:
        logger.exception("went wrong")

    message = only_message(client)
    assert message.severity == 3
    assert message.payload.startswith("went wrong\nTraceback")
    assert message.payload.endswith("LookupError: no such thing")


def test_exc_info_without_an_exception_says_so_as_logging_does(logger, client):
    logger.error("x", exc_info=True)

    assert only_message(client).payload == "x\nNoneType: None"


def test_traceback_that_was_text_already_follows_the_message(client):
    """A pickled record has exc_text but no exc_info."""
    record = logging.makeLogRecord({"msg": "x", "levelno": 40, "exc_text": "Traceback ..."})
    HekaHandler(client).handle(record)

    assert only_message(client).payload == "x\nTraceback ..."


def test_stack_follows_the_message(logger, client):
    logger.info("here", stack_info=True)

    lines = only_message(client).payload.splitlines()
    assert lines[:2] == ["here", "Stack (most recent call last):"]
    assert "logger.info(" in lines[-1]


def test_formatter_decides_the_payload(client):
    handler = HekaHandler(client)
    handler.setFormatter(logging.Formatter("[%(levelname)s] %(name)s: %(message)s"))
    Loud(handler).error("x %d", 1, exc_info=failing())

    assert only_message(client).payload.startswith("[ERROR] app.part: x 1\nTraceback")


@pytest.mark.parametrize(
    ("made", "payload"),
    [
        pytest.param({"text": "ä"}, "{'text': 'ä'}", id="dict"),
        pytest.param("ä".encode(), "ä", id="bytes"),
    ],
)
def test_formatter_may_return_what_is_no_text(client, made, payload):
    """Some formatters do; the record is sent all the same."""

    class Structured(logging.Formatter):
        def format(self, record):
            return made

    handler = HekaHandler(client)
    handler.setFormatter(Structured())
    Loud(handler).info("x")

    assert only_message(client).payload == payload
    assert handler.stats() == {}


# ---- severity ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        pytest.param(logging.CRITICAL, SEVERITY.CRITICAL, id="critical"),
        pytest.param(logging.FATAL, SEVERITY.CRITICAL, id="fatal-is-critical"),
        pytest.param(logging.ERROR, SEVERITY.ERROR, id="error"),
        pytest.param(logging.WARNING, SEVERITY.WARNING, id="warning"),
        pytest.param(logging.INFO, SEVERITY.INFORMATIONAL, id="info"),
        pytest.param(logging.DEBUG, SEVERITY.DEBUG, id="debug"),
        pytest.param(1000, SEVERITY.CRITICAL, id="above-critical"),
        pytest.param(45, SEVERITY.ERROR, id="above-error"),
        pytest.param(31, SEVERITY.WARNING, id="above-warning"),
        pytest.param(25, SEVERITY.NOTICE, id="between-info-and-warning-is-notice"),
        pytest.param(19, SEVERITY.DEBUG, id="below-info"),
        pytest.param(5, SEVERITY.DEBUG, id="trace"),
        pytest.param(logging.NOTSET, SEVERITY.DEBUG, id="notset"),
        pytest.param(-5, SEVERITY.DEBUG, id="negative"),
    ],
)
def test_level_becomes_the_nearest_severity(client, level, severity):
    record = logging.makeLogRecord({"levelno": level, "msg": "x"})
    HekaHandler(client).handle(record)

    message = only_message(client)
    assert (message.severity, message.fields["loglevel"]) == (severity, [level])
    assert severity_of(level) == severity


def test_severity_map_may_be_extended(client, monkeypatch):
    """A level defined by the program has the severity that the program sets in the map."""
    monkeypatch.setitem(SEVERITY_MAP, 35, SEVERITY.ALERT)
    monkeypatch.setitem(SEVERITY_MAP, 45, 45)  # no severity: the level decides
    assert severity_of(45) == SEVERITY.ERROR
    Loud(HekaHandler(client)).log(35, "x")

    assert only_message(client).severity == SEVERITY.ALERT


def test_level_and_severity_maps_are_inverse_where_both_have_a_name():
    """Every severity has a level; each level that logging names maps back to itself."""
    assert set(LOGLEVEL_MAP) == set(range(8))
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        assert LOGLEVEL_MAP[SEVERITY_MAP[level]] == level


def test_level_of_the_handler_holds(client):
    logger = Loud(HekaHandler(client, logging.ERROR))
    logger.warning("below")
    logger.error("at")

    assert only_message(client).payload == "at"


# ---- fields --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind", "values"),
    [
        pytest.param(True, "BOOL", [True], id="bool"),
        pytest.param(7, "INTEGER", [7], id="int"),
        pytest.param(0.5, "DOUBLE", [0.5], id="float"),
        pytest.param(decimal.Decimal("0.5"), "DOUBLE", [0.5], id="decimal"),
        pytest.param("x", "STRING", ["x"], id="str"),
        pytest.param(b"\xff", "BYTES", [b"\xff"], id="bytes"),
        pytest.param([1, 2], "INTEGER", [1, 2], id="list"),
    ],
)
def test_extra_becomes_a_field_of_its_type(logger, client, value, kind, values):
    logger.info("x", extra={"it": value})

    field = only_message(client).fields["it"]
    assert (field, field.value_type) == (values, getattr(type(field), kind))


def test_nested_extra_becomes_dotted_names(logger, client):
    logger.info("x", extra={"user": {"id": 5, "name": "ann"}})

    assert only_message(client).fields == {"loglevel": [20], "user.id": [5], "user.name": ["ann"]}


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, None, id="none"),
        pytest.param([1, "a"], "[1, 'a']", id="mixed"),
        pytest.param([], None, id="empty"),
        pytest.param(2**70, str(2**70), id="too-large"),
        pytest.param(datetime.date(2026, 1, 2), "2026-01-02", id="date"),
        pytest.param(1j, "1j", id="no-type"),
        pytest.param(Unprintable(), "<Unprintable object, repr() failed>", id="unprintable"),
    ],
)
def test_value_without_a_type_is_converted_left_out_or_sent_as_its_repr(client, value, text):
    """Neither the record nor its other values are lost."""
    client.bad_values = "raise"
    handler = HekaHandler(client)
    Loud(handler).info("x", extra={"it": value, "other": 1})

    assert handler.stats() == {}
    fields = only_message(client).fields
    assert (fields["loglevel"], fields["other"]) == ([20], [1])
    assert fields.get("it") == (None if text is None else [text])


def test_extra_wins_over_the_handlers_own_field(logger, client):
    logger.info("x", extra={"loglevel": "mine"})

    assert only_message(client).fields == {"loglevel": ["mine"]}


@pytest.mark.parametrize("names", [("first", "second", "third"), ("c", "b", "a")])
def test_fields_of_extra_keep_their_order(logger, client, names):
    logger.info("x", extra=dict.fromkeys(names, 1))

    assert tuple(only_message(client).fields) == ("loglevel", *names)


def test_names_of_extra_may_be_anything(logger, client):
    logger.info("x", extra={"a b": 1, "": 2, 3: 4, "_private": 5})

    fields = only_message(client).fields
    assert fields == {"loglevel": [20], "a b": [1], "": [2], "3": [4], "_private": [5]}


def test_what_another_handler_left_on_the_record_is_no_field(client):
    """Formatter.format() sets message, asctime and exc_text."""
    first = logging.StreamHandler(open("/dev/null", "w"))  # noqa: SIM115 - closed below
    first.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    Loud(first, HekaHandler(client)).error("x", exc_info=failing(), extra={"a": 1})
    first.stream.close()

    assert only_message(client).fields == {"loglevel": [40], "a": [1]}


def test_attributes_of_a_record_class_of_its_own_are_fields(client):
    """Whether they were set before the standard attributes or after them."""

    class Record(logging.LogRecord):
        def __init__(self, *args, **kwargs):
            self.before = 1
            super().__init__(*args, **kwargs)
            self.behind = 2

    record = Record("n", 20, __file__, 1, "x", (), None)
    HekaHandler(client).handle(record)

    assert only_message(client).fields == {"loglevel": [20], "before": [1], "behind": [2]}


def test_source_is_sent_on_request(client):
    wanted = ["name", "pathname", "lineno", "funcName", "threadName", "process", "levelname"]
    Loud(HekaHandler(client, fields=wanted)).info("x", extra={"a": 1})

    message = only_message(client)
    fields = message.fields
    assert list(fields) == ["loglevel", *wanted, "a"]
    assert fields["name"] == ["app.part"]
    assert fields["pathname"] == [__file__]
    assert fields["lineno"].value_type == type(fields["lineno"]).INTEGER
    assert fields["funcName"] == ["test_source_is_sent_on_request"]
    assert fields["threadName"] == [threading.current_thread().name]
    assert fields["process"] == [message.pid]


def test_source_may_go_by_another_name(client):
    Loud(HekaHandler(client, fields={"file": "filename"})).info("x")

    assert only_message(client).fields == {"loglevel": [20], "file": ["test_logging.py"]}


def test_attribute_that_is_none_or_missing_is_left_out(client):
    """The taskName is None outside of a task and does not exist before Python 3.12."""
    Loud(HekaHandler(client, fields=["taskName", "nonsense"])).info("x")

    assert only_message(client).fields == {"loglevel": [20]}


def test_context_is_added_and_extra_wins(logger, client):
    with heka.context(request_id="r1", a="context"):
        logger.info("x", extra={"a": "extra"})

    assert only_message(client).fields == {"loglevel": [20], "a": ["extra"], "request_id": ["r1"]}


# ---- the rest ------------------------------------------------------------------------------------


def test_timestamp_is_that_of_the_record(client):
    record = logging.makeLogRecord({"msg": "x", "levelno": 20, "created": 1_700_000_000.5})
    HekaHandler(client).handle(record)

    assert only_message(client).timestamp == 1_700_000_000_500_000_000


@pytest.mark.parametrize("answer", [False, 0, None], ids=repr)
def test_filter_of_the_handler_may_drop_a_record(client, answer):
    handler = HekaHandler(client)
    handler.addFilter(lambda record: answer)

    assert not handler.handle(logging.makeLogRecord({"msg": "x"}))
    assert kept_by(client).messages == []


def test_filter_of_the_handler_may_add_fields(client):
    def enrich(record):
        record.tenant = "t1"
        return True

    handler = HekaHandler(client)
    handler.addFilter(enrich)
    Loud(handler).info("x")

    assert only_message(client).fields == {"loglevel": [20], "tenant": ["t1"]}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="filters cannot replace before 3.12")
def test_filter_of_the_handler_may_replace_the_record(client):
    handler = HekaHandler(client)
    handler.addFilter(lambda record: logging.makeLogRecord({"msg": "another", "levelno": 20}))
    Loud(handler).info("x")

    assert only_message(client).payload == "another"


def test_record_that_the_clients_filters_refuse_is_never_formatted(client):
    class Precious:
        def __str__(self):
            pytest.fail("formatted for nothing")

    class Quiet:
        def admits(self, type, severity):
            return severity < 4

        def __call__(self, message):
            return self.admits(message.type, message.severity)

    client.filters.append(Quiet())
    logger = Loud(HekaHandler(client))
    logger.info("x %s", Precious())
    logger.error("kept")

    assert only_message(client).payload == "kept"


def test_inactive_client_sends_nothing():
    client = HekaClient(None, "tests")
    handler = HekaHandler(client)
    Loud(handler).info("x")

    assert handler.stats() == {}

"""What names no client uses the default client, else what ``heka.configure`` has set up."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys

import pytest
from client.decorating import BOTH, default_client, empty_holder
from client.messages import kept_by

import heka
from heka.decorators import HekaDecorator, timeit
from heka.logging import HekaHandler
from heka.plugins.raven import capture_stack
from heka.testing import capture

#: What one process logs by everything that names no client.
EVERYTHING = """
import logging
import heka
from heka.decorators import incr_count, timeit
from heka.logging import HekaHandler

{before}

@timeit("timed")
@incr_count("counted")
def work():
    pass

work()
heka.incr("own")
logging.getLogger("web").addHandler(HekaHandler())
logging.getLogger("web").warning("line")
heka.flush()
"""


@pytest.fixture
def nothing(monkeypatch):
    """A process with no client, no heka.configure and no $HEKA_TO."""
    empty_holder(monkeypatch)


@pytest.fixture
def configured(nothing):
    """A process whose only words about heka are those of heka.configure."""
    heka.configure(logger="shop")
    with capture() as captured:
        yield captured
    heka.configure(logger="", level=heka.DEBUG, signer=None)


def lines(captured):
    return [(message.type, message.logger, message.payload) for message in captured]


# ---- decorators -------------------------------------------------------------------------------


@BOTH
def test_decorator_sends_what_heka_configure_says(configured, decorator, kind):
    @decorator("own", fields={"a": 1}, severity="warning")
    def fn(x):
        return x + 1

    assert fn(1) == 2

    (message,) = configured
    assert (message.type, message.logger, message.severity) == (kind, "shop", heka.WARNING)
    assert message.fields["name"] == ["own"]
    assert message.fields["a"] == [1]


@BOTH
def test_decorator_of_a_process_that_says_nothing_sends_nothing(nothing, decorator, kind):
    """Libraries are decorated, and a program may know nothing of heka."""

    @decorator
    def fn():
        return 5

    with capture() as captured:
        assert fn() == 5

    assert len(captured) == 0


@BOTH
def test_the_environment_is_enough_for_a_decorator(nothing, decorator, kind, monkeypatch):
    monkeypatch.setenv("HEKA_TO", "udp://localhost:5565")

    with capture() as captured:
        assert decorator(int)() == 0

    assert [message.type for message in captured] == [kind]


@BOTH
def test_empty_environment_variable_is_none(nothing, decorator, kind, monkeypatch):
    monkeypatch.setenv("HEKA_TO", "")

    with capture() as captured:
        assert decorator(int)() == 0

    assert len(captured) == 0


@BOTH
def test_decorator_asks_the_default_client_first(configured, decorator, kind, monkeypatch):
    """Old programs come first."""
    default_client(monkeypatch)

    decorator("own")(int)()

    assert [(message.type, message.logger) for message in configured] == [(kind, "tests")]


@BOTH
def test_decorator_that_names_a_client_uses_that_one_only(configured, decorator, kind):
    assert decorator("own", client_name="absent")(int)() == 0

    assert len(configured) == 0


def test_decorator_keeps_to_the_level(configured):
    heka.configure(level=heka.NOTICE)

    timeit("a")(int)()
    timeit("b", severity=heka.NOTICE)(int)()

    assert [message.fields["name"] for message in configured] == [["b"]]


def test_coroutines_and_generators_are_measured_too(configured):
    @timeit("coroutine")
    async def coroutine():
        return 1

    @timeit("generator")
    def generator():
        yield 2

    assert asyncio.run(coroutine()) == 1
    assert list(generator()) == [2]
    assert [message.fields["name"][0] for message in configured] == ["coroutine", "generator"]


def test_decorator_of_the_program_finds_the_calls_of_a_client(configured):
    class Noted(HekaDecorator):
        def heka_call(self, *args, **kwargs):
            self.client.heka("note", None, heka.NOTICE, "text", {"a": 1})
            self.client.metlog("old")
            self.client.incr("counted", 2)
            self.client.gauge("level", 3)
            self.client.timer_send("timed", 4)
            with self.client.timer("block"):
                self.client.info("line %d", 5, fields={"b": 2})
            assert self.client.stats()["offered"] >= 0
            return self._fn(*args, **kwargs)

    assert Noted(int)() == 0

    assert [message.type for message in configured] == [
        *("note", "old", "counter", "gauge", "timer", "oldstyle", "timer")
    ]
    assert {message.logger for message in configured} == {"shop"}
    assert configured[5].fields == {"b": [2]}


def test_exception_that_leaves_a_function_is_sent(configured):
    @capture_stack
    def fail():
        raise KeyError("door")

    @capture_stack(severity="critical", logger="own", msg="late")
    async def fail_later():
        raise KeyError("window")

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(KeyError):
        asyncio.run(fail_later())

    first, second = configured
    assert (first.type, first.logger, first.severity) == ("oldstyle", "shop", heka.ERROR)
    assert first.payload.startswith(f"{__name__}.fail raised\nTraceback (most recent call last):")
    assert first.payload.endswith("KeyError: 'door'")
    assert (second.logger, second.severity) == ("own", heka.CRITICAL)
    assert second.payload.startswith("late\n")


def test_exception_of_a_process_that_says_nothing_is_not_sent(nothing):
    with capture() as captured, pytest.raises(KeyError):
        capture_stack({}.__getitem__)("x")

    assert len(captured) == 0


# ---- logging, structlog, loguru ---------------------------------------------------------------


@pytest.fixture
def handler():
    made = HekaHandler()
    logger = logging.getLogger("heka.one.world")
    logger.addHandler(made)
    yield logger
    logger.removeHandler(made)


def test_records_are_sent_as_heka_configure_says(configured, handler):
    """With its logger, as with that of a client."""
    handler.warning("door %d", 5, extra={"a": 1})

    assert lines(configured) == [("oldstyle", "shop", "door 5")]
    assert configured[0].fields == {"loglevel": [30], "a": [1]}


def test_records_have_their_own_logger_where_none_is_configured(configured, handler):
    heka.configure(logger="")

    handler.warning("x")

    assert configured[0].logger == "heka.one.world"


def test_records_go_to_the_default_client_first(configured, handler, monkeypatch):
    default_client(monkeypatch)

    handler.warning("x")

    assert lines(configured) == [("oldstyle", "tests", "x")]


def test_structlog_uses_heka_configure(configured):
    structlog = pytest.importorskip("structlog")
    from heka.integrations.structlog import HekaRenderer

    logger = structlog.wrap_logger(None, processors=[HekaRenderer()])
    logger.warning("door", a=1)
    logger.info("window", level="CRIT")

    assert lines(configured) == [("oldstyle", "shop", "door"), ("oldstyle", "shop", "window")]
    assert [message.severity for message in configured] == [heka.WARNING, heka.CRITICAL]


def test_loguru_uses_heka_configure(configured):
    loguru = pytest.importorskip("loguru")
    from heka.integrations.loguru import HekaSink

    loguru.logger.remove()
    sink = loguru.logger.add(HekaSink())
    loguru.logger.bind(a=1).warning("door")
    loguru.logger.remove(sink)

    assert lines(configured) == [("oldstyle", "shop", "door")]


# ---- fields of log lines ----------------------------------------------------------------------

LINES = ["debug", "info", "notice", "warning", "warn", "error", "critical", "exception"]


@pytest.mark.parametrize("name", LINES)
def test_log_line_takes_fields(client, name):
    call = getattr(client, name)

    if name == "exception":
        call("order %d", None, 5, fields={"order": 5, "items": ["hat", "gloves"]})
    else:
        call("order %d", 5, fields={"order": 5, "items": ["hat", "gloves"]})

    (message,) = kept_by(client).messages
    assert message.payload == "order 5"
    assert message.fields == {"order": [5], "items": ["hat", "gloves"]}


def test_log_takes_fields(client):
    client.log("ERROR", "order %d", 5, exc_info=ValueError("x"), fields={"order": 5})

    (message,) = kept_by(client).messages
    assert (message.severity, message.payload) == (heka.ERROR, "order 5\nValueError: x")
    assert message.fields == {"order": [5]}


def test_fields_of_a_log_line_are_left_as_they_are(client):
    given = {"a": {"b": [1]}}

    client.info("x", fields=given)

    assert given == {"a": {"b": [1]}}


# ---- processes --------------------------------------------------------------------------------


def run(before, monkeypatch, **environment):
    """Run EVERYTHING in a new process, whose destination is a file or nothing; return stderr."""
    monkeypatch.delenv("HEKA_TO", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code = EVERYTHING.format(before=before)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stderr


def read(path):
    frames = heka.StreamReader().feed(path.read_bytes())
    return [(frame.message.type, frame.message.logger) for frame in frames]


ALL = ["counter", "timer", "counter", "oldstyle"]


def test_heka_configure_drives_a_process(tmp_path, monkeypatch):
    path = tmp_path / "frames"

    assert not run(f"heka.configure(to='file://{path}', logger='shop')", monkeypatch)

    assert read(path) == [(kind, "shop") for kind in ALL]


def test_the_environment_drives_a_process(tmp_path, monkeypatch):
    path = tmp_path / "frames"

    assert not run("", monkeypatch, HEKA_TO=f"file://{path}")

    assert read(path) == [*((kind, "") for kind in ALL[:3]), ("oldstyle", "web")]


def test_the_default_client_of_an_old_program_drives_decorators_and_handlers(tmp_path, monkeypatch):
    old, new = tmp_path / "old", tmp_path / "new"
    before = (
        "from heka.holder import CLIENT_HOLDER\n"
        "from heka.client import HekaClient\n"
        f"CLIENT_HOLDER.set_client('old', HekaClient('file://{old}', 'old'))\n"
        f"heka.configure(to='file://{new}', logger='new')\n"
    )

    assert not run(before, monkeypatch)

    assert read(old) == [("counter", "old"), ("timer", "old"), ("oldstyle", "old")]
    assert read(new) == [("counter", "new")]

"""HekaHandler with loops, errors and threads: no exception reaches the program."""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import queue
import signal
import threading

import pytest
from client.messages import Kept, kept_by, payloads, read

import heka
from heka._core import Sink
from heka.client import HekaClient
from heka.encoders import NullEncoder, ProtobufEncoder, StdlibPayloadEncoder
from heka.logging import HekaHandler
from heka.streams import QueuedStream, StdLibLoggingStream


@pytest.fixture
def handler(client):
    return HekaHandler(client)


@pytest.fixture
def logger(handler):
    made = logging.Logger("app.part")
    made.addHandler(handler)
    return made


@pytest.fixture(autouse=True)
def as_in_production(monkeypatch):
    """Set ``logging.raiseExceptions`` to True, which pytest sets to False."""
    monkeypatch.setattr(logging, "raiseExceptions", True)


# ---- loops ---------------------------------------------------------------------------------------


class LoggingStream(Kept):
    """A stream that logs each write to the handler's logger."""

    def __init__(self, logger):
        super().__init__()
        self.logger = logger

    def write(self, data):
        super().write(data)
        self.logger.info("wrote %d bytes", len(data))


def test_stream_that_logs_does_not_loop(logger, handler, client):
    client.stream = LoggingStream(logger)
    logger.info("x")

    assert payloads(client) == ["x"]
    assert client.stats()["dropped"] == {"reentrant": 1}


@pytest.fixture
def known():
    """A logger that logging knows by name, for streams that ask for it."""
    made = logging.getLogger("heka.test.loop")
    made.propagate = False
    made.setLevel(logging.DEBUG)
    yield made
    made.handlers.clear()
    made.propagate = True


@pytest.mark.parametrize("encoder", [StdlibPayloadEncoder, NullEncoder, ProtobufEncoder])
def test_stdlib_stream_of_the_handlers_client_does_not_loop(known, encoder):
    """Each record returns to the handler once and is refused."""
    client = HekaClient(StdLibLoggingStream(known.name), "tests", encoder=encoder)
    handler = HekaHandler(client)
    seen = []
    known.addHandler(handler)
    known.addFilter(lambda record: seen.append(record.getMessage()) or True)
    known.info("x")

    assert len(seen) == 2
    assert handler.stats() == {"reentrant": 1}


def test_stdlib_stream_behind_a_queue_does_not_loop(known):
    """Another thread returns the record, so it is recognised by its mark."""
    client = HekaClient(StdLibLoggingStream(known.name), "tests", encoder=NullEncoder)
    handler = HekaHandler(client)
    records = queue.SimpleQueue()
    known.addHandler(logging.handlers.QueueHandler(records))
    listener = logging.handlers.QueueListener(records, handler)
    known.info("x")
    for _ in range(2):  # the record, and what came back of it
        listener.handle(records.get(timeout=30))

    assert records.empty()
    assert handler.stats() == {"reentrant": 1}


def test_record_logged_by_the_stream_of_another_client_is_sent(known, client):
    """A client with another stream is no loop; the mark does not become a field."""
    known.addHandler(HekaHandler(client))
    HekaClient(StdLibLoggingStream(known.name), "other", encoder=NullEncoder).info("x")

    (message,) = kept_by(client).messages
    assert (message.payload, message.fields) == ("x", {"loglevel": [20]})


def test_two_handlers_that_log_to_each_other_do_not_loop(logger, handler, client):
    """Each record passes the other handler once and does not return."""
    other = logging.Logger("other")
    clients = client, HekaClient(LoggingStream(logger), "other")
    other.addHandler(HekaHandler(clients[1]))
    client.stream = LoggingStream(other)
    logger.info("x")

    assert [len(kept_by(one).messages) for one in clients] == [1, 1]
    assert client.stats()["dropped"] == {"reentrant": 1}


def test_filter_that_logs_does_not_loop(logger, handler, client):
    def log(message):
        logger.debug("filtering")
        return True

    client.filters.append(log)
    logger.info("x")

    assert payloads(client) == ["x"]
    assert handler.stats() == {"reentrant": 1}


def test_record_logged_by_an_argument_is_sent_before_its_own(logger, client):
    """An object may log while it is formatted, such as one that loads from a database."""

    class Loaded:
        def __str__(self):
            logger.debug("loading")
            return "loaded"

    logger.info("is %s", Loaded())

    assert payloads(client) == ["loading", "is loaded"]


def test_argument_that_logs_itself_does_not_recurse_forever(logger, handler, client):
    class Mirror:
        def __str__(self):
            logger.info("left %s", self)
            logger.info("right %s", self)
            return "mirror"

    logger.info("in the %s", Mirror())

    assert payloads(client)[-1] == "in the mirror"
    assert len(payloads(client)) == 7
    assert handler.stats() == {"reentrant": 8}


def test_task_started_by_a_stream_may_log(logger, handler, client):
    """Only records logged during the write are refused, not those of tasks that it starts."""

    class Spawning(Kept):
        def write(self, data):
            super().write(data)
            if len(self.written) == 1:
                tasks.append(asyncio.get_running_loop().create_task(report()))

    async def report():
        logger.info("later")

    async def main():
        logger.info("x")
        await asyncio.gather(*tasks)

    tasks = []
    client.stream = Spawning()
    asyncio.run(main())

    assert payloads(client) == ["x", "later"]
    assert handler.stats() == {}


def test_record_of_a_signal_in_the_middle_of_sending_is_sent(logger, handler, client):
    """The thread that sends handles the signal; a record logged by the handler is no loop."""

    def deliver(frame, written, timeout, ticket):
        frames.append(frame)
        if len(frames) == 1:
            signal.raise_signal(signal.SIGUSR1)
        return True

    frames = []
    client.sink = Sink(deliver)
    before = signal.signal(signal.SIGUSR1, lambda number, frame: logger.info("signal"))
    try:
        logger.info("x")
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert [message.payload for message in read(frames)] == ["x", "signal"]
    assert handler.stats() == {}


# ---- errors --------------------------------------------------------------------------------------


class Broken:
    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("text", "args", "payload"),
    [
        pytest.param("%d items", ("many",), "%d items ('many',)", id="wrong-type"),
        pytest.param("%s", (1, 2), "%s (1, 2)", id="too-many"),
        pytest.param("%s %s", (1,), "%s %s (1,)", id="too-few"),
        pytest.param("%(a)s", ({"b": 1},), "%(a)s {'b': 1}", id="missing-key"),
        pytest.param("50%!", (1,), "50%! (1,)", id="no-format"),
        pytest.param("%s", (Broken(),), "%s", id="argument-without-text"),
        pytest.param(Broken(), (), "<Broken object, str() failed> ()", id="message-without-text"),
    ],
)
def test_record_that_cannot_be_formatted_is_sent_in_part(
    logger, handler, client, text, args, payload, capsys
):
    logger.error(text, *args, extra={"a": 1})

    (message,) = kept_by(client).messages
    assert (message.payload, message.severity) == (payload, 3)
    assert message.fields == {"loglevel": [40], "a": [1]}
    assert handler.stats() == {"altered": 1}
    assert capsys.readouterr().err.startswith("heka: HekaHandler: a record of logger 'app.part'")


def test_traceback_of_a_record_that_cannot_be_formatted_is_sent(logger, client):
    try:
        raise LookupError("no such thing")
    except LookupError:
        logger.exception("%d", "x")

    (payload,) = payloads(client)
    assert payload.startswith("%d ('x',) \nTraceback")
    assert payload.endswith("LookupError: no such thing")


def test_record_is_sent_unformatted_if_the_formatter_fails(logger, handler, client):
    """If the record lacks a field of the format, it is sent unformatted."""
    handler.setFormatter(logging.Formatter("%(tenant)s %(message)s"))
    logger.info("x %d", 1)

    assert payloads(client) == ["x 1"]
    assert handler.stats() == {"altered": 1}


def test_error_is_reported_once_with_file_and_line(logger, capsys):
    for _ in range(3):
        logger.info("%d", "x")

    (line,) = capsys.readouterr().err.splitlines()
    assert f"logged at {__file__}:" in line
    assert "TypeError: %d format" in line


def test_raise_exceptions_false_is_silent(logger, client, monkeypatch, capsys):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger.info("%d", "x")

    assert payloads(client) == ["%d ('x',)"]
    assert capsys.readouterr().err == ""


def test_handle_error_of_a_subclass_is_called_with_the_record(client):
    class Strict(HekaHandler):
        def handleError(self, record):
            seen.append(record)

    seen = []
    handler = Strict(client)
    record = logging.makeLogRecord({"msg": "%d", "args": ("x",)})
    handler.handle(record)

    assert seen == [record]


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({"created": None}, id="time-none"),
        pytest.param({"created": float("nan")}, id="time-nan"),
        pytest.param({"created": "yesterday"}, id="time-text"),
        pytest.param({"levelno": None}, id="level-none"),
        pytest.param({"levelno": []}, id="level-list"),
        pytest.param({"levelno": "INFO"}, id="level-text"),
        pytest.param({"exc_info": True}, id="exc-info-is-no-tuple"),
    ],
)
def test_record_with_an_odd_attribute_is_sent(handler, client, attributes):
    """makeLogRecord() accepts attributes of any type from the network."""
    handler.handle(logging.makeLogRecord({"msg": "x", "levelno": 20, **attributes}))

    (payload,) = payloads(client)
    assert payload.startswith("x")


def test_record_with_an_odd_attribute_is_filtered_too(handler, client):
    """The first attempt fails before the client's filters are called."""
    client.filters.append(lambda message: True)
    handler.handle(logging.makeLogRecord({"msg": "x", "levelno": 20, "created": "?"}))

    assert payloads(client) == ["x"]
    assert handler.stats() == {"altered": 1}


def test_record_whose_logger_name_is_not_text_is_sent():
    client = HekaClient(Kept(), "")
    HekaHandler(client).handle(logging.makeLogRecord({"msg": "x", "name": 5}))

    (message,) = kept_by(client).messages
    assert message.logger == "5"


def test_exception_of_the_client_loses_only_the_record(logger, handler, client, capsys):
    client.oversize = "raise"
    logger.info("x" * 70_000)
    logger.info("next")

    assert payloads(client) == ["next"]
    assert handler.stats() == {"altered": 1, "error": 1}
    assert capsys.readouterr().err.count("\n") == 1


def test_error_of_the_stream_is_counted_by_the_client(logger, handler, client):
    class Failing:
        def write(self, data):
            raise OSError("disk full")

    client.stream = Failing()
    logger.info("x")

    assert client.stats()["dropped"] == {"error": 1}
    assert handler.stats() == {}


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_keyboard_interrupt_and_system_exit_pass_through(logger, client, stop):
    """The next record of the same thread is sent."""

    class Stopping:
        def __str__(self):
            raise stop

    with pytest.raises(stop):
        logger.info("%s", Stopping())
    logger.info("next")

    assert payloads(client) == ["next"]


def test_error_while_flushing_stays_in_the_handler(client, capsys):
    class Odd(HekaClient):
        def flush(self, timeout=1.0):
            raise RuntimeError("no")

    HekaHandler(Odd(Kept(), "tests")).flush()

    assert "flush: RuntimeError: no" in capsys.readouterr().err


# ---- threads -------------------------------------------------------------------------------------


def test_records_of_many_threads_all_arrive(logger, handler, client):
    def work(number):
        for turn in range(200):
            logger.info("%d", turn, extra={"thread_number": number})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    got = [(m.fields["thread_number"][0], int(m.payload)) for m in kept_by(client).messages]
    assert sorted(got) == [(number, turn) for number in range(4) for turn in range(200)]
    assert handler.stats() == {}


def test_handler_never_waits_for_its_lock(logger, handler, client):
    """A thread that holds the handler's lock, here or in the parent of a fork, blocks no other."""
    handler.acquire()
    try:
        thread = threading.Thread(target=logger.info, args=("x",))
        thread.start()
        thread.join(30)
    finally:
        handler.release()

    assert payloads(client) == ["x"]


def test_threads_do_not_refuse_each_others_records(logger, handler, client):
    """One thread is inside the stream's write while another one logs."""
    inside, go_on = threading.Event(), threading.Event()

    class Slow(Kept):
        def write(self, data):
            if threading.current_thread() is thread:
                inside.set()
                go_on.wait(30)
            super().write(data)

    client.stream = Slow()
    thread = threading.Thread(target=logger.info, args=("slow",))
    thread.start()
    assert inside.wait(30)
    logger.info("quick")
    go_on.set()
    thread.join(30)

    assert payloads(client) == ["quick", "slow"]
    assert handler.stats() == {}


class Exporter:
    """A stream that logs each write, as an HTTP library does."""

    def __init__(self, log):
        self.count = 0
        self.log = log

    def write(self, data):
        self.count += 1
        if self.count < 1000:  # or it would never end
            self.log(self.count)


@pytest.fixture
def other():
    """A second client, whose stream stores its writes."""
    return HekaClient(Kept(), "other")


@pytest.mark.parametrize("way", ["handler", "client", "encoder", "another-client", "heka.log"])
def test_what_a_stream_logs_in_the_thread_of_a_queue_is_reentrant(way, other, keep):
    """Whatever its destination is."""
    logger = logging.Logger("app")
    calls = {
        "handler": lambda number: logger.debug("POST %d", number),
        "client": lambda number: client.debug("POST"),
        "encoder": lambda number: client.heka("t"),
        "another-client": lambda number: other.incr("POST"),
        "heka.log": lambda number: heka.log("POST", to=other.stream),
    }
    exporter = Exporter(calls[way])
    encoder = NullEncoder if way == "encoder" else ProtobufEncoder
    client = keep(HekaClient(QueuedStream(exporter, linger=0.0), "", encoder=encoder))
    logger.addHandler(HekaHandler(client))
    if way == "encoder":
        client.filters.append(lambda message: True)
        client.encoder = StdlibPayloadEncoder(None)
    before = heka.stats()["dropped"].get("reentrant", 0)

    logger.warning("hello")
    assert client.flush(5.0)
    assert client.flush(5.0)

    assert exporter.count == 1
    assert kept_by(other).written == []
    refused = (
        client.stats()["dropped"].get("reentrant", 0)
        + other.stats()["dropped"].get("reentrant", 0)
        + heka.stats()["dropped"].get("reentrant", 0)
        - before
    )
    assert refused == 1


def test_what_on_drop_logs_is_reentrant(keep):
    called = threading.Event()

    def on_drop(reason, count):
        logger.warning("dropped %d", count)
        called.set()

    client = keep(HekaClient(QueuedStream(Failing(), linger=0.0, on_drop=on_drop), ""))
    logger = logging.Logger("app")
    logger.addHandler(HekaHandler(client))
    logger.warning("hello")

    assert called.wait(10)
    client.flush(5.0)
    assert client.stats()["offered"] == 1 + client.stats()["dropped"]["reentrant"]
    assert client.stats()["dropped"]["error"] == 1


class Failing:
    def write(self, data):
        raise ValueError("no")

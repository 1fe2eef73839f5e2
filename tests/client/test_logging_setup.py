"""Setting up HekaHandler: by client, name, URL, logging configuration or queue."""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
import queue

import pytest
from client.messages import Kept, kept_by, payloads
from delivery.support import Datagrams, Listener, run

import heka
from heka.client import HekaClient
from heka.exceptions import ConfigError
from heka.holder import CLIENT_HOLDER
from heka.logging import HekaHandler, hook_logger


@pytest.fixture
def receiver():
    made = Datagrams()
    yield made
    made.close()


@pytest.fixture
def listener():
    made = Listener()
    yield made
    made.close()


@pytest.fixture
def name():
    """A client name that is new in the holder and is deleted at the end of the test."""
    before = CLIENT_HOLDER.default_client
    yield "test-logging"
    CLIENT_HOLDER.delete_client("test-logging")
    assert CLIENT_HOLDER.default_client is before


@pytest.fixture
def logger():
    """A named logger, which is restored at the end of the test."""
    made = logging.getLogger("heka.test")
    made.propagate = False
    made.setLevel(logging.DEBUG)
    yield made
    for handler in list(made.handlers):
        made.removeHandler(handler)
        handler.close()
    made.propagate = True
    made.setLevel(logging.NOTSET)


def handlers_of(logger):
    """Return the HekaHandlers; pytest adds its own handlers to a logger that does not propagate."""
    return [handler for handler in logger.handlers if isinstance(handler, HekaHandler)]


# ---- where to ------------------------------------------------------------------------------------


def test_url_needs_no_client(logger, receiver):
    logger.addHandler(HekaHandler(f"udp://127.0.0.1:{receiver.port}"))
    logger.warning("x %d", 1, extra={"a": 2})

    message = receiver.message()
    assert (message.type, message.logger, message.severity) == ("oldstyle", "heka.test", 4)
    assert message.payload == "x 1"
    assert message.fields == {"loglevel": [30], "a": [2]}


class Precious:
    def __str__(self):
        pytest.fail("formatted for nothing")


def test_url_sends_what_heka_log_would(receiver):
    """With the level and signer of ``heka.configure``."""
    logger = logging.Logger("heka.test")  # of which pytest knows nothing, and formats nothing
    logger.addHandler(HekaHandler(f"udp://127.0.0.1:{receiver.port}"))
    heka.configure(level=4, signer=heka.SignerConfig("me", 1, "key", "sha1"))
    try:
        logger.info("below %s", Precious())
        logger.warning("x")
    finally:
        heka.configure(level=7, signer=None)

    (frame,) = heka.StreamReader(signers={("me", 1): "key"}).feed(receiver.take())
    assert (frame.message.payload, frame.signer) == ("x", "me")
    assert receiver.is_empty()


def test_name_may_be_configured_later(logger, name):
    """Until then records are dropped without an error, and no default client is created."""
    handler = HekaHandler(name)
    logger.addHandler(handler)
    logger.info("early")
    handler.flush()
    assert handler.heka_client is None
    assert CLIENT_HOLDER.find_client(name) is None

    CLIENT_HOLDER.get_client(name).setup(Kept(), logger="tests")
    logger.info("x")

    assert payloads(CLIENT_HOLDER.get_client(name)) == ["x"]


def test_name_follows_the_holder(logger, name, client):
    handler = HekaHandler(name)
    logger.addHandler(handler)
    CLIENT_HOLDER.set_client(name, client)
    logger.info("x")

    assert payloads(client) == ["x"]
    assert handler.heka_client is client


def test_handler_without_a_client_uses_the_default_client(logger, name, client, monkeypatch):
    monkeypatch.setattr(CLIENT_HOLDER, "_clients", {})
    monkeypatch.setattr(CLIENT_HOLDER, "_default_clientname", None)
    CLIENT_HOLDER.set_client(name, client)
    CLIENT_HOLDER.set_default_client_name(name)
    logger.addHandler(HekaHandler())
    logger.info("x")

    assert payloads(client) == ["x"]


def test_without_any_client_records_go_where_heka_log_sends(logger, monkeypatch, heka_capture):
    monkeypatch.setattr(CLIENT_HOLDER, "_clients", {})
    monkeypatch.setattr(CLIENT_HOLDER, "_default_clientname", None)
    logger.addHandler(HekaHandler())
    logger.info("x")

    assert [(m.logger, m.payload) for m in heka_capture] == [("heka.test", "x")]


def test_old_name_of_the_argument_is_known(client):
    assert HekaHandler(heka_client=client).heka_client is client


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        pytest.param(
            {"client": 5},
            TypeError,
            "HekaHandler: expected a HekaClient, the name of one, a URL such as "
            "'udp://localhost:5565', or None; got int",
            id="client",
        ),
        pytest.param({"client": "ftp://host"}, ConfigError, "ftp", id="url"),
        pytest.param(
            {"client": "a", "heka_client": "b"},
            TypeError,
            "expected client or heka_client",
            id="both-names",
        ),
        pytest.param({"type": 5}, TypeError, "type must be str, not int", id="type"),
        pytest.param(
            {"client": "localhost", "level": 5565},
            ConfigError,
            r"the second argument is level, got 5565; a port belongs to the URL, as in "
            r"HekaHandler\('udp://localhost:5565'\)",
            id="port",
        ),
        pytest.param({"level": "LOUD"}, ValueError, "LOUD", id="level"),
        pytest.param({"fields": "name"}, TypeError, r"such as \['name', 'lineno'\]", id="text"),
        pytest.param({"fields": [5]}, TypeError, "names of record attributes", id="field"),
    ],
)
def test_wrong_argument_raises_where_the_handler_is_made(arguments, error, text):
    with pytest.raises(error, match=text):
        HekaHandler(**arguments)


def test_a_high_level_with_a_name_is_no_port(monkeypatch):
    monkeypatch.setitem(logging._levelToName, 5000, "SILENT")

    assert HekaHandler("name", 5000).level == 5000
    assert HekaHandler(None, 5565).level == 5565


# ---- configuration -------------------------------------------------------------------------------


def test_dict_config_takes_a_url(logger, receiver):
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"short": {"format": "%(levelname)s %(message)s"}},
            "handlers": {
                "heka": {
                    "class": "heka.logging.HekaHandler",
                    "client": f"udp://127.0.0.1:{receiver.port}",
                    "level": "WARNING",
                    "formatter": "short",
                    "fields": ["funcName"],
                    "type": "log",
                }
            },
            "loggers": {"heka.test": {"handlers": ["heka"], "level": "DEBUG"}},
        }
    )
    logger.info("below")
    logger.warning("x")

    message = receiver.message()
    assert (message.type, message.payload) == ("log", "WARNING x")
    assert message.fields["funcName"] == ["test_dict_config_takes_a_url"]
    assert receiver.is_empty()


def test_dict_config_takes_a_name(logger, name):
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"heka": {"class": "heka.logging.HekaHandler", "client": name}},
            "loggers": {"heka.test": {"handlers": ["heka"]}},
        }
    )
    CLIENT_HOLDER.get_client(name).setup(Kept(), logger="tests")
    logger.info("x")

    assert payloads(CLIENT_HOLDER.get_client(name)) == ["x"]


CLIENT = HekaClient(None, "tests")


def test_dict_config_takes_an_object(logger, monkeypatch):
    monkeypatch.setattr(CLIENT, "stream", Kept())
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"heka": {"class": "heka.logging.HekaHandler", "client": CLIENT}},
            "loggers": {"heka.test": {"handlers": ["heka"]}},
        }
    )
    logger.info("x")

    assert payloads(CLIENT) == ["x"]


def test_dict_config_names_the_handler_and_keeps_the_config_error():
    with pytest.raises(ValueError, match="heka") as caught:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {"heka": {"class": "heka.logging.HekaHandler", "client": "ftp://x"}},
            }
        )

    assert isinstance(caught.value.__cause__, ConfigError)


def test_file_config_takes_a_handler_by_class_and_arguments(logger, receiver, tmp_path):
    file = tmp_path / "logging.ini"
    file.write_text(
        "[loggers]\nkeys=root,test\n[handlers]\nkeys=heka\n[formatters]\nkeys=\n"
        "[logger_root]\nhandlers=\n"
        "[logger_test]\nqualname=heka.test\nhandlers=heka\npropagate=0\nlevel=DEBUG\n"
        f"[handler_heka]\nclass=heka.logging.HekaHandler\nargs=('udp://127.0.0.1:{receiver.port}',)"
        "\nkwargs={'fields': ['name']}\n"
    )
    root = list(logging.root.handlers)
    try:
        logging.config.fileConfig(file, disable_existing_loggers=False)
        logger.info("x")
    finally:
        logging.root.handlers[:] = root

    assert receiver.message().fields["name"] == ["heka.test"]


def test_hook_logger_hooks_once_for_each_client(logger, client):
    first = hook_logger("heka.test", client)
    again = hook_logger("heka.test", client)
    another = hook_logger("heka.test", HekaClient(Kept(), "other"))
    logger.info("this is an info message")

    assert again is first
    assert handlers_of(logger) == [first, another]
    assert payloads(client) == ["this is an info message"]


def test_hook_logger_takes_names_and_urls(logger):
    for target in (
        "a-name",
        "udp://127.0.0.1:5565",
        "-".join(["a", "name"]),
        "udp://127.0.0.1:5565",
    ):
        hook_logger("heka.test", target)

    assert len(handlers_of(logger)) == 2


def test_repr_says_where_records_go():
    assert repr(HekaHandler("a-name", "INFO")) == "<HekaHandler 'a-name' (INFO)>"


# ---- other handlers, and the end -----------------------------------------------------------------


def test_queue_handler_keeps_time_fields_and_traceback(logger, client):
    """QueueHandler formats, copies and pickles the record."""
    records = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(records, HekaHandler(client, fields=["lineno"]))
    logger.addHandler(logging.handlers.QueueHandler(records))
    listener.start()
    try:
        raise LookupError("no such thing")
    except LookupError:
        logger.exception("x %d", 1, extra={"a": 2})
    finally:
        listener.stop()

    (message,) = kept_by(client).messages
    assert message.payload.startswith("x 1\nTraceback")
    assert message.payload.count("Traceback") == 1
    assert message.fields["a"] == [2]
    assert message.fields["lineno"][0] > 0


def test_memory_handler_sends_its_records_when_flushed(logger, client):
    memory = logging.handlers.MemoryHandler(10, target=HekaHandler(client))
    logger.addHandler(memory)
    logger.info("x")
    assert payloads(client) == []
    memory.flush()

    assert payloads(client) == ["x"]


def test_shutdown_of_logging_flushes_the_client(client):
    handler = HekaHandler(client)
    logging.shutdown([lambda: handler])

    assert kept_by(client).flushes >= 1


def test_records_after_the_shutdown_are_sent(logger, client):
    """Other atexit functions may log."""
    handler = HekaHandler(client)
    logger.addHandler(handler)
    logging.shutdown([lambda: handler])
    flushes = kept_by(client).flushes
    logger.info("late")

    assert payloads(client) == ["late"]
    assert kept_by(client).flushes >= flushes


def test_records_logged_before_exit_are_sent_at_exit(listener):
    """Including records logged in the last atexit function."""
    run(
        """
        import logging
        from heka.logging import HekaHandler
        logging.getLogger().addHandler(HekaHandler(sys.argv[1]))
        atexit.register(logging.error, "last")
        for number in range(200):
            logging.error("%d", number)
        """,
        listener.url,
    )

    got = [message.payload for message in listener.accept().read_to_end()]
    assert got == [*map(str, range(200)), "last"]


def test_forked_child_logs_for_itself(receiver):
    """Even if a thread of its parent held the lock of the counts during the fork."""
    done = run(
        """
        import logging
        from heka.logging import HekaHandler
        logger = logging.getLogger("app")
        handler = HekaHandler(sys.argv[1])
        logger.addHandler(handler)
        held, go_on = threading.Event(), threading.Event()
        def hold():
            with handler._bridge._lock:
                held.set()
                go_on.wait(20)
        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(20)
        child = os.fork()
        if child == 0:
            logger.error("%d child", "wrong")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        go_on.set()
        thread.join()
        logger.error("parent")
        tell(child=child, parent=os.getpid())
        """,
        f"udp://127.0.0.1:{receiver.port}",
    )

    got = [(message.payload, message.pid) for message in (receiver.message() for _ in range(2))]
    assert got == [
        ("%d child ('wrong',)", done.facts["child"]),
        ("parent", done.facts["parent"]),
    ]


def test_signal_may_log_while_its_thread_counts(client):
    handler = HekaHandler(client)
    with handler._bridge._lock:
        handler.handle(logging.makeLogRecord({"msg": "%d", "args": ("wrong",)}))

    assert handler.stats() == {"altered": 1}

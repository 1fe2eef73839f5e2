"""What is replaced or dropped without close(): its thread and descriptors end, messages arrive."""

from __future__ import annotations

import pytest
from delivery.faults.support import run
from delivery.support import within

#: ``count()``: threads of queues and descriptors; ``settle()`` waits until they are as before.
COUNT = """
    import gc, logging, logging.config
    import heka.logging, heka.holder
    from heka.client import HekaClient
    from heka.config import client_from_dict_config, client_from_text_config
    from heka.streams import TcpStream, UdpStream, UnixStream, UrlStream, FanOutStream, FileStream
    url, options = sys.argv[1:]
    host, _, port = url.rpartition("/")[2].rpartition(":")
    def to(n):
        return f"tcp://127.0.0.{n + 1}:{port}{options}"
    def count():
        return (len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")))
    def settle(before, more=0):
        gc.collect()
        until = time.monotonic() + 10
        while sum(count()) > sum(before) + more and time.monotonic() < until:
            time.sleep(0.01)
        return count()
    log = logging.getLogger("a")
    REPEAT = 30
"""
RECONFIGURE = {
    "heka.configure": """
    def configure(n):
        heka.configure(to=to(n))
        heka.log("t", "a", payload=f"{n} ")
    """,
    "dictConfig": """
    def configure(n):
        logging.config.dictConfig({
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"heka": {"class": "heka.logging.HekaHandler", "client": to(n)}},
            "root": {"handlers": ["heka"]},
        })
        log.error(f"{n} ")
    """,
    "a handler is replaced": """
    def configure(n):
        for handler in log.handlers[:]:
            log.removeHandler(handler)
        log.addHandler(heka.logging.HekaHandler(to(n)))
        log.error(f"{n} ")
    """,
    "client_from_dict_config": """
    client = HekaClient(None, "a")
    def configure(n):
        client_from_dict_config({"to": to(n), "logger": "a"}, client)
        client.info(f"{n} ")
    """,
    "client_from_text_config": """
    def configure(n):
        heka.client = client_from_text_config(
            f"[heka]\\nlogger = a\\nstream_class = heka.streams.TcpStream\\nstream_host = {host}\\n"
            f"stream_port = {port}\\nstream_queue = {'queue' in options}\\n", "heka")
        heka.client.info(f"{n} ")
    """,
    "a stream that is still referred to": """
    client = HekaClient(None, "a")
    kept = []
    def configure(n):
        client_from_dict_config({"to": to(n), "logger": "a"}, client)
        kept.append(client.stream)
        client.info(f"{n} ")
    """,
    "holder": """
    def configure(n):
        heka.holder.get_client("a", {"to": to(n)}).info(f"{n} ")
    """,
    "setup": """
    client = HekaClient(to(0), "a")
    def configure(n):
        client.setup(to(n), logger="a")
        client.info(f"{n} ")
    """,
}
DROP = {
    "UrlStream": "stream = UrlStream(to(n)); stream.write(frame(n))",
    "QueuedStream": "stream = QueuedStream(url, **QUICK); stream.write(frame(n))",
    "QueuedStream of a stream": """
        stream = QueuedStream(FanOutStream([TcpStream(host, port)]), **QUICK)
        stream.write(frame(n))""",
    "TcpStream": "stream = TcpStream(host, port); stream.write(frame(n))",
    "FanOutStream": "stream = FanOutStream([UrlStream(to(n))]); stream.write(frame(n))",
    "HekaClient": "client = HekaClient(to(n), 'a'); client.info(f'{n} ')",
    "HekaClient with a stream": """
        client = HekaClient(TcpStream(host, port), 'a')
        client.info(f'{n} ')""",
    "a client in a cycle": """
        client = HekaClient(to(n), 'a')
        client.itself = client
        client.info(f'{n} ')""",
    "never written to": "stream = QueuedStream(url); UrlStream(to(n))",
}
MESSAGES = {("a", number) for number in range(30)}


@pytest.mark.parametrize("options", ["?queue=1&linger=0.01", ""], ids=["queued", "direct"])
@pytest.mark.parametrize("how", RECONFIGURE)
def test_thirty_reconfigurations_leave_one_destination(server, how, options):
    there = server("tcp", host="0.0.0.0")

    done = run(
        COUNT
        + RECONFIGURE[how]
        + """
    configure(0)
    time.sleep(0.1)
    before = count()
    for n in range(1, REPEAT):
        configure(n)
    tell(before=before, after=settle(before), most=count())
    """,
        there.url,
        options,
    )

    assert done.facts["after"] == done.facts["before"]
    there.wait_for(30)
    assert there.received.serials() == dict.fromkeys(MESSAGES, 1)


@pytest.mark.parametrize("options", ["?queue=1&linger=0.01", ""], ids=["queued", "direct"])
@pytest.mark.parametrize("what", DROP)
def test_what_is_dropped_is_closed_and_sends_what_is_queued(server, what, options):
    there = server("tcp", host="0.0.0.0")

    done = run(
        COUNT
        + f"""
    def make(n):
        {DROP[what].strip()}
    before = count()
    began = time.monotonic()
    for n in range(REPEAT):
        make(n)
    gc.collect()
    took = time.monotonic() - began
    tell(before=before, after=settle(before), took=took)
    """,
        there.url,
        options,
        PYTHONWARNINGS="error::ResourceWarning",
    )

    assert done.facts["after"] == done.facts["before"]
    assert done.facts["took"] < 2.0
    if what != "a client in a cycle":  # whose finalizer comes first, Python decides
        assert done.err == ""
    if what != "never written to":
        there.wait_for(30)
        assert there.received.serials() == dict.fromkeys(MESSAGES, 1)


def test_a_spool_that_is_dropped_is_emptied_and_released(server, tmp_path):
    there = server("tcp")

    done = run(
        COUNT
        + """
    before = count()
    for n in range(REPEAT):
        stream = QueuedStream(url, spool=options, **QUICK)
        if n % 2:
            stream.write(frame(n))
        del stream
    after = settle(before)
    tell(before=before, after=after, left=os.listdir(options))
    """,
        there.url,
        str(tmp_path / "spool"),
    )

    assert done.facts["after"] == done.facts["before"]
    assert done.facts["left"] == []
    there.wait_for(15)


@pytest.mark.parametrize("dead", ["absent", "hung"])
def test_a_finalizer_waits_for_no_server(server, dead):
    """The queue goes on in its thread, and exit waits for all of them together."""
    there = server("tcp", start=dead == "hung")
    if dead == "hung":
        there.hang()

    with within(15):
        done = run(
            COUNT
            + """
    began = time.monotonic()
    for n in range(5):
        stream = QueuedStream(url, **QUICK)
        stream.write(frame(n))
        del stream
        heka.configure(to=to(n))
        heka.log("t")
    tell(took=time.monotonic() - began)
    """,
            there.url,
            "?queue=1",
        )

    assert done.facts["took"] < 1.0


def test_a_message_queued_before_the_last_reference_goes_arrives_later(server):
    there = server("tcp", start=False)
    with_server = """
    stream = QueuedStream(url, **QUICK)
    stream.write(frame(7))
    del stream
    tell(dropped=True)
    sys.stdin.readline()
    settle((0, 0))
    """
    from delivery.faults.support import Program

    with Program(COUNT.replace("+ 10", "+ 1") + with_server, there.url, "") as program:
        program.line()
        there.start()
        program.communicate("\n", timeout=20)

    there.wait_for(1)
    assert there.received.serials() == {("a", 7): 1}


def test_what_was_given_is_not_closed(server):
    there = server("tcp", host="0.0.0.0")

    done = run(
        COUNT
        + """
    class Mine:
        closed = 0
        def write(self, data):
            pass
        def close(self):
            self.closed += 1
    given = UrlStream(to(1))
    mine = Mine()
    client = HekaClient(given, "a")
    client_from_dict_config({"stream": mine}, client)
    client_from_dict_config({"to": to(2)}, client)
    handler = heka.logging.HekaHandler(client)
    handler.close()
    heka.configure(to=given)
    heka.log("t", "a", payload="1 ")
    heka.configure(to=mine)
    heka.log("t")
    heka.configure(to=to(3))
    try:
        client_from_dict_config({"stream": mine, "level": 9}, client)
    except heka.exceptions.ConfigError:
        pass
    try:
        client_from_dict_config({"stream": mine, "plugins": {"p": (len, {})}})
    except heka.exceptions.ConfigError:
        pass
    tell(sent=given.write(frame(2)), closed=mine.closed, client=client.info("3 "))
    """,
        there.url,
        "?queue=1",
    )

    assert done.facts == {"sent": True, "closed": 0, "client": True}
    there.wait_for(3)


def test_what_a_configuration_made_of_the_program_is_closed():
    done = run(
        COUNT
        + """
    class Mine:
        closed = 0
        def write(self, data):
            pass
        def close(self):
            Mine.closed += 1
    heka.Mine = Mine
    client = client_from_dict_config({"stream": {"class": "heka.Mine"}})
    client_from_dict_config({"stream": {"class": "heka.Mine"}}, client)
    client.setup("heka.Mine")
    tell(closed=Mine.closed)
    """,
        "tcp://127.0.0.1:9",
        "",
    )

    assert done.facts == {"closed": 2}


def test_two_handlers_of_one_destination_close_it_with_the_last(server):
    there = server("tcp", host="0.0.0.0")

    done = run(
        COUNT
        + """
    one, two = heka.logging.HekaHandler(to(1)), heka.logging.HekaHandler(to(1))
    log.addHandler(two)
    log.error("1 ")
    one.close()
    log.error("2 ")
    opened = heka.stats()["destinations"]
    two.close()
    two.close()
    closed = heka.stats()["destinations"]
    log.error("3 ")
    tell(one=len(opened), none=len(closed), sent=heka.flush(5) and heka.stats()["offered"])
    """,
        there.url,
        "?queue=1",
    )

    assert done.facts == {"one": 1, "none": 0, "sent": 3}
    there.wait_for(3)

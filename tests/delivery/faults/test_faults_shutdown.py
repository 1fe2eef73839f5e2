"""The end of a program with several handlers and clients: all of them share one limit of 2 s."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest
from delivery.faults.support import run

#: Seconds: the documented limit, half a second for the threads to end, and a busy machine.
LIMIT = 2.0 + 0.5 + 0.7


@pytest.fixture(params=["refuses", "hangs"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Return a port of 127.0.0.1 to 127.0.0.5 that refuses connections, or does not answer."""
    with contextlib.ExitStack() as ends, socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        number = server.getsockname()[1]
        if request.param == "hangs":
            server.listen(0)
            for _ in range(4):  # they fill its queue, so that it ignores the next ones
                sock = ends.enter_context(socket.socket())
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", number))
        yield number


#: Runs after all other exit handlers: tells how long the end of the program took.
FIRST = """
import atexit
atexit.register(lambda: tell(took=time.monotonic() - began))
"""
#: Five destinations with a message each; what follows is the end of the program.
BEGIN = """
    import logging
    import heka.logging
    from heka.client import HekaClient
    port, options = sys.argv[1:]
    urls = [f"tcp://127.0.0.{n}:{port}{options}" for n in range(1, 6)]
    heka.configure(timeout=0.01)
    log = logging.getLogger("app")
"""
HANDLERS = """
    for url in urls:
        log.addHandler(heka.logging.HekaHandler(url))
    log.error("the server is down")
    began = time.monotonic()
"""
ENDS = {
    "handlers-of-urls": HANDLERS,
    "handlers-of-clients": HANDLERS.replace("Handler(url)", "Handler(HekaClient(url, 'app'))"),
    "handlers-of-a-subclass": """
    class Handler(heka.logging.HekaHandler):
        def flush(self):
            super().flush()
    """
    + HANDLERS.replace("heka.logging.HekaHandler", "Handler"),
    "shutdown-called-before": HANDLERS + "    logging.shutdown()\n",
    "clients-closed-at-exit": """
    for url in urls:
        client = HekaClient(url, "app")
        client.timeout = 0.01
        client.error("the server is down")
        atexit.register(client.close)
    began = time.monotonic()
    """,
    "streams-closed-at-exit": """
    for url in urls:
        stream = QueuedStream(url.partition("?")[0])
        stream.write(frame(1))
        atexit.register(stream.close)
    began = time.monotonic()
    """,
}


@pytest.mark.parametrize("options", ["?queue=1", ""], ids=["queued", "direct"])
@pytest.mark.parametrize("how", ENDS)
def test_five_destinations_without_a_server_end_in_the_time_of_one(port, how, options):
    done = run(BEGIN + ENDS[how], port, options, first=FIRST)

    assert done.facts["took"] < LIMIT


def test_five_queues_are_waited_for_as_long_as_one(port):
    """The limit is used, not only kept: the server may come within it."""
    done = run(BEGIN + ENDS["handlers-of-urls"], port, "?queue=1", first=FIRST)

    assert done.facts["took"] > 1.9


def test_time_without_a_wait_gives_the_limit_back(port):
    """``dictConfig`` calls ``logging.shutdown``: that may not shorten the exit much later."""
    script = ENDS["shutdown-called-before"] + "    time.sleep(1.5)\n    began = time.monotonic()\n"
    done = run(BEGIN + script, port, "?queue=1", first=FIRST)

    assert 1.4 < done.facts["took"] < LIMIT


def test_a_timeout_that_is_given_is_kept_at_exit(port):
    script = ENDS["streams-closed-at-exit"].replace(
        "atexit.register(stream.close)", "atexit.register(stream.close, 0.6)"
    )
    done = run(BEGIN + script, port, "", first=FIRST)

    assert 2.9 < done.facts["took"] < 3.0 + 5 * 0.5 + 0.7

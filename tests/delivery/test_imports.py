"""After its first use heka imports nothing: not after errors, in signal handlers, at exit."""

from __future__ import annotations

import pytest
from delivery.support import Datagrams, Listener, run

#: watch(): from then on, each module that is imported is a fact of the run.
WATCH = """
    class Watch:
        def find_spec(self, name, path=None, target=None):
            tell(late=name)
    def watch():
        sys.meta_path.insert(0, Watch())
"""


def test_nothing_is_imported_after_configure(peer):
    """Each transport but TLS, with and without a queue; what fails, is full, and is reported."""
    udp, tcp = peer(Datagrams), peer(Listener)
    done = run(
        WATCH
        + """
    import heka.logging, logging
    from heka.client import HekaClient
    from heka.streams import UdpStream
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    handler = heka.logging.HekaHandler(sys.argv[1])
    client = HekaClient(UdpStream("127.0.0.1", int(sys.argv[4])), "app")
    heka.flush_on_sigterm()
    heka.configure()
    watch()
    class Bad:
        def write(self, frame):
            raise ValueError("no")
    bad = Bad()
    sent = [heka.log("t", to=to, timeout=0.5) for to in sys.argv[1:4]]
    lost = [heka.log("t", to=to, timeout=0.1) for to in (
        "tcp://127.0.0.1:1", "tcp://no-such-host.invalid:9", "unix:///no/such",
        "file:///no/such/file", bad)]
    for _ in range(3):
        heka.log("t" * 900, to=f"{sys.argv[2]}?queue=1&capacity=4096&overflow=drop_old")
    try:
        raise KeyError("x")
    except KeyError:
        client.exception("failed")
        handler.handle(logging.LogRecord("a", 40, "p", 1, "%d", ("x",), sys.exc_info()))
    client.close()
    for bad_call in ({"to": "nonsense://x"}, {"fields": {"k": object()}, "bad_values": "raise"}):
        try:
            heka.log("t", **bad_call)
        except (heka.QueueFullError, heka.FieldError, heka.ConfigError):
            pass
    heka.flush()
    heka.stats()
    os.kill(os.getpid(), signal.SIGTERM)
    pid = os.fork()
    if not pid:
        heka.log("child", to=sys.argv[2])
        heka.log("child", to=sys.argv[3])
        heka.flush()
        os._exit(0)
    tell(sent=sent, lost=lost, child=os.waitpid(pid, 0)[1])
        """,
        f"udp://127.0.0.1:{udp.port}",
        tcp.url,
        f"{tcp.url}?queue=1",
        udp.port,
    )

    assert done.facts == {"sent": [True] * 3, "lost": [False] * 5, "child": 0}


#: The first use of heka in a program, and what it logs with, as an expression.
FIRST_USES = {
    "client": ("from heka.client import HekaClient; it = HekaClient(to, 'app')", "it.error('x')"),
    "message": ("heka.log('t', to=to)", "heka.log('t', to=to)"),
    "handler": (
        "import logging, heka.logging; it = heka.logging.HekaHandler(to)",
        "it.handle(logging.LogRecord('a', 40, 'p', 1, '%d', ('x',), sys.exc_info()))",
    ),
    "connection": ("it = heka.HekaConnection(to, lazy=True)", "it.send(b'')"),
}


@pytest.mark.parametrize("to", ["tcp://127.0.0.1:1", "tcp://127.0.0.1:1?queue=1"])
@pytest.mark.parametrize("use", FIRST_USES)
def test_nothing_is_imported_after_the_first_use(use, to):
    """Of a destination that fails, in a signal handler and at exit."""
    first, then = FIRST_USES[use]
    done = run(
        WATCH
        + f"""
    to = sys.argv[1]
    {first}
    watch()
    def log(*args):
        try:
            {then}
        except OSError:
            pass
    log()
    signal.signal(signal.SIGUSR1, log)
    signal.raise_signal(signal.SIGUSR1)
    heka.stats()
    heka.flush(0.1)
    atexit.register(log)
        """,
        to,
    )

    assert done.facts == {}


def test_a_signal_handler_may_log_while_the_first_message_imports_what_sends(peer):
    """Its message is dropped, as a module that is half imported cannot be used."""
    there = peer(Datagrams)
    done = run(
        """
        class Interrupting:
            def find_spec(self, name, path=None, target=None):
                if name == "heka._delivery.queue" and not answers:
                    answers.append(None)
                    signal.raise_signal(signal.SIGUSR1)
        def handler(number, frame):
            answers[0] = heka.log("inner", to=sys.argv[1])
        answers = []
        signal.signal(signal.SIGUSR1, handler)
        sys.meta_path.insert(0, Interrupting())
        outer = heka.log("outer", to=sys.argv[1])
        again = heka.log("again", to=sys.argv[1])
        account = heka.stats()
        tell(inner=answers[0], outer=outer, again=again, dropped=account["dropped"],
             offered=account["offered"], sent=account["sent"])
        """,
        f"udp://127.0.0.1:{there.port}",
    )

    assert done.facts == {
        "inner": False,
        "outer": True,
        "again": True,
        "dropped": {"reentrant": 1},
        "offered": 3,
        "sent": 2,
    }
    assert [there.message().type for _ in range(2)] == ["outer", "again"]


def test_threads_that_log_first_at_the_same_time_all_send(peer):
    there = peer(Datagrams)
    done = run(
        """
        gate = threading.Barrier(8)
        answers = []
        def log():
            gate.wait()
            answers.append(heka.log("t", to=sys.argv[1]))
        threads = [threading.Thread(target=log) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tell(answers=answers, destinations=len(heka.stats()["destinations"]))
        """,
        f"udp://127.0.0.1:{there.port}",
    )

    assert done.facts == {"answers": [True] * 8, "destinations": 1}


def test_a_fork_waits_for_the_first_message_of_another_thread(peer):
    """A child would wait for ever for a module that another thread was importing at the fork."""
    there = peer(Datagrams)
    done = run(
        """
        class Slow:
            def find_spec(self, name, path=None, target=None):
                if name == "heka._delivery.queue" and not started.is_set():
                    started.set()
                    time.sleep(0.5)
        started = threading.Event()
        sys.meta_path.insert(0, Slow())
        thread = threading.Thread(target=lambda: heka.log("parent", to=sys.argv[1]))
        thread.start()
        started.wait()
        pid = os.fork()
        if not pid:
            signal.alarm(10)
            os._exit(not heka.log("child", to=sys.argv[1]))
        status = os.waitpid(pid, 0)[1]
        thread.join()
        tell(status=status)
        """,
        f"udp://127.0.0.1:{there.port}",
    )

    assert done.facts == {"status": 0}
    assert {there.message().type for _ in range(2)} == {"parent", "child"}


def test_what_cannot_be_imported_is_an_error_that_is_counted_and_reported(peer):
    """A process without a free descriptor, for example; later messages try again."""
    there = peer(Datagrams)
    done = run(
        """
        class Broken:
            def find_spec(self, name, path=None, target=None):
                if name == "heka._delivery.queue":
                    raise OSError(24, "Too many open files")
        broken = Broken()
        sys.meta_path.insert(0, broken)
        first = heka.log("t", to=sys.argv[1])
        sys.meta_path.remove(broken)
        second = heka.log("t", to=sys.argv[1])
        tell(first=first, second=second, dropped=heka.stats()["dropped"])
        """,
        f"udp://127.0.0.1:{there.port}",
    )

    assert done.facts == {"first": False, "second": True, "dropped": {"error": 1}}
    assert done.err == "heka: messages were dropped (error): OSError(24, 'Too many open files')\n"


def test_handlers_of_the_program_run_before_those_of_heka(peer):
    """At exit and in a child, though what sends is imported after they were registered."""
    there = peer(Listener)
    done = run(
        """
        atexit.register(lambda: heka.log("at-exit", to=sys.argv[1]))
        os.register_at_fork(after_in_child=lambda: heka.log("in-child", to=sys.argv[1]))
        heka.log("first", to=sys.argv[1])
        heka.flush()
        pid = os.fork()
        if not pid:
            os._exit(not heka.flush(5.0))
        tell(status=os.waitpid(pid, 0)[1])
        """,
        f"{there.url}?queue=1",
    )

    assert done.facts == {"status": 0}
    received = [message.type for _ in range(2) for message in there.accept().read_to_end()]
    assert sorted(received) == ["at-exit", "first", "in-child"]

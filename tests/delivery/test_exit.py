"""Exit of the program or of an interpreter: logged messages are sent, stderr stays empty."""

from __future__ import annotations

import socket

import pytest
from delivery.support import SOON, Datagrams, Listener, run

import heka

KINDS = ["udp", "tcp", "unix", "unixgram", "file", "stream"]


@pytest.fixture
def there(peer, tmp_path):
    """A receiver for every transport; ``received(kind)`` returns the message types."""
    path = {kind: str(tmp_path / kind) for kind in KINDS}
    ends = {
        "udp": peer(Datagrams),
        "tcp": peer(Listener),
        "unix": peer(Listener, socket.AF_UNIX, path["unix"]),
        "unixgram": peer(Datagrams, socket.AF_UNIX, path["unixgram"]),
    }

    class There:
        to = (
            f"127.0.0.1:{ends['udp'].port}",
            ends["tcp"].url,
            ends["unix"].url,
            f"unixgram://{path['unixgram']}",
            f"file://{path['file']}",
            path["stream"],
        )

        def received(self):
            return {kind: self._received(kind) for kind in KINDS}

        def _received(self, kind):
            if kind in ("tcp", "unix"):
                return [message.type for message in ends[kind].accept().read_to_end()]
            if kind in ("udp", "unixgram"):
                found = []
                while not ends[kind].is_empty():
                    found.append(ends[kind].message().type)
                return found
            with open(path[kind], "rb") as file:
                return [frame.message.type for frame in heka.StreamReader().feed(file.read())]

    return There()


#: log_all(): logs to each kind; uses no global of this module, which may be cleared by then.
LOG_ALL = """
    class Stream:
        def __init__(self, path, open=os.open, flags=os.O_WRONLY | os.O_CREAT, write=os.write):
            self.write = lambda frame, to=open(path, flags): write(to, frame)
    def log_all(log=heka.log, all=(*sys.argv[1:-1], Stream(sys.argv[-1]))):
        for to in all:
            log("logged", to=to)
"""
ENDS = {
    "plain": """
    log_all()
    """,
    "after-a-failure": """
    heka.log("t", to="tcp://127.0.0.1:9")
    log_all()
    """,
    "atexit": """
    atexit.register(log_all)
    """,
    "sys-exit": """
    log_all()
    sys.exit()
    """,
    "os-exit": """
    log_all()
    os._exit(0)
    """,
    "a-thread-that-outlives-the-main-thread": """
    def work():
        threading.main_thread().join()
        log_all()
    threading.Thread(target=work).start()
    """,
    "finalizer-of-a-global": """
    heka.configure()
    class Last:
        def __del__(self, log_all=log_all):
            log_all()
    last = Last()
    """,
    "finalizer-in-a-module": """
    heka.configure()
    class Last:
        def __init__(self, log_all):
            self.log_all = log_all
        def __del__(self):
            self.log_all()
    json.last = Last(log_all)
    """,
    "finalizer-in-heka": """
    heka.configure()
    class Last:
        def __init__(self, log_all):
            self.log_all = log_all
        def __del__(self):
            self.log_all()
    heka.last = Last(log_all)
    """,
    "finalizer-in-a-circle": """
    heka.configure()
    class Last:
        def __del__(self, log_all=log_all):
            log_all()
    last = Last()
    last.last = last
    """,
    "excepthook": """
    def hook(*args):
        log_all()
        os._exit(0)
    sys.excepthook = hook
    raise ZeroDivisionError
    """,
}
DEVELOPMENT = {"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "always"}


@pytest.mark.parametrize("end", ENDS)
def test_what_is_logged_at_the_end_arrives(there, end):
    """Development mode reports no unclosed socket either."""
    done = run(LOG_ALL + ENDS[end], *there.to, **DEVELOPMENT)

    said = [
        line for line in done.err.splitlines() if "cannot send to tcp://127.0.0.1:9 " not in line
    ]
    assert said == []
    assert there.received() == {kind: ["logged"] for kind in KINDS}


@pytest.mark.parametrize("end", [end for end in ENDS if end.startswith("finalizer")])
def test_the_last_finalizers_cannot_log_the_first_message(there, end):
    """What sends is not imported by then, and cannot be: it is dropped, nothing is raised."""
    told = """
    import json
    def tell_all(log=heka.log, stats=heka.stats, dumps=json.dumps, write=os.write):
        sent = log("t", to="udp://127.0.0.1:9")
        write(1, dumps({"sent": sent, "dropped": stats()["dropped"]}).encode() + b"\\n")
    log_all = tell_all
"""
    done = run(LOG_ALL + told + ENDS[end].replace("heka.configure()", ""), *there.to, **DEVELOPMENT)

    assert done.err == ""
    assert done.facts == {"sent": False, "dropped": {"closed": 1}}


@pytest.mark.parametrize(
    "end", ["finalizer-of-a-global", "finalizer-in-a-module", "finalizer-in-heka", "atexit"]
)
def test_a_connected_destination_works_until_the_last_moment(there, end):
    done = run(LOG_ALL + "\n    log_all()\n" + ENDS[end], *there.to, **DEVELOPMENT)

    assert done.err == ""
    assert there.received() == {kind: ["logged"] * 2 for kind in KINDS}


def test_messages_after_module_teardown_are_sent_or_dropped_silently(peer, tmp_path):
    """A connected destination needs C only; others need modules, which are gone by then.

    A stream without weak references keeps its module and its globals until the last moment.
    """
    there = peer(Datagrams)

    done = run(
        """
        class Stream:
            __slots__ = ()
            def write(self, frame):
                pass
        def log_all(log=heka.log, all=(*sys.argv[1:], Stream())):
            for to in all:
                log("logged", to=to)
        log_all()
        class Last:
            def __init__(self, log_all):
                self.log_all = log_all
            def __del__(self):
                self.log_all()
        json.last = Last(log_all)
        """,
        f"127.0.0.1:{there.port}",
        f"file://{tmp_path}/file",
        **DEVELOPMENT,
    )

    assert done.err == ""
    assert [there.message().type, there.message().type] == ["logged"] * 2


def test_what_an_atexit_handler_logs_to_the_default_arrives(peer):
    there = peer(Datagrams)

    run(
        "heka.configure(to=sys.argv[1]); atexit.register(heka.log, 'logged')",
        f"127.0.0.1:{there.port}",
    )

    assert there.message().type == "logged"


def test_a_program_that_only_imports_heka_has_no_thread_and_no_socket():
    done = run(
        """
        kinds = [os.readlink(f"/proc/self/fd/{n}") for n in range(3, 20)
                 if os.path.lexists(f"/proc/self/fd/{n}")]
        tell(threads=threading.active_count(), sockets=[k for k in kinds if "socket" in k])
        """
    )

    assert done.facts == {"threads": 1, "sockets": []}


def test_daemon_threads_that_log_do_not_disturb_exit(peer, tmp_path):
    """They are stopped at any point: connecting, sending, waiting, resolving."""
    udp, tcp, full = peer(Datagrams), peer(Listener), peer(Listener, buffer=4096)

    for _ in range(5):
        done = run(
            """
            started = threading.Barrier(9)
            def work(n):
                to = sys.argv[1 + n % (len(sys.argv) - 1)]
                heka.log("t", to=to, timeout=0.01)
                started.wait()
                while True:
                    heka.log("t", payload="x" * 5000, to=to, timeout=5)
            for n in range(8):
                threading.Thread(target=work, args=(n,), daemon=True).start()
            started.wait()
            time.sleep(0.02)
            """,
            f"127.0.0.1:{udp.port}",
            tcp.url,
            full.url,
            f"file://{tmp_path}/file",
            **DEVELOPMENT,
        )
        said = [line for line in done.err.splitlines() if not line.startswith("heka: cannot send")]
        assert said == []


def test_a_slow_peer_keeps_the_program_no_longer_than_the_timeout(peer):
    there = peer(Listener, buffer=4096)

    done = run(
        """
        start = time.monotonic()
        def last():
            while heka.log("t", payload="x" * 60000, to=sys.argv[1], timeout=0.2):
                pass
            tell(took=time.monotonic() - start)
        atexit.register(last)
        """,
        there.url,
    )

    assert done.facts["took"] < SOON


def test_a_name_that_is_logged_to_by_the_last_finalizer_does_not_hang_the_program(
    name_service, tmp_path
):
    """No thread can start any more, and Thread.start() would wait for ever."""
    done = run(
        """
        heka.configure()
        class Last:
            def __del__(self, log=heka.log, tell=tell, clock=time.monotonic):
                start = clock()
                sent = log("t", to="udp://hangs.test:9", timeout=0.2)
                tell(sent=sent, took=clock() - start)
        heka.last = Last()
        """,
        preload=name_service,
        SHIM_GATE=str(tmp_path / "none"),
        **DEVELOPMENT,
    )

    assert done.facts["sent"] is False
    assert done.facts["took"] < SOON
    assert "cannot be resolved: the interpreter is closing; " in done.err
    assert len(done.err.splitlines()) == 1


# ---- other interpreters --------------------------------------------------------------------------

INTERPRETER = """
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    code = '''if True:
        import heka, json, os
        {body}
    '''
    def run_in_another(body, **kwargs):
        it = interpreters.create(**kwargs)
        failed = interpreters.run_string(it, code.replace("{body}", body))
        assert not failed, failed
        interpreters.destroy(it)
"""


def test_another_interpreter_has_destinations_of_its_own(peer):
    """Its own connections, counters and settings; its end closes its own connections only."""
    there = peer(Listener)

    run(
        INTERPRETER
        + """
    heka.configure(to=sys.argv[1])
    assert heka.log("main-1")
    body = f"heka.configure(to={sys.argv[1]!r}); heka.log('other')"
    run_in_another(body + "; assert heka.stats()['sent'] == 1")
    assert heka.log("main-2")
    assert heka.stats()["sent"] == 2
    """,
        there.url,
    )

    first, second = there.accept(), there.accept()
    assert [message.type for message in first.read_to_end()] == ["main-1", "main-2"]
    assert [message.type for message in second.read_to_end()] == ["other"]


def test_where_no_thread_is_allowed_a_name_does_not_resolve():
    """An isolated interpreter has no daemon threads: addresses work, names are reported."""
    done = run(
        INTERPRETER
        + """
    run_in_another("assert not heka.log('t', to='udp://one.test:9')")
    run_in_another("assert heka.log('t', to='udp://localhost:9')")
    """
    )

    line, refusal = done.err.splitlines()
    assert refusal.startswith("heka: nothing listens at udp://localhost:9; ")
    assert "(unresolved): 'one.test' cannot be resolved: " in line
    assert "; give an IP address, which needs no thread; " in line

"""Name resolution: once per name, in another thread, and never beyond the timeout."""

from __future__ import annotations

import threading
import time

import pytest
from delivery.support import PATIENCE, SOON, Datagrams, Listener, account, run, within

import heka
from heka._net import resolver


@pytest.fixture
def ask(name_service, tmp_path):
    """Run a script with a shim as name service; ``names`` are the names looked up."""

    class Ask:
        log = tmp_path / "names"
        gate = tmp_path / "gate"

        def __call__(self, script, *args, hangs=False, **changes):
            if hangs:
                changes["SHIM_GATE"] = str(self.gate)
            changes["SHIM_LOG"] = str(self.log)
            return run(script, *args, preload=name_service, **changes)

        @property
        def names(self):
            return self.log.read_text().split() if self.log.exists() else []

    return Ask()


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_a_name_is_looked_up_once(ask, peer, scheme):
    """Also when eight threads start at the same time, and for all later messages."""
    there = peer(Datagrams if scheme == "udp" else Listener)

    done = ask(
        """
        to, start = sys.argv[1], threading.Barrier(8)
        def work():
            start.wait()
            for _ in range(20):
                heka.log("t", to=to, timeout=20)
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        tell(**heka.stats())
        """,
        f"{scheme}://one.test:{there.port}",
    )

    assert done.facts["sent"] == 160
    assert ask.names == ["one.test"]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "127.0.0.1",
        "[::1]",
        "[::ffff:7f00:1]",
    ],
)
def test_localhost_and_addresses_are_not_looked_up(ask, host):
    done = ask("heka.log('t', to=sys.argv[1], timeout=20); tell(**heka.stats())", f"udp://{host}:9")

    assert done.facts["dropped"].get("unresolved", 0) == 0
    assert ask.names == []


def test_a_name_that_does_not_exist_is_reported_and_counted(ask):
    done = ask(
        """
        start = time.monotonic()
        sent = [heka.log("t", to="udp://absent.test:9", timeout=20) for _ in range(5)]
        tell(took=time.monotonic() - start, sent=sent, stats=heka.stats())
        """,
        SHIM_ABSENT="1",
    )

    assert done.facts["sent"] == [False] * 5
    assert done.facts["stats"]["dropped"] == {"unresolved": 1, "backoff": 4}
    assert done.facts["took"] < SOON
    assert ask.names == ["absent.test"]
    (line,) = done.err.splitlines()
    assert line.startswith(
        "heka: cannot send to udp://absent.test:9 (unresolved): 'absent.test' does not resolve: "
    )
    assert line.endswith("messages are dropped and counted, next try in 0.1 s")


def test_a_name_service_that_hangs_blocks_no_longer_than_the_timeout(ask):
    """It does not delay the exit of the program either."""
    done = ask(
        """
        start = time.monotonic()
        sent = heka.log("t", to="tcp://hangs.test:9", timeout=0.2)
        first = time.monotonic() - start
        again = heka.log("t", to="tcp://hangs.test:9", timeout=20)
        tell(sent=[sent, again], first=first, both=time.monotonic() - start, **dropped())
        """,
        hangs=True,
    )

    assert done.facts["sent"] == [False, False]
    assert 0.2 <= done.facts["first"] < SOON
    assert done.facts["both"] < SOON
    assert (done.facts["unresolved"], done.facts["backoff"]) == (1, 1)
    assert "'hangs.test' did not resolve in time; messages are dropped" in done.err
    assert done.err.count("\n") == 1


def test_a_timeout_of_zero_does_not_wait_for_a_name(ask):
    done = ask("tell(sent=heka.log('t', to='udp://a.test:9', timeout=0), **dropped())", hangs=True)

    assert done.facts == {"sent": False, "unresolved": 1}


def test_a_name_that_hangs_delays_no_other_destination(ask, peer):
    there = peer(Datagrams)

    done = ask(
        """
        started = threading.Event()
        def work():
            started.set()
            tell(late=heka.log("t", to="udp://hangs.test:9", timeout=20))
        thread = threading.Thread(target=work)
        thread.start()
        started.wait()
        sent = [heka.log("t", to=to, timeout=5) for to in sys.argv[1:]]
        tell(sent=sent, still=thread.is_alive())
        open(os.environ["SHIM_GATE"], "w").close()
        thread.join()
        """,
        f"127.0.0.1:{there.port}",
        f"localhost:{there.port}",
        hangs=True,
    )

    assert done.facts == {"sent": [True, True], "still": True, "late": True}


@pytest.mark.parametrize(
    ("kept", "questions"),
    [pytest.param(300, 1, id="kept"), pytest.param(-1, 2, id="too-old")],
)
def test_a_late_answer_is_used_by_the_next_caller(ask, peer, kept, questions):
    """Otherwise a name service slower than every timeout would never be of use."""
    there = peer(Datagrams)

    done = ask(
        """
        import heka._net.resolver
        heka._net.resolver._RESULT_TTL = float(sys.argv[2])
        first = heka.log("t", to=sys.argv[1], timeout=0)
        open(os.environ["SHIM_GATE"], "w").close()
        for thread in threading.enumerate():
            if thread.name.startswith("heka-resolve-"):
                thread.join()
        insist("t", to=sys.argv[1], timeout=0 if float(sys.argv[2]) > 0 else 20)
        tell(first=first)
        """,
        f"udp://late.test:{there.port}",
        kept,
        hangs=True,
    )

    assert done.facts["first"] is False
    assert there.message().type == "t"
    assert ask.names == ["late.test"] * questions


def test_a_failed_lookup_is_repeated(ask, peer):
    there = peer(Datagrams)

    ask(
        """
        assert not heka.log("t", to=sys.argv[1], timeout=20)
        del os.environ["SHIM_ABSENT"]
        insist("t", to=sys.argv[1], timeout=20)
        """,
        f"udp://new.test:{there.port}",
        SHIM_ABSENT="1",
    )

    assert there.message().type == "t"
    assert ask.names == ["new.test"] * 2


def test_a_peer_that_moved_is_found_at_its_new_address(ask, peer):
    """A broken connection is made again to the current address of the name."""
    done = ask(
        """
        def listen(host, port=0):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
            sock.listen()
            sock.settimeout(20)
            return sock
        old = listen("127.0.0.1")
        port = old.getsockname()[1]
        to = f"tcp://moves.test:{port}"
        assert heka.log("before", to=to)
        new = listen("127.0.0.2", port)
        os.environ["SHIM_ADDRESS"] = "127.0.0.2"
        old.accept()[0].close()
        old.close()
        new.setblocking(False)
        while True:
            heka.log("after", to=to)
            try:
                connection = new.accept()[0]
                break
            except BlockingIOError:
                time.sleep(0.01)
        connection.settimeout(20)
        tell(type=heka.StreamReader().feed(connection.recv(65536))[0].message.type, **heka.stats())
        """
    )

    assert done.facts["type"] == "after"
    assert done.facts["reconnects"] == 1
    assert ask.names == ["moves.test"] * 2


def test_lookups_that_hang_use_at_most_64_threads(ask, peer):
    there = peer(Datagrams)

    done = ask(
        """
        for n in range(100):
            heka.log("t", to=f"udp://n{n}.test:{sys.argv[1]}", timeout=0)
        tell(threads=threading.active_count(), **dropped())
        open(os.environ["SHIM_GATE"], "w").close()
        insist("t", to=f"udp://n99.test:{sys.argv[1]}", timeout=20)
        """,
        there.port,
        hangs=True,
    )

    assert done.facts == {"threads": 65, "unresolved": 100}
    assert "'n64.test' was not looked up: 64 other lookups are still running" in done.err
    assert there.message().type == "t"


def test_a_child_looks_up_a_name_while_its_parent_waits(ask, peer):
    """The thread of the parent that resolves the name does not exist in the child."""
    there = peer(Datagrams)

    done = ask(
        """
        def wait_for(count):
            while not os.path.exists(os.environ["SHIM_LOG"]) or (
                open(os.environ["SHIM_LOG"]).read().count("\\n") < count
            ):
                time.sleep(0.002)
        thread = threading.Thread(
            target=lambda: tell(parent=heka.log("parent", to=sys.argv[1], timeout=20))
        )
        thread.start()
        wait_for(1)
        child = os.fork()
        if child == 0:
            tell(child=heka.log("child", to=sys.argv[1], timeout=20))
            os._exit(0)
        wait_for(2)
        open(os.environ["SHIM_GATE"], "w").close()
        thread.join()
        assert os.waitpid(child, 0)[1] == 0
        """,
        f"udp://both.test:{there.port}",
        hangs=True,
    )

    assert done.facts == {"parent": True, "child": True}
    assert {there.message().type, there.message().type} == {"parent", "child"}
    assert ask.names == ["both.test"] * 2


def test_no_module_is_loaded_by_a_call(ask):
    """A fork during an import would leave the import lock locked for ever in the child."""
    done = ask(
        """
        heka.configure()
        before = set(sys.modules)
        for to in sys.argv[1:]:
            heka.log("t", to=to, timeout=20)
        heka.stats()
        heka.flush()
        tell(loaded=sorted(set(sys.modules) - before), **dropped())
        """,
        *("udp://a.test:9", "tcp://a.test:9", "tcp://localhost:9", "tcp://[::1]:9"),
        *("unix:///none", "unixgram:///none", "file:///none/none", "file:///dev/null"),
        SHIM_ABSENT="1",
    )

    assert done.facts["loaded"] == []
    assert done.facts["unresolved"] == 2


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("a" * 64 + ".example", id="a-label-too-long"),
        pytest.param("a..example", id="an-empty-label"),
        pytest.param("\udcff.example", id="no-utf-8"),
        pytest.param("ä" * 70, id="no-idna-form"),
    ],
)
def test_an_invalid_name_does_not_resolve(capfd, host):
    to = (host, 9)

    assert heka.log("t", to=to) is False

    assert account(str(heka._net.addresses.parse(to)))["dropped"] == {"unresolved": 1}
    assert "(unresolved): " in capfd.readouterr().err


def test_without_threads_a_name_does_not_resolve(monkeypatch, capfd):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)

    assert heka.log("t", to="udp://threadless.test:9") is False

    assert account("udp://threadless.test:9")["dropped"] == {"unresolved": 1}
    assert "'threadless.test' cannot be resolved: can't start new thread" in capfd.readouterr().err
    monkeypatch.undo()
    assert not resolver._lookups, "the next one would wait for a thread that never ran"


def test_an_address_of_the_other_family_does_not_resolve():
    with within(SOON):
        assert heka.log("t", to="udp://127.0.0.1:9?family=6", timeout=PATIENCE) is False

    assert account("udp://127.0.0.1:9?family=6")["dropped"] == {"unresolved": 1}


@pytest.mark.parametrize(
    ("host", "found"),
    [
        pytest.param("127.1", ("127.0.0.1", 7), id="short"),
        pytest.param("0x7f000001", ("127.0.0.1", 7), id="hexadecimal"),
        pytest.param("::1%1", ("::1%1", 7, 0, 1), id="of-one-link"),
    ],
)
def test_unusual_notations_of_addresses_are_not_looked_up(monkeypatch, host, found):
    """Parsed by getaddrinfo itself."""
    monkeypatch.setattr(resolver, "_find_lookup", None)

    ((_, end),) = resolver.resolve(host, 7, 0, time.monotonic() + PATIENCE)

    assert end[1:] == found[1:]
    assert end[0].partition("%")[0] == found[0].partition("%")[0]


def test_resolve_keeps_the_order_of_the_name_service(monkeypatch):
    """TCP tries them in this order; duplicates are removed."""
    order = [("10.0.0.2", 7), ("::2", 7, 0, 0), ("10.0.0.1", 7), ("10.0.0.2", 7)]

    def getaddrinfo(host, port, family, kind, protocol, flags):
        if flags:
            raise resolver.socket.gaierror("no address")
        return [(2 if len(end) == 2 else 10, kind, 6, "", end) for end in order]

    monkeypatch.setattr(resolver.socket, "getaddrinfo", getaddrinfo)

    found = resolver.resolve("ordered.test", 7, 0, time.monotonic() + PATIENCE)

    assert [end for _, end in found] == order[:3]

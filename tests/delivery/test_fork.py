"""Forks: a child has its own connections and counters, those of the parent stay unchanged."""

from __future__ import annotations

import os
import socket
import time
from functools import partial

import pytest
from delivery.support import CHILD, Datagrams, Listener, Task, free_port, run

from heka._runtime.accounts import total


@pytest.fixture(params=["tcp", "unix"])
def there(request, peer, tmp_path):
    if request.param == "tcp":
        return peer(Listener)
    return peer(Listener, socket.AF_UNIX, str(tmp_path / "peer"))


def types(connection):
    return [message.type for message in connection.read_to_end()]


def test_a_child_connects_for_itself(there):
    """The parent's connection has only messages of the parent, before and after the fork."""
    run(
        CHILD
        + """
    def log(name):
        assert heka.log(name, to=sys.argv[1])
    def grandchild():
        log("child-1")
        wait_for(child(lambda: log("grandchild")))
        log("child-2")
    log("parent-1")
    wait_for(child(grandchild))
    log("parent-2")
    """,
        there.url,
    )

    assert types(there.accept()) == ["parent-1", "parent-2"]
    assert types(there.accept()) == ["child-1", "child-2"]
    assert types(there.accept()) == ["grandchild"]
    assert not there.is_waiting()


def test_counters_of_a_child_start_at_zero(there):
    done = run(
        CHILD
        + """
    def work():
        tell(before=heka.stats())
        heka.log("t", to=sys.argv[1])
        tell(after=heka.stats()["sent"])
    heka.configure(to=sys.argv[1])
    heka.log("t")
    heka.log("t", to="tcp://127.0.0.1:9")
    wait_for(child(work))
    tell(parent=[heka.stats()["sent"], heka.stats()["offered"]])
    """,
        there.url,
    )

    assert done.facts["before"] == {**total([]), "altered": 0, "destinations": {}}
    assert (done.facts["after"], done.facts["parent"]) == (1, [1, 2])


def test_a_child_uses_the_destination_its_parent_configured(there):
    run(
        CHILD
        + """
    heka.configure(to=sys.argv[1], logger="shop")
    heka.log("parent")
    wait_for(child(lambda: heka.log("child")))
    """,
        there.url,
    )

    there.accept()
    (message,) = there.accept().take(1)
    assert (message.type, message.logger) == ("child", "shop")


def test_back_off_is_not_inherited(there):
    """The back-off of the parent does not apply to the child."""
    done = run(
        CHILD
        + """
    port = int(sys.argv[1])
    to = f"tcp://127.0.0.1:{port}"
    blocker = socket.socket()
    blocker.bind(("127.0.0.1", port))
    assert not heka.log("t", to=to)
    blocker.listen()
    wait_for(child(lambda: tell(child=heka.log("t", to=to))))
    """,
        free_port(),
    )

    assert done.facts == {"child": True}


def test_udp_of_a_child_comes_from_a_socket_of_its_own(peer):
    there = peer(Datagrams)

    run(
        CHILD
        + """
    heka.log("parent", to=sys.argv[1])
    wait_for(child(lambda: heka.log("child", to=sys.argv[1])))
    heka.log("parent", to=sys.argv[1])
    """,
        f"127.0.0.1:{there.port}",
    )

    sources = [there.sock.recvfrom(65536)[1][1] for _ in range(3)]
    assert sources[0] == sources[2] != sources[1]


def test_a_child_sends_nothing_of_a_frame_that_its_parent_has_half_written(peer):
    """Another thread of the parent is writing it; that thread does not exist in the child."""
    there = peer(Listener, buffer=4096)
    bell = peer(Listener)

    def read():
        bell.accept()
        parent, child = there.accept(), there.accept()
        return types(parent), types(child)

    reader = Task(read)
    done = run(
        CHILD
        + """
    from heka._delivery import direct
    full = threading.Event()
    sent = []
    def work():
        while not full.is_set():
            sent.append(heka.log("parent", payload="x" * 60000, to=sys.argv[1], timeout=20))
    thread = threading.Thread(target=work)
    thread.start()
    while not any(d.sink.busy and d.sink.counts()["sent"] for d in direct._all):
        time.sleep(0.002)
    def log():
        assert heka.log("child", to=sys.argv[1], timeout=20)
        assert heka.flush(0)
    pid = child(log)
    full.set()
    wait_for(pid)
    bell = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    thread.join()
    tell(sent=len(sent), all=all(sent))
    """,
        there.url,
        bell.port,
    )

    assert done.facts["all"]
    assert reader.result() == (["parent"] * done.facts["sent"], ["child"])


@pytest.mark.parametrize("where", ["send", "connect", "name"])
def test_a_fork_in_the_middle_of_its_own_call_sends_nothing_twice(
    peer, where, name_service, tmp_path
):
    """A signal handler forks while its thread waits: the call returns in the child too."""
    there = peer(Listener, buffer=4096, backlog=0 if where == "connect" else 16)
    waiting = there.fill() if where == "connect" else []
    bell = peer(Listener)

    def read():
        bell.accept()
        for sock in waiting:
            sock.close()
        (tmp_path / "gate").touch()
        found = []
        while len(found) < 2:
            found += filter(None, [types(there.accept())])  # the children that waited send nothing
        return sorted(found)

    reader = Task(read)
    done = run(
        CHILD
        + """
    from heka._delivery import direct
    mine = os.getpid()
    forked = []
    def handler(*args):
        forked.append(os.fork())
    signal.signal(signal.SIGUSR1, handler)
    def poke():
        while not any(d.sink.busy for d in direct._all):
            time.sleep(0.002)
        time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        time.sleep(0.2)
        bell = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
        time.sleep(20)
    threading.Thread(target=poke, daemon=True).start()
    results = []
    while not forked:
        results.append(
            heka.log("parent", payload="x" * 60000, to=sys.argv[1], timeout=float(sys.argv[3]))
        )
    if os.getpid() == mine:
        assert os.wait()[1] == 0
        tell(all=all(results), sent=len(results))
    else:
        assert results[-1] is False, "it was the parent's"
        insist("child", to=sys.argv[1], timeout=20)
        tell(child=heka.stats()["sent"])
        os._exit(0)
    """,
        f"tcp://there.test:{there.port}",
        bell.port,
        4 if where == "name" else 20,  # the child would wait for an answer that never comes
        preload=name_service,
        SHIM_GATE=str(tmp_path / "gate") if where == "name" else str(tmp_path),
    )

    assert done.facts["all"]
    assert done.facts["child"] == 1
    child, parent = reader.result()
    assert (child, parent) == (["child"], ["parent"] * done.facts["sent"])


@pytest.mark.skipif(
    "HEKA_SANITIZER" in os.environ, reason="its allocator has locks, which stay locked over a fork"
)
def test_forks_among_busy_threads_leave_no_lock_behind(peer, name_service):
    """Threads connect, fail, make and evict destinations while the main thread forks."""
    there = peer(Listener)
    bell = peer(Listener)
    reader = Task(lambda: _read_all(there, bell))

    run(
        CHILD
        + """
    class Stream:
        def write(self, frame): pass
    done = threading.Event()
    def work(n):
        i = 0
        while not done.is_set():
            i += 1
            heka.log("t", to=sys.argv[1])
            heka.log("t", to=Stream())
            heka.log("t", to=f"tcp://127.0.0.1:{1 + (i + n * 97) % 60}")
            heka.log("t", to=f"udp://absent{i % 100}.test:9", timeout=0)
            heka.stats()
            heka.flush(0)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads: thread.start()
    def log():
        assert heka.log("child", to=sys.argv[1], timeout=20)
        heka.log("t", to=Stream())
        heka.log("t", to="udp://absent.test:9", timeout=0.001)
        assert heka.flush(1)
        assert heka.stats()["sent"] == 2
    for _ in range(20):
        time.sleep(0.005)
        wait_for(child(log))
    done.set()
    for thread in threads: thread.join()
    """,
        there.url,
        preload=name_service,
        SHIM_ABSENT="1",
    )

    socket.create_connection(("127.0.0.1", bell.port)).close()
    found = reader.result()
    assert found.count(["child"]) == 20
    assert all(set(names) == {"t"} for names in found if names != ["child"])


def _read_all(listener, bell):
    """Read connections until *bell* is set; return the message types of each."""
    tasks = []
    while not bell.is_waiting() or listener.is_waiting():
        if listener.is_waiting():
            tasks.append(Task(partial(types, listener.accept())))
        else:
            time.sleep(0.002)
    return [task.result() for task in tasks]


def test_a_fork_in_a_thread_works_as_one_in_the_main_thread(there):
    run(
        CHILD
        + """
    heka.log("parent", to=sys.argv[1])
    def work():
        wait_for(child(lambda: heka.log("child", to=sys.argv[1])))
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    """,
        there.url,
    )

    assert types(there.accept()) == ["parent"]
    assert types(there.accept()) == ["child"]


def test_a_child_keeps_no_connection_of_its_parents_open(there, peer):
    """The peer sees the end of the parent's stream although the child still runs."""
    leash = peer(Listener)

    run(
        CHILD
        + """
    heka.log("parent", to=sys.argv[1])
    def live_on():
        held = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
        for descriptor in range(3):
            os.close(descriptor)
        held.recv(1)
    child(live_on)
    """,
        there.url,
        leash.port,
    )

    holding = leash.accept()
    assert types(there.accept()) == ["parent"]
    holding.close()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works_with_every_start_method(peer, tmp_path, method):
    there = peer(Datagrams)
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, sys, heka\n"
        "def work(n):\n"
        "    assert heka.log('child', logger=str(n), to=sys.argv[1])\n"
        "if __name__ == '__main__':\n"
        "    assert heka.log('parent', to=sys.argv[1])\n"
        "    context = multiprocessing.get_context(sys.argv[2])\n"
        "    workers = [context.Process(target=work, args=(n,)) for n in range(3)]\n"
        "    for worker in workers: worker.start()\n"
        "    for worker in workers: worker.join()\n"
        "    assert [worker.exitcode for worker in workers] == [0] * 3\n"
    )

    run(
        "import subprocess; subprocess.run([sys.executable, *sys.argv[1:]], check=True)",
        script,
        f"127.0.0.1:{there.port}",
        method,
    )

    found = [there.message() for _ in range(4)]
    assert sorted(message.logger for message in found) == ["", "0", "1", "2"]
    assert len({message.pid for message in found}) == 4
    assert len({message.uuid for message in found}) == 4


def test_a_program_that_is_executed_inherits_no_descriptor(there, tmp_path):
    done = run(
        """
        import subprocess
        heka.log("t", to=sys.argv[1])
        heka.log("t", to="file://" + sys.argv[2])
        heka.log("t", to="udp://127.0.0.1:9")
        before = subprocess.check_output([sys.executable, "-c",
            "import os; f = '/proc/self/fd/';"
            "print([os.readlink(f + n) for n in os.listdir(f) if os.path.lexists(f + n)])"],
            close_fds=False)
        tell(found=before.decode())
        """,
        there.url,
        tmp_path / "file",
    )

    assert "socket:" not in done.facts["found"]
    assert str(tmp_path) not in done.facts["found"]


def test_a_connection_of_a_child_is_its_own(there):
    """Also for HekaConnection."""
    run(
        CHILD
        + """
    connection = heka.HekaConnection(sys.argv[1])
    connection.send_message(heka.Message("parent-1"))
    wait_for(child(lambda: connection.send_message(heka.Message("child"))))
    connection.send_message(heka.Message("parent-2"))
    connection.close()
    """,
        there.url,
    )

    assert types(there.accept()) == ["parent-1", "parent-2"]
    assert types(there.accept()) == ["child"]

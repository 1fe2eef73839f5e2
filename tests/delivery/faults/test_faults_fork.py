"""Forks with a full queue: the child sends no frame of its parent, and both exit properly."""

from __future__ import annotations

import os

import pytest
from delivery.faults.support import Program, run
from delivery.support import CHILD, wait_until


def sources(there):
    """Return the sources of the received messages, one set for each connection."""
    found = [{source for source, _ in record.serials} for record in there.received.read_on()]
    return [names for names in found if names]


def test_a_child_sends_nothing_of_its_parents_queue(server):
    """Its queue is empty, its counters are zero, and it makes its own connection."""
    there = server("tcp", start=False)
    with Program(
        CHILD
        + """
    stream = QueuedStream(sys.argv[1], **QUICK)
    write_all(stream, 1000, "parent")
    while not stream.stats()["retries"]:
        time.sleep(0.002)
    ready, go = os.pipe()
    def work():
        now = stream.stats()
        check(now)
        assert now["offered"] == now["queued"] == now["retries"] == 0, now
        write_all(stream, 100, "child")
        assert stream.stats()["queued"] == 100
        os.write(go, b"1")
        assert stream.flush(10)
        assert stream.stats()["sent"] == stream.stats()["offered"] == 100
        stream.close(5)
    pid = child(work)
    os.close(go)
    assert os.read(ready, 1), "the child failed"
    assert stream.stats()["queued"] == 1000
    tell(full=True)
    wait_for(pid)
    assert stream.flush(10)
    check(stream.stats())
    assert stream.stats()["sent"] == 1000
    """,
        there.url,
    ) as program:
        program.line()
        there.start()
        program.end()

    there.wait_for(1100)
    assert there.received.serials().total() == 1100
    assert sorted(sources(there), key=str) == [{"child"}, {"parent"}]


@pytest.mark.parametrize("end", ["stream.close(0.1)", "stream.flush(0.1)", "None"])
def test_a_child_that_writes_nothing_ends_at_once(server, end):
    """It does not wait for the full queue of its parent, and makes no connection."""
    there = server("tcp", start=False)
    with Program(
        CHILD
        + f"""
    stream = QueuedStream(sys.argv[1], **QUICK)
    write_all(stream, 1000, "parent")
    began = time.monotonic()
    wait_for(child(lambda: {end}))
    assert time.monotonic() - began < 2
    tell(full=True)
    assert stream.flush(10)
    """,
        there.url,
    ) as program:
        program.line()
        there.start()
        program.end()

    there.wait_for(1000)
    assert sources(there) == [{"parent"}]
    assert there.received.serials().total() == 1000


def test_a_child_that_calls_exit_flushes_its_own_queue(server):
    """``sys.exit`` in the child runs the atexit handlers, for its own frames only."""
    there = server("tcp")
    run(
        """
    faulthandler.cancel_dump_traceback_later()  # a child's exit would wait for its thread
    stream = QueuedStream(sys.argv[1], **QUICK)
    write_all(stream, 100, "parent")
    pid = os.fork()
    if pid == 0:
        write_all(stream, 100, "child")
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    """,
        there.url,
    )

    there.wait_for(200)
    assert there.received.serials().total() == 200
    assert sorted(sources(there), key=str) == [{"child"}, {"parent"}]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_send_what_they_logged(server, tmp_path, method):
    """They exit with os._exit, after the finalizers of multiprocessing."""
    there = server("tcp")
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, sys, heka\n"
        "def work(n):\n"
        "    for i in range(100):\n"
        "        assert heka.log('t', f'worker-{n}', payload=str(i), to=sys.argv[1])\n"
        "if __name__ == '__main__':\n"
        "    assert heka.log('t', 'parent', payload='0', to=sys.argv[1])\n"
        "    context = multiprocessing.get_context(sys.argv[2])\n"
        "    workers = [context.Process(target=work, args=(n,)) for n in range(3)]\n"
        "    for worker in workers: worker.start()\n"
        "    for worker in workers: worker.join()\n"
        "    assert [worker.exitcode for worker in workers] == [0] * 3\n"
    )
    run(
        "import subprocess; subprocess.run([sys.executable, *sys.argv[1:]], check=True)",
        script,
        there.url + "?queue=1",
        method,
    )

    wait_until(lambda: there.received.serials().total() >= 301, "301 messages")
    assert set(there.received.serials().values()) == {1}
    assert len(sources(there)) == 4


@pytest.mark.skipif(
    "HEKA_SANITIZER" in os.environ, reason="its allocator has locks, which stay locked over a fork"
)
def test_two_hundred_forks_under_load_leave_no_lock_behind(server):
    """Two threads put and the drain takes while the main thread forks: any may hold the mutex."""
    there = server("tcp")
    done = run(
        CHILD
        + """
    stream = QueuedStream(sys.argv[1], capacity="256 KiB", **QUICK)
    over = threading.Event()
    accepted = []
    def produce(name):
        number = 0
        while not over.is_set():
            accepted.append(len(write_all(stream, 50, name, start=number)))
            number += 50
            stream.stats()
            time.sleep(0.0005)
    threads = [threading.Thread(target=produce, args=(f"parent-{n}",)) for n in range(2)]
    for thread in threads:
        thread.start()
    def work(n):
        assert stream.stats()["offered"] == 0
        write_all(stream, 1, f"child-{n}")
        check(stream.stats())
        if n % 20 == 0:
            assert stream.flush(10)
            assert stream.stats()["sent"] == 1
    with Watch(stream):
        for n in range(200):
            wait_for(child(lambda: work(n)))
        over.set()
        for thread in threads:
            thread.join()
        stream.flush(20)  # False on a machine so slow that the queue was full
        assert stream.flush(20)
    tell(accepted=sum(accepted), **stream.stats())
    stream.close(5)
    """,
        there.url,
    )

    facts = done.facts
    there.wait_for(facts["accepted"] + 10)
    came = there.received.serials()
    parents = [serial for serial in came if serial[0].startswith("parent")]
    assert len(parents) == facts["accepted"] == facts["sent"]
    assert came.total() - len(came) <= facts["resent"]
    assert {f"child-{n}" for n in range(0, 200, 20)} <= {source for source, _ in came}
    for names in sources(there):
        assert names <= {"parent-0", "parent-1"} or len(names) == 1, "a connection was shared"


def test_a_fork_inside_the_drain_thread_works(server):
    """The drain calls ``on_drop``, which may fork: the child continues inside the callback."""
    there = server("tcp", start=False)
    run(
        """
    pids = []
    def on_drop(reason, count):
        if not pids:
            pids.append(os.fork())
            if pids[0] == 0:
                assert stream.stats()["offered"] == 0
                os._exit(0)
    stream = QueuedStream(sys.argv[1], capacity="256 KiB", on_drop=on_drop, **QUICK)
    write_all(stream, 1000, size=1000)
    while not pids:
        time.sleep(0.01)
    assert os.waitpid(pids[0], 0)[1] == 0
    check(stream.stats())
    stream.close(0.1)
    """,
        there.url,
    )

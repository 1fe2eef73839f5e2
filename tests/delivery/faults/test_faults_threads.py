"""Many producers, programs without threads, other interpreters."""

from __future__ import annotations

import time

import pytest
from delivery.faults.identity import Watch, in_order
from delivery.faults.support import QUICK, arrives, run, settle, write_all
from delivery.support import run_threads

import heka
from heka.streams import QueuedStream


def test_eight_producers_lose_and_double_nothing(server):
    there = server("tcp")
    with QueuedStream(there.url, **QUICK) as stream, Watch(stream):
        parts = run_threads(8, lambda n: write_all(stream, 1000, f"p{n}", size=100))
        accepted = set().union(*parts)
        arrives(stream, there, accepted)

    assert len(accepted) == 8000
    assert [in_order(record.serials) for record in there.received.read_on()] == [True]


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "block"])
def test_eight_producers_over_a_small_queue_and_restarts_balance(server, overflow):
    there = server("tcp")
    options = {**QUICK, "capacity": "256 KiB", "overflow": overflow, "block_timeout": 0.05}
    with QueuedStream(there.url, **options) as stream, Watch(stream):

        def work(n):
            if n == 8:
                for _ in range(5):
                    time.sleep(0.03)
                    there.stop()
                    time.sleep(0.03)
                    there.start()
                return set()
            accepted = set()
            for part in range(10):
                accepted |= write_all(stream, 60, f"p{n}", size=900, start=60 * part)
                time.sleep(0.01)
            return accepted

        accepted = set().union(*run_threads(9, work))
        settle_with_drops(stream, there, accepted, overflow)


def settle_with_drops(stream, there, accepted, overflow):
    if overflow != "drop_old":
        arrives(stream, there, accepted)
        return
    stream.flush(20)
    settle(stream, there, accepted)
    came = there.received.serials()
    assert len(accepted) - len(came) == stream.stats()["dropped"].get("full", 0)


def test_messages_of_many_threads_go_through_the_url_alone(server):
    there = server("tcp")
    to = there.url + "?queue=1"

    def work(n):
        return [heka.log("t", f"p{n}", payload=str(i), to=to) for i in range(500)]

    assert all(all(part) for part in run_threads(4, work))
    assert heka.flush(20)
    there.wait_for(2000)
    assert set(there.received.serials().values()) == {1}


def test_threads_may_flush_and_read_the_counters_meanwhile(server):
    there = server("tcp")
    with QueuedStream(there.url, **QUICK) as stream, Watch(stream):

        def work(n):
            accepted = set()
            for part in range(20):
                accepted |= write_all(stream, 20, f"p{n}", start=20 * part)
                if n % 2:
                    assert stream.flush(20)
                else:
                    stream.stats()
            return accepted

        arrives(stream, there, set().union(*run_threads(6, work)))


NO_THREADS = """
    import _thread
    def refuse(*args, **kwargs):
        raise RuntimeError("can't start new thread")
    def refuse_all():
        for name in ("start_new_thread", "start_joinable_thread"):
            for module in (_thread, threading):
                for found in (name, "_" + name):
                    if hasattr(module, found):
                        setattr(module, found, refuse)
"""


def test_a_program_that_gets_no_thread_sends_in_place(server):
    there = server("tcp")
    run(
        NO_THREADS
        + """
    refuse_all()
    stream = QueuedStream(sys.argv[1], **QUICK)
    assert len(write_all(stream, 200)) == 200
    assert stream.flush(10)
    check(stream.stats())
    assert stream.stats()["sent"] == 200
    stream.close(5)
    """,
        there.url,
    )

    there.wait_for(200)
    assert set(there.received.serials().values()) == {1}


def test_a_program_that_gets_its_thread_later_sends_all(server):
    there = server("tcp")
    run(
        NO_THREADS
        + """
    before = _thread.start_new_thread, dict(vars(threading)), dict(vars(_thread))
    refuse_all()
    stream = QueuedStream(sys.argv[1], **QUICK)
    write_all(stream, 20)
    for module, names in ((threading, before[1]), (_thread, before[2])):
        vars(module).update(names)
    with Watch(stream):
        write_all(stream, 200, start=20)
        assert stream.flush(10)
    assert stream.stats()["sent"] == 220
    stream.close(5)
    """,
        there.url,
    )

    there.wait_for(220)
    assert set(there.received.serials().values()) == {1}


def test_writing_at_the_very_end_makes_no_thread_and_does_not_hang(server):
    """In a finalizer that runs while the interpreter shuts down."""
    there = server("tcp")
    run(
        """
        stream = QueuedStream(sys.argv[1], **QUICK)
        class Last:
            def __del__(self, stream=stream, write_all=write_all):
                write_all(stream, 3, "last")
        sys.last_one = Last()
        """,
        there.url,
    )


#: A legacy interpreter shares the GIL; an isolated one has its own GIL and no daemon threads.
@pytest.mark.parametrize("isolated", [False, True], ids=["legacy", "isolated"])
def test_another_interpreter_has_queues_of_its_own(server, isolated):
    there = server("tcp")
    script = """
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        code = '''if True:
            import heka, sys
            from heka.streams import QueuedStream
            stream = QueuedStream("URL", linger=0.005)
            for number in range(100):
                assert stream.write(heka.pack("t", "SOURCE", payload=str(number)))
            assert stream.flush(10), stream.stats()
            assert stream.stats()["sent"] == 100
            stream.close(5)
        '''
        code = code.replace("URL", sys.argv[1])
        isolated = sys.argv[2] == "True"
        def create():
            if sys.version_info >= (3, 13):
                return interpreters.create("isolated" if isolated else "legacy")
            return interpreters.create(isolated=isolated)
        exec(code.replace("SOURCE", "main-1"))
        it = create()
        failed = interpreters.run_string(it, code.replace("SOURCE", "other"))
        assert not failed, failed
        interpreters.destroy(it)
        exec(code.replace("SOURCE", "main-2"))
        """
    run(script, there.url, isolated)

    there.wait_for(300)
    assert set(there.received.serials().values()) == {1}
    assert {source for source, _ in there.received.serials()} == {"main-1", "other", "main-2"}

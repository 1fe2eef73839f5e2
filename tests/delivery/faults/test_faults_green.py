"""gevent, eventlet, asyncio: the loop runs while the server does not answer and flush waits."""

from __future__ import annotations

import importlib.util
import os

import pytest
from delivery.faults.support import run
from delivery.support import Listener

#: Each defines spawn(work) -> wait, and sleep; patching comes first, as in programs.
LOOPS = {
    "gevent": """
    from gevent import monkey; monkey.patch_all()
    import gevent
    spawn, sleep = (lambda work: gevent.spawn(work).get), gevent.sleep
    """,
    "eventlet": """
    import warnings; warnings.simplefilter("ignore")
    import eventlet; eventlet.monkey_patch()
    spawn, sleep = (lambda work: eventlet.spawn(work).wait), eventlet.sleep
    """,
}
#: A green thread ticks every 10 ms; ticks(work) returns the result of work and the ticks.
TICKER = """
    import time
    times = []
    def tick():
        while True:
            times.append(time.monotonic())
            sleep(0.01)
    spawn(tick)
    def ticks(work):
        sleep(0.05)
        before = len(times)
        result = work()
        return result, len(times) - before
"""


@pytest.fixture(params=LOOPS)
def loop(request):
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed: no wheel for this Python or machine")
    if "HEKA_SANITIZER" in os.environ:
        pytest.skip("the sanitizer does not know stacks that greenlets switch")
    return LOOPS[request.param]


@pytest.fixture
def black_hole():
    there = Listener(backlog=0)
    waiting = there.fill()
    yield there
    for sock in waiting:
        sock.close()
    there.close()


def test_messages_of_green_threads_arrive(server, loop):
    there = server("tcp")
    run(
        """
    stream = QueuedStream(sys.argv[1], **QUICK)
    waits = [spawn(lambda n=n: [write_all(stream, 10, f"g{n}", start=10 * k) or sleep(0.001)
                                for k in range(10)]) for n in range(8)]
    for wait in waits: wait()
    assert stream.flush(10), stream.stats()
    check(stream.stats())
    assert stream.stats()["sent"] == 800
    stream.close(5)
    """,
        there.url,
        first=loop,
    )

    there.wait_for(800)
    assert set(there.received.serials().values()) == {1}


def test_a_black_hole_does_not_stop_the_other_green_threads(black_hole, loop):
    done = run(
        TICKER
        + """
    stream = QueuedStream(sys.argv[1], linger=0.005, connect_timeout=0.5)
    def work():
        for n in range(50):
            assert len(write_all(stream, 10, start=10 * n)) == 10
            sleep(0.01)
    tell(written=ticks(work)[1])
    flushed, count = ticks(lambda: spawn(lambda: stream.flush(0.5))())
    tell(flushed=flushed, flushing=count)
    tell(closing=ticks(lambda: spawn(lambda: stream.close(0.5))())[1])
    check(stream.stats())
    tell(queued=stream.stats()["queued"])
    """,
        black_hole.url,
        first=loop,
    )

    assert done.facts["written"] > 20
    assert done.facts["flushed"] is False
    assert done.facts["flushing"] > 10, "the hub stood still while a green thread flushed"
    assert done.facts["closing"] > 10, "the hub stood still while a green thread closed"
    assert done.facts["queued"] == 0


def test_a_full_queue_that_blocks_a_green_thread_blocks_no_other(black_hole, loop):
    done = run(
        TICKER
        + """
    stream = QueuedStream(sys.argv[1], linger=0.005, connect_timeout=0.5, capacity="256 KiB",
                          overflow="block", block_timeout=0.5)
    def work():
        n = 0
        while write_all(stream, 1, size=10000, start=n): n += 1
        return n
    taken, count = ticks(lambda: spawn(work)())
    tell(taken=taken, count=count)
    check(stream.stats())
    stream.close(0)
    """,
        black_hole.url,
        first=loop,
    )

    assert done.facts["taken"] > 5
    assert done.facts["count"] > 10, "the hub stood still while a green thread waited for room"


def test_the_url_alone_works_and_exit_flushes(server, loop):
    there = server("tcp")
    run(
        """
    for number in range(500):
        assert heka.log("t", "a", payload=str(number), to=sys.argv[1] + "?queue=1")
    """,
        there.url,
        first=loop,
    )

    there.wait_for(500)
    assert set(there.received.serials().values()) == {1}


def test_a_program_that_is_patched_late_loses_nothing(server, loop):
    """The thread of the queue was made before patching."""
    there = server("tcp")
    run(
        """
    stream = QueuedStream(sys.argv[1], **QUICK)
    write_all(stream, 100)
    import textwrap
    exec(textwrap.dedent(sys.argv[2]))
    write_all(stream, 100, start=100)
    assert stream.flush(10)
    other = QueuedStream(sys.argv[1], **QUICK)
    write_all(other, 100, start=200)
    assert other.flush(10)
    stream.close(5)
    other.close(5)
    """,
        there.url,
        loop,
    )

    there.wait_for(300)
    assert set(there.received.serials().values()) == {1}


def test_a_fork_of_a_patched_program_works(server, loop):
    there = server("tcp")
    run(
        """
    stream = QueuedStream(sys.argv[1], **QUICK)
    write_all(stream, 100, "parent")
    pid = os.fork()
    if pid == 0:
        assert stream.stats()["offered"] == 0
        write_all(stream, 100, "child")
        assert stream.flush(10)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert stream.flush(10)
    stream.close(5)
    """,
        there.url,
        first=loop,
    )

    there.wait_for(200)
    assert there.received.serials().total() == 200


def test_asyncio_ticks_while_aflush_waits(black_hole):
    done = run(
        """
    import asyncio
    async def main():
        count = 0
        async def tick():
            nonlocal count
            while True:
                count += 1
                await asyncio.sleep(0.01)
        ticker = asyncio.create_task(tick())
        stream = QueuedStream(sys.argv[1], linger=0.005, connect_timeout=0.5)
        write_all(stream, 100)
        await asyncio.sleep(0.05)
        before = count
        tell(flushed=await stream.aflush(0.5), ticks=count - before)
        ticker.cancel()
        stream.close(0)
    asyncio.run(main())
    """,
        black_hole.url,
    )

    assert done.facts["flushed"] is False
    assert done.facts["ticks"] > 10


def test_aflush_returns_true_when_all_has_arrived(server):
    there = server("tcp")
    run(
        """
    import asyncio
    async def main():
        stream = QueuedStream(sys.argv[1], **QUICK)
        for n in range(5):
            write_all(stream, 100, start=100 * n)
            flushes = [stream.aflush(10) for _ in range(3)]
            assert all(await asyncio.gather(*flushes))
            assert stream.stats()["sent"] == 100 * n + 100
        stream.close(5)
    asyncio.run(main())
    """,
        there.url,
    )

    there.wait_for(500)


def test_aflush_that_is_cancelled_leaves_the_queue_as_it_is(black_hole):
    run(
        """
    import asyncio
    async def main():
        stream = QueuedStream(sys.argv[1], **QUICK)
        write_all(stream, 100)
        began = time.monotonic()
        try:
            await asyncio.wait_for(stream.aflush(20), 0.1)
        except asyncio.TimeoutError:
            pass
        else:
            raise AssertionError("nobody is there")
        assert time.monotonic() - began < 2
        check(stream.stats())
        assert stream.stats()["queued"] == 100
        stream.close(0)
    asyncio.run(main())
    """,
        black_hole.url,
    )

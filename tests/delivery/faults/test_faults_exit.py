"""Exit of a program with a full queue: what is sent within the time limit, and what is lost."""

from __future__ import annotations

import signal
import time

import pytest
from delivery.faults.identity import compare, in_order
from delivery.faults.support import Program, run
from delivery.support import SOON, within

#: Time limit at exit, and the time to start and end Python on a busy machine.
EXIT = 2.0 + 3 * SOON

#: One queue with messages 0 to 4999; the server is absent or running.
FILL = """
    stream = QueuedStream(sys.argv[1], **QUICK)
    accepted = write_all(stream, 5000, size=100)
    assert len(accepted) == 5000
"""
ACCEPTED = {("a", number) for number in range(5000)}

ENDS = {
    "falls-off-the-end": ("", 0),
    "sys-exit": ("sys.exit(3)", 3),
    "exception": ("raise RuntimeError('the end')", 1),
    "interrupt": ("signal.raise_signal(signal.SIGINT)", None),
    "in-a-thread": (
        "threading.Thread(target=lambda: (time.sleep(0.05), write_all(stream, 0))).start()",
        0,
    ),
    "stream-dropped": ("del stream", 0),
    "in-a-cycle": ("loop = [stream]; loop.append(loop); del stream, loop", 0),
    "atexit-before": ("atexit.register(write_all, stream, 10, 'late')", 0),
}


@pytest.mark.parametrize("how", ENDS)
def test_exit_sends_what_is_queued(server, how):
    there = server("tcp")
    script, code = ENDS[how]

    run(f"{FILL}\n    {script}", there.url, code=code)

    late = {("late", number) for number in range(10)} if how == "atexit-before" else set()
    there.wait_for(5000 + len(late))
    assert there.received.serials() == dict.fromkeys(ACCEPTED | late, 1)


def test_exit_waits_for_a_server_that_comes_in_time(server):
    there = server("tcp", start=False)
    with Program(FILL + "\n    tell(full=True)", there.url) as program:
        program.line()
        time.sleep(0.3)
        there.start()
        program.end()

    there.wait_for(5000)
    assert there.received.serials() == dict.fromkeys(ACCEPTED, 1)


def test_exit_without_a_server_ends_within_its_bound(server):
    """Four queues share one time limit; nothing is reported twice."""
    there = server("tcp", start=False)

    with within(EXIT):
        done = run(
            """
            streams = [QueuedStream(sys.argv[1], **QUICK) for _ in range(4)]
            for stream in streams:
                write_all(stream, 1000)
            """,
            there.url,
        )

    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) <= 8, done.err


def test_exit_with_a_peer_that_hangs_ends_within_its_bound(server):
    there = server("tcp", buffer=4096)
    there.hang()

    with within(EXIT):
        run(
            """
            heka._delivery.lifecycle.EXIT_TIMEOUT = 0.5
            stream = QueuedStream(sys.argv[1], **QUICK)
            write_all(stream, 5000, size=1000)
            """,
            there.url,
        )


def test_exit_counts_what_it_gives_up(server):
    there = server("tcp", start=False)
    done = run(
        """
        heka._delivery.lifecycle.EXIT_TIMEOUT = 0.5
        stream = QueuedStream(sys.argv[1], **QUICK)
        write_all(stream, 1000)
        last = lambda: tell(**stream.stats())
        """,
        there.url,
        first="import atexit; atexit.register(lambda: last())\n",  # runs after all other handlers
    )

    facts = done.facts
    assert (facts["offered"], facts["sent"], facts["queued"]) == (1000, 0, 0)
    assert sum(facts["dropped"].values()) == 1000


def test_os_exit_loses_what_is_queued_and_cuts_no_frame_that_others_see(server):
    """No handler runs; the peer gets whole frames, and perhaps part of one at the end."""
    there = server("tcp")
    run(FILL + "\n    os._exit(0)", there.url)
    time.sleep(0.1)
    there.stop()

    assert there.received.serials().keys() <= ACCEPTED
    assert all(in_order(record.serials) for record in there.received.read_on())


def test_sigterm_ends_the_program_at_once(server):
    """Without a handler, no exit handler runs: queued frames are lost, and exit is immediate."""
    there = server("tcp", start=False)
    with Program(FILL + "\n    tell(full=True)\n    time.sleep(20)", there.url) as program:
        program.line()
        with within(SOON):
            program.send_signal(signal.SIGTERM)
            program.end(-signal.SIGTERM)


SIGTERM = {
    "default": ("", -signal.SIGTERM),
    "ignored": ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", 5),
    "handler": ("signal.signal(signal.SIGTERM, lambda *args: os._exit(7))", 7),
    "sys-exit": ("signal.signal(signal.SIGTERM, lambda *args: sys.exit(8))", 8),
}


@pytest.mark.parametrize("before", SIGTERM)
def test_sigterm_flushes_if_configured_and_calls_the_previous_handler(server, before):
    there = server("tcp", start=False)
    handler, code = SIGTERM[before]
    with Program(
        f"""
    {handler}
    ends = {before != "ignored"}
    heka.flush_on_sigterm(10)
    {FILL}
    tell(full=True)
    end = time.monotonic() + 20
    while time.monotonic() < end and (ends or stream.stats()["sent"] < 5000):
        time.sleep(0.01)
    os._exit(5)
    """,
        there.url,
    ) as program:
        program.line()
        program.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        there.start()
        program.end(code)

    there.wait_for(5000)
    assert there.received.serials() == dict.fromkeys(ACCEPTED, 1)


def test_sigterm_gives_up_within_its_bound(server):
    there = server("tcp", start=False)
    script = f"heka.flush_on_sigterm(0.2)\n{FILL}\n    tell(full=True)\n    time.sleep(20)"
    with Program("if True:\n    " + script, there.url) as program:
        program.line()
        with within(2 * SOON):
            program.send_signal(signal.SIGTERM)
            program.end(-signal.SIGTERM)


def test_exit_flushes_a_queue_that_only_the_url_configures(server):
    """With ``heka.log`` only: there is no stream that the program could close."""
    there = server("tcp")
    run(
        """
        for number in range(5000):
            assert heka.log("t", "a", payload=f"{number} ", to=sys.argv[1] + "?queue=1")
        assert heka.stats()["offered"] == 5000
        """,
        there.url,
    )

    there.wait_for(5000)
    assert there.received.serials() == dict.fromkeys(ACCEPTED, 1)


def test_os_exit_loses_nothing_in_a_spool(server, tmp_path):
    """What was not sent before, the next process finds and sends."""
    there = server("tcp", start=False)
    spool = f"spool={str(tmp_path / 'spool')!r}"
    fill = FILL.replace("**QUICK", f"**QUICK, {spool}")
    run(fill + "\n    os._exit(0)", there.url)
    there.start()

    done = run(
        f"""
        stream = QueuedStream(sys.argv[1], **QUICK, {spool})
        assert stream.flush(20)
        tell(**stream.stats())
        stream.close(5)
        """,
        there.url,
    )

    assert (done.facts["recovered"], done.facts["sent"]) == (5000, 5000)
    there.wait_for(5000)
    there.stop()
    compare(done.facts, there.received.serials(), ACCEPTED)


@pytest.mark.parametrize("kill_after", [0.0, 0.02, 0.1])
def test_kill_9_while_sending_loses_nothing_in_a_spool(server, tmp_path, kill_after):
    """Only what was not acknowledged is sent again."""
    there = server("tcp", buffer=8192, pause=0.005, chunk=20000)
    spool = f"spool={str(tmp_path / 'spool')!r}"
    fill = FILL.replace("**QUICK", f"**QUICK, {spool}").replace("size=100", "size=300")
    with Program(fill + "\n    tell(full=True)\n    time.sleep(20)", there.url) as program:
        program.line()
        time.sleep(kill_after)
        program.kill()
        program.end(-signal.SIGKILL)
    done = run(
        f"""
        with QueuedStream(sys.argv[1], **QUICK, {spool}) as stream, Watch(stream):
            assert stream.flush(20)
            tell(**stream.stats())
        """,
        there.url,
    )

    there.wait_for(5000)
    came = there.received.serials()
    assert came.keys() == ACCEPTED
    assert done.facts["queued"] == 0
    assert max(came.values()) <= 2

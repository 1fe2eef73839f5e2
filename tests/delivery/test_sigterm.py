"""``heka.configure(flush_on_sigterm=...)``: SIGTERM in a program with a queue in memory."""

from __future__ import annotations

import shutil
import signal
import subprocess

import pytest
from delivery.support import (
    CHILD,
    PATIENCE,
    Listener,
    Outcome,
    command,
    environment,
    run,
)

import heka

QUEUED = """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    {before}
    heka.configure(to=sys.argv[1] + "?queue=1", flush_on_sigterm=10)
    {after}
    for number in range(200):
        heka.log("t", fields={{"number": number}})
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(20)
"""
#: What is done before or after, and the exit status.
HANDLERS = {
    "none": ("", "", -signal.SIGTERM),
    "before": ("signal.signal(signal.SIGTERM, lambda *args: os._exit(7))", "", 7),
    "before-exits": ("signal.signal(signal.SIGTERM, lambda *args: sys.exit(8))", "", 8),
    "after-exits": ("", "signal.signal(signal.SIGTERM, lambda *args: sys.exit(9))", 9),
    "after-calls": (
        "",
        "ours = signal.getsignal(signal.SIGTERM)\n"
        "    signal.signal(signal.SIGTERM, lambda *args: (tell(called=True), ours(*args)))",
        -signal.SIGTERM,
    ),
    "twice": ("heka.configure(flush_on_sigterm=0)", "", -signal.SIGTERM),
}


@pytest.mark.parametrize("name", HANDLERS)
def test_what_is_queued_is_sent_and_the_exit_status_stays(peer, name):
    there = peer(Listener)
    before, after, status = HANDLERS[name]

    done = subprocess.run(
        command(QUEUED.format(before=before, after=after), there.url),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE,
    )

    assert done.returncode == status, done.stderr
    assert Outcome(done).facts == ({"called": True} if name == "after-calls" else {})
    received = there.accept().read_to_end()
    assert [message.fields["number"][0] for message in received] == list(range(200))


IN_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child")
can_enter = shutil.which("unshare") and not subprocess.call(
    [*IN_NAMESPACE, "true"], stderr=subprocess.DEVNULL
)


@pytest.mark.skipif(not can_enter, reason="this user may make no name space of processes")
def test_process_1_of_a_container_ends_too(peer):
    there = peer(Listener)

    done = subprocess.run(
        [*IN_NAMESPACE, *command(QUEUED.format(before="", after=""), there.url)],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE,
    )

    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert len(there.accept().read_to_end()) == 200


def test_unasked_no_handler_is_installed(peer):
    there = peer(Listener)

    done = run(
        """
        before = signal.getsignal(signal.SIGTERM)
        heka.configure(to=sys.argv[1] + "?queue=1")
        heka.log("t")
        heka.flush()
        tell(same=signal.getsignal(signal.SIGTERM) is before, default=before is signal.SIG_DFL)
        """,
        there.url,
    )

    assert done.facts == {"same": True, "default": True}


def test_forked_children_with_nothing_queued_end_at_once():
    """Though the parent has messages that nobody takes, and would wait for them."""
    done = run(
        CHILD
        + """
    heka.configure(to="tcp://127.0.0.1:1?queue=1", flush_on_sigterm=20)
    heka.log("t")
    ready, tell_ready = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(tell_ready, b".")
        time.sleep(20)
        os._exit(1)
    os.read(ready, 1)
    start = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    status = os.waitpid(pid, 0)[1]
    tell(status=status, took=time.monotonic() - start)
    os._exit(0)
    """
    )

    assert done.facts["status"] == signal.SIGTERM
    assert done.facts["took"] < 10


def test_pools_of_multiprocessing_end_at_once():
    done = run(
        """
        import multiprocessing
        heka.configure(to="tcp://127.0.0.1:1?queue=1", flush_on_sigterm=20)
        heka.log("t")
        context = multiprocessing.get_context("fork")
        pool = context.Pool(2)
        answer = pool.map(abs, [-1, -2])
        start = time.monotonic()
        pool.terminate()
        pool.join()
        codes = set()
        for _ in range(10):
            process = context.Process(target=time.sleep, args=(20,))
            process.start()
            process.terminate()  # amid the fork, often
            process.join()
            codes.add(process.exitcode)
        tell(answer=answer, codes=list(codes), took=time.monotonic() - start)
        os._exit(0)
        """
    )

    assert done.facts["answer"] == [1, 2]
    assert done.facts["codes"] == [-signal.SIGTERM]
    assert done.facts["took"] < 10  # seconds: half of what a flush of the parent's queue takes


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_timeout_is_seconds(timeout):
    before = signal.getsignal(signal.SIGTERM)

    with pytest.raises(ValueError, match="timeout must be seconds, 0 or more"):
        heka.configure(flush_on_sigterm=timeout)

    assert signal.getsignal(signal.SIGTERM) is before

"""Limits of the machine: exhausted descriptors, clock jumps, a stopped process."""

from __future__ import annotations

import signal
import time

import pytest
from delivery.faults.support import Program, run
from delivery.support import compile_shim

#: Real-time clocks jump by $SHIM_JUMP seconds; the monotonic clock does not.
JUMPING_CLOCK = """
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

volatile long shim_jump = 0;

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    /* not dlsym: a sanitizer asks for the time inside of malloc */
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += shim_jump;
    return result;
}

time_t
time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) *out = now.tv_sec;
    return now.tv_sec;
}

int
gettimeofday(struct timeval *out, void *zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""
JUMP = """
    import ctypes
    jump = ctypes.c_long.in_dll(ctypes.CDLL(os.environ["SHIM"]), "shim_jump")
    def turn(seconds):
        before = time.time()
        jump.value += seconds
        assert abs(time.time() - before - seconds) < 60, "the shim does not work"
"""

LIMIT = """
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    def limit():
        there = max(int(name) for name in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (there + 5, hard))
        while True:
            try:
                held.append(os.open(os.devnull, os.O_RDONLY))
            except OSError:
                return
    def lift():
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    held = []
"""


@pytest.mark.parametrize("way", ["raised", "closed"])
def test_a_program_without_descriptors_loses_nothing(server, way):
    """Messages are queued without a free descriptor, and sent once there is one."""
    there = server("tcp")
    run(
        LIMIT
        + """
    limit()
    stream = QueuedStream(sys.argv[1], **QUICK)
    with Watch(stream):
        began = time.monotonic()
        assert len(write_all(stream, 500)) == 500
        assert not stream.flush(0.2)
        assert time.monotonic() - began < 3
        now = stream.stats()
        assert (now["sent"], now["queued"]) == (0, 500) and now["retries"] > 0, now
        if sys.argv[2] == "raised":
            lift()
        else:
            for fd in held: os.close(fd)
        assert stream.flush(10)
        assert stream.stats()["sent"] == 500
    stream.close(5)
    """,
        there.url,
        way,
    )

    there.wait_for(500)
    assert set(there.received.serials().values()) == {1}


def test_a_connection_that_is_there_goes_on_without_descriptors(server):
    there = server("tcp")
    run(
        LIMIT
        + """
    stream = QueuedStream(sys.argv[1], **QUICK)
    with Watch(stream):
        write_all(stream, 1)
        assert stream.flush(10)
        limit()
        write_all(stream, 500, start=1)
        assert stream.flush(10)
    assert stream.stats()["sent"] == 501 and stream.stats()["reconnects"] == 0
    stream.close(5)
    """,
        there.url,
    )

    there.wait_for(501)


def test_descriptors_do_not_grow_with_connections_that_fail(server):
    """Neither with refused nor with broken connections."""
    there = server("tcp")
    with Program(
        """
    def count():
        return len(os.listdir("/proc/self/fd"))
    stream = QueuedStream(sys.argv[1], linger=0.001, backoff_max=0.002)
    write_all(stream, 1)
    assert stream.flush(10)
    before = count()
    tell(ready=True)
    sys.stdin.readline()
    write_all(stream, 1, start=1)
    while stream.stats()["retries"] < 100:
        time.sleep(0.01)
    assert count() <= before + 1, (before, count())
    stream.close(0.1)
    """,
        there.url,
    ) as program:
        program.line()
        there.stop()
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
        program.end()


@pytest.mark.parametrize("seconds", [315_360_000, -315_360_000], ids=["ahead", "back"])
@pytest.mark.parametrize("moment", ["linger", "back-off", "flush", "block"])
def test_a_clock_that_jumps_by_ten_years_changes_nothing(server, tmp_path, moment, seconds):
    """No deadline depends on the real-time clock."""
    there = server("tcp", start=moment in ("linger", "flush"))
    shim = compile_shim(JUMPING_CLOCK, tmp_path)
    with Program(
        JUMP
        + """
    seconds, moment = int(sys.argv[2]), sys.argv[3]
    options = {**QUICK, "linger": 0.2 if moment == "linger" else 0.005}
    stream = QueuedStream(sys.argv[1], capacity="256 KiB", overflow="block",
                          block_timeout=0.3, **options)
    began = time.monotonic()
    with Watch(stream):
        taken = len(write_all(stream, 20))
        if moment == "linger":
            turn(seconds)
        elif moment == "back-off":
            while stream.stats()["retries"] < 2: time.sleep(0.002)
            turn(seconds)
        elif moment == "flush":
            threading.Timer(0.05, turn, (seconds,)).start()
        else:
            threading.Timer(0.2, turn, (seconds,)).start()
            n = 20
            while write_all(stream, 1, size=1000, start=n): n += 1
            taken = n
        tell(ready=True)
        sys.stdin.readline()
        refused = "full" in stream.stats()["dropped"]  # which flush() tells once
        assert stream.flush(10) is not refused, stream.stats()
        turn(-seconds)
        taken += len(write_all(stream, 20, start=5000))
        assert stream.flush(10), stream.stats()
    assert time.monotonic() - began < 10
    tell(taken=taken)
    stream.close(5)
    """,
        there.url,
        seconds,
        moment,
        preload=shim,
        SHIM=str(shim),
    ) as program:
        program.line()
        if not there.is_up:
            there.start()
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
        taken = program.end().facts["taken"]

    there.wait_for(taken)
    assert there.received.serials().total() == taken


def test_a_process_that_was_stopped_continues_to_send(server):
    """SIGSTOP: every deadline has passed when it wakes up."""
    there = server("tcp")
    with Program(
        """
    stream = QueuedStream(sys.argv[1], linger=0.005, write_timeout=0.2, connect_timeout=0.2)
    with Watch(stream):
        for part in range(100):
            write_all(stream, 20, start=20 * part)
            if part == 10: tell(ready=True)
            time.sleep(0.003)
        assert stream.flush(10)
        tell(**stream.stats())
    stream.close(5)
    """,
        there.url,
    ) as program:
        program.line()
        program.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        program.send_signal(signal.SIGCONT)
        facts = program.end().facts

    there.wait_for(2000)
    assert facts["sent"] == 2000
    assert there.received.serials().total() - 2000 <= facts["resent"]

"""A queue that refuses messages tells the reason and the remedy on stderr; flush() is False."""

from __future__ import annotations

import resource
import shutil
import time

import pytest
from delivery.faults.spools import NOWHERE
from delivery.support import run, wait_until

import heka
from heka.streams import QueuedStream

FRAME = heka.pack("t", payload="x" * 1000)


def fill(stream, most=10_000):
    for _ in range(most):
        if not stream.write(FRAME):
            return
    raise AssertionError("it takes everything")


def test_a_full_queue_is_told_once(capsys):
    with QueuedStream(NOWHERE, capacity="64 KiB", backoff_max=0.05) as stream:
        fill(stream)
        for _ in range(3):
            fill(stream)
            assert not stream.flush(0.05)
        stream.close(0.0)
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "dropped (full)" in one]
    assert "raise capacity" in line


def test_a_full_queue_is_told_without_a_flush(capsys):
    err = []
    with QueuedStream(NOWHERE, capacity="64 KiB", backoff_max=0.05) as stream:
        fill(stream)
        wait_until(lambda: err.append(capsys.readouterr().err) or "dropped (full)" in "".join(err))
        stream.close(0.0)


def test_flush_is_false_if_messages_were_refused_since_the_flush_before(server):
    there = server("tcp", start=False)
    with QueuedStream(there.url, capacity="64 KiB", backoff_max=0.05) as stream:
        fill(stream)
        there.start()
        wait_until(lambda: stream.stats()["queued"] == 0)
        assert stream.flush(10) is False
        assert stream.flush(10) is True


def test_flush_is_true_if_older_messages_made_room(server):
    """What drop_old replaced was the choice of the program."""
    there = server("tcp", start=False)
    options = {"capacity": "64 KiB", "backoff_max": 0.05, "overflow": "drop_old"}
    with QueuedStream(there.url, **options) as stream:
        for _ in range(500):
            assert stream.write(FRAME)
        there.start()
        assert stream.stats()["dropped"]["full"] > 0
        assert stream.flush(10) is True


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit of file sizes")
@pytest.mark.parametrize(
    ("limit", "value", "remedy"),
    [
        ("RLIMIT_FSIZE", "150_000", "raise the limit of file sizes (ulimit -f)"),
        ("RLIMIT_NOFILE", "len(os.listdir('/proc/self/fd')) - 1", "raise the limit of open files"),
    ],
)
def test_a_spool_that_cannot_grow_is_told_with_the_remedy(tmp_path, limit, value, remedy):
    done = run(
        f"""
        import resource, signal
        from heka.streams import QueuedStream
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        stream = QueuedStream("tcp://127.0.0.1:1", spool=sys.argv[1], capacity="4 MiB")
        frame = heka.pack("t", payload="x" * 1000)
        assert stream.write(frame)
        resource.setrlimit(resource.{limit}, ({value}, resource.getrlimit(resource.{limit})[1]))
        while stream.write(frame):
            pass
        tell(flushed=stream.flush(0.1))
        os._exit(0)
        """,
        str(tmp_path / "spool"),
    )
    assert remedy in done.err
    assert done.facts["flushed"] is False


@pytest.mark.parametrize("whole", [False, True], ids=["subdirectory", "spool"])
def test_a_removed_directory_is_made_again(tmp_path, server, whole, capsys):
    spool = tmp_path / "spool"
    there = server("tcp", start=False)
    with QueuedStream(there.url, spool=spool, capacity="1 MiB") as stream:
        assert stream.write(heka.pack("t", "a", payload="0"))
        (own,) = spool.iterdir()
        shutil.rmtree(spool if whole else own)
        wait_until(lambda: spool.is_dir() and list(spool.iterdir()), "a new directory")
        time.sleep(0.05)
        for number in range(1, 3000):
            assert stream.write(heka.pack("t", "a", payload=f"{number}"))
        assert list(next(spool.iterdir()).glob("*.heka")), "the frames are on disk"
        there.start()
        assert stream.flush(20)
        there.wait_for(3000)
        assert stream.stats()["dropped"] == {}
    assert "was removed while it was in use" in capsys.readouterr().err

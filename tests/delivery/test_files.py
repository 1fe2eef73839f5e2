"""Files: appending, rotation, full disks, FIFOs, and exhausted descriptors."""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path

import pytest
from delivery.support import SOON, Listener, account, run, run_threads, wait_until, within

import heka
from heka._net.transports import FileTransport


@pytest.fixture
def path(tmp_path):
    return tmp_path / "heka.bin"


def types(path):
    """Return the types of the messages in a file of whole frames."""
    reader = heka.StreamReader()
    frames = reader.feed(path.read_bytes())
    assert (reader.pending_bytes, reader.discarded_bytes) == (0, 0)
    return [frame.message.type for frame in frames]


def insist(*args, **kwargs):
    wait_until(lambda: heka.log(*args, **kwargs))


def test_a_file_is_appended_to(path):
    path.write_bytes(heka.pack("before"))

    assert heka.log("after", to=f"file://{path}")

    assert types(path) == ["before", "after"]


def test_a_missing_file_is_made_for_its_owner_to_write(path):
    before = os.umask(0o022)
    try:
        assert heka.log("t", to=f"file://{path}")
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_frames_of_threads_and_processes_do_not_mix(path):
    done = run(
        """
        to, processes = sys.argv[1], []
        heka.log("first", to=to)
        def work(n):
            for i in range(50):
                assert heka.log(f"t{n}", payload="x" * (1 + 997 * i % 9000), to=to)
        for _ in range(4):
            if os.fork() == 0:
                threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
                for thread in threads: thread.start()
                for thread in threads: thread.join()
                os._exit(0)
        tell(ended=[os.wait()[1] for _ in range(4)])
        """,
        f"file://{path}",
    )

    assert done.facts["ended"] == [0] * 4
    assert sorted(types(path)) == ["first", *sorted([f"t{n}" for n in range(4)] * 200)]


@pytest.mark.parametrize("how", ["moved", "removed", "replaced"])
def test_the_file_that_the_path_names_now_is_written(path, how):
    """Rotation moves the file away, and nothing reads the old one any more."""
    to = f"file://{path}"
    assert heka.log("one", to=to)
    if how == "moved":
        path.rename(path.with_suffix(".1"))
    elif how == "removed":
        path.unlink()
    else:
        path.with_suffix(".new").touch()
        path.with_suffix(".new").rename(path)

    assert heka.log("two", to=to) is True

    assert types(path) == ["two"]
    assert account(to)["dropped"] == {}


def test_a_file_cut_to_nothing_is_appended_to(path):
    """Rotation by copytruncate does this."""
    assert heka.log("one", to=f"file://{path}")
    os.truncate(path, 0)

    assert heka.log("two", to=f"file://{path}")

    assert types(path) == ["two"]


def test_a_full_disk_is_an_error(capfd):
    assert heka.log("t", to="file:///dev/full") is False
    assert heka.log("t", to="file:///dev/full") is False

    assert account("file:///dev/full")["dropped"] == {"error": 1, "backoff": 1}
    assert "cannot send to file:///dev/full (error): [Errno 28] No space left" in (
        capfd.readouterr().err
    )


@pytest.mark.parametrize(
    ("make", "reason", "says"),
    [
        pytest.param(lambda path: None, "refused", "No such file or directory", id="no-folder"),
        pytest.param(lambda path: path.mkdir(parents=True), "error", "directory", id="a-folder"),
        pytest.param(
            lambda path: path.parent.touch(), "error", "Not a directory", id="a-file-on-the-way"
        ),
        pytest.param(
            lambda path: (path.parent.mkdir(), path.symlink_to(path)),
            "error",
            "symbolic link",
            id="a-circle-of-links",
        ),
    ],
)
def test_a_path_that_cannot_be_written_is_reported(tmp_path, capfd, make, reason, says):
    path = tmp_path / "folder" / "file"
    make(path)

    assert heka.log("t", to=f"file://{path}") is False

    assert account(f"file://{path}")["dropped"] == {reason: 1}
    assert says in capfd.readouterr().err


def test_a_path_that_becomes_writable_is_written(tmp_path):
    path = tmp_path / "folder" / "file"
    assert heka.log("lost", to=f"file://{path}") is False
    path.parent.mkdir()

    insist("found", to=f"file://{path}")

    assert types(path) == ["found"]


def test_a_character_device_is_written():
    assert heka.log("t", to="file:///dev/null") is True


def test_a_file_larger_than_its_limit_is_an_error(path):
    """RLIMIT_FSIZE: the kernel writes a part, then fails; Python ignores SIGXFSZ."""
    done = run(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        first = heka.log("small", to=sys.argv[1])
        second = heka.log("large", payload=chr(7) * 2000, to=sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        insist("after", to=sys.argv[1])
        heka.log("large", payload=chr(7) * 2000, to=sys.argv[1])
        tell(sent=[first, second], **dropped())
        """,
        f"file://{path}",
    )

    assert done.facts["sent"] == [True, False]
    assert done.facts["error"] == 1
    reader = heka.StreamReader()
    found = [frame.message.type for frame in reader.feed(path.read_bytes())]
    assert found == ["small", "after", "large"], "a reader finds its way behind the torn frame"


LIMITED = """
    import resource, time
    from heka.streams import FileStream, QueuedStream
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
    path, how = sys.argv[1:3]
    stream = {
        "file": lambda: FileStream(path),
        "queue": lambda: QueuedStream(f"file://{path}", backoff_max=0.01, linger=0.0),
    }[how]()
    for number in range(100):
        stream.write(heka.pack(f"{number}", payload="x" * 333))
    stream.flush(0.3)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    for number in range(100, 110):
        until = time.monotonic() + 10
        while not stream.write(heka.pack(f"{number}")) and time.monotonic() < until:
            time.sleep(0.01)
    stream.flush(10)
    found = stream.stats()
    stream.close()
    tell(sent=found["sent"], lost=sum(found["dropped"].values()), resent=found["resent"])
"""


@pytest.mark.parametrize("how", ["file", "queue"])
def test_a_disk_that_fills_in_the_middle_of_a_frame_leaves_whole_frames(path, how):
    """What was written of it is cut off; a queue writes each frame once, when there is room."""
    done = run(LIMITED, str(path), how)

    found = types(path)
    assert len(found) == done.facts["sent"] == len(set(found))
    assert found == sorted(found, key=int)
    assert found[-10:] == [str(number) for number in range(100, 110)]
    if how == "file":
        assert done.facts["lost"] > 0
    else:
        assert found == [str(number) for number in range(110)]


def test_what_another_process_has_appended_is_not_cut(path, monkeypatch):
    """The file then has a torn frame in the middle, which a reader skips."""
    theirs = heka.pack("theirs")
    file = FileTransport(str(path))
    file.open(time.monotonic() + 1)
    ours = heka.pack("ours", payload="x" * 100)
    write = os.write

    def stop(fd, data):
        if len(data) < len(ours):
            with path.open("ab") as other:
                other.write(theirs)
            raise OSError(errno.ENOSPC, "full")
        return write(fd, data[:50])

    monkeypatch.setattr(os, "write", stop)
    with pytest.raises(OSError, match="full"):
        file.send(ours, time.monotonic() + 1)
    file.close()

    assert path.read_bytes() == ours[:50] + theirs


@pytest.mark.parametrize("cut", [1, 100, 250])
def test_whole_frames_before_the_torn_one_stay(path, monkeypatch, cut):
    file = FileTransport(str(path))
    file.open(time.monotonic() + 1)
    path.write_bytes(b"before")
    frames = [heka.pack("t", payload="x" * 20, hostname="h") for _ in range(5)]
    data = b"".join(frames)
    write = os.write
    calls = []

    def stop(fd, data):
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "full")
        return write(fd, data[:cut])

    monkeypatch.setattr(os, "write", stop)
    with pytest.raises(OSError, match="full"):
        file.send(data, time.monotonic() + 1)
    file.close()

    whole = cut // len(frames[0]) * len(frames[0])
    assert file.kept == whole
    assert path.read_bytes() == b"before" + data[:whole]


# ---- FIFOs ---------------------------------------------------------------------------------------


@pytest.fixture
def fifo(path):
    os.mkfifo(path)
    opened = []

    class Fifo:
        to = f"file://{path}"

        def read_end(self):
            opened.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            return opened[-1]

        def close(self):
            while opened:
                os.close(opened.pop())

    made = Fifo()
    yield made
    made.close()


def test_a_fifo_without_a_reader_is_a_refusal(fifo):
    with within(SOON):
        assert heka.log("lost", to=fifo.to) is False
    assert account(fifo.to)["dropped"] == {"refused": 1}

    end = fifo.read_end()
    insist("found", to=fifo.to)

    (frame,) = heka.StreamReader().feed(os.read(end, 65536))
    assert frame.message.type == "found"


def test_a_full_fifo_blocks_no_longer_than_the_timeout(fifo):
    end = fifo.read_end()
    count = 0
    with within(SOON):
        while heka.log("t", payload="x" * 1000, to=fifo.to, timeout=0.1):
            count += 1
    assert account(fifo.to)["dropped"] == {"timeout": 1}

    data = b""
    while len(heka.StreamReader().feed(data)) < count:
        data += os.read(end, 65536)
    insist("more", to=fifo.to)

    assert heka.StreamReader().feed(os.read(end, 65536))[0].message.type == "more"


def test_a_fifo_that_lost_its_reader_does_not_end_the_program(path):
    """With the default action of SIGPIPE, write() would end the process."""
    os.mkfifo(path)

    done = run(
        """
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        end = os.open(sys.argv[1].removeprefix("file://"), os.O_RDONLY | os.O_NONBLOCK)
        first = heka.log("t", to=sys.argv[1])
        os.close(end)
        second = heka.log("t", to=sys.argv[1])
        tell(sent=[first, second], pending=list(signal.sigpending()),
             blocked=list(signal.pthread_sigmask(signal.SIG_BLOCK, [])), **dropped())
        """,
        f"file://{path}",
    )

    assert done.facts == {"sent": [True, False], "pending": [], "blocked": [], "closed": 1}


# ---- no descriptors left -------------------------------------------------------------------------

AT_THE_LIMIT = """
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    def exhaust():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        try:
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
    def relax():
        while held:
            os.close(held.pop())
"""


@pytest.mark.parametrize("kind", ["tcp", "udp", "file"])
def test_no_descriptor_left_is_an_error_until_there_is_one(peer, path, kind):
    there = peer(Listener)
    to = {"tcp": there.url, "udp": f"127.0.0.1:{there.port}", "file": f"file://{path}"}[kind]

    done = run(
        AT_THE_LIMIT
        + """
    heka.configure()
    exhaust()
    sent = [heka.log("t", to=sys.argv[1]) for _ in range(3)]
    relax()
    insist("t", to=sys.argv[1])
    tell(sent=sent, **dropped())
    """,
        to,
    )

    assert done.facts["sent"] == [False] * 3
    assert done.facts["error"] == 1
    assert "Too many open files" in done.err


def test_no_descriptor_left_for_the_first_message_is_an_error_too(peer):
    """What sends cannot be imported; each message tries again."""
    there = peer(Listener)

    done = run(
        AT_THE_LIMIT
        + """
    exhaust()
    sent = [heka.log("t", to=sys.argv[1]) for _ in range(3)]
    relax()
    sent += [heka.log("t", to=sys.argv[1])]
    tell(sent=sent, **dropped())
    """,
        there.url,
    )

    assert done.facts == {"sent": [False] * 3 + [True], "error": 3}
    assert "Too many open files" in done.err


@pytest.mark.parametrize("kind", ["tcp", "file"])
def test_what_is_open_needs_no_other_descriptor(peer, path, kind):
    there = peer(Listener)
    to = {"tcp": there.url, "file": f"file://{path}"}[kind]

    done = run(
        AT_THE_LIMIT
        + """
    heka.log("t", to=sys.argv[1])
    exhaust()
    tell(sent=[heka.log("t", to=sys.argv[1]) for _ in range(3)])
    """,
        to,
    )

    assert done.facts["sent"] == [True] * 3


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no list of descriptors")
@pytest.mark.parametrize("kind", ["tcp", "unix", "unixgram", "file", "folder"])
def test_failures_leave_no_descriptor_open(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("heka._delivery.direct.BACKOFF_FIRST", 0.0)
    to = {
        "tcp": "tcp://127.0.0.1:9",
        "unix": f"unix://{tmp_path}/none",
        "unixgram": f"unixgram://{tmp_path}/none",
        "file": f"file://{tmp_path}/none/none",
        "folder": f"file://{tmp_path}",
    }[kind]
    heka.log("t", to=to)
    before = descriptors()

    assert not any([heka.log("t", to=to) for _ in range(50)])

    assert descriptors() == before
    assert "backoff" not in account(to)["dropped"]


def test_a_block_device_is_refused(path, monkeypatch, capfd):
    """Appending would overwrite its contents."""
    monkeypatch.setattr("heka._net.transports.stat.S_ISBLK", lambda mode: True)
    heka.log("warm-up", to="tcp://127.0.0.1:9")
    before = descriptors()

    assert heka.log("t", to=f"file://{path}") is False

    assert descriptors() == before
    assert account(f"file://{path}")["dropped"] == {"error": 1}
    assert "not a regular file, FIFO or character device" in capfd.readouterr().err


@pytest.mark.parametrize("threads", [1, 8])
def test_a_file_is_opened_once(path, threads):
    to = f"file://{path}"

    run_threads(threads, lambda n: [heka.log("t", to=to) for _ in range(50)])

    opened = [link for link in Path("/proc/self/fd").iterdir() if os.path.lexists(link)]
    assert sum(os.readlink(link) == str(path) for link in opened if os.path.lexists(link)) == 1
    assert len(types(path)) == 50 * threads

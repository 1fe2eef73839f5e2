"""Forked children: new ids and pid; objects made before the fork work in both processes.

Connections of a child are the matter of tests/delivery/test_fork.py.
"""

from __future__ import annotations

import os
import socket
import sys

import pytest
from delivery.support import Datagrams, run

#: in_child(work): forks, and returns what work() returned there. Both start at the same time.
IN_CHILD = """
    import pickle
    def fork(work):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid:
            os.close(writing)
            return pid, reading
        faulthandler.register(signal.SIGALRM, chain=True)  # the parent's timer is not the child's
        signal.alarm(15)
        try:
            os.write(writing, pickle.dumps(work()))
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    def result(pid, reading):
        with open(reading, "rb") as file:
            data = file.read()
        assert os.waitpid(pid, 0)[1] == 0, "the child failed"
        return pickle.loads(data)
    def in_child(work):
        return result(*fork(work))
"""


def test_ids_of_parent_and_children_differ():
    """Also those of several children, of grandchildren, and of threads in each."""
    facts = run(
        IN_CHILD
        + """
    COUNT = 500
    def ids():
        made = [heka.Message().uuid for _ in range(COUNT)]
        def in_thread():
            made.extend(heka.pack()[6:22] for _ in range(COUNT))
        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join()
        return made
    def child():
        grandchild = fork(ids)
        return ids() + result(*grandchild) + ids()
    before = ids()  # the generators are seeded
    children = [fork(child) for _ in range(4)]
    made = before + ids()
    for one in children:
        made += result(*one)
    tell(made=len(made), different=len(set(made)))
    """
    ).facts

    assert facts == {"made": 14_000, "different": 14_000}


def test_samples_of_parent_and_child_differ():
    """Which of the sampled events are sent is decided by the same generator."""
    facts = run(
        IN_CHILD
        + """
    from heka._core import Client, Sink
    def sample():
        client = Client()
        client.sink = Sink(lambda *args: "chosen")  # dropped, and counted
        client._set_plan((), 7, None, None, None, None, None)
        chosen = []
        for _ in range(200):
            before = client.sink.counts()["offered"]
            client.incr("x", rate=0.5)
            chosen.append(client.sink.counts()["offered"] - before)
        return chosen
    sample()
    child = fork(sample)
    ours, theirs = sample(), result(*child)
    tell(same=ours == theirs, ours=sum(ours), theirs=sum(theirs))
    """
    ).facts

    assert not facts["same"]
    assert 50 < facts["ours"] < 150
    assert 50 < facts["theirs"] < 150


def test_every_message_of_a_child_has_its_own_pid(tmp_path):
    facts = run(
        IN_CHILD
        + """
    def pids():
        logged = []
        with heka.testing.capture() as captured:
            heka.log("t")
        return [heka.Message().pid, captured[0].pid,
                heka.StreamReader().feed(heka.pack())[0].message.pid, os.getpid()]
    import heka.testing
    ours = pids()
    kept = heka.Message()
    theirs, later = in_child(lambda: (pids(), kept.pid))
    tell(ours=ours, theirs=theirs, kept=later, parent=os.getpid(), again=pids())
    """
    ).facts

    assert len(set(facts["ours"])) == len(set(facts["theirs"])) == 1
    assert facts["ours"] != facts["theirs"]
    assert facts["kept"] == facts["parent"]  # a message remembers who made it
    assert facts["again"] == facts["ours"]


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0,
    reason="giving a child another hostname takes Linux and root",
)
def test_a_child_with_another_hostname_sends_that_hostname():
    """The hostname is looked up again after a fork."""
    facts = run(
        IN_CHILD
        + """
    import ctypes
    CLONE_NEWUTS = 0x04000000
    before = heka.Message().hostname
    def renamed():
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUTS) != 0:
            return None
        socket.sethostname("another-host")
        return heka.Message().hostname, heka.StreamReader().feed(heka.pack())[0].message.hostname
    tell(before=before, child=in_child(renamed), after=heka.Message().hostname)
    """
    ).facts
    if facts["child"] is None:
        pytest.skip("this root may not leave its UTS namespace")

    assert facts["child"] == ["another-host", "another-host"]
    assert facts["before"] == facts["after"] == socket.gethostname()


def test_what_was_made_before_the_fork_works_on_both_sides():
    """Signers, half fed readers, and messages with and without their dict."""
    run(
        IN_CHILD
        + """
    import hashlib, hmac
    signers = [heka.SignerConfig("n", 1, "key", hash) for hash in ("sha1", "md5")]
    expected = [hmac.digest(b"key", b"data", hash) for hash in ("sha1", "md5")]
    frame = heka.pack("t", fields={"a": [1, 2]}, signer=signers[0])
    reader = heka.StreamReader(signers={("n", 1): "key"})
    assert reader.feed(frame[:30]) == []
    closed = heka.Message("t", fields={"a": [1, 2]})
    opened = heka.Message("t", fields={"a": [1, 2]})
    assert opened.fields
    kept = heka.StreamReader(signers={("n", 1): "key"}).feed(frame)
    def use():
        for _ in range(200):
            assert [signer.sign(b"data") for signer in signers] == expected
            assert heka.frame(b"x", signers[1])
        (read,) = reader.feed(frame[30:])
        assert read.signer == "n" and read.message.fields == {"a": [1, 2]}
        assert kept[0].message == read.message
        assert closed.encode()[18:] and closed.fields == opened.fields
        opened.fields["b"] = ["c"]
        assert heka.Message.decode(opened.encode()).fields == {"a": [1, 2], "b": ["c"]}
        return reader.delivered_bytes
    child = fork(use)
    ours = use()
    assert result(*child) == ours == len(frame)
    """
    )


def test_forks_among_threads_that_pack_and_log_leave_every_child_whole(peer):
    """The threads may be at any point when the process forks."""
    noise, there = peer(Datagrams), peer(Datagrams)
    facts = run(
        IN_CHILD
        + """
    noise, there = (("127.0.0.1", int(port)) for port in sys.argv[1:])
    signer = heka.SignerConfig("n", 1, "key", "sha1")
    shared = heka.Message("shared", fields={"a": list(range(50))})
    done = threading.Event()
    def pack():
        reader = heka.StreamReader(signers={("n", 1): "key"})
        while not done.is_set():
            (frame,) = reader.feed(heka.pack("t", fields={"b": ["x" * 500]}, signer=signer))
            assert frame.message.fields
            shared.fields = {"a": list(range(50))}
            assert shared.fields
    def log():
        while not done.is_set():
            heka.log("noise", to=noise, signer=signer)
            heka.configure(logger="other")
            heka.configure(logger="")
    threads = [threading.Thread(target=work) for work in (pack, pack, pack, log, log, log)]
    for thread in threads:
        thread.start()
    def child():
        reader = heka.StreamReader(signers={("n", 1): "key"})
        for _ in range(50):
            (frame,) = reader.feed(heka.pack("t", fields={"c": [1.5]}, signer=signer))
            assert frame.signer == "n" and frame.message.fields == {"c": [1.5]}
        assert heka.Message.decode(shared.encode()).fields == {"a": list(range(50))}
        assert heka.log("child", to=there, signer=signer, fields={"pid": os.getpid()}, timeout=15)
        counts = heka.stats()
        return heka.Message().uuid, os.getpid(), counts["sent"], counts["offered"]
    results = []
    for _ in range(12):
        results.append(in_child(child))
        time.sleep(0.002)
    done.set()
    for thread in threads:
        thread.join()
    tell(ids=len({r[0] for r in results}), pids=[r[1] for r in results],
         sent=[r[2:] for r in results])
    """,
        noise.port,
        there.port,
    ).facts

    assert facts["ids"] == 12
    assert facts["sent"] == [[1, 1]] * 12
    arrived = [there.message() for _ in range(12)]
    assert [message.fields["pid"] for message in arrived] == [[pid] for pid in facts["pids"]]
    assert [message.pid for message in arrived] == facts["pids"]

"""Signals during a call: its timeout holds, handlers may log, and Ctrl-C ends it."""

from __future__ import annotations

import pytest
from delivery.support import SOON, Datagrams, Listener, Task, account, run

import heka
from heka._delivery import direct

#: A handler that is called repeatedly, and a way to wait for a call of it.
NUISANCE = """
    calls = []
    signal.signal(signal.SIGALRM, lambda *args: calls.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    def finish(**facts):
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert calls, "no signal came"
        tell(**facts)
"""
#: Raises KeyboardInterrupt in the main thread as soon as it waits for the socket or a name.
CTRL_C = """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    def interrupt_when(condition):
        def work():
            while not condition():
                time.sleep(0.002)
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=work, daemon=True).start()
    def is_waiting():
        from heka._delivery import direct
        return any(d.sink.busy for d in direct._all)
"""


def test_signals_do_not_make_a_slow_send_fail(peer):
    there = peer(Listener, buffer=4096)

    def read():
        connection = there.accept()
        while connection.read_some(2000) and len(connection.messages) < 30:
            pass
        return len(connection.messages)

    reader = Task(read)
    done = run(
        NUISANCE
        + """
    payload = "x" * 60000
    sent = [heka.log("t", payload=payload, to=sys.argv[1], timeout=20) for _ in range(30)]
    while not calls: time.sleep(0.001)
    finish(sent=sent, **dropped())
    """,
        there.url,
    )

    assert done.facts == {"sent": [True] * 30}
    assert reader.result() == 30


@pytest.mark.parametrize("what", ["send", "connect", "unix-connect"])
def test_signals_do_not_make_a_call_longer(peer, tmp_path, what):
    """Each wait continues with the remaining time, not with the whole timeout."""
    if what == "unix-connect":
        there = peer(Listener, 1, str(tmp_path / "peer"), backlog=0)
    else:
        there = peer(Listener, backlog=0, buffer=4096)
    waiting = [] if what == "send" else there.fill()

    done = run(
        NUISANCE
        + """
    payload = "x" * 60000
    start = time.monotonic()
    while heka.log("t", payload=payload, to=sys.argv[1], timeout=0.2):
        start = time.monotonic()
    finish(took=time.monotonic() - start, **dropped())
    """,
        there.url,
    )

    assert 0.2 <= done.facts["took"] < SOON
    assert done.facts["timeout"] == 1
    for sock in waiting:
        sock.close()


def test_signals_do_not_make_a_name_take_longer(name_service, tmp_path):
    done = run(
        NUISANCE
        + """
    start = time.monotonic()
    heka.log("t", to="udp://hangs.test:9", timeout=0.2)
    finish(took=time.monotonic() - start, **dropped())
    """,
        preload=name_service,
        SHIM_GATE=str(tmp_path / "none"),
    )

    assert 0.2 <= done.facts["took"] < SOON
    assert done.facts["unresolved"] == 1


def test_a_handler_that_logs_while_its_thread_waits_drops_the_message(peer):
    """Otherwise the thread would wait for itself."""
    there = peer(Listener, buffer=4096)
    elsewhere = peer(Datagrams)

    done = run(
        CTRL_C
        + """
    inner = []
    def handler(*args):
        start = time.monotonic()
        inner.append(heka.log("inner", to=sys.argv[1], timeout=20))
        inner.append(heka.log("elsewhere", to=sys.argv[2], timeout=20))
        inner.append(heka.flush(20))
        inner.append(time.monotonic() - start)
    signal.signal(signal.SIGINT, handler)
    interrupt_when(is_waiting)
    while not inner:
        heka.log("t", payload="x" * 60000, to=sys.argv[1], timeout=0.5)
    tell(inner=inner[:3], took=inner[3], **dropped())
    """,
        there.url,
        f"127.0.0.1:{elsewhere.port}",
    )

    assert done.facts["inner"] == [False, True, False]
    assert done.facts["took"] < SOON
    assert done.facts["reentrant"] == 1
    assert elsewhere.message().type == "elsewhere"


INTERRUPTED = """
    interrupt_when(is_waiting)
    try:
        while True:
            heka.log("t", payload="x" * int(sys.argv[2]), to=sys.argv[1], timeout=20)
    except KeyboardInterrupt:
        tell(busy=is_waiting(), **dropped())
"""


def test_ctrl_c_ends_the_wait_for_a_slow_reader():
    """It also closes the connection, because part of a frame was sent."""
    done = run(
        CTRL_C
        + """
    there = socket.create_server(("127.0.0.1", 0))
    sys.argv[1:] = [f"tcp://127.0.0.1:{there.getsockname()[1]}", "60000"]
    """
        + INTERRUPTED
        + """
    def read(connection):
        reader = heka.StreamReader()
        frames = []
        data = connection.recv(65536)
        while data:
            frames += reader.feed(data)
            data = connection.recv(65536)
        return frames, reader
    frames, reader = read(there.accept()[0])
    tell(first=len(frames) == heka.stats()["sent"], tail=reader.pending_bytes)
    heka.log("after", to=sys.argv[1])
    connection = there.accept()[0]
    frames = heka.StreamReader().feed(connection.recv(65536))
    tell(second=[frame.message.type for frame in frames])
    """
    )

    facts = done.facts
    assert facts.pop("tail") > 0
    assert facts == {"busy": False, "interrupted": 1, "first": True, "second": ["after"]}


def test_ctrl_c_ends_the_wait_for_a_connection(peer):
    there = peer(Listener, backlog=0)
    waiting = there.fill()

    done = run(
        CTRL_C
        + """
    before = len(os.listdir("/proc/self/fd"))
    """
        + INTERRUPTED
        + """
    tell(left=len(os.listdir("/proc/self/fd")) - before)
    """,
        there.url,
        1,
    )

    assert done.facts == {"busy": False, "interrupted": 1, "left": 0}
    for sock in waiting:
        sock.close()


def test_ctrl_c_ends_the_wait_for_a_name(name_service, tmp_path, peer):
    there = peer(Datagrams)

    done = run(
        CTRL_C
        + INTERRUPTED
        + """
    open(os.environ["SHIM_GATE"], "w").close()
    insist("after", to=sys.argv[1])
    """,
        f"udp://hangs.test:{there.port}",
        1,
        preload=name_service,
        SHIM_GATE=str(tmp_path / "gate"),
    )

    assert done.facts == {"busy": False, "interrupted": 1}
    assert there.message().type == "after"


def test_ctrl_c_ends_the_wait_for_another_thread(peer):
    """The other thread continues, and its frame arrives whole."""
    there = peer(Listener, buffer=4096)

    def read():
        connection = there.accept()
        connection.read_to_end()
        return connection

    done = run(
        CTRL_C
        + """
    full = threading.Event()
    results = []
    def work():
        while not full.is_set():
            results.append(heka.log("t", payload="x" * 60000, to=sys.argv[1], timeout=20))
    thread = threading.Thread(target=work)
    thread.start()
    from heka._delivery import direct
    while not direct._all:
        time.sleep(0.002)
    (it,) = direct._all
    def is_stuck():
        before = it.sink.counts()["sent"]
        time.sleep(0.2)
        return it.sink.busy and 0 < before == it.sink.counts()["sent"]
    while not is_stuck():
        pass
    interrupt_when(lambda: it.sink.pending == 2)
    try:
        heka.log("t", to=sys.argv[1], timeout=20)
    except KeyboardInterrupt:
        tell(busy=it.sink.busy, torn=it.sink.torn)
    full.set()
    bell = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    thread.join()
    tell(all=all(results), **dropped())
    """,
        there.url,
        _read_when_called(peer, read),
    )

    assert done.facts == {"busy": True, "torn": False, "all": True, "interrupted": 1}


def _read_when_called(peer, read):
    """Return a port; start *read* as soon as a program connects to it."""
    bell = peer(Listener)

    def work():
        bell.accept()
        return read()

    Task(work)
    return bell.port


@pytest.mark.parametrize("where", ["_connect", "_leave"])
def test_an_interrupt_between_two_lines_closes_the_connection_and_nothing_else(
    peer, monkeypatch, where
):
    """No try block can cover it: the sink notices that the connection was not released."""
    there = peer(Listener)
    interrupted = []
    method = getattr(direct.Destination, where)

    def interrupt(*args):
        if not interrupted:
            interrupted.append(1)
            raise KeyboardInterrupt
        return method(*args)

    monkeypatch.setattr(direct.Destination, where, interrupt)
    with pytest.raises(KeyboardInterrupt):
        heka.log("one", to=there.url)
    assert heka.log("two", to=there.url) is True

    assert account(there.url)["dropped"] == {"interrupted": 1}
    connection = there.accept()
    if where == "_leave":
        assert [message.type for message in connection.read_to_end()] == ["one"]
        connection = there.accept()
    assert connection.take(1)[0].type == "two"

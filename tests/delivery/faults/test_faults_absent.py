"""Absent servers: refused, unreachable, not answering, or with a name that does not resolve."""

from __future__ import annotations

import time

import pytest
from delivery.conftest import NAME_SERVICE
from delivery.faults.identity import Watch, check
from delivery.faults.peers import quiet_port, serial_of
from delivery.faults.support import QUICK, Program, arrives, run, write_all
from delivery.support import SOON, Listener, compile_shim, wait_until, within

from heka.streams import QueuedStream

#: connect() from its own destination port, which the kernel sometimes chooses by chance.
OWN_PORT = """
#include <netinet/in.h>
#include <sys/socket.h>

int
connect(int fd, const struct sockaddr *at, socklen_t size)
{
    int (*real)(int, const struct sockaddr *, socklen_t) =
        (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
    int one = 1;
    if (at->sa_family == AF_INET) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        bind(fd, at, size);
    }
    return real(fd, at, size);
}
"""


@pytest.fixture(scope="module")
def name_service(tmp_path_factory):
    return compile_shim(NAME_SERVICE, tmp_path_factory.mktemp("names"))


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_messages_written_before_the_server_started_arrive_once(server, kind):
    there = server(kind, start=False)
    with QueuedStream(there.url, **QUICK) as stream, Watch(stream) as watch:
        with within(SOON):
            accepted = write_all(stream, 500)
        wait_until(lambda: stream.stats()["retries"] > 1, "a second try")
        assert stream.stats()["queued"] == 500
        there.start()
        arrives(stream, there, accepted)

    assert len(accepted) == 500
    assert stream.stats()["resent"] == 0
    assert watch.looks > 0


def test_at_default_settings_a_started_server_gets_messages_soon(server):
    there = server("tcp", start=False)
    with QueuedStream(there.url) as stream:
        accepted = write_all(stream, 5)
        time.sleep(1.2)  # the back-off has reached its maximum
        there.start()
        with within(2 * SOON):
            there.wait_for(5)
        arrives(stream, there, accepted)


def test_a_server_that_never_comes_delays_no_call(server):
    """write, flush and close do not wait beyond their timeouts; what is lost is counted."""
    there = server("tcp", start=False)
    stream = QueuedStream(there.url, **QUICK)
    with Watch(stream):
        with within(SOON):
            write_all(stream, 200)
        with within(SOON):
            assert not stream.flush(0.1)
        with within(SOON):
            stream.close(0.1)

    stats = stream.stats()
    assert (stats["offered"], stats["sent"], stats["queued"]) == (200, 0, 0)
    assert sum(stats["dropped"].values()) == 200
    assert stats["retries"] > 0
    assert not stream.write(b"x")
    assert stream.stats()["dropped"]["closed"] >= 1


def test_a_server_that_does_not_answer_delays_no_call_and_loses_nothing():
    """The listen queue is full: the kernel does not answer at all, for minutes."""
    there = Listener(backlog=0)
    stream = QueuedStream(there.url, **{**QUICK, "connect_timeout": 0.2})
    waiting = there.fill()
    try:
        with Watch(stream):
            with within(SOON):
                accepted = write_all(stream, 300)
            with within(SOON):
                assert not stream.flush(0.3)
            wait_until(lambda: stream.stats()["retries"] > 1, "a second try")
            assert stream.stats()["queued"] == 300
            for sock in waiting:
                sock.close()
            came = set()
            while came != accepted:
                connection = there.accept()
                while connection.read_some():
                    came |= {serial_of(message) for message in connection.messages}
                    if came == accepted:
                        break
            assert stream.flush(10)
        assert stream.stats()["sent"] == 300
    finally:
        stream.close(0.1)
        there.close()


def test_close_ends_in_time_with_a_server_that_does_not_answer():
    there = Listener(backlog=0)
    waiting = there.fill()
    stream = QueuedStream(there.url, **{**QUICK, "connect_timeout": 60})
    write_all(stream, 10)
    time.sleep(0.1)
    with within(SOON):
        stream.close(0.2)

    check(stream.stats())
    assert stream.stats()["queued"] == 0
    assert sum(stream.stats()["dropped"].values()) == 10
    for sock in waiting:
        sock.close()
    there.close()


def test_a_socket_connected_to_itself_is_refused(tmp_path):
    """On an ephemeral port, connect() may connect a socket to itself."""
    done = run(
        """
        stream = QueuedStream(sys.argv[1], **QUICK)
        write_all(stream, 10)
        stream.flush(0.5)
        tell(**stream.stats())
        stream.close(0)
        """,
        f"tcp://127.0.0.1:{quiet_port()}",
        preload=compile_shim(OWN_PORT, tmp_path),
    )

    assert (done.facts["sent"], done.facts["queued"]) == (0, 10)
    assert done.facts["retries"] > 0


def test_a_name_service_that_fails_and_recovers_loses_nothing(server, name_service):
    there = server("tcp")
    with Program(
        """
        os.environ["SHIM_ABSENT"] = "1"
        with QueuedStream(sys.argv[1], **QUICK) as stream, Watch(stream):
            accepted = write_all(stream, 100)
            while stream.stats()["retries"] < 3:
                time.sleep(0.01)
            tell(before=stream.stats()["sent"], queued=stream.stats()["queued"])
            del os.environ["SHIM_ABSENT"]
            tell(flushed=stream.flush(20), after=stream.stats()["sent"])
        """,
        f"tcp://there.test:{there.at}",
        preload=name_service,
    ) as program:
        facts = program.end().facts

    assert facts == {"before": 0, "queued": 100, "flushed": True, "after": 100}
    there.wait_for(100)
    assert there.received.serials().total() == 100


def test_a_name_service_that_does_not_answer_delays_no_call(server, name_service, tmp_path):
    """write, flush, close and the exit of the program do not wait for it."""
    there = server("tcp")
    done = run(
        """
        import contextlib
        @contextlib.contextmanager
        def within(seconds):
            began = time.monotonic()
            yield
            assert time.monotonic() - began < seconds
        heka._delivery.lifecycle.EXIT_TIMEOUT = 0.5
        stream = QueuedStream(sys.argv[1], **QUICK)
        other = QueuedStream(sys.argv[1], **QUICK)
        with within(2):
            write_all(stream, 100)
            write_all(other, 100)
        with within(2):
            assert not stream.flush(0.1)
        with within(2):
            stream.close(0.1)
        check(stream.stats())
        tell(queued=stream.stats()["queued"], dropped=sum(stream.stats()["dropped"].values()))
        """,
        f"tcp://there.test:{there.at}",
        preload=name_service,
        SHIM_GATE=str(tmp_path / "gate"),
    )

    assert done.facts == {"queued": 0, "dropped": 100}


def test_a_name_is_resolved_again_for_each_connection(server, name_service, tmp_path):
    """A server that moved to another address is found."""
    there = server("tcp", start=False)
    elsewhere = Listener(address=("127.0.0.1", there.at))
    with Program(
        """
        os.environ["SHIM_ADDRESS"] = "127.0.0.2"
        with QueuedStream(sys.argv[1], **QUICK) as stream, Watch(stream):
            accepted = write_all(stream, 100)
            while stream.stats()["retries"] < 2:
                time.sleep(0.01)
            os.environ["SHIM_ADDRESS"] = "127.0.0.1"
            tell(flushed=stream.flush(20), sent=stream.stats()["sent"])
        """,
        f"tcp://there.test:{there.at}",
        preload=name_service,
    ) as program:
        connection = elsewhere.accept()
        came = connection.read_to_end()
        facts = program.end().facts
    elsewhere.close()

    assert facts == {"flushed": True, "sent": 100}
    assert {serial_of(message) for message in came} == {("a", number) for number in range(100)}


def test_both_families_of_a_name_are_tried(server):
    """``localhost`` is also ::1, on which nothing listens."""
    there = server("tcp")
    with QueuedStream(f"tcp://localhost:{there.at}", **QUICK) as stream:
        arrives(stream, there, write_all(stream, 10))

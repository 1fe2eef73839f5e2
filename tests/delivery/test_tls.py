"""TLS: messages arrive, connections are renewed, and closing loses nothing."""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
import subprocess
import sys
import time

import pytest
from delivery.support import (
    PATIENCE,
    SOON,
    Connection,
    Listener,
    Task,
    account,
    environment,
    run,
    run_threads,
    wait_until,
    within,
)

import heka
from heka._net.addresses import parse
from heka._net.sockets import send_all
from heka._net.tls import TlsTransport
from heka.streams import UrlStream

TLS12 = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
TLS13 = (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)


def frame(name, payload=""):
    return heka.pack(name, payload=payload)


# ---- what arrives --------------------------------------------------------------------------------


@pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_messages_arrive(serve, stream, versions):
    server = serve(versions=versions)
    to = stream(server.url())

    assert all(to.write(frame(f"t{i}")) for i in range(100))
    to.close()

    session = server.ended()
    assert session.types == [f"t{i}" for i in range(100)]
    assert session.version == versions[0].name.replace("_", ".")
    assert session.end is None
    assert to.stats()["sent"] == 100


def test_log_and_connection_send_too(serve):
    server = serve()

    assert heka.log("log", to=server.url())
    with heka.HekaConnection(server.url()) as connection:
        connection.send_message(heka.Message("connection"))

    wait_until(lambda: [one.types for one in server.sessions] == [["log"], ["connection"]])


@pytest.mark.parametrize(
    ("host", "asked"),
    [("localhost", "localhost"), ("LOCALHOST.", "LOCALHOST"), ("127.0.0.1", None)],
)
def test_the_server_name_is_sent(serve, stream, host, asked):
    """The SNI extension has no addresses (RFC 6066, 3)."""
    server = serve()

    assert stream(server.url(host)).write(frame("t"))

    assert server.asked_for == [asked]


def test_large_frames_arrive_whole(serve, stream):
    """64 KiB need more than four records."""
    server = serve()
    to = stream(server.url())

    assert all(to.write(frame("t", "x" * 65000)) for _ in range(50))
    to.close()

    assert [len(message.payload) for message in server.ended().messages] == [65000] * 50


def test_threads_do_not_mix_their_frames(serve, stream):
    server = serve()
    to = stream(server.url(), timeout=PATIENCE)

    run_threads(6, lambda i: [to.write(frame(f"{i}", "x" * 20000)) for _ in range(30)])
    to.close()

    types = server.ended().types
    assert sorted(types) == sorted(f"{i}" for i in range(6) for _ in range(30))
    assert to.stats()["sent"] == 180


def test_ssl_is_imported_only_for_tls(serve):
    """Importing ssl takes longer than importing heka."""
    done = run(
        """
        heka.log("t", to="udp://127.0.0.1:9")
        heka.log("t", to="tcp://127.0.0.1:9")
        tell(before="ssl" in sys.modules)
        heka.log("t", to=sys.argv[1])
        tell(after="ssl" in sys.modules)
        """,
        serve().url(),
    )

    assert done.facts == {"before": False, "after": True}


# ---- a connection's life -------------------------------------------------------------------------


def test_a_server_that_reads_nothing_takes_no_longer_than_the_timeout(serve, stream):
    """A partly sent record closes the connection: it is never continued on another one."""
    server = serve(buffer=4096, hurry=False)
    to = stream(server.url(), timeout=0.2)
    for _ in range(6):
        with within(SOON):
            while to.write(frame("t", "x" * 60000)):
                pass
        time.sleep(0.1)  # in back-off

    server.read.set()
    wait_until(lambda: to.write(frame("last")))
    to.close()

    *cut, last = [server.ended() for _ in range(to.stats()["reconnects"] + 1)]
    assert last.types[-1] == "last"
    assert last.end is None
    assert all(one.end is not None for one in cut)
    assert sum(len(one.messages) for one in [*cut, last]) == to.stats()["sent"]
    assert set(to.stats()["dropped"]) <= {"timeout", "backoff"}


def test_a_server_that_ended_the_session_is_connected_anew(serve, stream):
    """No message is lost: the end of the session is read before the next message is sent."""
    server = serve()
    to = stream(server.url())
    assert to.write(frame("first"))
    first = server.session()
    wait_until(lambda: first.messages)

    socket.socket.shutdown(first.sock, socket.SHUT_RDWR)
    assert first.done.wait(PATIENCE)
    time.sleep(0.05)  # for the loopback
    assert to.write(frame("second"))
    to.close()

    assert server.ended().types == ["second"]
    assert to.stats()["reconnects"] == 1
    assert to.stats()["dropped"] == {}


def test_a_connection_that_was_reset_is_made_anew(serve, stream):
    server = serve()
    to = stream(server.url())
    assert to.write(frame("first"))
    first = server.session()
    wait_until(lambda: first.messages)

    first.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.socket.shutdown(first.sock, socket.SHUT_RD)  # which ends it there
    assert first.done.wait(PATIENCE)
    wait_until(lambda: to.write(frame("second")))
    to.close()

    assert server.ended().types == ["second"]


def test_keys_are_changed_when_the_peer_wants_it(certificates):
    """TLS 1.3, RFC 8446, 4.6.3; Python's ssl module cannot ask for it, openssl s_server can."""
    process = subprocess.Popen(
        [
            *("openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-tls1_3"),
            *("-num_tickets", "0"),  # all that comes after the handshake is new keys
            *("-cert", str(certificates.path("server.pem"))),
            *("-key", str(certificates.path("server.key"))),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        line = b""
        while not line.startswith(b"ACCEPT "):
            line = process.stdout.readline()
        port = int(line.rpartition(b":")[2])
        with heka.HekaConnection(
            f"tls://127.0.0.1:{port}?ca={certificates.path('ca.pem')}"
        ) as connection:
            sock = connection.socket
            connection.send_message(heka.Message("t"))  # which reads what has come so far
            for number in range(6):
                process.stdin.write(b"K\n")  # new keys here, and there too, please
                process.stdin.flush()
                assert select.select([sock], [], [], PATIENCE)[0]
                connection.send_message(heka.Message("t", payload=f"<{number}>" * 1000))
            assert connection.socket is sock, "all went over one connection"
        out = process.communicate(timeout=PATIENCE)[0]
    finally:
        process.kill()
        process.communicate()

    assert [out.count(b"<%d>" % number) for number in range(6)] == [1000] * 6
    assert out.count(b"SSL_do_handshake -> 1") == 6
    assert b"ERROR" not in out


def test_a_reused_descriptor_is_left_alone(serve):
    """Some programs close every descriptor when they become daemons."""
    server = serve()
    ours, theirs = socket.socketpair()
    with ours, theirs, heka.HekaConnection(server.url()) as connection:
        number = connection.socket.fileno()
        os.dup2(theirs.fileno(), number)
        ours.send(b"not for heka")

        connection.send_message(heka.Message("t"))

        assert os.read(number, 100) == b"not for heka"
        assert connection.socket.fileno() != number
        os.close(number)


# ---- closing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("versions", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_nothing_is_lost_at_the_end(serve, certificates, versions):
    """In 20 runs, with one message and with many, to a server that reads slowly.

    Closing with unread session tickets of the server would reset the connection.
    """
    server = serve(buffer=4096, versions=versions, hurry=False)
    for count in [1, 300] * 10:
        server.read.clear()
        to = UrlStream(server.url(), timeout=PATIENCE)
        begun = Task(
            lambda to=to, count=count: [to.write(frame("t", "x" * 500)) for _ in range(count)]
        )
        session = server.session()
        if count == 1:
            begun.result()
            closing = Task(lambda to=to: to.close(PATIENCE))
            time.sleep(0.01)
            server.read.set()
        else:
            server.read.set()
            begun.result()
            closing = Task(lambda to=to: to.close(PATIENCE))
        closing.result()
        assert session.done.wait(PATIENCE)
        assert (len(session.messages), session.end) == (count, None)


@pytest.mark.parametrize("how", ["log", "stream", "connection"])
def test_process_exit_ends_the_session_in_order(serve, how):
    """close() was not called."""
    server = serve()

    for _ in range(5):
        run(
            """
            how, to = sys.argv[1:]
            if how == "log":
                send = lambda name: heka.log(name, to=to)
            elif how == "stream":
                from heka.streams import UrlStream
                stream = UrlStream(to)
                send = lambda name: stream.write(heka.pack(name))
            else:
                connection = heka.HekaConnection(to)
                send = lambda name: connection.send_message(heka.Message(name))
            for number in range(100):
                send(str(number))
            """,
            how,
            server.url(),
        )
        session = server.ended()
        assert session.types == [str(number) for number in range(100)]
        assert session.end is None


@pytest.mark.parametrize("how", ["fork", "forkserver", "spawn"])
def test_exit_of_a_worker_ends_the_session_in_order(serve, how, tmp_path):
    """Children of multiprocessing run no atexit handlers."""
    server = serve()
    script = tmp_path / "script.py"
    script.write_text(
        """
import multiprocessing, sys, heka
def work(number):
    assert heka.log(str(number), to=sys.argv[2], timeout=20)
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    for number in range(5):
        worker = context.Process(target=work, args=(number,))
        worker.start()
        worker.join()
        assert worker.exitcode == 0
"""
    )

    subprocess.run(
        [sys.executable, str(script), how, server.url()],
        env=environment(),
        check=True,
        timeout=PATIENCE,
    )

    for number in range(5):
        session = server.ended()
        assert (session.types, session.end) == ([str(number)], None)


def test_a_peer_that_never_ends_its_side_is_not_waited_for(certificates, peer):
    there = peer(Listener)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.path("server.pem"), certificates.path("server.key"))
    to = UrlStream(
        f"tls://127.0.0.1:{there.port}?ca={certificates.path('ca.pem')}", timeout=PATIENCE
    )
    agreed = Task(lambda: context.wrap_socket(there.accept().sock, server_side=True))
    assert to.write(frame("t"))
    sock = agreed.result()

    with within(SOON):
        to.close(0.2)

    with sock:
        assert Connection(sock).take(1)[0].type == "t"
        assert sock.recv(1) == b"", "it was told"


# ---- fork ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("leave", ["os._exit(0)", "sys.exit(0)", "raise RuntimeError"])
@pytest.mark.parametrize("sends", ["", "log", "log connection"])
def test_a_child_leaves_its_parents_sessions_alone(serve, sends, leave):
    """It neither writes on them nor ends them, however it exits; it makes its own sessions."""
    server = serve()

    run(
        f"""
        to, sends = sys.argv[1:]
        connection = heka.HekaConnection(to)
        def send(name, by="log connection"):
            if "log" in by:
                assert heka.log(name, to=to)
            if "connection" in by:
                connection.send_message(heka.Message(name))
        send("parent-1")
        faulthandler.cancel_dump_traceback_later()  # its thread would be waited for in the child
        pid = os.fork()
        if not pid:
            send("child", sends)
            os.close(2)
            {leave}
        os.waitpid(pid, 0)
        send("parent-2")
        """,
        server.url(),
        sends,
    )

    sessions = [server.ended() for _ in range(2 + len(sends.split()))]
    ours = [one for one in sessions if one.types != ["child"]]
    assert [one.types for one in ours] == [["parent-1", "parent-2"]] * 2
    assert [one.end for one in ours] == [None, None]


# ---- what a drain uses ---------------------------------------------------------------------------


@pytest.fixture
def transport(serve):
    server = serve()
    made = TlsTransport(parse(server.url()), send_buffer=32768)
    made.open(time.monotonic() + PATIENCE)
    yield made, server
    made.close()


def test_ciphertext_can_be_sent_by_another(transport):
    made, server = transport
    data = b"".join(frame(f"{i}", "x" * 100) for i in range(400))

    ciphertext = made.encrypt(data)
    send_all(made.connected, ciphertext, time.monotonic() + PATIENCE, datagram=False)
    made.read_pending(time.monotonic() + 1)
    made.finish(time.monotonic() + PATIENCE)

    session = server.ended()
    assert len(session.messages) == 400
    assert session.end is None
    assert len(ciphertext) > len(data)
    assert (made.fileno(), made.connected, made.is_open()) == (None, None, False)


def test_the_kernels_buffer_can_be_capped(transport):
    made, _ = transport

    assert made.connected.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * 32768


def test_read_pending_raises_when_the_peer_has_closed(transport):
    made, server = transport
    session = server.session()
    socket.socket.shutdown(session.sock, socket.SHUT_RDWR)

    def feed():
        try:
            made.read_pending()
        except OSError as error:
            return error
        return None

    wait_until(lambda: isinstance(feed(), ConnectionError))
    assert not made.is_open()


def test_a_closed_connection_refuses_frames(transport):
    made, _ = transport
    made.close()

    for use in (lambda: made.send(b"x", 0), lambda: made.encrypt(b"x"), made.read_pending):
        with pytest.raises(OSError, match="not connected"):
            use()
    made.finish(0)
    made.close()


# ---- connections ---------------------------------------------------------------------------------


def test_a_connection_raises_tls_errors(serve, certificates):
    server = serve()

    with pytest.raises(ssl.SSLCertVerificationError, match="ca=FILE") as caught:
        heka.HekaConnection(server.url(ca=None))

    assert caught.value.verify_code in (18, 19, 20, 21)
    assert caught.value.reason == "CERTIFICATE_VERIFY_FAILED"


def test_putting_a_connections_socket_back_does_not_undo_its_encryption(serve):
    server = serve()
    with heka.HekaConnection(server.url()) as connection:
        connection.socket = connection.socket
        connection.send_message(heka.Message("t"))

    assert server.ended().types == ["t"]


def test_log_counts_by_the_url(serve):
    url = serve().url()

    assert heka.log("t", to=url)

    assert account(str(parse(url)))["sent"] == 1

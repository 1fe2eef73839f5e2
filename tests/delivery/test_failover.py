"""Failover hosts: tried in order from the first, each with its share of the time."""

from __future__ import annotations

import select
import socket
import time

import pytest
from delivery.support import PATIENCE, SOON, Listener, Task, free_port, run, wait_until, within

import heka
from heka._net.addresses import parse
from heka._net.resolver import ResolutionError
from heka._net.transports import SocketTransport


@pytest.fixture
def hung():
    """Return a listener whose queue is full: connecting to it hangs."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    while not waiting or select.select([], [waiting[-1]], [], 0.2)[1]:
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(listener.getsockname())
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    for sock in [listener, *waiting]:
        sock.close()


def at(there):
    return f"127.0.0.1:{there.port}"


def dead():
    return f"127.0.0.1:{free_port()}"


def frame(name):
    return heka.pack(name)


# ---- which host ----------------------------------------------------------------------------------


def test_the_first_is_used_while_it_takes_connections(peer, stream):
    first, second = peer(Listener), peer(Listener)
    to = stream(f"tcp://{at(first)},{at(second)}")

    assert to.write(frame("t"))

    assert first.accept().take(1)[0].type == "t"
    assert not second.is_waiting()


@pytest.mark.parametrize("dead_ones", [1, 2, 5])
def test_the_next_is_used_when_the_first_is_dead(peer, stream, dead_ones):
    there = peer(Listener)
    to = stream(f"tcp://{','.join(dead() for _ in range(dead_ones))},{at(there)}")

    assert to.write(frame("t"))

    assert there.accept().take(1)[0].type == "t"
    assert to.stats()["dropped"] == {}


def test_the_first_is_used_again_with_the_next_connection_after_its_return(peer, stream):
    """Not earlier: a working connection is kept."""
    port = free_port()
    second = peer(Listener)
    to = stream(f"tcp://127.0.0.1:{port},{at(second)}")
    assert to.write(frame("1"))
    connection = second.accept()
    assert connection.take(1)[0].type == "1"

    first = peer(Listener, socket.AF_INET, ("127.0.0.1", port))
    assert to.write(frame("2"))
    assert connection.take(1)[0].type == "2"
    assert not first.is_waiting()

    connection.reset()
    wait_until(lambda: to.write(frame("3")) and first.is_waiting())

    assert first.accept().take(1)[0].type == "3"
    assert to.stats()["reconnects"] == 1


def test_when_all_hosts_are_dead_each_is_named(stream, capsys):
    one, two = dead(), dead()
    to = stream(f"tcp://{one},{two}")

    assert not to.write(frame("t"))

    assert to.stats()["dropped"] == {"refused": 1}
    assert f"{one}: Connection refused; {two}: Connection refused" in capsys.readouterr().err


def test_a_connection_fails_over_too(peer):
    there = peer(Listener)

    with heka.HekaConnection(f"tcp://{dead()},{at(there)}") as connection:
        connection.send_message(heka.Message("t"))
        assert there.accept().take(1)[0].type == "t"

    with pytest.raises(ConnectionRefusedError):
        heka.HekaConnection(f"tcp://{dead()},{dead()}")


def test_the_transport_tells_which_host_is_connected(peer):
    there = peer(Listener)
    transport = SocketTransport(parse(f"tcp://{dead()},{dead()},{at(there)}"))
    assert transport.peer == 0

    transport.open(time.monotonic() + PATIENCE)

    assert transport.peer == 2
    transport.close()


def test_the_kernels_buffer_can_be_capped(peer):
    there = peer(Listener)
    transport = SocketTransport(parse(f"tcp://{at(there)}"), send_buffer=65536)

    transport.open(time.monotonic() + PATIENCE)

    size = transport.connected.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert size == 2 * 65536, "Linux counts its own overhead too"
    transport.close()


# ---- time ----------------------------------------------------------------------------------------


def test_a_host_that_hangs_leaves_time_for_the_next(peer, stream, hung):
    there = peer(Listener)
    to = stream(f"tcp://{hung},{at(there)}", timeout=1.0)

    assert to.write(frame("t"))

    assert there.accept().take(1)[0].type == "t"


def test_hosts_that_hang_take_no_longer_than_the_timeout(stream, hung):
    to = stream(f"tcp://{hung},{hung},{hung}", timeout=0.3)

    with within(SOON):
        assert not to.write(frame("t"))

    assert to.stats()["dropped"] == {"timeout": 1}


# ---- names ---------------------------------------------------------------------------------------


def test_a_name_that_does_not_resolve_is_passed_over(peer, stream):
    there = peer(Listener)
    to = stream(f"tcp://no-such-host.invalid:1,{at(there)}", timeout=PATIENCE)

    assert to.write(frame("t"))

    assert there.accept().take(1)[0].type == "t"


def test_names_none_of_which_resolves_are_all_named(stream, capsys):
    to = stream("tcp://no-such-host.invalid:1,nor-this.invalid:2", timeout=PATIENCE)

    assert not to.write(frame("t"))

    assert to.stats()["dropped"] == {"unresolved": 1}
    err = capsys.readouterr().err
    assert "no-such-host.invalid:1: 'no-such-host.invalid' does not resolve" in err
    assert "nor-this.invalid:2: 'nor-this.invalid' does not resolve" in err


def test_the_reason_is_that_of_the_last_failure(stream, hung):
    to = stream(f"tcp://no-such-host.invalid:1,{dead()}", timeout=PATIENCE)
    back = SocketTransport(parse(f"tcp://{dead()},no-such-host.invalid:1"))

    assert not to.write(frame("t"))
    with pytest.raises(ResolutionError, match=r"Connection refused; no-such-host\.invalid:1: "):
        back.open(time.monotonic() + PATIENCE)

    assert to.stats()["dropped"] == {"refused": 1}


def test_a_name_service_that_hangs_leaves_time_for_the_next(peer, name_service, tmp_path):
    there = peer(Listener)

    done = run(
        """
        to = sys.argv[1]
        tell(sent=heka.log("t", to=to, timeout=1.0))
        os._exit(0)  # the lookup hangs on
        """,
        f"tcp://one.test:1,{at(there)}",
        preload=name_service,
        SHIM_GATE=str(tmp_path / "never"),
    )

    assert done.facts["sent"] is True
    assert there.accept().take(1)[0].type == "t"


def test_names_are_asked_for_in_turn_and_only_when_needed(peer, name_service, tmp_path):
    there = peer(Listener)
    names = tmp_path / "names"

    run(
        "assert heka.log('t', to=sys.argv[1], timeout=20)",
        f"tcp://one.test:{free_port()},two.test:{there.port},three.test:1",
        preload=name_service,
        SHIM_LOG=str(names),
    )

    assert names.read_text().split() == ["one.test", "two.test"]
    assert there.accept().take(1)[0].type == "t"


# ---- TLS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["dead", "expired", "plain", "silent"])
def test_tls_fails_over(serve, stream, peer, fault):
    """Also when the first host accepts the connection but the handshake fails."""
    server = serve()
    plain = peer(Listener)
    if fault == "plain":
        Task(lambda: plain.accept().sock.sendall(b"220 welcome to this server\r\n"))
    first = {
        "dead": dead,
        "expired": lambda: at(serve("expired")),
        "plain": lambda: at(plain),
        "silent": lambda: at(plain),
    }[fault]()
    to = stream(server.url().replace("127.0.0.1", f"{first},127.0.0.1"), timeout=2.0)

    assert to.write(frame("t"))
    to.close()

    assert server.ended().types == ["t"]


def test_each_host_needs_its_own_certificate(serve, stream, capsys):
    """The certificate must have the name of the connected host, not of the first one."""
    first, second = serve("elsewhere"), serve()
    hosts = f"localhost:{first.port},127.0.0.1"
    to = stream(second.url().replace("127.0.0.1", hosts), timeout=PATIENCE)

    assert to.write(frame("t"))
    to.close()

    assert second.ended().types == ["t"]
    assert capsys.readouterr().err == ""


def test_a_tls_error_is_not_hidden_by_a_dead_host(serve, stream, capsys):
    server = serve("expired")
    to = stream(server.url().replace("?", f",{dead()}?"), timeout=PATIENCE)

    assert not to.write(frame("t"))

    assert to.stats()["dropped"] == {"tls": 1}
    err = capsys.readouterr().err
    assert "expired; the server needs a new certificate" in err
    assert "Connection refused" in err

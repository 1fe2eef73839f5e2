"""TLS servers that are absent, restart, end within a record, do not answer, or are not trusted."""

from __future__ import annotations

import time

import pytest
from delivery.faults.identity import Watch, check, compare
from delivery.faults.support import QUICK, arrives, run, settle, write_all, write_during
from delivery.support import SOON, Listener, wait_until, within

from heka.streams import QueuedStream


@pytest.fixture
def there(server, pki):
    return server("tcp", cert=pki["server.pem"], key=pki["server.key"])


@pytest.fixture
def url(there, pki):
    return f"{there.url}?ca={pki['ca.pem']}"


def test_messages_written_before_the_server_started_arrive_once(there, url):
    there.stop()
    with QueuedStream(url, **QUICK) as stream, Watch(stream):
        with within(SOON):
            accepted = write_all(stream, 2000, size=200)
        wait_until(lambda: stream.stats()["retries"] > 1, "a second try")
        there.start()
        arrives(stream, there, accepted)

    assert stream.stats()["resent"] == 0


@pytest.mark.parametrize("count", [1, 5000])
def test_close_loses_nothing_of_a_slow_reader(server, pki, count):
    """Closing without close_notify could discard what the peer has not read yet."""
    there = server("tcp", cert=pki["server.pem"], key=pki["server.key"], pause=0.002, buffer=4096)
    stream = QueuedStream(f"{there.url}?ca={pki['ca.pem']}", **QUICK)
    accepted = write_all(stream, count, size=100)
    stream.close(20)

    there.wait_for(count)
    compare(stream.stats(), there.received.serials(), accepted)
    assert stream.stats()["sent"] == count


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_restarts_under_load_lose_nothing(there, url, how):
    there.stop()
    there.start(how=how)
    with QueuedStream(url, **QUICK) as stream, Watch(stream):
        accepted = write_during(stream, lambda: [there.restart() for _ in range(8)], size=500)
        arrives(stream, there, accepted)

    assert stream.stats()["reconnects"] >= 5


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_connection_cut_within_a_record_loses_nothing(server, pki, how):
    there = server(
        "tcp", cert=pki["server.pem"], key=pki["server.key"], cut=20000, how=how, buffer=4096
    )
    with QueuedStream(f"{there.url}?ca={pki['ca.pem']}", **QUICK) as stream, Watch(stream):
        accepted = write_all(stream, 300, size=700)
        arrives(stream, there, accepted)

    assert stream.stats()["reconnects"] > 2


def test_a_peer_that_is_silent_in_the_handshake_holds_nobody(pki):
    there = Listener()
    url = f"tls://127.0.0.1:{there.port}?ca={pki['ca.pem']}"
    stream = QueuedStream(url, **{**QUICK, "connect_timeout": 0.2})
    with Watch(stream):
        with within(SOON):
            write_all(stream, 100)
        with within(SOON):
            assert not stream.flush(0.1)
        wait_until(lambda: stream.stats()["retries"] > 1, "a second try")
        with within(SOON):
            stream.close(0.1)
    there.close()

    assert stream.stats()["sent"] == 0
    assert sum(stream.stats()["dropped"].values()) == 100


def test_a_peer_that_hangs_after_the_handshake_is_left(there, url):
    options = {**QUICK, "write_timeout": 0.3}
    with QueuedStream(url, **options) as stream, Watch(stream):
        accepted = write_all(stream, 10)
        settle(stream, there, accepted)
        there.hang()
        accepted |= write_all(stream, 8000, size=1000, start=10)
        wait_until(lambda: stream.stats()["reconnects"] + stream.stats()["retries"] > 0, "a change")
        there.go_on()
        arrives(stream, there, accepted)


@pytest.mark.parametrize("wrong", ["ca", "name"])
def test_a_server_that_is_not_trusted_gets_nothing(there, pki, tmp_path, wrong):
    from delivery.faults.peers import certificates

    other = certificates(tmp_path)["ca.pem"]
    url = {
        "ca": f"{there.url}?ca={other}",
        "name": f"{there.url}?ca={pki['ca.pem']}&name=elsewhere.test",
    }[wrong]
    done = run(
        """
        stream = QueuedStream(sys.argv[1], **QUICK)
        write_all(stream, 100)
        while stream.stats()["retries"] < 3: time.sleep(0.01)
        tell(**stream.stats())
        stream.close(0.1)
        check(stream.stats())
        """,
        url,
    )
    time.sleep(0.05)

    assert there.received.serials() == {}
    assert (done.facts["sent"], done.facts["queued"]) == (0, 100)
    assert "certificate" in done.err.lower()


@pytest.mark.parametrize("given", [True, False])
def test_a_server_that_wants_a_client_certificate(server, pki, given):
    """Without one, TLS 1.3 refuses after the handshake: nothing counts as sent."""
    there = server("tcp", cert=pki["server.pem"], key=pki["server.key"], ca=pki["ca.pem"])
    url = f"{there.url}?ca={pki['ca.pem']}"
    if given:
        url += f"&cert={pki['client.pem']}&key={pki['client.key']}"
    stream = QueuedStream(url, **QUICK)
    with Watch(stream):
        accepted = write_all(stream, 100)
        if given:
            arrives(stream, there, accepted)
        else:
            assert not stream.flush(0.5)
            assert stream.stats()["sent"] == 0, "counted as sent, though nobody has it"
        stream.close(0.2)
    check(stream.stats())


def test_a_server_without_tls_gets_no_message(server, pki):
    there = server("tcp")
    stream = QueuedStream(f"tls://127.0.0.1:{there.at}?ca={pki['ca.pem']}", **QUICK)
    write_all(stream, 10)
    stream.close(0.3)

    assert stream.stats()["sent"] == 0
    assert sum(stream.stats()["dropped"].values()) == 10

"""UDP without a queue: every ``refresh`` seconds the name is resolved again, and no call waits."""

from __future__ import annotations

import socket

import pytest
from delivery.support import Datagrams, run, wait_until

from heka._core import Sink
from heka._net import resolver
from heka._net.addresses import parse
from heka.exceptions import ConfigError

MOVES = """
    import itertools
    to, kind, first, second = sys.argv[1:]
    if kind == "stream":
        from heka.streams import UrlStream
        stream = UrlStream(to)
        log = lambda name: stream.write(heka.pack(name))
        stats = stream.stats
    else:
        log = lambda name: heka.log(name, to=to, timeout=20)
        stats = heka.stats
    os.environ["SHIM_ADDRESS"] = first
    assert log("before")
    os.environ["SHIM_ADDRESS"] = second
    longest = 0
    end = time.monotonic() + 10
    for n in itertools.count(1):
        began = time.monotonic()
        assert log("after")
        longest = max(longest, time.monotonic() - began)
        if stats()["reconnects"] or time.monotonic() > end:
            break
        time.sleep(0.005)
    tell(longest=longest, count=n + 1, **stats())
"""


@pytest.fixture
def two(peer):
    """Two receivers on the same port of two addresses of this host."""
    first = peer(Datagrams)
    return first, peer(Datagrams, address=("127.0.0.2", first.port))


def received(there):
    there.sock.settimeout(0.0)
    names = []
    while not there.is_empty():
        names.append(there.message().type)
    return names


@pytest.mark.parametrize("kind", ["log", "stream"])
def test_a_name_that_moved_is_found(two, name_service, tmp_path, kind):
    first, second = two

    done = run(
        MOVES,
        f"udp://moves.test:{first.port}?refresh=0.1",
        kind,
        "127.0.0.1",
        "127.0.0.2",
        preload=name_service,
        SHIM_LOG=str(tmp_path / "names"),
    )

    assert (done.facts["reconnects"], done.facts["dropped"]) == (1, {})
    assert done.facts["sent"] == done.facts["count"]
    there = received(first)
    assert there[0] == "before"
    assert received(second) == ["after"]
    assert len(there) + 1 == done.facts["count"]


def test_a_name_that_has_not_moved_keeps_its_connection(two, name_service, tmp_path):
    first, _ = two
    names = tmp_path / "names"

    done = run(
        """
        began, asked = time.monotonic(), 0
        while asked < 3:
            assert heka.log("t", to=sys.argv[1], timeout=20)
            time.sleep(0.005)
            with open(os.environ["SHIM_LOG"]) as names:
                asked = len(names.read().split())
        tell(took=time.monotonic() - began, **heka.stats())
        """,
        f"udp://stays.test:{first.port}?refresh=0.1",
        preload=name_service,
        SHIM_LOG=str(names),
    )

    assert (done.facts["reconnects"], done.facts["dropped"]) == (0, {})
    assert len(names.read_text().split()) <= 1 + done.facts["took"] / 0.1


@pytest.mark.parametrize("trouble", ["hangs", "absent"])
def test_no_call_waits_for_a_name_service_in_trouble(two, name_service, tmp_path, trouble):
    """The connection is kept: it may still work."""
    first, _ = two
    gate = tmp_path / "gate"
    gate.touch()

    done = run(
        """
        to, gate, trouble = sys.argv[1:]
        assert heka.log("t", to=to, timeout=20)
        if trouble == "hangs":
            os.unlink(gate)
        else:
            os.environ["SHIM_ABSENT"] = "1"
        longest, count = 0, 1
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            began = time.monotonic()
            assert heka.log("t", to=to, timeout=20)
            longest = max(longest, time.monotonic() - began)
            count += 1
            time.sleep(0.005)
        open(gate, "w").close()
        tell(longest=longest, count=count, **heka.stats())
        """,
        f"udp://moves.test:{first.port}?refresh=0.05",
        gate,
        trouble,
        preload=name_service,
        SHIM_GATE=str(gate),
        SHIM_LOG=str(tmp_path / "names"),
    )

    assert done.facts["longest"] < 0.25
    assert (done.facts["reconnects"], done.facts["dropped"]) == (0, {})
    assert done.facts["sent"] == done.facts["count"] == len(received(first))
    assert len((tmp_path / "names").read_text().split()) >= 2


def test_by_default_a_name_is_resolved_again_after_five_minutes(peer):
    assert parse("udp://one.test:9").refresh == 300
    assert str(parse("udp://one.test:9?refresh=300")) == "udp://one.test:9"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("udp://one.test:9?refresh=2.5", "udp://one.test:9?refresh=2.5"),
        ("udp://one.test:9?queue=1&refresh=60", "udp://one.test:9?queue=1&refresh=60"),
    ],
)
def test_refresh_is_part_of_the_address(url, text):
    assert str(parse(url)) == text


@pytest.mark.parametrize("value", ["0", "-1", "soon"])
def test_a_wrong_refresh_is_refused(value):
    with pytest.raises(ConfigError, match="refresh: expected seconds, more than 0"):
        parse(f"udp://one.test:9?refresh={value}")


def test_refresh_of_a_connection_needs_a_queue():
    """TCP resolves with each connection."""
    with pytest.raises(ConfigError, match="refresh: only a queue takes this"):
        parse("tcp://one.test:9?refresh=1")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "LOCALHOST.", "a.localhost"])
def test_addresses_and_localhost_are_no_names(host):
    assert not resolver.is_name(host)


# ---- the sink ------------------------------------------------------------------------------------


def test_a_sink_passes_one_datagram_to_deliver_when_the_time_is_over(peer):
    there = peer(Datagrams)
    delivered = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.connect(("127.0.0.1", there.port))
        sink = Sink(lambda *args: delivered.append(args) or True)
        assert sink.refresh == 0
        sink.refresh = 0.05
        assert sink.refresh == pytest.approx(0.05)
        sink.release(sink.acquire(), ours.fileno(), True)
        assert sink.write(b"first", 1.0)
        assert not delivered
        wait_until(lambda: sink.write(b"x", 1.0) and delivered, "the datagram")
        count = len(delivered)
        assert sink.write(b"next", 1.0)
        assert len(delivered) == count == 1
        sink.close()


def test_refresh_of_a_sink_is_seconds():
    sink = Sink(print)
    with pytest.raises(ValueError, match="refresh must"):
        sink.refresh = -1
    with pytest.raises(TypeError, match="refresh must"):
        sink.refresh = "1"
    sink.refresh = 1e300
    assert sink.refresh == pytest.approx(1e9)
    with pytest.raises(AttributeError):
        del sink.refresh
    sink.refresh = 0
    assert sink.refresh == 0

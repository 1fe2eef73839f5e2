"""Failover hosts, TLS and queue options of a destination: parsed, printed and refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import heka
from heka._net.addresses import Address, QueueOptions, TlsOptions, as_size, parse

MIB = 1 << 20


# ---- hosts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "hosts"),
    [
        pytest.param("tcp://a", (("a", 5565),), id="one"),
        pytest.param("tcp://a:1,b:2", (("a", 1), ("b", 2)), id="two"),
        pytest.param("tls://a,b:2,c/", (("a", 5565), ("b", 2), ("c", 5565)), id="a-slash"),
        pytest.param("tls://[::1]:7,[::2],127.0.0.1", None, id="addresses"),
    ],
)
def test_hosts_are_read_in_their_order(to, hosts):
    hosts = hosts or (("::1", 7), ("::2", 5565), ("127.0.0.1", 5565))

    address = parse(to)

    assert address.hosts == hosts
    assert (address.host, address.port) == hosts[0]
    assert address.alternates == hosts[1:]
    assert parse(str(address)) == address


@pytest.mark.parametrize(
    ("to", "says"),
    [
        pytest.param(
            "udp://a,b",
            "udp takes one host, because it cannot detect that a host is down; use tcp://",
            id="udp",
        ),
        pytest.param("tcp://a,,b", "'' is not a host name", id="nothing-between"),
        pytest.param("tcp://a,", "'' is not a host name", id="nothing-behind"),
        pytest.param("tls://a, b", "' b' is not a host name", id="a-space"),
        pytest.param("tcp://a:1,::1", "needs brackets", id="no-brackets"),
        pytest.param("tcp://a:1,b:0", "the port must be from 1 to 65535, got 0", id="port"),
    ],
)
def test_a_wrong_host_is_named(to, says):
    with pytest.raises(heka.ConfigError, match=says):
        parse(to)


# ---- TLS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "options"),
    [
        pytest.param("", TlsOptions(), id="defaults"),
        pytest.param("?ca=/etc/ca.pem", TlsOptions(ca="/etc/ca.pem"), id="ca"),
        pytest.param("?cert=c&key=k", TlsOptions(cert="c", key="k"), id="client-certificate"),
        pytest.param("?cert=both", TlsOptions(cert="both"), id="certificate-and-key-in-one"),
        pytest.param("?min=1.3", TlsOptions(minimum="1.3"), id="minimum"),
        pytest.param("?name=heka.internal", TlsOptions(name="heka.internal"), id="name"),
        pytest.param("?name=::1", TlsOptions(name="::1"), id="name-is-an-address"),
        pytest.param("?verify=0", TlsOptions(verify=False), id="no-verification"),
        pytest.param("?verify=1&min=1.2", TlsOptions(), id="defaults-that-are-said"),
        pytest.param("?ca=/a+b%26c%ff", TlsOptions(ca="/a+b&c\udcff"), id="odd-path"),
    ],
)
def test_tls_is_read(query, options):
    address = parse(f"tls://h:7{query}")

    assert address.tls == options
    assert parse(str(address)) == address


def test_only_tls_has_tls_options():
    assert Address("tls", "h", 7).tls == TlsOptions()
    assert parse("tcp://h").tls is None


@pytest.mark.parametrize(
    ("to", "says"),
    [
        pytest.param("tls://h?key=k", "needs its certificate; give cert=FILE too", id="key-alone"),
        pytest.param("tls://h?min=1.1", "min must be '1.2' or '1.3', got '1.1'", id="minimum"),
        pytest.param("tls://h?verify=no", "verify must be '1' or '0', got 'no'", id="verify"),
        pytest.param("tls://h?ca=", "ca: expected a path, got ''", id="no-path"),
        pytest.param("tls://h?ca=a%00", "ca: expected a path", id="nul"),
        pytest.param("tls://h?name=", "name: expected a host name or an address", id="no-name"),
        pytest.param("tls://h?name=a/b", "name: expected a host name", id="name"),
        pytest.param("tcp://h?ca=x", "unknown option 'ca'.*ca is for tls://", id="on-tcp"),
        pytest.param("tls://h?framing=none", "tls takes: family, ca, cert, key, min", id="framing"),
    ],
)
def test_wrong_tls_options_are_named(to, says):
    with pytest.raises(heka.ConfigError, match=says) as caught:
        parse(to)

    assert repr(to) in str(caught.value)


# ---- queues --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["udp://h:7", "tcp://h:7", "tls://h:7", "unix:///s", "unixgram:///s", "file:///f"]
)
def test_every_scheme_can_have_a_queue(url):
    address = parse(f"{url}?queue=1")

    assert address.queue == QueueOptions()
    assert str(address) == f"{url}?queue=1"
    assert parse(url).queue is None
    assert parse(f"{url}?queue=0").queue is None


@pytest.mark.parametrize(
    ("query", "options"),
    [
        pytest.param("queue=1&capacity=1024", {"capacity": 1024}, id="bytes"),
        pytest.param("queue=1&capacity=64KiB", {"capacity": 64 << 10}, id="capacity"),
        pytest.param("queue=1&capacity=64%20MiB", {"capacity": 64 * MIB}, id="space"),
        pytest.param("queue=1&overflow=drop_old", {"overflow": "drop_old"}, id="overflow"),
        pytest.param("queue=1&block_timeout=0", {"block_timeout": 0.0}, id="block-timeout"),
        pytest.param("queue=1&linger=.25", {"linger": 0.25}, id="linger"),
        pytest.param("spool=/var/s", {"spool": "/var/s"}, id="a-spool-is-a-queue"),
        pytest.param("queue=1&spool=/s&sync=1", {"spool": "/s", "sync": 1.0}, id="sync"),
        pytest.param("spool=/s&spool_map=0", {"spool": "/s", "spool_map": False}, id="spool-map"),
        pytest.param("queue=1&datagram_size=512", {"datagram_size": 512}, id="datagram-size"),
        pytest.param("queue=1&backoff_max=1e-3", {"backoff_max": 0.001}, id="backoff"),
        pytest.param(
            "queue=1&connect_timeout=1&write_timeout=2.5&refresh=60",
            {"connect_timeout": 1.0, "write_timeout": 2.5, "refresh": 60.0},
            id="times",
        ),
    ],
)
def test_queues_are_read(query, options):
    address = parse(f"udp://h:7?{query}")

    assert address.queue == QueueOptions(**options)
    assert parse(str(address)) == address


@pytest.mark.parametrize(
    ("query", "url"),
    [
        pytest.param("capacity=8MiB&queue=1", "queue=1", id="defaults-are-left-out"),
        pytest.param("capacity=2097152&queue=1", "queue=1&capacity=2MiB", id="units"),
        pytest.param("capacity=1025&queue=1", "queue=1&capacity=1025", id="no-unit"),
        pytest.param("queue=1&spool=/s&linger=2", "linger=2&spool=/s", id="a-spool-says-it"),
    ],
)
def test_defaults_are_not_printed(query, url):
    assert str(parse(f"tcp://h:7?{query}")) == f"tcp://h:7?{url}"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        pytest.param("linger=1", "linger: only a queue takes this; add queue=1", id="no-queue"),
        pytest.param(
            "queue=0&capacity=9&sync=1", "capacity, sync: only a queue takes this", id="queue-off"
        ),
        pytest.param("queue=yes", "queue must be '1' or '0', got 'yes'", id="queue"),
        pytest.param("queue=1&sync=1", "sync: needs a queue on disk; give spool=DIR", id="sync"),
        pytest.param("queue=1&spool_map=0", "spool_map: needs a queue on disk", id="spool-map"),
        pytest.param("spool=/s&spool_map=no", "spool_map must be '1' or '0'", id="map-yes-or-no"),
        pytest.param("spool=", "spool: expected a path, got ''", id="spool"),
        pytest.param("queue=1&capacity=8MB", "'64 KiB', '8 MiB' or '1 GiB', got '8MB'", id="MB"),
        pytest.param("queue=1&capacity=0", "capacity: expected bytes", id="capacity"),
        pytest.param("queue=1&overflow=wait", "'block' or 'raise', got 'wait'", id="overflow"),
        pytest.param("queue=1&linger=-1", "linger: expected seconds, 0 or more", id="negative"),
        pytest.param("queue=1&linger=nan", "linger: expected seconds", id="nan"),
        pytest.param("queue=1&linger=x", "linger: expected seconds, 0 or more, got 'x'", id="text"),
        pytest.param("queue=1&refresh=0", "refresh: expected seconds, more than 0", id="refresh"),
        pytest.param("queue=1&backoff_max=inf", "backoff_max: expected seconds", id="inf"),
        pytest.param("queue=1&datagram_size=99999", "unknown option 'datagram_size'", id="size"),
    ],
)
def test_wrong_queue_options_are_named(query, says):
    with pytest.raises(heka.ConfigError, match=says):
        parse(f"tcp://h?{query}")


def test_a_datagram_has_a_size():
    with pytest.raises(heka.ConfigError, match="datagram_size must be from 64 to 65507 bytes"):
        parse("udp://h?queue=1&datagram_size=63")


# ---- in Python -----------------------------------------------------------------------------------


def test_options_accept_text_as_in_configuration_files():
    """Numbers and sizes as text, paths of any type."""
    options = QueueOptions(capacity="8 MiB", linger="0.5", spool=Path("/s"), datagram_size=100)

    assert options == QueueOptions(8 * MIB, linger=0.5, spool="/s", datagram_size=100)
    assert type(options.capacity) is int
    assert type(options.spool) is str
    assert TlsOptions(ca=Path("/ca")) == TlsOptions(ca="/ca")


@pytest.mark.parametrize(
    ("given", "size"),
    [(1, 1), ("1", 1), ("3KiB", 3072), ("3 MiB", 3 * MIB), ("1 GiB", 1 << 30)],
)
def test_sizes_are_read(given, size):
    assert as_size(given, "capacity") == size


@pytest.mark.parametrize(
    "given",
    [
        *(0, -1, True, 1.5, None, b"1", "", "KiB", "1.5 MiB", "1 mib", "1  MiB", " 1", "9" * 30),
        *(1 << 64, "9999999999999999999 GiB", "\u0661"),
    ],
)
def test_a_wrong_size_is_named(given):
    with pytest.raises(heka.ConfigError, match="capacity: expected bytes, as a number"):
        as_size(given, "capacity")

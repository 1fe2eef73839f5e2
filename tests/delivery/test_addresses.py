"""The notations of a destination: how each is parsed and printed, and which are refused."""

from __future__ import annotations

import pytest

import heka
from heka._net.addresses import Address, parse

UDP = ("udp", "h", 5565)
READ = [
    pytest.param("h", UDP, id="a-host-alone"),
    pytest.param("h:5565", UDP, id="host-and-port"),
    pytest.param(":5565", ("udp", "localhost", 5565), id="a-port-alone"),
    pytest.param("[::1]:7", ("udp", "::1", 7), id="ipv6"),
    pytest.param("[::1]", ("udp", "::1", 5565), id="ipv6-without-a-port"),
    pytest.param("[fe80::1%eth0]:7", ("udp", "fe80::1%eth0", 7), id="ipv6-of-one-link"),
    pytest.param("[fe80::1%25eth0]:7", ("udp", "fe80::1%eth0", 7), id="zone-of-rfc-6874"),
    pytest.param(
        "tcp://[fe80::1%25en%2E1]:7", ("tcp", "fe80::1%en.1", 7), id="zone-with-an-escape"
    ),
    pytest.param("[fe80::1%25]:7", ("udp", "fe80::1%25", 7), id="zone-25"),
    pytest.param(("h", 7), ("udp", "h", 7), id="a-tuple"),
    pytest.param(("h", "7"), ("udp", "h", 7), id="a-tuple-out-of-a-configuration-file"),
    pytest.param(("::1", 7), ("udp", "::1", 7), id="a-tuple-needs-no-brackets"),
    pytest.param("udp://h:7", ("udp", "h", 7), id="udp"),
    pytest.param("tcp://h:7", ("tcp", "h", 7), id="tcp"),
    pytest.param("TCP://h:7", ("tcp", "h", 7), id="the-case-of-a-scheme-does-not-matter"),
    pytest.param("tcp://h/", ("tcp", "h", 5565), id="tcp-with-a-slash"),
    pytest.param("tcp://[::1]:7/", ("tcp", "::1", 7), id="tcp-ipv6"),
]


@pytest.mark.parametrize(("to", "meaning"), READ)
def test_host_and_port_are_read(to, meaning):
    address = parse(to)

    assert (address.scheme, address.host, address.port) == meaning


@pytest.mark.parametrize(
    ("to", "meaning"),
    [
        pytest.param("unix:///run/h", ("unix", "/run/h"), id="unix"),
        pytest.param("unixgram:///run/h", ("unixgram", "/run/h"), id="unixgram"),
        pytest.param("unix://@name", ("unix", "@name"), id="abstract"),
        pytest.param("file:///a%20b%3f", ("file", "/a b?"), id="percent-encoded"),
        pytest.param("file:///a%ff", ("file", "/a\udcff"), id="no-utf-8"),
    ],
)
def test_paths_are_read(to, meaning):
    address = parse(to)

    assert (address.scheme, address.path) == meaning


@pytest.mark.parametrize(
    ("to", "options"),
    [
        pytest.param("udp://h?family=6", {"family": 6}, id="family"),
        pytest.param("udp://h?framing=none", {"framed": False}, id="bare-messages"),
        pytest.param("udp://h?framing=heka", {"framed": True}, id="framed"),
        pytest.param("udp://h?datagram=65507", {"datagram": 65507}, id="datagram"),
        pytest.param("unixgram:///s?datagram=64", {"datagram": 64}, id="smallest-datagram"),
        pytest.param("udp://h", {"family": 0, "framed": True, "datagram": 8192}, id="defaults"),
    ],
)
def test_options_are_read(to, options):
    address = parse(to)

    assert {name: getattr(address, name) for name in options} == options


@pytest.mark.parametrize(
    ("to", "url"),
    [
        pytest.param(("h", 7), "udp://h:7", id="a-tuple"),
        pytest.param("[::1]", "udp://[::1]:5565", id="brackets"),
        pytest.param("[fe80::1%lo]:7", "udp://[fe80::1%25lo]:7", id="zone"),
        pytest.param(("fe80::1%251", 7), "udp://[fe80::1%25251]:7", id="zone-251"),
        pytest.param("tcp://h?family=4", "tcp://h:5565?family=4", id="an-option"),
        pytest.param(
            "udp://h:7?datagram=99&framing=none&family=6",
            "udp://h:7?family=6&framing=none&datagram=99",
            id="options",
        ),
        pytest.param("file:///a%20b%3F%ff", "file:///a%20b%3F%FF", id="a-path"),
    ],
)
def test_prints_as_the_url_that_names_it(to, url):
    assert str(parse(to)) == url
    assert parse(url) == parse(to)


NOTATIONS = r"expected \(host, port\), 'host:port', '\[::1\]:5565', udp://host:port"
WRONG = [
    pytest.param("http://h", f"unknown scheme 'http'; {NOTATIONS}", id="another-scheme"),
    pytest.param("h:0", "the port must be from 1 to 65535, got 0", id="port-0"),
    pytest.param("h:65536", "from 1 to 65535, got 65536", id="port-too-large"),
    pytest.param("h:" + "1" * 5000, "from 1 to 65535", id="port-of-5000-digits"),
    pytest.param("h:http", "from 1 to 65535, got 'http'", id="port-of-letters"),
    pytest.param("h:-1", "from 1 to 65535, got '-1'", id="port-with-a-sign"),
    pytest.param("h:\u0661", "from 1 to 65535", id="port-of-foreign-digits"),
    pytest.param(("h", True), "from 1 to 65535, got True", id="port-that-is-a-bool"),
    pytest.param(("h", 5.0), "from 1 to 65535, got 5.0", id="port-that-is-a-float"),
    pytest.param(("h",), NOTATIONS, id="a-tuple-of-one"),
    pytest.param(("h", 7, 0), NOTATIONS, id="a-tuple-of-three"),
    pytest.param((7, "h"), NOTATIONS, id="a-tuple-the-wrong-way-round"),
    pytest.param("", NOTATIONS, id="nothing"),
    pytest.param(" ", NOTATIONS, id="a-space"),
    pytest.param("tcp://", NOTATIONS, id="a-scheme-alone"),
    pytest.param("h h:7", "'h h' is not a host name", id="a-host-with-a-space"),
    pytest.param("udp://me@h", "'udp://...@h': a destination has no user", id="a-user"),
    pytest.param("::1:7", r"needs brackets, as in '\[::1\]:5565'", id="ipv6-without-brackets"),
    pytest.param("[::1", r"expected \[address\]:port", id="one-bracket"),
    pytest.param("[::1]7", r"expected \[address\]:port", id="no-colon"),
    pytest.param("tcp://h/path", "is not a host name", id="tcp-with-a-path"),
    pytest.param("file://", "expected a path, as in file:///var", id="no-path"),
    pytest.param("unix:///a%00b", "expected a path", id="nul-in-a-path"),
    pytest.param("tcp://h?framing=none", "tcp takes: family", id="option-of-another-scheme"),
    pytest.param("unix:///s?x=1", "unknown option 'x'; unix takes: queue, capacity", id="unknown"),
    pytest.param("udp://h?family=5", "family must be 4 or 6, got '5'", id="family"),
    pytest.param("udp://h?framing=raw", "must be 'heka' or 'none', got 'raw'", id="framing"),
    pytest.param("udp://h?datagram=63", "from 64 to 65507 bytes, got '63'", id="datagram-small"),
    pytest.param("udp://h?datagram=65508", "from 64 to 65507 bytes", id="datagram-large"),
    pytest.param("udp://h?datagram=" + "1" * 5000, "from 64 to 65507", id="datagram-huge"),
    pytest.param("udp://h?datagram=", "from 64 to 65507 bytes, got ''", id="datagram-empty"),
    pytest.param(5565, "a port needs a host, as in 'localhost:5565'; got 5565", id="a-number"),
    pytest.param("5565", "a port needs a host, as in 'localhost:5565'; got '5565'", id="a-port"),
    pytest.param(65536, f"{NOTATIONS}.*, or an object with write.*got 65536", id="no-port"),
    pytest.param(b"h:7", "got b'h:7'", id="bytes"),
    pytest.param(["h", 7], NOTATIONS, id="a-list"),
]


@pytest.mark.parametrize(("to", "says"), WRONG)
def test_a_wrong_destination_is_named(to, says):
    with pytest.raises(heka.ConfigError, match=says):
        parse(to)


@pytest.mark.parametrize(("to", "says"), WRONG)
def test_log_raises_it(to, says):
    """A wrong argument is an error of the caller, not of the network."""
    with pytest.raises(heka.ConfigError, match=says):
        heka.log("t", to=to)


@pytest.mark.parametrize(("to", "says"), WRONG)
def test_configure_raises_it_and_changes_nothing(to, says):
    heka.configure(to="udp://127.0.0.1:9", logger="before")

    with pytest.raises(heka.ConfigError, match=says):
        heka.configure(to=to, logger="after")

    with heka.testing.capture() as captured:
        heka.log("t")
    assert captured[0].logger == "before"
    heka.configure(logger="")


@pytest.mark.parametrize(
    "address",
    [
        pytest.param(Address("udp", "h", 7), id="udp"),
        pytest.param(Address("tcp", "::1", 7, family=6), id="tcp"),
        pytest.param(Address("unix", path="@a b"), id="unix"),
        pytest.param(Address("unixgram", path="/x?y#z%", framed=False), id="unixgram"),
        pytest.param(Address("file", path="/\udcff\n"), id="file"),
    ],
)
def test_an_address_is_returned_unchanged(address):
    assert parse(address) is address
    assert parse(str(address)) == address

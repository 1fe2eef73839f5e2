"""Hosts and ports of UdpStream and TcpStream: values, sequences, text, and refused values."""

from __future__ import annotations

import socket

import pytest
from delivery.support import Datagrams, Listener

from heka.exceptions import ConfigError, ConfigWarning
from heka.streams import TcpStream, UdpStream


def urls(stream):
    return list(stream.stats()["destinations"])


@pytest.mark.parametrize("kind", [UdpStream, TcpStream])
@pytest.mark.parametrize(
    ("host", "port", "ends"),
    [
        pytest.param("a", 1, ["a:1"], id="one"),
        pytest.param("a", "5566", ["a:5566"], id="port-as-text"),
        pytest.param(["a", "b"], "5566", ["a:5566", "b:5566"], id="one-text-for-two-hosts"),
        pytest.param(["a", "b"], ["1", 2], ["a:1", "b:2"], id="zipped"),
        pytest.param(("a", "b", "c"), (1, 2), ["a:1", "b:2", "c:2"], id="last-port-repeated"),
        pytest.param(dict.fromkeys("ab"), {7}, ["a:7", "b:7"], id="any-iterable"),
        pytest.param("::1", 9, ["[::1]:9"], id="ip-v6"),
    ],
)
def test_hosts_and_ports_are_paired(kind, host, port, ends, keep):
    stream = keep(kind(host=host, port=port))

    assert [url.partition("://")[2] for url in urls(stream)] == ends


def test_the_port_may_be_left_out(keep):
    assert urls(keep(TcpStream("a"))) == ["tcp://a:5565"]


def test_the_callers_lists_stay_as_they_were(keep):
    hosts, ports = ["a", "b"], [1]

    keep(UdpStream(hosts, ports))

    assert (hosts, ports) == (["a", "b"], [1])


def test_ports_without_a_host_are_ignored_with_a_warning_at_the_caller(keep):
    with pytest.warns(ConfigWarning, match="3 ports for 1 hosts: 2, 3 ignored") as caught:
        stream = keep(UdpStream("a", [1, 2, 3]))

    assert urls(stream) == ["udp://a:1"]
    assert caught[0].filename == __file__


def test_a_port_given_as_text_is_where_the_datagram_goes(keep):
    """heka-py 0.30 sent to the ports 1 and 2 for '12'."""
    peer = keep(Datagrams())
    stream = keep(UdpStream(["127.0.0.1"], str(peer.port)))

    assert stream.write(b"x") is True
    assert peer.take() == b"x"


def test_a_port_given_as_text_is_where_the_connection_goes(keep):
    peer = keep(Listener())
    stream = keep(TcpStream(["127.0.0.1"], str(peer.port)))

    assert stream.write(b"x") is True
    assert keep(peer.accept()).sock.recv(9) == b"x"


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_an_ip_v6_host_is_sent_to(keep):
    peer = keep(Datagrams(socket.AF_INET6))
    stream = keep(UdpStream("::1", peer.port))

    stream.write(b"x")

    assert peer.take() == b"x"


@pytest.mark.parametrize("kind", [UdpStream, TcpStream])
@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        pytest.param("a", 0, "port must be from 1 to 65535, got 0", id="port-0"),
        pytest.param("a", 65536, "port must be from 1 to 65535", id="port-too-large"),
        pytest.param("a", "http", "port must be .* got 'http'", id="port-name"),
        pytest.param("a", True, "port must be .* got True", id="port-bool"),
        pytest.param("a", 1.5, "port: expected one port or a sequence", id="port-float"),
        pytest.param("a", None, "port: expected one port or a sequence", id="port-none"),
        pytest.param("a", [None], "port must be .* got None", id="port-none-in-list"),
        pytest.param("a", [], "port: expected at least one port", id="no-port"),
        pytest.param([], 1, "host: expected at least one host", id="no-host"),
        pytest.param(None, 1, "host: expected one host or a sequence", id="host-none"),
        pytest.param(b"a", 1, "host: expected one host or a sequence", id="host-bytes"),
        pytest.param([7], 1, "host: expected a name or an address, got 7", id="host-int"),
        pytest.param("", 1, "'' is not a host name or address", id="host-empty"),
        pytest.param("a:5565", 1, "address without a port, got 'a:5565'", id="host-with-port"),
        pytest.param("udp://a", 1, "without a port, got 'udp://a'", id="host-is-url"),
    ],
)
def test_invalid_host_or_port_is_refused(kind, host, port, said):
    with pytest.raises(ConfigError, match=said):
        kind(host, port)


@pytest.mark.parametrize("timeout", ["soon", -1, None, True, "nan", float("inf")])
def test_an_invalid_timeout_is_refused(timeout):
    with pytest.raises(ConfigError, match="timeout: expected seconds, 0 or more, got"):
        UdpStream("a", 1, timeout=timeout)


def test_a_timeout_may_be_text(keep):
    assert keep(UdpStream("a", 1, timeout="0.5")).timeout == 0.5

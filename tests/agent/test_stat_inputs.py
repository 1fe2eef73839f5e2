"""StatsdInput, StatAccumInput and HostInput: from sockets through the table to messages."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from agent.support import Box, soon

import heka.agent.inputs.losses as losses
from heka._core import monotonic
from heka.agent.graph import Feed, Graph
from heka.agent.inputs.host import HostInput, HostOptions
from heka.agent.inputs.stat_accum import WAITING_MAX, StatAccumInput, StatAccumOptions, Ticker
from heka.agent.inputs.statsd import LinesReader, StatsdInput, StatsdOptions
from heka.agent.options import read
from heka.agent.world import World
from heka.exceptions import ConfigError
from heka.message import MESSAGE_MAX

LONG = 3600.0  # seconds; no test waits for a tick of it


class Agent:
    """Inputs and a box for their messages."""

    def __init__(self, room: int | None = None) -> None:
        self.shelf = Box(room)
        self.graph = Graph([self.shelf.consumer])
        self.plugins: dict[str, Any] = {}
        self.world = World("web1.example", "", self.plugins.get)

    def add(self, kind: Any, name: str = "", /, **options: Any) -> Any:
        name = name or kind.__name__
        made = kind(name, kind.Options(**options), Feed(self.graph, name, self.world))
        self.plugins[name] = made
        return made

    def lines(self) -> list[str]:
        return "".join(self.shelf.payloads).splitlines()


@contextmanager
def running(*plugins: Any) -> Iterator[None]:
    """Started, and stopped in the opposite order."""
    started = []
    try:
        for plugin in plugins:
            plugin.start()
            started.append(plugin)
        yield
    finally:
        for plugin in reversed(started):
            plugin.stop(monotonic() + 20)


def port_of(statsd: StatsdInput) -> tuple[str, int]:
    host, _, port = statsd.addresses[0].partition(" ")[2].rpartition(":")
    return host, int(port)


# ---- from sockets to messages --------------------------------------------------------------------


def test_datagrams_become_messages():
    agent = Agent()
    accum = agent.add(StatAccumInput, ticker_interval=LONG, dialect="heka")
    statsd = agent.add(StatsdInput, address="127.0.0.1:0", max_msg_size=64)
    before = int(time.time())
    with running(accum, statsd), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(3):
            sock.sendto(b"a:2|c\nb:5|g", port_of(statsd))
        sock.sendto(b"a:1|c\n" + b"x" * 100, port_of(statsd))
        soon(lambda: statsd.account()["datagrams"] == 4)
    [message] = agent.shelf.messages

    assert (message.type, message.logger) == ("heka.statmetric", "StatAccumInput")
    assert (message.hostname, message.pid) == ("web1.example", os.getpid())
    stamp = agent.lines()[0].rpartition(" ")[2]
    assert before <= int(stamp) == message.timestamp // 10**9 <= time.time()
    assert agent.lines() == [
        f"stats.counters.a.rate {7 / LONG:.6f} {stamp}",
        f"stats.counters.a.count 7 {stamp}",
        f"stats.gauges.b 5.000000 {stamp}",
        f"stats.statsd.numStats 2 {stamp}",
    ]
    assert statsd.account() == {"datagrams": 4, "cut": 1, "lost": 0}
    assert accum.account()["bad_lines"] == 1


def test_datagrams_come_over_a_unix_socket_too(tmp_path):
    agent = Agent()
    accum = agent.add(StatAccumInput, ticker_interval=LONG)
    path = tmp_path / "s"
    statsd = agent.add(StatsdInput, address=str(path), net="unixgram")
    with running(accum, statsd), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"a:2|c", str(path))
        soon(lambda: statsd.account()["datagrams"])

    assert "stats.counters.a.count 2" in agent.lines()[1]
    assert not path.exists()


@pytest.mark.parametrize("net", ["tcp", "unix"])
def test_lines_come_over_streams(net, tmp_path):
    """They may end anywhere in what is read; the last one needs no newline."""
    agent = Agent()
    accum = agent.add(StatAccumInput, ticker_interval=LONG)
    address = "127.0.0.1:0" if net == "tcp" else str(tmp_path / "s")
    statsd = agent.add(StatsdInput, address=address, net=net)
    with running(accum, statsd):
        family = socket.AF_INET if net == "tcp" else socket.AF_UNIX
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.connect(port_of(statsd) if net == "tcp" else address)
            sock.sendall(b"a:1|c\na:2|")
            soon(lambda: accum.account()["values"] == 1)
            sock.sendall(b"c\na:4|c")
        soon(lambda: accum.account()["values"] == 3)

    assert agent.lines()[1].startswith("stats.counters.a.count 7 ")


def test_a_line_that_does_not_end_is_refused_once():
    table = StatAccumOptions().table()
    reader = LinesReader(lambda: table, 100)
    fed = [b"a:1|c\n" + b"x" * 90, b"x" * 90, b"x" * 90, b"x\na:1|c\na:1", b"|c"]

    for chunk in fed:
        assert reader.feed(memoryview(chunk)) == []
    reader.close()

    assert table.account()["values"] == 3
    assert (table.account()["bad_lines"], reader.refused) == (1, {"oversize": 1})
    assert reader.delivered_bytes + reader.refused_bytes == sum(map(len, fed))


def test_a_replaced_accumulator_gets_what_comes_later():
    """A reload makes a new one of the section; the StatsdInput stays."""
    agent = Agent()
    agent.add(StatAccumInput, ticker_interval=LONG)
    statsd = agent.add(StatsdInput, address="127.0.0.1:0")
    with running(statsd), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        del agent.plugins["StatAccumInput"]
        new = agent.add(StatAccumInput, ticker_interval=LONG)
        soon(lambda: sock.sendto(b"a:1|c", port_of(statsd)) and new.table.account()["values"])


def test_an_input_needs_its_accumulator():
    agent = Agent()
    for kind, options in ((StatsdInput, {}), (HostInput, {})):
        made = agent.add(kind, stat_accum_name="sums", **options)
        with pytest.raises(ConfigError, match=r"needs a section of type .* 'sums'"):
            made.start()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/net/udp is Linux's")
def test_datagrams_that_the_kernel_drops_are_counted():
    """By /proc/net/udp when none follows, and beside the next one."""
    agent = Agent()
    accum = agent.add(StatAccumInput, ticker_interval=LONG)
    statsd = agent.add(StatsdInput, address="127.0.0.1:0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.bind(("127.0.0.1", 0))
        losses.count_losses(sock)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(50):
                sender.sendto(b"x" * 1000, sock.getsockname())
            lost = losses.lost_datagrams(sock)
            taken, _, _ = accum.table.receive(sock.fileno(), sock.fileno(), 0.0, 2000)
            sender.sendto(b"a:1|c", sock.getsockname())
            told = accum.table.receive(sock.fileno(), sock.fileno(), 0.0, 2000)
    assert lost == 50 - taken > 0
    assert told == (1, 0, lost)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        assert losses.lost_datagrams(other) == 0
    statsd.start()
    statsd.stop(monotonic() + 20)
    assert statsd.account()["lost"] == 0


# ---- flushes -------------------------------------------------------------------------------------


def test_a_flush_is_as_many_messages_as_it_needs():
    """At most 64 KiB each, one timestamp in all, as lines and as fields."""
    for options in (
        {},
        {"emit_in_fields": True},
        {"emit_in_fields": True, "emit_in_payload": False},
    ):
        agent = Agent()
        accum = agent.add(StatAccumInput, "sums" * 50, **options)
        accum.table.feed("\n".join(f"k{n}:{n}.5|g" for n in range(5000)).encode())

        blocks = accum.blocks(1_385_000_000_500_000_000)

        frames = [frame for block in blocks for frame in block]
        messages = [frame.message for frame in frames]
        assert len(frames) > 2
        assert all(len(frame.payload) <= MESSAGE_MAX for frame in frames)
        assert {message.timestamp for message in messages} == {1_385_000_000_500_000_000}
        lines = "".join(message.payload for message in messages).splitlines()
        fields = [(k, v) for message in messages for k, v in message.fields.items()]
        if options.get("emit_in_payload", True):
            assert len(lines) == 5001
            assert lines[-1] == "stats.statsd.numStats 5000 1385000000"
        if options:
            assert fields.count(("timestamp", [1_385_000_000])) == len(messages)
            assert ("stats.gauges.k7", [7.5]) in fields
            assert len(fields) == 5001 + len(messages)


def test_fields_have_the_types_of_the_numbers():
    agent = Agent()
    accum = agent.add(StatAccumInput, "s", emit_in_fields=True, dialect="heka")
    accum.table.feed(b"a key:2|c")

    [block] = accum.blocks(0)

    assert block[0].message.fields == {
        "timestamp": [0],
        "stats.counters.a key.rate": [0.2],
        "stats.counters.a key.count": [2],
        "stats.statsd.numStats": [1],
    }


def test_of_more_than_eight_waiting_flushes_the_oldest_is_dropped():
    agent = Agent(room=0)
    shelf = agent.shelf
    accum = agent.add(StatAccumInput, ticker_interval=0.01)
    accum.start()
    soon(lambda: accum.account()["dropped_flushes"] >= 3)
    shelf.room = None
    accum.stop(monotonic() + 20)

    account = accum.account()
    assert account["dropped_messages"] == account["dropped_flushes"]
    assert account["waiting_flushes"] == 0
    assert account["flushes"] == len(shelf.payloads) + account["dropped_flushes"]
    assert len(shelf.payloads) >= WAITING_MAX


def test_a_stop_while_paused_ends_at_its_deadline_and_with_the_graph():
    agent = Agent(room=0)
    accum = agent.add(StatAccumInput, ticker_interval=LONG)
    accum.start()

    accum.stop(monotonic())
    agent.graph.close()
    for thread in threading.enumerate():
        if thread.name == "heka StatAccumInput":
            thread.join(20)
            assert not thread.is_alive()


def test_a_flush_without_memory_is_counted_and_the_next_one_comes(monkeypatch):
    agent = Agent()
    accum = agent.add(StatAccumInput, ticker_interval=0.01)
    flush, fails = accum.blocks, [MemoryError, MemoryError]

    def blocks(now_ns: int) -> Any:
        if fails:
            raise fails.pop()
        return flush(now_ns)

    monkeypatch.setattr(accum, "blocks", blocks)
    with running(accum):
        soon(lambda: agent.shelf.payloads)

    assert accum.account()["failed_flushes"] == 2


# ---- time ----------------------------------------------------------------------------------------


def test_flushes_keep_their_distance_whatever_the_wall_clock_does():
    """An hour back, a minute suspended: one flush each, at least half an interval apart."""
    for aligned in (False, True):
        now, wall = 100.0, 1_000_003.0
        ticker = Ticker(10.0, aligned=aligned, now=now, wall=wall)
        last = now
        for jump, sleep in ((0, 0), (-3600, 0), (0.3, 60), (3600.1, 0), (-7, 0), (-0.2, 0)):
            wait = ticker.due - now
            assert 0 < wait <= 15
            now, wall = ticker.due + sleep, wall + wait + sleep + jump
            assert now - last >= 5 or last == 100.0
            last = now
            ticker.advance(now, wall)


def test_aligned_flushes_come_at_multiples_of_the_interval():
    """Also when the timer fires a little early."""
    ticker = Ticker(10.0, aligned=True, now=5.0, wall=1_000_003.0)
    assert ticker.due == 12.0

    ticker.advance(11.9, 1_000_009.9)

    assert ticker.due == pytest.approx(22.0)


def test_without_alignment_flushes_do_not_drift():
    ticker = Ticker(10.0, aligned=False, now=5.0, wall=0.0)

    ticker.advance(15.2, 0.0)

    assert ticker.due == 25.0


# ---- options -------------------------------------------------------------------------------------


def test_options_of_hekad_are_read():
    problems: list[Any] = []
    table = {
        "ticker_interval": 5,
        "emit_in_fields": True,
        "percent_threshold": 95,
        "legacy_namespaces": True,
        "global_prefix": "g",
        "delete_idle_stats": True,
    }

    options = read(StatAccumOptions, table, problems)

    assert (problems, options.percent_threshold) == ([], (95.0,))
    made = options.table()
    made.feed(b"a:1|c\nb:2|ms")
    text = b"".join(made.flush(1, 60_000)).decode()
    assert text.startswith("g.a 0.2 1\nstats_counts.a 1 1\ng.timers.b.count 1 1\n")
    assert "upper_95" in text
    assert text.endswith("\nstatsd.numStats 2 1\n")


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        (StatAccumOptions, {"ticker_interval": 0}, "ticker_interval: expected 0.01 to"),
        (StatAccumOptions, {"emit_in_payload": False}, "emit_in_payload: expected true"),
        (StatAccumOptions, {"max_stats": 0}, "max_stats: expected 1 to 4294967295, got 0"),
        (StatAccumOptions, {"gauge_prefix": "a b"}, "gauge_prefix: expected text without"),
        (StatAccumOptions, {"percent_threshold": (0,)}, "percent_threshold or prefixes: "),
        (StatsdOptions, {"max_msg_size": 65_536}, "max_msg_size: expected 1 to 65535"),
        (StatsdOptions, {"max_connections": 0}, "max_connections: expected 1 or more"),
        (StatsdOptions, {"address": "x:y"}, "address: expected HOST:PORT"),
        (HostOptions, {"ticker_interval": 0}, "ticker_interval: expected 0.1 to"),
        (HostOptions, {"emit_message": False}, "emit_message: expected true"),
    ],
)
def test_wrong_options_are_refused(kind, options, text):
    with pytest.raises(ConfigError, match=text):
        kind(**options)


# ---- the host ------------------------------------------------------------------------------------


def test_numbers_of_the_host_become_gauges_and_a_message():
    agent = Agent()
    accum = agent.add(StatAccumInput, ticker_interval=LONG)
    host = agent.add(HostInput, ticker_interval=0.1, stat_accum_name="StatAccumInput")
    with running(accum, host):
        soon(lambda: agent.shelf.messages)

    message = agent.shelf.messages[0]
    assert (message.type, message.logger) == ("heka.hoststats", "HostInput")
    assert {"load.1", "cpu.percent", "memory.total", "net.lo.bytes_sent_per_second"} <= set(
        message.fields
    )
    assert all(value >= 0 for values in message.fields.values() for value in values)
    gauge = f"stats.gauges.host.web1_example.memory.total {message.fields['memory.total'][0]:.0f} "
    assert any(line.startswith(gauge) for line in agent.lines())
    assert host.account()["failed"] == 0


def test_the_host_input_asks_for_psutil(monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)

    with pytest.raises(ConfigError, match=r"pip install 'heka-py\[agent\]'"):
        Agent().add(HostInput).start()

"""StatTable against statsd 0.9's recorded output, and against a plain model of both dialects."""

from __future__ import annotations

import math
import socket
from pathlib import Path

import pytest
from agent.stat_model import Model
from hypothesis import given, settings
from hypothesis import strategies as st

from heka._core import StatTable

VECTORS = Path(__file__).resolve().parent / "vectors"


def numbers(lines: str) -> dict[str, float]:
    """Key -> value of lines "key value"; a key may have blanks."""
    pairs = (line.rpartition(" ") for line in lines.splitlines())
    return {key: float(value) for key, _, value in pairs}


def flushed(table: StatTable, seconds: int = 7) -> dict[str, float]:
    text = b"".join(table.flush(seconds, 60_000)).decode()
    ends = f" {seconds}\n"
    assert text.endswith(ends)
    found = numbers(text.replace(ends, "\n"))
    assert len(found) == text.count("\n"), "a key twice"
    return found


def assert_equal(ours: dict[str, float], theirs: dict[str, float]) -> None:
    """The same keys, numbers equal to 1e-9."""
    assert ours.keys() == theirs.keys()
    wrong = {
        key: (value, theirs[key])
        for key, value in ours.items()
        if not math.isclose(value, theirs[key], rel_tol=1e-9, abs_tol=5e-324)
    }
    assert not wrong


def test_a_stream_gives_the_keys_and_numbers_of_statsd():
    """Recorded by vectors/record_statsd.py from statsd 0.9; keys of its own left out."""
    expected = numbers((VECTORS / "statsd.out").read_text())
    table = StatTable("statsd", 2.0)

    table.feed((VECTORS / "statsd.in").read_bytes())

    ours = flushed(table)
    assert ours.pop("stats.statsd.numStats") > 30
    assert_equal(ours, expected)
    account = table.account()
    assert account["bad_lines"] == 2  # nothing, no.pipe
    assert account["bad_values"] == 4  # abc, rate x, -1 ms, empty


# ---- a model ------------------------------------------------------------------------------------

KEYS = st.sampled_from(["a", "b.c", "d e/f", "é!", "g;h=i", " j"])
NUMBERS = st.one_of(
    st.integers(-10_000, 10_000).map(str),
    st.floats(-1e6, 1e6).map(repr),
    st.sampled_from(["+3", "-3", "+0.5", "nan", "inf", "x", "", "1e3", ".5", "5.", "16777217"]),
)
RATES = st.sampled_from(["", "", "", "|@0.1", "|@0.3", "|@1", "|@0", "|@-1", "|@x"])
TYPES = st.sampled_from(["c", "ms", "g", "h", "m", "d", "s", "x", "c", "ms", "g"])
TAGS = st.sampled_from(["", "", "", "|#b:1,a:2", "|#prod"])
LINES = st.lists(
    st.tuples(KEYS, NUMBERS, TYPES, RATES, TAGS).map(lambda p: "{}:{}|{}{}{}".format(*p))
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["heka", "statsd"]),
    st.lists(LINES, min_size=1, max_size=3),
    st.sampled_from([(90.0,), (50.0, 99.9), ()]),
    st.booleans(),
)
def test_any_stream_gives_what_a_plain_model_gives(dialect, intervals, percents, delete_idle):
    """Several flushes, so that idle keys and relative gauges count too."""
    model = Model(dialect, 10.0, percents, delete_idle)
    table = StatTable(dialect, 10.0, percents=percents, delete_idle=delete_idle)
    for lines in intervals:
        for line in lines:
            model.line(line)
        table.feed("\n".join(lines).encode())

        assert_equal(flushed(table), model.flush())
    account = table.account()
    assert (account["values"], account["bad_lines"] + account["bad_values"]) == model.counts


# ---- hostile input -----------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["heka", "statsd"])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\0" * 65_507, id="NUL"),
        pytest.param(b"a" * 65_507, id="no-colon"),
        pytest.param(b":" * 65_507, id="colons"),
        pytest.param(b"|" * 65_507, id="bars"),
        pytest.param(b"a:" + b"1:" * 32_000 + b"|c|#", id="values-without-an-end"),
        pytest.param(b"a:1|c|#" + b"b," * 32_000, id="tags"),
        pytest.param(b"a:1|g|@" + b"0" * 65_000, id="a-long-rate"),
        pytest.param(b"a:1e" + b"9" * 65_000 + b"|g", id="a-long-exponent"),
        pytest.param(b"\n" * 65_507, id="newlines"),
        pytest.param(bytes(range(256)) * 255, id="every-byte"),
    ],
)
def test_garbage_is_counted_and_leaves_the_table_as_it_was(dialect, data):
    table = StatTable(dialect)

    _, lost = table.feed(data)

    account = table.account()
    assert account["stats"] <= 1
    assert account["bad_lines"] + account["bad_values"] == lost
    table.feed(b"good:1|c")
    assert flushed(table)["stats.counters.good.count"] == 1


def test_keys_over_the_cap_are_dropped_and_counted():
    table = StatTable("statsd", max_stats=1000)
    table.feed(b"known:1|c")
    for start in range(0, 50_000, 1000):
        table.feed(b"\n".join(b"k%d:1|c" % n for n in range(start, start + 1000)))

    table.feed(b"known:1|c")  # a known key goes on

    account = table.account()
    assert account["stats"] == 1000
    assert account["dropped_keys"] == 50_001 - 1000
    assert flushed(table)["stats.counters.known.count"] == 2


def test_payloads_are_cut_between_lines():
    table = StatTable("heka")
    table.feed("\n".join(f"key.{n}:{n}|c" for n in range(5000)).encode())

    parts = table.flush(1385000000, 4096)

    assert len(parts) > 50
    assert all(len(part) <= 4096 and part.endswith(b" 1385000000\n") for part in parts)
    assert b"".join(parts).count(b"\n") == 10_001


def test_datagrams_are_received_into_the_table():
    """A datagram over the size is cut to its whole lines; both are counted."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("127.0.0.1", 0))
        here.connect(here.getsockname())
        for n in range(100):
            here.send(b"a:%d|c\nb:1|c" % n)
        here.send(b"c:1|c\nc:1|c\n" + b"d" * 200)
        table = StatTable("heka")

        assert table.receive(here.fileno(), here.fileno(), 0.0, 100)[:2] == (64, 0)
        datagrams, cut, lost = table.receive(here.fileno(), here.fileno(), 0.0, 100)

    assert (datagrams, cut, lost) == (37, 1, 0)
    found = flushed(table)
    assert found["stats.counters.a.count"] == sum(range(100))
    assert found["stats.counters.c.count"] == 2
    assert table.account()["bad_lines"] == 1

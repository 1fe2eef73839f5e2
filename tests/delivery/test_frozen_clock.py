"""Tests of programs stop the clocks of Python; back-off and deadlines go on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from delivery.support import ROOT, Listener, run

from heka._core import monotonic

FROZEN = """
    import time as clock
    real = clock.perf_counter
    clock.monotonic = lambda: 1000.0
    clock.time = lambda: 1e9
    clock.monotonic_ns = lambda: 10**12
    clock.time_ns = lambda: 10**18
"""


@pytest.mark.parametrize("query", ["", "?queue=1"])
def test_a_server_that_comes_back_is_found(query):
    done = run(
        FROZEN
        + """
    server = socket.create_server(("127.0.0.1", 0))
    place = server.getsockname()
    server.close()
    to = f"tcp://127.0.0.1:{place[1]}" + sys.argv[1]
    heka.log("lost or queued", to=to)
    end = real() + 0.3
    while real() < end and not heka.stats()["retries"]:
        time.sleep(0.01)
    server = socket.create_server(place)
    server.settimeout(10)
    end = real() + 10
    while not heka.log("comes", to=to) and real() < end:
        time.sleep(0.01)
    connection = server.accept()[0]
    connection.settimeout(10)
    tell(came=len(connection.recv(65536)) > 0, **heka.stats())
        """,
        query,
        HEKA_QUIET="1",
    )

    assert done.facts["came"]


def test_a_timeout_ends(peer):
    """Also while the peer does not read."""
    there = peer(Listener, buffer=4096)

    done = run(
        FROZEN
        + """
    while heka.log("t", payload="x" * 60000, to=sys.argv[1], timeout=0.2):
        pass
    tell(**dropped())
        """,
        there.url,
        HEKA_QUIET="1",
    )

    assert done.facts == {"timeout": 1}


def test_a_queue_is_flushed_and_closed_within_its_timeout():
    done = run(
        FROZEN
        + """
    from heka.streams import QueuedStream
    stream = QueuedStream("tcp://127.0.0.1:9")
    stream.write(heka.pack("t"))
    began = real()
    flushed = stream.flush(0.2)
    stream.close(0.1)
    tell(flushed=flushed, took=real() - began, **stream.stats()["dropped"])
        """,
        HEKA_QUIET="1",
    )

    assert done.facts["flushed"] is False
    assert done.facts["closed"] == 1
    assert 0.2 <= done.facts["took"] < 3


def test_the_clock_of_the_core_does_not_go_back():
    times = [monotonic() for _ in range(1000)]

    assert times == sorted(times)


def test_no_module_reads_the_monotonic_clock_of_python():
    """All but the default of a filter, whose clock an argument replaces."""
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted(Path(ROOT, "heka").rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\btime\.monotonic|from time import .*monotonic", line)
    ]

    assert found == ["heka/filters.py: clock: Callable[[], float] = time.monotonic,"]

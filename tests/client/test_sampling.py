"""Sampling in forked workers: each process draws numbers of its own."""

from __future__ import annotations

import os

import pytest
from client.messages import Kept

from heka.client import HekaClient
from heka.decorators import timeit
from heka.filters import Sample

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of 3.12


def choices_of_children(choose, children=4, calls=64):
    """Return which of *calls* each forked child has sent, as bytes of 0 and 1."""
    found = []
    for _ in range(children):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(write, bytes(choose() for _ in range(calls)))
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            found.append(pipe.read())
        os.waitpid(pid, 0)
    return found


def timed(client):
    with client.timer("n", rate=0.5):
        pass


def ways(client):
    decorated = client.timer("n", rate=0.5)(abs)
    measured = timeit("n", rate=0.5, client=client)(abs)
    sampled = HekaClient(client.stream, "", filters=[Sample(0.5)])
    return {
        "incr": lambda: client.incr("n", rate=0.5),
        "gauge": lambda: client.gauge("n", 1, rate=0.5),
        "timer": lambda: timed(client),
        "decorated": lambda: decorated(1),
        "timeit": lambda: measured(1),
        "Sample": lambda: sampled.heka("t"),
    }


@pytest.mark.parametrize("way", ["incr", "gauge", "timer", "decorated", "timeit", "Sample"])
def test_forked_workers_sample_independently(way):
    stream = Kept()
    call = ways(HekaClient(stream, "tests"))[way]

    def choose():
        before = len(stream.written)
        call()
        return len(stream.written) - before

    choose()  # the parent's generator is seeded
    found = choices_of_children(choose)

    assert all(0 < sum(chosen) < 64 for chosen in found)
    assert len(set(found)) == len(found)

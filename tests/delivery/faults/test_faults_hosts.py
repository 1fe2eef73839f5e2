"""Several servers: failover hosts, and several destinations that each get everything."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from delivery.faults.identity import Watch, check, compare
from delivery.faults.support import QUICK, arrives, run, write_all, write_during
from delivery.support import SOON, wait_until, within

from heka.streams import FanOutStream, QueuedStream


@pytest.fixture
def pair(server):
    return server("tcp"), server("tcp")


def url_of(first, second):
    return f"tcp://127.0.0.1:{first.at},127.0.0.1:{second.at}"


def test_the_second_host_gets_what_the_first_does_not(pair):
    """The servers die in turn: nothing is lost, and only resent messages arrive twice."""
    with QueuedStream(url_of(*pair), **QUICK) as stream, Watch(stream):

        def die_in_turn():
            for n in range(8):
                one = pair[n % 2]
                count = sum(there.received.count() for there in pair)
                one.stop()
                wait_until(
                    lambda before=count: sum(there.received.count() for there in pair) > before,
                    "a message at the other host",
                )
                one.start()

        accepted = write_during(stream, die_in_turn)
        assert stream.flush(20)
        sent = stream.stats()["sent"]
        wait_until(lambda: len(received(pair)) >= sent, f"{sent} messages")
        compare(stream.stats(), received(pair), accepted)

    assert received(pair).keys() == accepted
    assert all(there.received.count() > 0 for there in pair)


def received(servers):
    return sum((there.received.serials() for there in servers), Counter())


def test_the_first_host_is_used_again_when_it_is_back(pair):
    first, second = pair
    first.stop()
    options = {**QUICK, "refresh": 0.1}
    with QueuedStream(url_of(first, second), **options) as stream, Watch(stream):
        accepted = write_all(stream, 10)
        second.wait_for(10)
        first.start()
        number = 10
        while first.received.count() == 0 and number < 2000:
            accepted |= write_all(stream, 1, start=number)
            number += 1
            time.sleep(0.01)
        assert stream.flush(10)
        wait_until(lambda: received(pair).keys() == accepted, "all")

    assert first.received.count() > 0
    assert received(pair).total() - len(accepted) <= stream.stats()["resent"]


def test_a_list_of_queues_has_one_account_each(server):
    """An absent destination does not delay the others."""
    here, away = server("tcp"), server("unix", start=False)
    streams = [QueuedStream(there.url, **QUICK) for there in (here, away)]
    fan = FanOutStream(streams)
    with Watch(*streams):
        with within(SOON):
            accepted = write_all(fan, 500)
        arrives(streams[0], here, accepted)
        assert streams[1].stats()["queued"] == 500
        away.start()
        arrives(streams[1], away, accepted)
    fan.close(1)
    for stream in streams:
        check(stream.stats())


def test_the_counters_of_a_program_are_the_sum_of_its_destinations(server):
    """heka.stats() balances at every moment, over queues and direct destinations."""
    here, away = server("tcp"), server("tcp", start=False)
    run(
        """
        def balance():
            now = heka.stats()
            for one in [now, *now["destinations"].values()]:
                left = one["sent"] + sum(one["dropped"].values()) + one.get("queued", 0)
                assert one["offered"] + one.get("recovered", 0) == left, one
            return now
        over, failures = threading.Event(), []
        def watch():
            while not over.is_set():
                try:
                    balance()
                except AssertionError as failure:
                    failures.append(failure)
                    return
        watcher = threading.Thread(target=watch)
        watcher.start()
        here, away = (to + "?queue=1" for to in sys.argv[1:])
        for number in range(500):
            assert heka.log("t", "a", payload=str(number), to=here)
            assert heka.log("t", "a", payload=str(number), to=away)
            heka.log("t", "a", payload=str(number), to="udp://127.0.0.1:9")
        while balance()["destinations"][here]["queued"]:
            time.sleep(0.005)
        over.set()
        watcher.join()
        assert not failures, failures
        now = balance()
        assert now["destinations"][away]["queued"] == 500
        tell(**now["destinations"][here])
        heka._delivery.lifecycle.EXIT_TIMEOUT = 0.1
        """,
        here.url,
        away.url,
    )

    here.wait_for(500)

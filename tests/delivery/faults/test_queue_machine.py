"""QueuedStream and a TCP peer under random sequences of events, chosen by hypothesis."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from delivery.faults.identity import check, check_growth, compare
from delivery.faults.peers import Server
from delivery.faults.support import QUICK, settle, write_all
from delivery.support import PATIENCE, SOON, within
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from heka.streams import QueuedStream


class Machine(RuleBasedStateMachine):
    """Every accepted message arrives or is counted as dropped, and no step takes long."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.accepted = set()
        self.number = 0
        self.stream = None

    @initialize(
        kind=st.sampled_from(["tcp", "unix"]),
        overflow=st.sampled_from(["drop_new", "drop_old", "block"]),
        up=st.booleans(),
    )
    def make(self, kind, overflow, up):
        self.there = Server(self.folder / "server", kind, start=up)
        self.stream = QueuedStream(
            self.there.url,
            **{**QUICK, "capacity": "256 KiB", "overflow": overflow, "block_timeout": 0.05},
        )
        self.before = self.stream.stats()

    @rule(count=st.sampled_from([1, 7, 100]), size=st.sampled_from([0, 300, 3000, 60000]))
    def put(self, count, size):
        count = min(count, 400_000 // (size + 100))
        with within(4 * SOON):
            self.accepted |= write_all(self.stream, count, size=size, start=self.number)
        self.number += count

    @precondition(lambda self: self.stream and self.there.is_up)
    @rule(how=st.sampled_from(["fin", "rst"]))
    def stop_server(self, how):
        self.there.options["how"] = how
        self.there.stop()

    @precondition(lambda self: self.stream and not self.there.is_up)
    @rule(cut=st.sampled_from([None, None, 100_000]))
    def start_server(self, cut):
        self.there.start(cut=cut)

    @precondition(lambda self: self.stream and self.there.is_up)
    @rule()
    def drop_connection(self):
        self.there.stop()
        self.there.start()

    @precondition(lambda self: self.stream and self.there.is_up)
    @rule()
    def hang_for_a_moment(self):
        self.there.hang()
        self.put(7, 3000)
        self.there.go_on()

    @rule(timeout=st.sampled_from([0, 0.02]))
    def flush(self, timeout):
        with within(SOON):
            said = self.stream.flush(timeout)
        now = self.stream.stats()
        if said:
            assert now["queued"] == 0

    @precondition(lambda self: self.stream and self.there.is_up)
    @rule()
    def settle(self):
        """With a running server, the queue becomes empty."""
        self.stream.flush(PATIENCE)
        settle(self.stream, self.there, self.accepted)

    @invariant()
    def balances(self):
        if self.stream is None:
            return
        now = self.stream.stats()
        check(now)
        check_growth(self.before, now)
        assert now["offered"] == self.number
        self.before = now

    def teardown(self):
        try:
            if self.stream is not None:
                self.finish()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def finish(self):
        try:
            if not self.there.is_up:
                self.there.start()
            self.settle()
            lost = self.accepted - self.there.received.serials().keys()
            refused = self.number - len(self.accepted)
            assert len(lost) + refused == sum(self.stream.stats()["dropped"].values())
            with within(SOON):
                self.stream.close(1)
            assert not self.stream.write(b"x")
            self.there.stop()
            stats = self.stream.stats()
            check(stats)
            stats["dropped"].pop("closed")
            compare({**stats, "offered": self.number}, self.there.received.serials(), self.accepted)
        finally:
            self.stream.close(0)
            self.there.close()


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=20,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

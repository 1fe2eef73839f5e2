"""A random rotator: whatever is done to a log in whatever order, each line is read once.

One stream is read in steps, without threads: what is found depends on the steps only.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from heka.agent.inputs.logstreamer import LogstreamerOptions
from heka.agent.logs.discover import Finder
from heka.agent.logs.framer import Framer
from heka.agent.logs.stream import Settings, Stream
from heka.framing import Block

NEVER = 3600.0


class Rotator(RuleBasedStateMachine):
    """A writer of numbered lines, rotators of all kinds, and a stream that follows."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="heka-logs-"))
        self.log = self.folder / "log" / "app.log"
        self.log.parent.mkdir()
        self.log.touch()
        self.written = 0
        self.clock = 1_700_000_000
        self.numbers: list[int] = []
        self.uuids: dict[bytes, int] = {}
        self.killed = False
        self.said: list[str] = []
        options = LogstreamerOptions(paths=(str(self.log),), oldest_duration=0.0)
        self.finder = Finder("app", options.pattern())
        self.begin()

    def begin(self) -> None:
        framer = Framer("app", "here", b"\n", 65_536)
        directory = str(self.folder / "positions")
        os.makedirs(directory, exist_ok=True)
        wanted = Settings(directory, False, 0.0, NEVER, 0.0, self.said.append)
        self.stream = Stream("app", framer, wanted)

    def give(self, block: Block) -> bool:
        for frame in block:
            number = int(frame.message.payload.split()[0])
            assert self.uuids.setdefault(frame.message.uuid, number) == number
            self.numbers.append(number)
        return True

    def look(self) -> None:
        self.stream.look(self.finder.find().streams.get("app", []))

    def turns(self) -> None:
        for _ in range(1000):
            more = self.stream.turn(self.give)
            if self.stream.wants_look:
                self.look()
            elif not more:
                return
        raise AssertionError("it does not come to an end")

    def stamp(self, path: Path) -> None:
        """Let *path* be the file that was changed last."""
        self.clock += 1
        os.utime(path, (self.clock, self.clock))

    def shift(self) -> Path:
        """Rename .1 to .2 and so on; return the name .1."""
        for number in range(60, 0, -1):
            for end in ("", ".gz"):
                old = Path(f"{self.log}.{number}{end}")
                if old.exists():
                    os.rename(old, f"{self.log}.{number + 1}{end}")
        return Path(f"{self.log}.1")

    # ---- the steps ------------------------------------------------------------------------------

    @rule(count=st.sampled_from([1, 3, 40, 300]))
    def write(self, count: int) -> None:
        with open(self.log, "a") as file:
            for _ in range(count):
                file.write(f"{self.written} {'x' * (self.written % 40)}\n")
                self.written += 1
        self.stamp(self.log)

    @rule()
    def read(self) -> None:
        self.look()
        self.turns()

    @rule()
    def read_on(self) -> None:
        self.turns()

    @rule()
    def rename_and_create(self) -> None:
        os.rename(self.log, self.shift())
        self.log.touch()
        self.stamp(self.log)

    @rule(number=st.integers(1, 3))
    def compress(self, number: int) -> None:
        plain = Path(f"{self.log}.{number}")
        if plain.exists() and plain.stat().st_size:
            packed = Path(f"{plain}.gz")
            packed.write_bytes(gzip.compress(plain.read_bytes(), 1))
            shutil.copystat(plain, packed)
            plain.unlink()

    @rule(is_read_between=st.booleans())
    def copy_and_truncate(self, is_read_between: bool) -> None:
        if self.log.stat().st_size == 0:
            return
        shutil.copy2(self.log, self.shift())
        if is_read_between:
            self.read()
            self.stream.save()
        os.truncate(self.log, 0)
        self.stamp(self.log)

    @rule()
    def move_to_another_inode(self) -> None:
        old = Path(f"{self.log}.1")
        if old.exists():
            new = self.folder / "elsewhere"
            shutil.copy2(old, new)
            old.unlink()
            os.rename(new, old)

    @rule()
    def restart(self) -> None:
        self.stream.close()
        self.begin()

    @rule()
    def kill(self) -> None:
        self.killed = True
        self.stream._is_unsaved = False  # what is not on disk is forgotten
        self.stream.close()
        self.begin()

    # ---- what must hold -------------------------------------------------------------------------

    @invariant()
    def nothing_is_told(self) -> None:
        assert not self.said

    @invariant()
    def in_order(self) -> None:
        if not self.killed:
            assert self.numbers == list(range(len(self.numbers)))

    def teardown(self) -> None:
        try:
            for _ in range(3):
                self.read()
            assert set(self.numbers) == set(range(self.written))
            assert len(self.uuids) == self.written
            self.in_order()
        finally:
            self.stream.close()
            shutil.rmtree(self.folder)


TestRotator = Rotator.TestCase
TestRotator.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)

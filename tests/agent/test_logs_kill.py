"""A process that reads a log is killed at any moment: no line is missing, and each has one uuid."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from heka.framing import StreamReader

#: Reads app.log of the directory argv[1], and appends the frames to the file "out".
READER = """
import sys, time
from heka import matcher
from heka.agent.graph import Consumer, Feed, Graph
from heka.agent.inputs.logstreamer import LogstreamerInput, LogstreamerOptions
from heka.agent.world import World
base = sys.argv[1]
out = open(base + "/out", "ab", buffering=0)
def accept(block):
    out.write(bytes(block))
    return True
graph = Graph([Consumer("out", matcher.compile("TRUE"), accept)])
world = World("here", base, lambda name: None, print)
options = LogstreamerOptions(paths=(base + "/log/app.log",), check_data_interval=0.01,
                             rescan_interval=0.02, rotate_wait=0.01, position_interval=0.02)
plugin = LogstreamerInput("logs", options, Feed(graph, "logs", world))
plugin.start()
print("ready", flush=True)
sys.stdin.read()
plugin.stop(time.monotonic() + 30)
"""
TURNS = 8


def test_after_kills_each_line_is_there_and_has_one_uuid(tmp_path: Path) -> None:
    chance = random.Random(8)
    log = tmp_path / "log" / "app.log"
    log.parent.mkdir()
    written = 0
    for turn in range(TURNS):
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"ready\n"
        for _ in range(chance.randrange(1, 60)):
            with open(log, "a") as file:
                for _ in range(chance.randrange(1, 400)):
                    file.write(f"{written} {'x' * (written % 90)}\n")
                    written += 1
            if chance.random() < 0.1:
                for number in range(written, 0, -1):
                    old = Path(f"{log}.{number}")
                    if number < 100 and old.exists():
                        os.rename(old, f"{log}.{number + 1}")
                os.rename(log, f"{log}.1")
        if turn < TURNS - 1:
            reader.send_signal(signal.SIGKILL)
        else:
            while f"{written - 1} ".encode() not in (tmp_path / "out").read_bytes()[-4096:]:
                assert reader.poll() is None
        reader.stdin.close()
        reader.wait(60)
        reader.stdout.close()

    uuids: dict[bytes, int] = {}
    frames = StreamReader()
    for frame in frames.feed((tmp_path / "out").read_bytes()):
        number = int(frame.message.payload.split()[0])
        assert uuids.setdefault(frame.message.uuid, number) == number
    assert sorted(uuids.values()) == list(range(written))

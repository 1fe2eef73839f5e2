"""Somebody truncates files of a spool: what is missing is counted, and the program lives on."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from cli.support import environment
from delivery.faults.spools import NOWHERE, Logger, Peer, parts

from heka.exceptions import ConfigError
from heka.streams import QueuedStream


@pytest.fixture
def peer():
    peer = Peer()
    yield peer
    peer.close()


#: Queues 100 messages, cuts the file that holds them, and lets the thread go on.
LIVE = """
import json, sys
from pathlib import Path
import heka
from heka.streams import QueuedStream

spool, size, spool_map = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1"

class Gate:
    is_open = False
    def write(self, frame):
        if not self.is_open:
            raise OSError("not yet")

gate = Gate()
stream = QueuedStream(gate, spool=spool, spool_map=spool_map, backoff_max=0.01, linger=0.0)
for number in range(100):
    assert stream.write(heka.pack("test", payload=str(number)))
(segment,) = spool.glob("*/*.heka")
with segment.open("r+b") as file:
    file.truncate(size)
if not spool_map:
    assert stream.write(heka.pack("test", payload="after the cut"))
gate.is_open = True
stream.flush(30.0)
first = stream.stats()
assert stream.write(heka.pack("test", payload="the last one"))
last = stream.flush(30.0), stream.stats()
stream.close()
print(json.dumps([first, last]))
"""


def run_live(spool, size: int, spool_map: str):
    done = subprocess.run(
        [sys.executable, "-c", LIVE, str(spool), str(size), spool_map],
        capture_output=True,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done
    return json.loads(done.stdout)


@pytest.mark.parametrize("size", [0, 1000])
def test_cut_while_a_process_writes_it(tmp_path, size):
    """The messages that are missing count as corrupt; the others, and later ones, are sent."""
    account, (flushed_again, account_again) = run_live(tmp_path, size, "1")

    assert account["queued"] == 0
    assert account["sent"] + account["dropped"]["corrupt"] == 100
    assert (account["sent"] == 0) == (size == 0)
    assert flushed_again
    assert account_again["sent"] == account["sent"] + 1


def test_cut_while_a_process_writes_it_without_a_map(tmp_path):
    """``spool_map=False``: the next write into a file that was cut does not end the process."""
    account, (flushed_again, account_again) = run_live(tmp_path, 0, "0")

    assert account["queued"] == 0
    corrupt = account["dropped"].get("corrupt", 0)  # none, if they were read before the cut
    assert account["sent"] + corrupt == 101
    assert flushed_again
    assert account_again["sent"] == account["sent"] + 1


@pytest.mark.parametrize("spool_map", [True, False])
def test_cut_while_no_process_has_it(tmp_path, peer, spool_map):
    """The cursor says how many messages the last file had: each one is counted."""
    assert Logger(tmp_path, NOWHERE, 0, 100, "die").last() == 100
    (segment,) = parts(tmp_path)[0].glob("*.heka")
    os.truncate(segment, 0)

    with QueuedStream(peer.url, spool=tmp_path, spool_map=spool_map) as stream:
        assert stream.flush(30.0)
        account = stream.stats()

    assert account["recovered"] == account["dropped"]["corrupt"] == 100
    assert account["sent"] == 0


def test_without_a_map_nothing_is_lost(tmp_path, peer):
    """What one process left is read by calls, and sent by another."""
    stream = QueuedStream(NOWHERE, spool=tmp_path, spool_map=False, capacity="64 MiB")
    with stream:
        sizes = {path.stat().st_size for path in tmp_path.glob("*/*.heka")}
        assert sizes <= {0}  # nothing is reserved
        stream.close(0.0)
    assert Logger(tmp_path, NOWHERE, 0, 5000, "die").last() == 5000

    with QueuedStream(f"{peer.url}?spool={tmp_path}&spool_map=0") as later:
        assert later.flush(30.0)
        assert later.stats()["sent"] == 5000
    peer.wait_for(range(5000))
    assert peer.payloads == [str(number) for number in range(5000)]


def test_it_needs_a_spool():
    with pytest.raises(ConfigError, match="spool_map: needs a queue on disk"):
        QueuedStream(NOWHERE, spool_map=False)

"""``python -m heka spool``: what it prints about a spool, and what it sends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from cli.support import environment
from delivery.faults.spools import NOWHERE, PATIENCE, Logger, Peer, parts

from heka._core import Ring


@pytest.fixture
def peer():
    made = Peer()
    yield made
    made.close()


@pytest.fixture
def spool(tmp_path):
    """A spool in which a process has left 300 messages."""
    path = tmp_path / "spool"
    assert Logger(path, NOWHERE, 0, 300, "die").last() == 300
    return path


def run(*args) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "heka", "spool", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(),
        check=False,
    )


def files(path) -> dict:
    return {entry.name: entry.read_bytes() for entry in parts(path)[0].iterdir()}


def test_inspect_shows_each_directory(spool):
    """Which process uses it, and its contents; nothing is changed."""
    living = Logger(spool, NOWHERE, 300, 20, "wait")
    while living.wait_for("accepted") != "320":
        pass
    before = files(spool)

    result = run("inspect", spool)

    assert files(spool) == before
    living.kill()
    assert result.returncode == 0, result.stderr
    heading, *rows, total = result.stdout.splitlines()
    assert heading.split() == [
        *("directory", "held", "by", "files", "frames", "sent", "waiting", "bytes", "oldest")
    ]
    held = [row for row in rows if f"process {living.process.pid}" in row]
    assert len(rows) == 2 or len(rows) == 1  # it has adopted the other one
    assert held
    assert total.startswith("320 frames waiting in ")


def test_inspect_counts_what_was_sent(spool):
    ring = Ring(1 << 20, 65794, 1 << 18, parts(spool)[0])
    ring.take(1)
    ring.acknowledge()
    del ring

    row = run("inspect", spool).stdout.splitlines()[1].split()

    assert row[1:6] == ["nobody", "1", "300", "1", "299"]


def test_inspect_of_an_empty_spool(tmp_path):
    assert run("inspect", tmp_path).stdout == f"{tmp_path}: no queues\n"


@pytest.mark.parametrize("action", [["inspect"], ["replay", "--to", NOWHERE]])
def test_path_that_is_not_there(tmp_path, action):
    """No directory is made, and one sentence gives the reason."""
    missing = tmp_path / "missing"

    result = run(action[0], missing, *action[1:])

    assert result.returncode == 1
    assert result.stderr == (
        f"python -m heka spool: there is no directory '{missing}'; expected the path of a spool\n"
    )
    assert not missing.exists()


def test_replay_sends_and_removes(spool, peer):
    result = run("replay", spool, "--to", peer.url)

    assert (result.returncode, result.stdout) == (0, f"300 frames sent to {peer.url}\n")
    peer.wait_for(range(300))
    assert peer.payloads == [str(number) for number in range(300)]
    assert parts(spool) == []


def test_replay_keeps_the_files_if_it_is_told_to(spool, peer):
    before = files(spool)

    result = run("replay", spool, "--to", peer.url, "--keep")

    assert (result.returncode, result.stdout) == (0, f"300 frames sent to {peer.url}\n")
    peer.wait_for(range(300))
    assert files(spool) == before


@pytest.mark.parametrize(("options", "count"), [([], 290), (["--all"], 300)])
def test_replay_leaves_out_what_was_sent(spool, peer, options, count):
    ring = Ring(1 << 20, 65794, 1 << 18, parts(spool)[0])
    for _ in range(10):
        ring.take(1)
    ring.acknowledge()
    del ring

    result = run("replay", spool, "--to", peer.url, *options)

    assert (result.returncode, result.stdout) == (0, f"{count} frames sent to {peer.url}\n")
    peer.wait_for(range(300 - count, 300))
    assert parts(spool) == []


def test_replay_to_nobody_loses_nothing(spool):
    result = run("replay", spool, "--to", NOWHERE, "--timeout", "0.5")

    assert result.returncode == 1
    assert "300 frames not sent: " in result.stderr
    assert run("inspect", spool).stdout.splitlines()[-1].startswith("300 frames waiting")


def test_replay_leaves_what_a_process_holds(spool, peer):
    living = Logger(spool, NOWHERE, 300, 20, "wait")
    while living.wait_for("accepted") != "320":
        pass

    result = run("replay", spool, "--to", peer.url)

    assert (result.returncode, result.stdout) == (0, f"0 frames sent to {peer.url}\n")
    living.kill()
    assert os.listdir(spool) != []


def test_wrong_url(spool):
    result = run("replay", spool, "--to", "carrier-pigeon://x")

    assert result.returncode == 1
    assert result.stderr.startswith("python -m heka spool: ")

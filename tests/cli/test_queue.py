"""``heka queue``: what it lists, shows, checks, drops and sends of queues on disk."""

from __future__ import annotations

import re

import pytest
from agent.support import block_of

from heka.agent.queues import OutputQueue, QueueSettings
from heka.cli import main

LONG = "x" * 2000


@pytest.fixture
def base(tmp_path):
    """A base_dir with one queue, in which 1,000 messages wait in five files; 10 more are sent."""
    queue = OutputQueue(
        "out", str(tmp_path / "queues" / "out"), QueueSettings(max_buffer_size=4 << 20)
    )
    for n in range(101):
        assert queue.offer(block_of(*[f"{n} {i} {LONG}" for i in range(10)]))
    for _ in range(10):
        queue.ring.take(1)
        queue.acknowledge()
    queue.close()
    return tmp_path


def run(capsys, *args):
    """Exit code, and the lines of both outputs."""
    code = main(["queue", *map(str, args)])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err.splitlines()


def waiting(capsys, base):
    _, lines, _ = run(capsys, "ls", base)
    return int(lines[1].split()[3].replace(",", ""))


def payloads(capsys, base):
    _, lines, _ = run(capsys, "cat", base / "queues" / "out", "--format", "json")
    return [re.search(r'"payload":\s*"(\d+ \d+) ', line)[1] for line in lines]


@pytest.mark.parametrize("place", ["", "queues", "queues/out"])
def test_ls_says_what_waits(base, capsys, place):
    before = {path.name: path.read_bytes() for path in (base / "queues" / "out").iterdir()}

    code, lines, _ = run(capsys, "ls", base / place)

    assert code == 0
    heading, row = lines
    assert heading.split() == ["queue", "held", "by", "files", "waiting", "bytes", "oldest"]
    name, holder, files, count, size, *oldest = row.split()
    assert (name, holder, files) == ("out", "nobody", "5")
    assert count == "1,000"
    assert int(size.replace(",", "")) == 1000 * block_of(f"10 0 {LONG}").nbytes - 80
    assert oldest
    after = {path.name: path.read_bytes() for path in (base / "queues" / "out").iterdir()}
    assert after == before


def test_ls_names_the_process_that_holds_it(base, capsys):
    queue = OutputQueue("out", str(base / "queues" / "out"))

    _, lines, _ = run(capsys, "ls", base)
    code, _, errors = run(capsys, "skip", base, "--all")
    queue.close()

    assert re.search(r"out +process \d+ ", lines[1])
    assert code == 1
    assert re.search(r"is in use by process \d+; stop it first", errors[0])


def test_cat_shows_the_messages(base, capsys):
    assert payloads(capsys, base)[-1] == "100 9"


def test_skip_drops_the_oldest(base, capsys):
    before = waiting(capsys, base)

    code, lines, _ = run(capsys, "skip", base, "--count", "3")

    assert code == 0
    assert lines[0].endswith(f": 3 messages dropped, {before - 3:,} wait")
    assert waiting(capsys, base) == before - 3


def test_skip_until_a_time(base, capsys):
    before = waiting(capsys, base)
    assert run(capsys, "skip", base, "--until", "1h")[1][0].endswith(
        f": 0 messages dropped, {before:,} wait"
    )

    code, _, _ = run(capsys, "skip", base, "--until", "0s")

    assert code == 0
    assert waiting(capsys, base) == 0


def test_skip_all(base, capsys):
    before = waiting(capsys, base)

    code, lines, _ = run(capsys, "skip", base, "--all")

    assert code == 0
    assert f"{before:,} messages dropped, 0 wait" in lines[0]


def test_verify_finds_damage(base, capsys):
    assert run(capsys, "verify", base)[0] == 0
    path = sorted((base / "queues" / "out").glob("*.heka"))[1]
    data = bytearray(path.read_bytes())
    data[0:5] = b"xxxxx"
    path.write_bytes(data)

    code, lines, _ = run(capsys, "verify", base)

    assert code == 1
    assert path.name in lines[0]
    assert "bytes are no whole frame" in lines[0]
    assert lines[1].endswith("1,009 frames, 1 file with damage")


@pytest.mark.parametrize("keep", [True, False])
def test_replay_sends_what_waits(base, capsys, tmp_path, keep):
    before = waiting(capsys, base)
    target = tmp_path / "sent.heka"

    code, lines, _ = run(capsys, "replay", base, "--to", f"file://{target}", *["--keep"][:keep])

    assert code == 0
    assert f"{before:,} messages sent to" in lines[0]
    assert target.read_bytes().count(LONG.encode()) == before
    if keep:
        assert waiting(capsys, base) == before
    else:
        assert not list((base / "queues" / "out").glob("*.heka"))


def test_replay_gives_up(base, capsys):
    """Nothing listens there; what waits stays."""
    before = waiting(capsys, base)

    code, _, errors = run(capsys, "replay", base, "--to", "tcp://127.0.0.1:1", "--timeout", "0.05")

    assert code == 1
    assert f"{before:,} messages not sent; try again later" in errors[-1]
    assert waiting(capsys, base) == before


def test_what_is_no_queue(tmp_path, capsys):
    assert "there is no queue in" in run(capsys, "ls", tmp_path)[2][0]
    assert "there is no directory" in run(capsys, "ls", tmp_path / "missing")[2][0]

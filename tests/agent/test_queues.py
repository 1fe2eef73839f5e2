"""The queue of an output: what it accepts, drops, keeps over the end of a process, and counts."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading

import pytest
from agent.support import block_of

from heka._core import FRAME_MAX, StreamReader
from heka.agent.options import read
from heka.agent.queues import OutputQueue, QueueSettings
from heka.exceptions import ConfigError
from heka.framing import BlockReader

SMALL = {"max_buffer_size": 1 << 20, "sync": "never"}
BIG = "x" * 10_000


def is_balanced(account):
    gone = sum(account["dropped"].values()) + sum(account["rejected"].values())
    left = account["acknowledged"] + account["waiting"] + gone
    return account["put"] + account["recovered"] == left


def taken(queue, most=1 << 20):
    """Payloads of what the output gets next."""
    return [frame.message.payload for frame in StreamReader().feed(queue.ring.take(most))]


def fill(queue):
    """Offer blocks until one is not stored; return how many were."""
    count = 0
    while queue.offer(block_of(BIG, BIG)) and not queue.account()["dropped"]:
        count += 1
    return count


@pytest.fixture
def made(tmp_path):
    queues = []

    def make(**settings):
        queue = OutputQueue("out", str(tmp_path / "q"), QueueSettings(**{**SMALL, **settings}))
        queues.append(queue)
        return queue

    yield make
    for queue in queues:
        queue.close()
        assert is_balanced(queue.account())


def test_a_block_is_stored_and_counted(made):
    queue = made()

    assert queue.offer(block_of("a", "b", "c"))

    account = queue.account()
    assert (account["put"], account["waiting"]) == (3, 3)
    assert account["bytes"] == block_of("a", "b", "c").nbytes
    assert account["oldest"] > 0
    assert taken(queue) == ["a", "b", "c"]
    queue.acknowledge()
    assert queue.account()["acknowledged"] == 3
    assert queue.account()["oldest"] is None


def test_what_waits_is_found_by_the_next_process(made):
    first = made()
    first.offer(block_of("a", "b"))
    first.offer(block_of("c"))
    first.close()

    queue = made()

    assert queue.account()["recovered"] == queue.account()["waiting"] == 3
    assert taken(queue) == ["a", "b", "c"]


def test_800_files_that_wait_are_not_read(made, tmp_path):
    """They are sparse: reading them would take minutes, and their frames are counted by names."""
    (tmp_path / "q").mkdir()
    for n in range(800):
        with open(tmp_path / "q" / f"{n * 100_000:020}.heka", "wb") as file:
            file.truncate(64 << 20 if n < 799 else 0)

    queue = made()

    assert queue.account()["recovered"] == 79_900_000
    queue.ring.drop_all("full")


def test_a_damaged_message_costs_itself(made, tmp_path):
    first = made()
    for n in range(100):
        first.offer(block_of(f"{n}" + BIG))
    first.close()
    path = tmp_path / "q" / "00000000000000000000.heka"
    with path.open("r+b") as file:
        file.seek(block_of("0" + BIG).nbytes)  # a change of text alone cannot be seen
        file.write(bytes(10))

    queue = made()
    payloads = []
    while batch := taken(queue):
        payloads += [int(payload.rstrip("x")) for payload in batch]
        queue.acknowledge()

    assert payloads == [0, *range(2, 100)]
    assert queue.account()["dropped"] == {"corrupt": 1}


KILLED = """
import os, signal, sys
from agent.support import block_of
from heka.agent.queues import OutputQueue
queue = OutputQueue("out", sys.argv[1])
for n in range(20):
    assert queue.offer(block_of(f"{n}a", f"{n}b"))
queue.ring.take(1)
queue.ring.acknowledge()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_loses_nothing_that_it_accepted(made, tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(__file__))}
    command = [sys.executable, "-c", KILLED, str(tmp_path / "q")]
    assert subprocess.run(command, env=environment, check=False).returncode == -9

    queue = made()

    assert taken(queue) == [f"{n}{x}" for n in range(20) for x in "ab"][1:]


def test_a_queue_is_held_by_one_process(made, tmp_path):
    """The error names the process."""
    made()
    script = (
        "import sys\nfrom heka.agent.queues import OutputQueue\nOutputQueue('out', sys.argv[1])"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "q")]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert f"is in use by process {os.getpid()}; stop it first" in result.stderr
    with pytest.raises(BlockingIOError):
        made()


def test_block_stores_all_of_a_block_or_nothing(made):
    queue = made()
    count = fill(queue)
    before = queue.account()
    assert before["put"] == before["waiting"] == 2 * count
    assert before["dropped"] == {}
    assert not queue.wait_for_room(0.0)
    assert not queue.wants_shutdown

    taken(queue)
    threading.Timer(0.05, queue.acknowledge).start()

    assert queue.wait_for_room(10.0)
    assert queue.offer(block_of(BIG, BIG))


def test_drop_new_counts_the_block(made):
    queue = made(full_action="drop_new")

    count = fill(queue)

    account = queue.account()
    assert account["dropped"] == {"full": 2}
    assert account["put"] == 2 * count + 2


def test_drop_is_the_name_of_drop_new_in_hekad(made):
    queue = made(full_action="drop")
    fill(queue)

    assert queue.account()["dropped"] == {"full": 2}


def test_drop_old_keeps_what_came_last(made):
    queue = made(full_action="drop_old")

    fill(queue)
    assert queue.offer(block_of("last"))

    account = queue.account()
    assert account["dropped"]["full"] > 2
    assert account["bytes"] <= 1 << 20
    payloads = []
    while batch := taken(queue):
        payloads += batch
        queue.acknowledge()
    assert payloads[-1] == "last"


def test_a_disk_that_refuses_costs_at_most_one_file_of_what_waits(made, capfd):
    """Dropping does not help where no file can be made; it is said, and ends when one can be."""
    queue = made(full_action="drop_old")
    fill(queue)
    before = queue.account()["waiting"]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        for _ in range(200):
            assert queue.offer(block_of(BIG))
        waiting = queue.account()["waiting"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert waiting >= before // 2
    assert "takes no more (File too large)" in capfd.readouterr().err
    while queue.account()["waiting"] <= waiting:
        assert queue.offer(block_of("later"))


def test_shutdown_asks_for_the_end_and_drops_nothing(made):
    queue = made(full_action="shutdown")

    fill(queue)

    assert queue.wants_shutdown
    assert queue.account()["dropped"] == {}


def test_the_floor_of_the_file_system_is_a_full_queue(made, capfd):
    """It is said on stderr, with the remedy."""
    queue = made(min_free=1 << 60)

    assert not queue.offer(block_of("a"))

    assert "takes no more (No space left on device); free some space" in capfd.readouterr().err


def test_a_message_that_is_too_large_is_dropped_alone(made):
    queue = made()
    large = b"".join([bytes(block_of("a")), _framed(FRAME_MAX), bytes(block_of("b"))])
    [block] = BlockReader(max_message_size=1 << 20).feed(large)

    assert queue.offer(block)

    assert queue.account()["dropped"] == {"oversize": 1}
    assert taken(queue) == ["a", "b"]


def _framed(size):
    """A frame of more than *size* bytes, which heka.frame refuses: it has an unknown field."""
    message = bytes(block_of("a")[0].payload) + b"\x7a" + _varint(size) + bytes(size)
    header = b"\x08" + _varint(len(message))
    return bytes([0x1E, len(header), *header, 0x1F]) + message


def _varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def test_refused_messages_are_counted_by_reason_and_kept(made, tmp_path):
    letters = tmp_path / "letters"
    queue = made(dead_letter=str(letters))
    queue.offer(block_of("a", "b", "c", "d"))
    frames = StreamReader().feed(queue.ring.take(1 << 20))
    kept = [bytes(block_of(frame.message.payload)) for frame in frames[1:3]]

    assert queue.acknowledge(rejected={"400": [kept[0]], "mapping": [kept[1]]}) == 4

    account = queue.account()
    assert account["acknowledged"] == 2
    assert account["rejected"] == {"400": 1, "mapping": 1}
    assert account["dropped"] == {}
    [file] = letters.iterdir()
    assert file.read_bytes() == b"".join(kept)


def test_dead_letters_that_cannot_be_kept_are_said(made, tmp_path, capfd):
    queue = made(dead_letter=str(tmp_path / "letters"))
    (tmp_path / "letters").rmdir()
    queue.offer(block_of("a"))
    frame = queue.ring.take(1)

    queue.acknowledge(rejected={"400": [frame]})

    assert queue.account()["rejected"] == {"400": 1}
    assert "1 refused messages are lost: cannot keep them" in capfd.readouterr().err


def test_dead_letters_leave_min_free_too(made, tmp_path, capfd):
    queue = made(dead_letter=str(tmp_path / "letters"))
    queue.offer(block_of("a"))
    queue.ring.take(1)
    queue._min_free = 1 << 60

    queue.acknowledge(rejected={"400": [bytes(block_of("a"))]})

    assert list((tmp_path / "letters").iterdir()) == []
    assert "cannot keep them: [Errno 28] No space left on device" in capfd.readouterr().err


@pytest.mark.parametrize("sync", ["interval", "batch"])
def test_files_are_synced(made, sync, monkeypatch):
    """With ``batch`` before offer returns; with ``interval`` soon after."""
    queue = made(sync=sync)
    synced = threading.Event()
    monkeypatch.setattr(queue, "_sync", synced.set)

    queue.offer(block_of("a"))

    assert synced.is_set() if sync == "batch" else synced.wait(10.0)


def test_what_is_offered_after_the_end_is_counted(made):
    queue = made()
    queue.offer(block_of("a"))
    queue.close()

    assert queue.offer(block_of("b", "c"))

    account = queue.account()
    assert (account["put"], account["waiting"], account["dropped"]) == (3, 1, {"closed": 2})


def test_threads_lose_nothing(made):
    """Four producers and one consumer: every block whole, in the order of its producer."""
    queue = made()
    seen = {name: [] for name in "abcd"}

    def produce(name):
        for n in range(200):
            block = block_of(*[f"{name} {n} {i} {BIG[:3000]}" for i in range(5)])
            while not queue.offer(block):
                queue.wait_for_room(10.0)

    threads = [threading.Thread(target=produce, args=name) for name in seen]
    for thread in threads:
        thread.start()
    while sum(map(len, seen.values())) < 4000:
        for payload in taken(queue):
            name, n, i, _ = payload.split(" ")
            seen[name].append((int(n), int(i)))
        queue.acknowledge()
    for thread in threads:
        thread.join()

    assert all(pairs == [(n, i) for n in range(200) for i in range(5)] for pairs in seen.values())


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        pytest.param({}, QueueSettings(), id="nothing"),
        pytest.param(
            {"max_buffer_size": 0, "full_action": "drop", "cursor_update_count": 50},
            QueueSettings(max_buffer_size=0, full_action="drop", cursor_update_count=50),
            id="hekad",
        ),
        pytest.param({"min_free": 0}, QueueSettings(min_free=0), id="no-floor"),
        pytest.param({"min_free": "2 GiB"}, QueueSettings(min_free=2 << 30), id="floor"),
    ],
)
def test_the_table_of_a_configuration(table, expected):
    problems = []

    assert read(QueueSettings, table, problems) == expected
    assert not problems


@pytest.mark.parametrize(
    ("table", "text"),
    [
        pytest.param({"max_buffer_size": "100 KiB"}, "expected at least 1048576 bytes", id="small"),
        pytest.param({"max_buffer_size": True}, "expected 0, or bytes", id="bool"),
        pytest.param({"min_free": "x"}, "expected 0, or bytes", id="text"),
        pytest.param({"full_action": "wait"}, "expected 'block', 'drop_new'", id="action"),
    ],
)
def test_a_table_that_is_wrong(table, text):
    problems = []

    assert read(QueueSettings, table, problems) is None
    assert text in problems[0].text


def test_sizes_of_files():
    """At most an eighth of the queue, so that dropping one leaves most of it; a block fits."""
    assert QueueSettings().segment == 64 << 20
    assert QueueSettings(max_buffer_size=64 << 20).segment == 8 << 20
    assert QueueSettings(max_buffer_size=1 << 20).segment == 1 << 19
    assert QueueSettings(max_buffer_size=0, max_file_size=512 << 20).segment == 256 << 20
    with pytest.raises(ConfigError):
        QueueSettings(max_buffer_size=1000)

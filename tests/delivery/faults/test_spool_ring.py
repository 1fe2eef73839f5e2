"""A ring on disk: persistence, permissions, and a full disk."""

from __future__ import annotations

import os
import resource
import signal

import pytest

import heka
from heka._core import Ring


def frame(number: int, size: int = 0) -> bytes:
    return heka.pack("test", payload=f"{number}:" + "x" * size)


def numbers(data: bytes) -> list[int]:
    frames = heka.StreamReader().feed(data)
    return [int(one.message.payload.split(":")[0]) for one in frames]


def open_ring(path) -> Ring:
    return Ring(1 << 20, 65794, 1 << 18, path)


def balanced(ring: Ring) -> dict:
    stats = ring.stats()
    assert stats["offered"] + stats["recovered"] == (
        stats["sent"] + sum(stats["dropped"].values()) + stats["queued"]
    )
    assert ring.count() == stats["queued"]
    return stats


def test_frames_outlive_the_ring(tmp_path):
    ring = open_ring(tmp_path)
    for number in range(100):
        assert ring.put(frame(number))
    assert numbers(ring.take(1)) == [0]
    ring.acknowledge()
    del ring

    again = open_ring(tmp_path)

    assert balanced(again)["recovered"] == 99
    assert numbers(again.take(1 << 16)) == list(range(1, 100))
    again.acknowledge()
    del again
    assert list(tmp_path.iterdir()) == []


def test_segments_are_plain_frames(tmp_path):
    """Every tool that reads Heka streams can read a spool file."""
    ring = open_ring(tmp_path)
    for number in range(3000):
        ring.put(frame(number, 100))
    del ring

    files = sorted(tmp_path.glob("*.heka"))

    assert len(files) > 2
    reader = heka.StreamReader()
    frames = [one for path in files for one in reader.feed(path.read_bytes())]
    reader.close()
    assert [int(one.message.payload.split(":")[0]) for one in frames] == list(range(3000))
    assert reader.discarded_bytes == 0
    assert files[0].name == "00000000000000000000.heka"
    assert int(files[1].stem) == len(heka.StreamReader().feed(files[0].read_bytes()))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"not a frame", id="text"),
        pytest.param(frame(1)[:-1], id="torn"),
        pytest.param(frame(1) + b"x", id="more-than-one"),
        pytest.param(frame(1)[1:], id="without-its-separator"),
    ],
)
def test_what_is_no_frame_is_refused(tmp_path, data):
    """A spool file contains frames only."""
    ring = open_ring(tmp_path)

    assert not ring.put(data)

    stats = balanced(ring)
    assert (stats["queued"], stats["dropped"]["encode"]) == (0, 1)


def test_directory_that_cannot_be_used(tmp_path):
    """The error has the path and the error of the system."""
    missing = tmp_path / "missing"

    with pytest.raises(OSError, match="No such file or directory") as caught:
        open_ring(missing)

    assert str(missing) in str(caught.value)


def test_child_leaves_the_files_alone(tmp_path):
    ring = open_ring(tmp_path)
    ring.put(frame(1))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            refused = not ring.put(frame(2))
            code = 0 if refused and ring.count() == 0 and ring.take(1) == b"" else 2
            del ring
        finally:
            os._exit(code)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ring.put(frame(3))
    assert numbers(ring.take(1 << 16)) == [1, 3]


def test_full_disk_refuses_frames_without_ending_the_process(tmp_path):
    """Without room for a segment, the frame is counted as ``full``."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
            ring = open_ring(tmp_path)
            taken = ring.put(frame(1))
            stats = ring.stats()
            code = 0 if not taken and stats["dropped"] == {"full": 1} else 2
        finally:
            os._exit(code)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("damage", ["cut", "zeros", "garbage", "cursor"])
def test_damage_loses_only_the_damaged_frames(tmp_path, damage):
    ring = open_ring(tmp_path)
    for number in range(50):
        ring.put(frame(number))
    del ring
    path = tmp_path / "00000000000000000000.heka"
    data = bytearray(path.read_bytes())
    size = len(data) // 50
    if damage == "cut":
        path.write_bytes(data[:-1])
    elif damage == "cursor":
        (tmp_path / "cursor").write_bytes(b"\xa5" * 100)
    else:
        data[10 * size : 11 * size] = bytes(size) if damage == "zeros" else b"\x1e" * size
        path.write_bytes(data)

    again = open_ring(tmp_path)

    lost = {"cut": {49}, "cursor": set()}.get(damage, set(range(9, 12)))
    stats = balanced(again)
    assert stats["dropped"].get("corrupt", 0) == (damage != "cursor")
    found = []
    while data := again.take(1 << 16):
        found += numbers(data)
        again.acknowledge()
    assert set(range(50)) - lost <= set(found)
    assert found == sorted(found)

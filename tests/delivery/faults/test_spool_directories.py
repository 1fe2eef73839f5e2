"""Directories of a spool: permissions, locks, and adoption by other processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli.support import environment
from delivery.faults.spools import NOWHERE, PATIENCE, Logger, is_alive, modes, parts

import heka
from heka._core import Ring, unlock_file
from heka._delivery.spool import Spool, directories, holder_of, size_of
from heka.exceptions import ConfigError


@pytest.fixture
def spool(tmp_path):
    """A spool of this process, closed at the end."""
    made = Spool(str(tmp_path / "spool"), "test")
    yield made
    made.close()


def test_files_are_for_their_owner_only(tmp_path):
    """Directories have mode 0700 and files 0600, whatever the umask is."""
    old = os.umask(0)
    try:
        spool = Spool(str(tmp_path / "spool"), "test")
        directory = spool.own()
        ring = Ring(1 << 20, 65794, 1 << 18, directory)
        ring.put(b"\x1e\x02\x08\x00\x1f")
    finally:
        os.umask(old)

    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    assert modes(tmp_path / "spool") == {"700/", "600"}
    del ring
    spool.close()


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702], ids=oct)
def test_directory_that_others_can_write_to_is_refused(tmp_path, mode):
    path = tmp_path / "spool"
    path.mkdir()
    path.chmod(mode)

    with pytest.raises(ConfigError, match="nobody else can write to"):
        Spool(str(path), "test")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives directories away")
def test_directory_of_another_user_is_refused(tmp_path):
    path = tmp_path / "spool"
    path.mkdir(0o700)
    os.chown(path, 12345, 12345)

    with pytest.raises(ConfigError, match="belongs to uid 12345"):
        Spool(str(path), "test")


def test_file_in_its_place_is_refused(tmp_path):
    path = tmp_path / "spool"
    path.write_text("")

    with pytest.raises(ConfigError, match="cannot make the directory"):
        Spool(str(path), "test")


def test_a_directory_held_by_a_process_is_not_adopted(spool):
    """Not by another spool of this process either: a lock belongs to the open file."""
    directory = spool.own()
    other = Spool(spool.path, "test")

    assert other.adopt() == []
    assert holder_of(directory) == os.getpid()

    spool.release(directory)
    assert directories(spool.path) == []  # nothing was in it


def test_directories_that_no_process_holds_are_adopted_oldest_first(tmp_path, spool):
    names = ["00000000000000000002-1-00000000", "00000000000000000001-2-00000000"]
    for name in (*names, "lost+found", "00000000000000000003-1-x"):
        (tmp_path / "spool" / name).mkdir()

    adopted = spool.adopt()

    assert [os.path.basename(directory) for directory in adopted] == sorted(names)
    assert {holder_of(directory) for directory in adopted} == {os.getpid()}


def test_incomplete_directory_is_removed(tmp_path, spool):
    """It is a minute old: a running process would have renamed it by then."""
    old = tmp_path / "spool" / ".new-00000000000000000001-2-00000000"
    young = tmp_path / "spool" / ".new-00000000000000000003-2-00000000"
    for path in (old, young):
        path.mkdir()
    hour_ago = time.time() - 3600
    os.utime(old, (hour_ago, hour_ago))

    spool.adopt()

    assert not old.exists()
    assert young.exists()


CHILD = """
import os, sys, time
from heka._delivery.spool import Spool
spool = Spool(sys.argv[1], "test")
print(spool.own(), flush=True)
pid = os.fork()
if pid == 0:
    spool.close_inherited()
    print(os.getpid(), flush=True)
    time.sleep(600)
time.sleep(600)
"""


def test_child_that_lives_on_does_not_hold_its_parents_directory(tmp_path, spool):
    """The exit of the parent releases the lock, although its child has inherited the descriptor."""
    parent = subprocess.Popen(
        [sys.executable, "-c", CHILD, spool.path],
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    directory, child = (parent.stdout.readline().strip() for _ in "12")
    try:
        assert spool.adopt() == []
        parent.kill()
        parent.wait(PATIENCE)

        assert spool.adopt() == [directory]
    finally:
        os.kill(int(child), signal.SIGKILL)
        parent.stdout.close()


C_FORK = """
import ctypes, sys, time
import heka
from heka.streams import QueuedStream
stream = QueuedStream("tcp://127.0.0.1:1", spool=sys.argv[1])
assert stream.write(heka.pack("test"))
c = ctypes.PyDLL(None)
child = c.fork()
if child == 0:
    c.pause()
print(child, flush=True)
time.sleep(600)
"""


def test_child_forked_in_c_does_not_hold_its_parents_directory(tmp_path, spool):
    """No handler of Python runs in such a child, and it calls nothing of heka."""
    parent = subprocess.Popen(
        [sys.executable, "-c", C_FORK, spool.path],
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    child = int(parent.stdout.readline())
    try:
        assert spool.adopt() == []
        parent.kill()
        parent.wait(PATIENCE)

        assert is_alive(child)
        (adopted,) = spool.adopt()
        assert size_of(adopted) > 0
    finally:
        os.kill(child, signal.SIGKILL)
        parent.stdout.close()


def test_child_does_not_remove_its_parents_directory(spool):
    directory = spool.own()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            spool.close()
            code = 0
        finally:
            os._exit(code)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert os.path.isdir(directory)
    assert Spool(spool.path, "test").adopt() == []


@pytest.mark.parametrize("way", ["link", "relative", "dots", "bind"])
def test_two_paths_to_one_directory(tmp_path, monkeypatch, way):
    """Device and inode count: two destinations cannot share it by another path."""
    path = tmp_path / "spool"
    first = Spool(str(path), "first")
    other = {"link": tmp_path / "other", "relative": "spool", "dots": tmp_path / "spool/../spool"}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").symlink_to(path)
    if way == "bind":
        (tmp_path / "bound").mkdir()
        mounted = subprocess.run(
            ["mount", "--bind", path, tmp_path / "bound"], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            pytest.skip("only root may mount")
    again = os.fspath(other.get(way, tmp_path / "bound"))
    try:
        with pytest.raises(ConfigError, match="is that of first in this process"):
            Spool(again, "second")
        Spool(again, "first").close()
        first.close()
        Spool(again, "second").close()
    finally:
        if way == "bind":
            subprocess.run(["umount", tmp_path / "bound"], check=True)


def test_a_spool_that_was_removed_is_nobodys(tmp_path):
    """Its inode may be that of another spool by then."""
    gone = Spool(str(tmp_path / "one"), "first")
    (tmp_path / "one").rmdir()
    (tmp_path / "two").mkdir(mode=0o700)

    Spool(str(tmp_path / "two"), "second").close()

    gone.renew()
    with pytest.raises(ConfigError):
        Spool(str(tmp_path / "one"), "second")
    gone.close()


@pytest.mark.parametrize("name", ["segment", "cursor", "next", "lock", "directory"])
def test_links_in_a_spool_are_refused(tmp_path, spool, capfd, name):
    """The file that it points to is neither read nor changed, and nothing is removed."""
    other = Spool(spool.path, "test")
    ring_directory = other.own()
    ring = Ring(1 << 20, 65794, 1 << 18, ring_directory)
    ring.put(heka.pack("test"))
    del ring
    elsewhere = tmp_path / "elsewhere"
    path = {
        "segment": Path(ring_directory, "00000000000000000000.heka"),
        "directory": Path(ring_directory),
    }.get(name, Path(ring_directory, name))
    if path.exists():
        path.rename(elsewhere)
    else:
        elsewhere.write_bytes(b"text")
    before = elsewhere.stat()
    path.symlink_to(elsewhere)
    unlock_file(other._locks.pop(ring_directory))

    assert spool.adopt() == []

    assert f"{path} is a symbolic link, which a spool does not follow" in capfd.readouterr().err
    assert path.is_symlink()
    assert (elsewhere.stat().st_size, elsewhere.stat().st_mtime) == (
        before.st_size,
        before.st_mtime,
    )
    if name in ("segment", "cursor"):
        with pytest.raises(OSError, match="is a symbolic link, which a spool does not follow"):
            Ring(1 << 20, 65794, 1 << 18, ring_directory)


EIGHT = """
import sys, time
from heka._delivery.spool import Spool
spool = Spool(sys.argv[1], "test")
sys.stdin.readline()
own, adopted = spool.own(), spool.adopt()
print(own, *adopted, flush=True)
sys.stdin.readline()
spool.close()
"""


def test_eight_processes_at_once_share_what_is_left(tmp_path):
    """Each directory is locked by exactly one process, and each process has its own."""
    path = tmp_path / "spool"
    path.mkdir(0o700)
    left = [path / f"{number:020d}-1-00000000" for number in range(40)]
    for directory in left:
        directory.mkdir()
        (directory / "00000000000000000000.heka").write_bytes(b"")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", EIGHT, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        for _ in range(8)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()

    held = []
    for process in processes:
        held += process.stdout.readline().split()
    for process in processes:
        process.communicate("end\n", timeout=PATIENCE)

    assert len(held) == len(set(held)) == 48
    assert set(map(str, left)) <= set(held)
    assert parts(path) == left  # the empty ones are removed


def test_eight_loggers_with_one_spool_lose_nothing(tmp_path):
    """Each process keeps its own frames; all are there after all processes were killed."""
    loggers = [Logger(tmp_path / "spool", NOWHERE, 1000 * n, 200, "die") for n in range(8)]
    for n, logger in enumerate(loggers):
        assert logger.last() == 1000 * n + 200
    spool = Spool(str(tmp_path / "spool"), "test")

    payloads = []
    for directory in spool.adopt():
        ring = Ring(1 << 20, 65794, 1 << 18, directory)
        ring.close()
        assert ring.stats()["dropped"].get("corrupt", 0) == 0
        payloads.append(ring.count())
        ring.drop_all("full")
        del ring
        assert spool.remove(directory)
    spool.close()

    assert sum(payloads) == 8 * 200
    assert parts(tmp_path / "spool") == []

"""Log files: each line once and in order, whatever happens to the file; and the same uuid again.

Each case writes numbered lines to real files while a LogstreamerInput reads, while it is stopped,
or while it is held back by a full queue.
"""

from __future__ import annotations

import gzip
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agent.support import Shelf

from heka._core import monotonic
from heka.agent.config import load_text
from heka.agent.graph import Feed, Graph
from heka.agent.inputs.logstreamer import LogstreamerInput, LogstreamerOptions
from heka.agent.logs.listing import listing
from heka.agent.world import World
from heka.exceptions import ConfigError
from heka.framing import Block

QUICK = {
    "rescan_interval": 0.02,
    "check_data_interval": 0.01,
    "rotate_wait": 0.05,
    "position_interval": 0.0,
}


class Lines(Shelf):
    """A shelf that keeps the uuids too."""

    def __init__(self) -> None:
        super().__init__()
        self.uuids: list[bytes] = []
        self.loggers: list[str] = []

    def accept(self, block: Block) -> bool:
        taken = super().accept(block)
        if taken:
            self.uuids += [frame.message.uuid for frame in block]
            self.loggers += block.column("logger")
        return taken


class Logs:
    """A directory of logs, a writer that numbers its lines, and an input that reads them."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.directory = base / "log"
        self.directory.mkdir()
        self.path = self.directory / "app.log"
        self.shelf = Lines()
        self.said: list[str] = []
        self.written = 0
        self.plugin: LogstreamerInput | None = None
        self.options: dict[str, Any] = {"paths": (str(self.path),)}

    def write(self, count: int = 10, path: Path | None = None) -> None:
        """Append numbered lines."""
        with open(path or self.path, "a") as file:
            for _ in range(count):
                file.write(f"line {self.written:06d} {'x' * (self.written % 50)}\n")
                self.written += 1

    def start(self) -> None:
        graph = Graph([self.shelf.consumer])
        world = World("here", str(self.base), lambda name: None, self.said.append)
        options = LogstreamerOptions(**{**QUICK, **self.options})
        self.plugin = LogstreamerInput("logs", options, Feed(graph, "logs", world))
        self.plugin.start()

    def stop(self) -> None:
        if self.plugin is not None:
            self.plugin.stop(monotonic() + 30)
            self.plugin = None

    def count(self, name: str) -> Any:
        assert self.plugin is not None
        return self.plugin.account().get(name, 0)

    def numbers(self) -> list[int]:
        return [int(text[5:11]) for text in self.shelf.payloads]

    def wait(self, count: int | None = None) -> None:
        """Wait until so many lines were read; None: all that were written."""
        wanted = self.written if count is None else count
        soon(lambda: len(self.shelf.payloads) >= wanted, lambda: f"{self.numbers()} {self.said}")

    def check(self) -> None:
        """Each line once and in order, no uuid twice."""
        self.wait()
        time.sleep(0.15)  # what came twice comes now
        assert self.numbers() == list(range(self.written))
        assert len(set(self.shelf.uuids)) == self.written


def soon(what: Callable[[], object], shown: Callable[[], object] = str) -> None:
    end = monotonic() + 20
    while not what():
        assert monotonic() < end, f"it did not come: {shown()}"
        time.sleep(0.005)


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    made = Logs(tmp_path)
    yield made
    made.stop()


# ---- what happens to a file ----------------------------------------------------------------------


def rename(logs: Logs) -> None:
    os.rename(logs.path, f"{logs.path}.1")
    logs.write()


def chain(logs: Logs) -> None:
    for turn in range(6):
        for number in range(turn, 0, -1):
            os.rename(f"{logs.path}.{number}", f"{logs.path}.{number + 1}")
        os.rename(logs.path, f"{logs.path}.1")
        logs.write()


def dated(logs: Logs) -> None:
    os.rename(logs.path, f"{logs.path}-20261201")
    logs.write()
    os.rename(logs.path, f"{logs.path}-20261202")
    logs.write()


def compressed(logs: Logs) -> None:
    os.rename(logs.path, f"{logs.path}.1")
    logs.write()
    subprocess.run(["gzip", f"{logs.path}.1"], check=True)
    logs.write()


def copied(logs: Logs) -> None:
    shutil.copy2(logs.path, f"{logs.path}.1")
    os.truncate(logs.path, 0)
    logs.write()


def copied_and_compressed(logs: Logs) -> None:
    shutil.copy2(logs.path, f"{logs.path}.1")
    os.truncate(logs.path, 0)
    subprocess.run(["gzip", f"{logs.path}.1"], check=True)
    logs.write()


def moved_to_another_file_system(logs: Logs) -> None:
    moved = f"{logs.path}.1"
    shutil.copy2(logs.path, moved)  # as mv does: another inode, the same times
    os.unlink(logs.path)
    logs.write()


def directory_replaced(logs: Logs) -> None:
    kept = logs.directory / "old"
    kept.mkdir()
    os.rename(logs.path, kept / "app.log")
    logs.write()


def by_logrotate(logs: Logs, *more: str) -> None:
    config = logs.base / "rotate.conf"
    lines = "\n".join(("rotate 9", "create", *more))
    config.write_text(f'"{logs.path}" {{\n{lines}\n}}\n')
    config.chmod(0o644)
    state = str(logs.base / "rotate.state")
    subprocess.run(["logrotate", "-f", "-s", state, str(config)], check=True)
    logs.write()


def logrotate(logs: Logs) -> None:
    by_logrotate(logs)
    by_logrotate(logs)


def logrotate_copytruncate(logs: Logs) -> None:
    by_logrotate(logs, "copytruncate")


def logrotate_compress(logs: Logs) -> None:
    by_logrotate(logs, "compress")
    by_logrotate(logs, "compress")


def logrotate_dateext(logs: Logs) -> None:
    by_logrotate(logs, "dateext", "dateformat -%Y%m%d-%s")


CHANGES = [
    rename,
    chain,
    dated,
    compressed,
    copied,
    copied_and_compressed,
    moved_to_another_file_system,
    logrotate,
    logrotate_copytruncate,
    logrotate_compress,
    logrotate_dateext,
]
CASES = [pytest.param(each, id=each.__name__) for each in CHANGES]


@pytest.mark.parametrize("change", CASES)
def test_while_it_is_read(logs: Logs, change: Callable[[Logs], None]) -> None:
    logs.write()
    logs.start()
    logs.wait()
    change(logs)
    logs.check()
    logs.write()
    logs.check()


@pytest.mark.parametrize("change", CASES)
def test_while_it_is_stopped(logs: Logs, change: Callable[[Logs], None]) -> None:
    logs.write()
    logs.start()
    logs.wait()
    logs.stop()
    logs.write(3)
    change(logs)
    logs.start()
    logs.check()
    logs.write()
    logs.check()


@pytest.mark.parametrize("change", [*CASES, pytest.param(directory_replaced, id="moved-away")])
def test_while_it_is_behind(logs: Logs, change: Callable[[Logs], None]) -> None:
    logs.shelf.room = 5
    logs.write()
    logs.start()
    soon(lambda: logs.plugin is not None and logs.plugin._feed.paused_since is not None)
    logs.write(3)
    change(logs)
    time.sleep(0.1)
    logs.shelf.room = None
    logs.check()


# ---- written anew --------------------------------------------------------------------------------


@pytest.mark.parametrize("stopped", [False, True], ids=["read", "stopped"])
@pytest.mark.parametrize("count", [2, 10, 40], ids=["shorter", "same", "longer"])
def test_a_file_that_is_written_anew_is_read_from_its_start(
    logs: Logs, count: int, stopped: bool
) -> None:
    def put(first: int) -> None:
        with open(logs.path, "w") as file:
            file.writelines(f"line {number:06d}\n" for number in range(first, first + count))

    logs.written = 10
    count, wanted = 10, count
    put(0)
    logs.start()
    logs.wait()
    if stopped:
        logs.stop()
    count = wanted
    put(10)
    logs.written += count
    if stopped:
        logs.start()
    logs.check()
    assert logs.count("truncated") == 1


def test_files_with_the_same_header_have_lines_of_their_own(logs: Logs) -> None:
    header = "".join(f"# {number} {'-' * 60}\n" for number in range(40))
    logs.path.write_text(header)
    logs.start()
    logs.wait(40)
    os.rename(logs.path, f"{logs.path}.1")
    logs.path.write_text(header)
    logs.wait(80)
    time.sleep(0.1)
    assert logs.shelf.payloads == header.splitlines() * 2
    assert len(set(logs.shelf.uuids)) == 80


def test_an_inode_that_is_used_again_is_another_file(logs: Logs) -> None:
    logs.write()
    logs.start()
    logs.wait()
    inode = os.stat(logs.path).st_ino
    for _ in range(50):
        os.unlink(logs.path)
        logs.path.touch()
        if os.stat(logs.path).st_ino == inode:
            break
    logs.write()
    logs.check()


# ---- what is odd -------------------------------------------------------------------------------


def test_a_line_waits_for_its_end(logs: Logs) -> None:
    logs.path.write_text("one\ntw")
    logs.start()
    logs.wait(1)
    with open(logs.path, "a") as file:
        file.write("o\n")
    logs.wait(2)
    assert logs.shelf.payloads == ["one", "two"]


def test_the_last_line_of_a_rotated_file_needs_no_end(logs: Logs) -> None:
    logs.path.write_text("one\ntwo")
    logs.start()
    logs.wait(1)
    os.rename(logs.path, f"{logs.path}.1")
    logs.path.write_text("three\n")
    logs.wait(3)
    assert logs.shelf.payloads == ["one", "two", "three"]


def test_a_line_without_end_is_cut_marked_and_passed_over(logs: Logs) -> None:
    logs.options["max_line"] = 1000
    logs.path.write_bytes(b"a" * 3_000_000 + b"\n" + b"after\n")
    logs.start()
    logs.wait(2)
    assert [len(text) for text in logs.shelf.payloads] == [1000, 5]
    assert (logs.count("cut"), logs.count("passed")) == (1, 2_999_000)


def test_crlf_nul_and_bytes_that_are_no_utf_8(logs: Logs) -> None:
    logs.path.write_bytes(b"one\r\n\r\n\0\0two\n\xff\xfe\n")
    logs.start()
    logs.wait(3)
    assert logs.shelf.payloads == ["one", "\0\0two", "\udcff\udcfe"]
    assert logs.count("wrong") == 1


def test_a_file_that_appears_late_and_what_is_no_file(logs: Logs) -> None:
    logs.options["paths"] = (str(logs.directory / "*"),)
    os.mkfifo(logs.directory / "fifo")
    (logs.directory / "folder.log").mkdir()
    (logs.directory / "bad\n\udcff.log").write_text("named\n")
    os.symlink("loop", logs.directory / "loop")
    logs.start()
    logs.wait(1)
    logs.path.touch()
    time.sleep(0.1)
    logs.path.write_text("late\n")
    logs.wait(2)
    assert sorted(logs.shelf.payloads) == ["late", "named"]
    assert logs.count("left_out") == 3
    assert len(logs.said) == 3


def test_an_archive_that_is_cut_gives_what_is_whole(logs: Logs) -> None:
    logs.options = {
        "log_directory": str(logs.directory),
        "file_match": r"app\.log\.?(?P<Seq>\d*)(?:\.gz)?",
        "priority": ("^Seq",),
    }
    text = "".join(f"line {number:06d}\n" for number in range(20_000)).encode()
    packed = gzip.compress(text[:100_000]) + gzip.compress(text[100_000:])
    (logs.directory / "app.log.2.gz").write_bytes(packed[: len(packed) - 50])
    logs.written = 20_000
    logs.write()
    logs.start()
    soon(lambda: logs.shelf.payloads[-10:] and logs.numbers()[-1] == logs.written - 1)
    read = logs.numbers()
    whole = len(read) - 10
    assert 100_000 // 12 < whole < 20_000
    assert read == [*range(whole), *range(20_000, 20_010)]
    assert logs.count("archives") == 1


# ---- streams, order, options --------------------------------------------------------------------


def test_priority_differentiator_and_translation_as_in_hekad(logs: Logs) -> None:
    for name in ("2026-nov-1", "2026-dec-2", "2026-dec-1", "2025-dec-9"):
        folder = logs.directory / "site1"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.log").write_text(f"{name}\n")
    (logs.directory / "site2").mkdir()
    (logs.directory / "site2" / "2026-xxx-1.log").write_text("no month\n")
    logs.options = {
        "log_directory": str(logs.directory),
        "file_match": r"(?P<Site>\w+)/(?P<Year>\d+)-(?P<MonthName>\w+)-(?P<Day>\d+)\.log",
        "priority": ("Year", "MonthName", "Day"),
        "differentiator": ("nginx.", "Site"),
    }
    logs.start()
    logs.wait(4)
    assert logs.shelf.payloads == ["2025-dec-9", "2026-nov-1", "2026-dec-1", "2026-dec-2"]
    assert set(logs.shelf.loggers) == {"nginx.site1"}
    assert "'xxx' of MonthName is no number" in logs.said[0]


def test_a_new_stream_may_begin_at_its_end(logs: Logs) -> None:
    logs.options["initial_tail"] = True
    logs.path.write_text("old\nolder\npart")
    logs.start()
    soon(lambda: logs.count("streams"))
    time.sleep(0.05)
    with open(logs.path, "a") as file:
        file.write(" whole\nnew\n")
    logs.wait(2)
    assert logs.shelf.payloads == ["part whole", "new"]


def test_a_line_that_is_read_again_has_its_uuid_again(logs: Logs) -> None:
    logs.write()
    logs.start()
    logs.wait()
    logs.stop()
    [place] = (logs.base / "positions" / "logs").iterdir()
    before = place.read_bytes()
    logs.write()
    logs.start()
    logs.wait()
    logs.stop()
    place.write_bytes(before)  # as after a crash, before the place was written
    logs.start()
    logs.wait(30)
    assert logs.numbers() == [*range(20), *range(10, 20)]
    assert logs.shelf.uuids[10:20] == logs.shelf.uuids[20:]
    assert {uuid[6] >> 4 for uuid in logs.shelf.uuids} == {8}


def test_a_position_that_is_rotten_is_told_and_the_file_read_again(logs: Logs) -> None:
    logs.write()
    logs.start()
    logs.wait()
    logs.stop()
    [place] = (logs.base / "positions" / "logs").iterdir()
    place.write_bytes(place.read_bytes().replace(b"offset", b"offxet"))
    logs.start()
    logs.wait(20)
    assert logs.numbers() == [*range(10), *range(10)]
    assert len(set(logs.shelf.uuids)) == 20
    assert "does not have the contents that were written" in logs.said[0]


def test_a_file_that_is_gone_is_told_and_counted(logs: Logs) -> None:
    logs.write()
    logs.start()
    logs.wait()
    logs.stop()
    logs.write(path=logs.base / "new")
    os.rename(logs.base / "new", logs.path)  # another inode, for certain
    logs.start()
    logs.wait()
    assert logs.numbers() == list(range(20))
    assert logs.count("vanished") == 1
    assert "is gone" in logs.said[0]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "file_match: expected a regular expression"),
        ({"file_match": "("}, "file_match: "),
        ({"file_match": "a", "priority": ("^Seq",)}, "priority: file_match has no group 'Seq'"),
        ({"paths": ("a",), "delimiter": "ab"}, "delimiter: expected one byte"),
        ({"paths": ("a",), "max_line": 1}, "max_line: expected 4"),
        ({"paths": ("a",), "rescan_interval": 0.0}, "rescan_interval: expected 0.01"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        LogstreamerOptions(**options)
    assert text in str(caught.value)


def test_the_listing_shows_each_file_and_what_is_left(logs: Logs) -> None:
    logs.write(10)
    logs.start()
    logs.wait()
    os.rename(logs.path, f"{logs.path}.1")
    logs.write(10)
    logs.wait()
    logs.stop()
    size = logs.path.stat().st_size
    with open(logs.path, "a") as file:
        file.write("more\n")
    (logs.directory / "app.log.fifo").mkdir()
    text = (
        f"[agent]\nbase_dir = {str(logs.base)!r}\n"
        f"[logs]\ntype = 'LogstreamerInput'\npaths = [{str(logs.path)!r}]\n"
    )

    old = Path(f"{logs.path}.1").stat().st_size
    assert list(listing(load_text(text, "a.toml"))) == [
        "[logs]",
        "  logs: 5 bytes left",
        f"    {logs.path}.1  {old:,} bytes, read",
        f"    {logs.path}  {size + 5:,} bytes, at byte {size}",
        f"  left out: {logs.path}.fifo: it is no regular file",
    ]


def test_a_stop_while_a_queue_is_full_brings_no_line_again(logs: Logs) -> None:
    """The blocks that were accepted are done, though they came from one read with the others."""
    logs.write(5000)
    logs.shelf.room = 2500
    logs.start()
    soon(lambda: logs.plugin and logs.plugin._feed.paused_since is not None)
    logs.stop()
    assert 0 < len(logs.shelf.payloads) < 2500
    logs.shelf.room = None
    logs.start()
    logs.check()


# ---- many files ----------------------------------------------------------------------------------


def test_inotify_tells_of_lines_and_files_without_a_look(logs: Logs) -> None:
    """After the first look there is none by time alone."""
    logs.options["rescan_interval"] = 3600.0
    logs.write()
    logs.start()
    logs.wait()
    logs.write()
    logs.wait()
    os.rename(logs.path, f"{logs.path}.1")
    logs.write()
    logs.check()


def test_inotify_tells_of_a_file_behind_a_link(logs: Logs) -> None:
    elsewhere = logs.base / "elsewhere.log"
    elsewhere.touch()
    logs.path.symlink_to(elsewhere)
    logs.options["rescan_interval"] = 3600.0
    logs.start()
    soon(lambda: logs.plugin and logs.plugin._watch.is_complete)
    logs.write()
    logs.check()


def test_more_streams_than_descriptors_are_read(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their files are closed while nothing is written."""
    monkeypatch.setattr(resource, "getrlimit", lambda what: (40, 40))
    logs.options = {"paths": (f"{logs.directory}/*.log",), "rescan_interval": 3600.0}
    files = [logs.directory / f"{number}.log" for number in range(60)]
    for path in files:
        logs.write(1, path)
    before = len(os.listdir("/proc/self/fd"))
    logs.start()
    logs.wait()
    for path in files[:30]:
        logs.write(1, path)
    logs.wait()
    soon(lambda: len(os.listdir("/proc/self/fd")) <= before + 20)

    assert sorted(logs.numbers()) == list(range(90))
    assert len(set(logs.shelf.uuids)) == 90


def test_streams_whose_files_are_gone_are_forgotten(logs: Logs) -> None:
    logs.options = {"paths": (f"{logs.directory}/*.log",)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("heka.agent.logs.stream._DELETED_WAIT", 0.0)
        logs.start()
        for number in range(20):
            path = logs.directory / f"{number}.log"
            logs.write(1, path)
            logs.wait()
            path.unlink()
        soon(lambda: logs.count("streams") == 0)

    assert logs.count("lines") == 20

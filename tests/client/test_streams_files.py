"""FileStream: appending, text, rotation, other writers, and invalid paths."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from delivery.support import run

import heka
from heka.encoders import JSONEncoder
from heka.exceptions import ConfigError
from heka.streams import FileStream

FRAME = heka.pack("t", payload="p")


def test_frames_and_text_are_appended_as_they_are(keep, tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"before\n")
    stream = keep(FileStream(str(path)))
    line = JSONEncoder().encode(heka.Message("é"))

    assert [stream.write(FRAME), stream.write(line), stream.write("é\n")] == [True] * 3

    assert path.read_bytes() == b"before\n" + FRAME + line.encode() + "é\n".encode()
    assert stream.stats()["sent"] == 3


def test_the_file_is_made_at_once(keep, tmp_path):
    keep(FileStream(tmp_path / "f"))

    assert (tmp_path / "f").read_bytes() == b""


def test_a_relative_path_is_resolved_when_the_stream_is_created(keep, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stream = keep(FileStream("f"))
    monkeypatch.chdir("/")

    stream.write(FRAME)

    assert (tmp_path / "f").read_bytes() == FRAME


def test_a_file_that_was_moved_away_is_made_again(keep, tmp_path):
    stream = keep(FileStream(tmp_path / "f"))
    stream.write(b"1")
    (tmp_path / "f").rename(tmp_path / "f.1")
    stream.write(b"2")

    assert ((tmp_path / "f.1").read_bytes(), (tmp_path / "f").read_bytes()) == (b"1", b"2")


def test_several_processes_append_whole_frames(tmp_path):
    run(
        """
        from heka.streams import FileStream
        stream = FileStream(sys.argv[1])
        children = []
        for number in range(4):
            child = os.fork()
            if child == 0:
                frame = heka.pack(f"t{number}", payload="x" * 3000)
                os._exit(0 if all([stream.write(frame) for _ in range(100)]) else 1)
            children.append(child)
        assert all(os.waitpid(child, 0)[1] == 0 for child in children)
        stream.close()
        """,
        tmp_path / "f",
    )

    reader = heka.StreamReader()
    frames = reader.feed((tmp_path / "f").read_bytes())
    assert (len(frames), reader.discarded_bytes) == (400, 0)


def test_a_full_disk_is_counted(keep, capsys):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    stream = keep(FileStream("/dev/full"))

    assert stream.write(FRAME) is False
    assert stream.stats()["dropped"] == {"error": 1}
    assert "No space left on device" in capsys.readouterr().err


def test_a_fifo_may_get_its_reader_later(keep, tmp_path):
    os.mkfifo(tmp_path / "f")
    stream = keep(FileStream(tmp_path / "f"))
    reader = os.open(tmp_path / "f", os.O_RDONLY | os.O_NONBLOCK)

    assert stream.write(FRAME) is True
    assert os.read(reader, 1000) == FRAME
    os.close(reader)


def test_a_file_is_written_without_the_gil(keep, tmp_path):
    """A write to a file may block, so it must release the GIL."""
    stream = keep(FileStream(tmp_path / "f"))

    assert stream.sink.write(FRAME, 1.0) is True
    assert not stream.sink.attached
    assert (tmp_path / "f").read_bytes() == FRAME


@pytest.mark.parametrize(
    ("path", "number"),
    [
        pytest.param("missing/f", errno.ENOENT, id="no-directory"),
        pytest.param(".", errno.EISDIR, id="a-directory"),
        pytest.param("file/f", errno.ENOTDIR, id="below-a-file"),
    ],
)
def test_a_file_that_cannot_be_opened_is_known_at_once(tmp_path, path, number):
    (tmp_path / "file").touch()

    with pytest.raises(OSError, match=r".") as caught:
        FileStream(tmp_path / path)
    assert caught.value.errno == number
    assert caught.value.filename == os.path.abspath(tmp_path / path)


@pytest.mark.parametrize("path", [None, 1, b"f", "", "a\0b"])
def test_object_that_is_not_a_path_is_refused(path):
    with pytest.raises(ConfigError, match="filepath: expected the path of a file, got"):
        FileStream(path)


def test_the_file_mode_respects_the_umask(keep, tmp_path):
    before = os.umask(0o077)
    try:
        keep(FileStream(tmp_path / "f"))
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600

"""``doctor`` with files, spool directories and probes."""

from __future__ import annotations

import os
import socket
import threading
from types import SimpleNamespace

import pytest
from cli.support import PATIENCE
from delivery.support import Datagrams, Listener, Task, free_port

import heka
from heka.cli import main
from heka.streams import QueuedStream

needs_other_user = pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")


# --- files ---


def test_a_file_that_is_missing_is_not_made(doctor, tmp_path):
    path = tmp_path / "x.heka"
    said = doctor(f"file://{path}")

    assert said.code == 0
    assert said("file") == ("ok", f"{path} does not exist; the first message makes it")
    assert "bytes are free" in said("room")[1]
    assert not path.exists()


def test_a_file_in_a_directory_that_is_missing(doctor, tmp_path):
    said = doctor(f"file://{tmp_path}/missing/x.heka")

    assert said.code == 1
    assert f"there is no directory {tmp_path}/missing; make" in said("file")[1]


def test_a_file_that_is_there(doctor, tmp_path):
    (tmp_path / "x.heka").write_bytes(b"")

    assert doctor(f"file://{tmp_path}/x.heka")("file")[0] == "ok"


@pytest.mark.parametrize("kind", ["directory", "socket", "fifo"])
def test_a_path_that_is_no_file(doctor, tmp_path, kind):
    path = tmp_path / "x"
    with socket.socket(socket.AF_UNIX) as sock:
        if kind == "directory":
            path.mkdir()
        elif kind == "socket":
            sock.bind(str(path))
        else:
            os.mkfifo(path)
        said = doctor(f"file://{path}")

    assert said.code == 1
    remedies = {"directory": "name a file", "socket": "use unix://", "fifo": "start the program"}
    assert remedies[kind] in said("file")[1]


@needs_other_user
def test_a_file_that_may_not_be_written(doctor, tmp_path):
    path = tmp_path / "x.heka"
    path.write_bytes(b"")
    path.chmod(0o400)

    assert "may not be written; give the user with id" in doctor(f"file://{path}")("file")[1]


def test_a_full_device_is_told_by_the_probe(doctor):
    said = doctor("--send", "file:///dev/full")

    assert said.code == 1
    assert "2 dropped (error" in said("probe")[1]


@pytest.mark.parametrize(
    ("free", "inodes", "level", "text"),
    [
        (0, 1, "problem", "the file system is full"),
        (1000, 0, "problem", "the file system has no free inodes"),
        (1000, 1, "warning", "1,000 bytes are free"),
    ],
)
def test_a_file_system_without_room(tmp_path, monkeypatch, capsys, free, inodes, level, text):
    status = SimpleNamespace(f_bavail=free, f_frsize=1, f_files=10, f_favail=inodes)
    monkeypatch.setattr(os, "statvfs", lambda path: status)

    code = main(["doctor", f"file://{tmp_path}/x"])

    assert code == (level == "problem")
    assert f"{level:<7}  room         {text}" in capsys.readouterr().out


def test_a_file_system_that_does_not_answer(tmp_path, monkeypatch, capsys):
    event = threading.Event()
    real = os.stat

    def stat(path, **options):
        if str(path).endswith("x.heka"):
            event.wait(PATIENCE)
        return real(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    code = main(["doctor", "--timeout", "0.1", f"file://{tmp_path}/x.heka"])
    event.set()

    assert code == 1
    assert "x.heka did not answer in time; see whether its file system" in capsys.readouterr().out


# --- spools ---


def test_a_spool_that_is_missing_is_not_made(doctor, tmp_path):
    path = tmp_path / "deep" / "spool"
    said = doctor(f"tcp://127.0.0.1:{free_port()}?spool={path}")

    assert said("sending")[1].startswith(f"queue on disk in '{path}'")
    assert said("spool") == ("ok", f"{path} does not exist; the first message makes it")
    assert not path.parent.exists()


def test_a_spool_that_is_a_file(doctor, tmp_path):
    (tmp_path / "f").write_text("")
    below = doctor(f"udp://127.0.0.1:1?spool={tmp_path}/f/spool")
    itself = doctor(f"udp://127.0.0.1:1?spool={tmp_path}/f")

    assert below("spool")[0] == itself("spool")[0] == "problem"
    assert f"{tmp_path}/f is no directory" in itself("spool")[1]


def test_a_spool_that_others_may_write(doctor, tmp_path):
    path = tmp_path / "spool"
    path.mkdir()
    path.chmod(0o777)
    level, text = doctor(f"udp://127.0.0.1:1?spool={path}")("spool")

    assert level == "problem"
    assert "has mode 0777; " in text
    assert text.endswith("chmod 700")


def test_frames_that_wait_in_a_spool(doctor, tmp_path):
    path = tmp_path / "spool"
    url = f"tcp://127.0.0.1:{free_port()}?spool={path}"
    with QueuedStream(url) as stream:
        stream.write(heka.pack("t"))
        stream.write(heka.pack("t"))
        held = doctor(url)
        stream.close(0.0)
    left = doctor(url)

    assert held("waiting")[0] == "ok"
    assert f"2 frames waiting; process {os.getpid()} holds the lock" in held("waiting")[1]
    assert left("waiting")[0] == "warning"
    assert "2 frames waiting; the process that stored them has ended; start" in left("waiting")[1]
    assert f"heka spool replay {path} --to tcp://127.0.0.1:" in left("waiting")[1]


def test_a_spool_over_its_limit(doctor, tmp_path):
    path = tmp_path / "spool"
    url = f"tcp://127.0.0.1:{free_port()}?spool={path}"
    with QueuedStream(url) as stream:
        stream.write(heka.pack("t", payload="x" * 10_000))
        said = doctor(f"{url}&spool_max=8KiB&capacity=8KiB")
        stream.close(0.0)

    problems = [text for level, text in said.all("waiting") if level == "problem"]
    assert len(problems) == 1
    assert "dropped as 'full'; repair the destination" in problems[0]


def test_a_spool_without_frames(doctor, tmp_path):
    (tmp_path / "spool").mkdir(mode=0o700)

    said = doctor(f"tcp://127.0.0.1:{free_port()}?spool={tmp_path}/spool")
    assert said("waiting") == ("ok", "no frames are stored")


# --- probes ---


def test_a_probe_over_tcp_arrives(doctor):
    listener = Listener()
    task = Task(lambda: (listener.accept(), listener.accept().read_to_end())[1])
    said = doctor("--send", listener.url)
    messages = task.result()
    listener.close()

    assert said.code == 0
    assert [message.type for message in messages] == ["heka.probe"] * 2
    assert [message.fields["number"] for message in messages] == [[1], [2]]
    level, text = said("probe")
    assert (level, text.startswith("2 sent, 0 queued, 0 dropped")) == ("ok", True)
    assert messages[0].payload in text


@pytest.mark.parametrize("queue", ["", "?queue=1"])
def test_a_probe_over_udp_arrives(doctor, queue):
    receiver = Datagrams()
    said = doctor("--send", f"udp://127.0.0.1:{receiver.port}{queue}")

    assert receiver.take() == b""
    assert receiver.message().type == "heka.probe"
    receiver.close()
    assert (said.code, said("probe")[0]) == (0, "ok")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("tcp://127.0.0.1:{}", "0 sent, 0 queued, 2 dropped (refused"),
        ("udp://127.0.0.1:{}", "refused by the destination; start the receiver"),
        ("tcp://127.0.0.1:{}?queue=1", "2 queued, 0 dropped: the destination has not"),
        ("tcp://no-such-host.invalid:{}", "; correct the host name, or give an IP address"),
    ],
)
def test_a_probe_that_does_not_arrive(doctor, url, text):
    port = free_port(socket.SOCK_DGRAM if url.startswith("udp") else socket.SOCK_STREAM)
    said = doctor("--timeout", "0.5", "--send", url.format(port))

    level, found = said("probe")
    assert (said.code, level) == (1, "problem")
    assert text in found
    assert said.err == ""


def test_without_send_nothing_is_sent(doctor):
    listener = Listener()
    said = doctor(listener.url)
    messages = listener.accept().read_to_end()
    listener.close()

    assert said.code == 0
    assert messages == []

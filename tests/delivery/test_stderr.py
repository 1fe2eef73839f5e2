"""Reports on stderr: rate-limited, and safe for any kind of stderr."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from delivery.support import PATIENCE, command, environment, free_port, run

import heka
from heka._runtime.reporter import Reporter


@pytest.fixture
def later(monkeypatch):
    """Advance the clock: ``later(seconds)``."""

    class Clock:
        now = 1000.0

        def __call__(self, seconds):
            self.now += seconds

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr("heka._runtime.reporter.monotonic", clock.monotonic)
    return clock


def test_reports_are_limited_to_one_a_minute_with_a_count_of_the_others(later, capfd):
    reporter = Reporter()
    for n in range(5):
        reporter.report(f"thing {n}")
    later(59)
    reporter.report("thing 5")
    later(1)
    reporter.report("thing 6")
    later(60)
    reporter.report("thing 7")

    assert capfd.readouterr().err == (
        "heka: thing 0\nheka: thing 6 (5 more like this)\nheka: thing 7\n"
    )


def test_each_destination_is_reported_separately(capfd):
    ports = [free_port() for _ in range(3)]
    for port in ports * 5:
        heka.log("t", to=f"tcp://127.0.0.1:{port}")

    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(
        f"tcp://127.0.0.1:{port} (refused)" in line for port, line in zip(ports, lines, strict=True)
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("\x1b[31mred\n\r\x07", r"\x1b[31mred\n\r\x07", id="control-characters"),
        pytest.param("a\u202eb\udcffc", r"a\u202eb\udcffc", id="what-does-not-print"),
        pytest.param("ä€𝄞", "ä€𝄞", id="what-prints"),
    ],
)
def test_control_characters_are_escaped(capsys, text, said):
    Reporter().report(text)

    assert capsys.readouterr().err == f"heka: {said}\n"


def test_a_line_is_short_enough_for_a_pipe_that_has_room_for_one(capfd):
    """On Linux, a pipe polls as writable when it has room for 4,096 bytes."""
    Reporter().report("𝄞" * 100_000)

    said = capfd.readouterr().err
    assert 900 < len(said) <= 1100
    assert len(said.encode()) <= 4096


class Unwritable(io.StringIO):
    def write(self, text):
        raise OSError("no")


class Unnumbered(io.StringIO):
    def fileno(self):
        raise io.UnsupportedOperation


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize(
    "stderr",
    [
        pytest.param(lambda: None, id="none"),
        pytest.param(closed, id="closed"),
        pytest.param(Unwritable, id="unwritable"),
        pytest.param(object, id="no-stream-at-all"),
    ],
)
def test_a_stderr_that_cannot_be_written_raises_nothing(monkeypatch, stderr):
    monkeypatch.setattr(sys, "stderr", stderr())

    assert heka.log("t", to=f"tcp://127.0.0.1:{free_port()}") is False


def test_a_replaced_stderr_is_written_to(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Unnumbered())

    heka.log("t", to=f"tcp://127.0.0.1:{free_port()}")

    assert sys.stderr.getvalue().startswith("heka: cannot send to tcp://127.0.0.1:")


def test_a_stderr_that_logs_causes_no_recursion(monkeypatch):
    """A program may log what is written to stderr to the destination that fails."""

    class Logging(io.StringIO):
        def write(self, text):
            heka.log("stderr", payload=text, to=to)
            return super().write(text)

    to = f"tcp://127.0.0.1:{free_port()}"
    monkeypatch.setattr(sys, "stderr", Logging())

    assert heka.log("t", to=to) is False

    assert sys.stderr.getvalue().count("\n") == 1


def test_a_full_pipe_does_not_block():
    """The pipe is full before heka reports anything; the program still exits."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 65536)
    except BlockingIOError:
        os.set_blocking(writing, True)

    ended = subprocess.run(
        command(
            """
            for port in sys.argv[1:]:
                heka.log("t", to=f"tcp://127.0.0.1:{port}")
            tell(**dropped())
            """,
            *(free_port() for _ in range(3)),
        ),
        stdout=subprocess.PIPE,
        stderr=writing,
        env=environment(),
        timeout=PATIENCE,
        check=True,
    )

    os.close(reading)
    os.close(writing)
    assert ended.stdout == b'{"refused": 3}\n'


@pytest.mark.parametrize("unbuffered", [False, True])
def test_a_child_does_not_wait_for_a_lock_of_its_parents_stderr(tmp_path, unbuffered):
    """Another thread writes while the process forks; it holds the lock of stderr's buffer."""
    done = run(
        """
        import io, select, warnings
        warnings.simplefilter("ignore")  # of forks beside threads; they would be written to stderr
        reading, writing = os.pipe()
        raw = open(writing, "wb", buffering=0)
        sys.stderr = io.TextIOWrapper(raw if sys.argv[2] == "True" else io.BufferedWriter(raw),
                                      write_through=True)
        writer = threading.Thread(target=lambda: sys.stderr.write("x" * 1_000_000))
        writer.start()
        while not select.select([reading], [], [], 1)[0]: pass
        time.sleep(0.1)  # now it waits in the kernel for room
        pid = os.fork()
        if not pid:
            signal.alarm(10)
            os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), writing)
            heka.log("t", to="tcp://127.0.0.1:9")
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        left = 1_000_000
        while left: left -= len(os.read(reading, 65536))
        writer.join()
        tell(status=status)
        """,
        tmp_path / "said",
        unbuffered,
    )

    assert done.facts == {"status": 0}
    assert (tmp_path / "said").read_text().startswith("heka: cannot send to tcp://127.0.0.1:9 ")


def test_a_closed_stderr_whose_number_is_another_files_is_not_written_to(tmp_path):
    done = run(
        """
        sys.stderr.close()  # which leaves its descriptor open
        os.close(2)
        file = open(sys.argv[1], "w")
        heka.log("t", to="tcp://127.0.0.1:9")
        tell(number=file.fileno())
        """,
        tmp_path / "file",
    )

    assert done.facts == {"number": 2}
    assert (tmp_path / "file").read_text() == ""


def test_a_subclass_of_the_interpreters_stderr_is_called(tmp_path):
    """It may do more with the text than write it."""
    done = run(
        """
        import io
        class Noting(io.TextIOWrapper):
            notes = []
            def write(self, text):
                self.notes.append(text)
                return super().write(text)
        sys.stderr = Noting(open(sys.argv[1], "wb"))
        heka.log("t", to="tcp://127.0.0.1:9")
        sys.stderr.flush()
        tell(notes=sys.stderr.notes)
        """,
        tmp_path / "file",
    )

    assert "".join(done.facts["notes"]) == (tmp_path / "file").read_text() != ""


def test_what_the_encoding_of_stderr_cannot_say_is_escaped():
    done = run(
        """
        sys.stderr.reconfigure(encoding="ascii")
        from heka._runtime.reporter import Reporter
        Reporter().report("ä€")
        """
    )

    assert done.err == "heka: \\xe4\\u20ac\n"


def test_a_program_without_descriptors_goes_on(tmp_path):
    """A daemon that closed all descriptors: new files get their numbers."""
    done = run(
        """
        result = os.dup(1)
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        file = open(sys.argv[1], "w")
        sent = heka.log("t", to="tcp://127.0.0.1:9")
        sent = [sent, heka.log("t", to="udp://127.0.0.1:9")]
        os.write(result, json.dumps({"sent": sent}).encode())
        os._exit(0)
        """,
        tmp_path / "file",
    )

    assert done.facts == {"sent": [False, True]}
    assert (tmp_path / "file").read_text() == ""


def test_a_program_that_closes_every_descriptor_gets_new_connections(tmp_path):
    """As daemons do; heka writes nothing to a file that has the number of its old socket."""
    done = run(
        """
        there = socket.create_server(("127.0.0.1", 0))
        to = f"tcp://127.0.0.1:{there.getsockname()[1]}"
        file_to = f"file://{sys.argv[1]}/log"
        assert heka.log("one", to=to) and heka.log("one", to=file_to)
        taken, _ = there.accept()
        mine = {there.fileno(), taken.fileno(), 0, 1, 2}
        for descriptor in range(3, 50):
            if descriptor not in mine:
                try: os.close(descriptor)
                except OSError: pass
        files = [open(f"{sys.argv[1]}/{n}", "w") for n in range(20)]
        assert heka.log("two", to=to) and heka.log("two", to=file_to)
        second, _ = there.accept()
        frames = heka.StreamReader().feed(second.recv(65536))
        for file in files:
            file.write("mine")
            file.close()
        tell(types=[frame.message.type for frame in frames],
             files=[open(f"{sys.argv[1]}/{n}").read() for n in range(20)],
             log=[f.message.type for f in heka.StreamReader().feed(
                 open(f"{sys.argv[1]}/log", "rb").read())])
        """,
        tmp_path,
    )

    assert done.facts["types"] == ["two"]
    assert done.facts["log"] == ["one", "two"]
    assert done.facts["files"] == ["mine"] * 20

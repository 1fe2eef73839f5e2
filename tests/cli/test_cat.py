"""``heka cat``: files, standard input and spools; what is whole is shown, the rest is counted."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.support import KEY, PATIENCE, environment, pack, signer, wire_message
from hypothesis import given
from hypothesis import strategies as st

import heka
from heka._receiving.files import Files
from heka.cli import main
from heka.cli.show.frequent import Frequent
from heka.cli.show.moments import parse_moment
from heka.cli.show.statistics import DISTINCT, Statistics
from heka.streams.queued import QueuedStream

#: Ten messages with payloads 0 to 9, one second apart.
START = 1_700_000_000_000_000_000
FRAMES = [
    pack(f"kind-{i % 2}", payload=str(i), timestamp_ns=START + i * 10**9, fields={"n": i, "m": "x"})
    for i in range(10)
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with the ten messages."""
    path = tmp_path / "ten.heka"
    path.write_bytes(b"".join(FRAMES))
    return path


@pytest.fixture
def cat(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., tuple[int, bytes, str]]:
    """Run ``cat ARGS`` in this process; return its exit code, output and errors."""

    def runner(*args: str | Path) -> tuple[int, bytes, str]:
        code = main(["cat", *map(str, args)])
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return runner


def payloads(out: bytes) -> str:
    """Return the payloads of JSON lines, joined."""
    return "".join(json.loads(line)["payload"] for line in out.splitlines())


# ---- what is shown -------------------------------------------------------------------------------


def test_formats(cat, file):
    """Frames as they came; the lines of heka.jsonlines; text as listen shows it."""
    messages = [frame.message for frame in heka.StreamReader().feed(file.read_bytes())]

    assert cat(file, "--format", "heka") == (0, file.read_bytes(), "")
    code, out, err = cat(file, "--format", "json")
    assert (code, err) == (0, "")
    assert [heka.jsonlines.message_of(line) for line in out.splitlines()] == messages
    code, out, err = cat(file)
    assert (code, err) == (0, "")
    assert len(re.findall(rb"^2023-11-1\S+  INFO       kind-\d$", out, re.M)) == 10
    assert b'  \xe2\x94\x82 7\n  n = 7    integer\n  m = "x"  string\n' in out
    assert b"verified" not in out  # nothing was asked to be


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        pytest.param(["--limit", "3"], "012", id="limit"),
        pytest.param(["--limit", "0"], "", id="limit-0"),
        pytest.param(["--tail", "3"], "789", id="tail"),
        pytest.param(["--tail", "0"], "", id="tail-0"),
        pytest.param(["--tail", "99"], "0123456789", id="tail-of-less"),
        pytest.param(["--tail", "4", "--limit", "2"], "67", id="limit-of-tail"),
        pytest.param(["--since", "2023-11-14T22:13:27Z"], "789", id="since"),
        pytest.param(["--until", "2023-11-14T22:13:22.000000001Z"], "012", id="until"),
        pytest.param(
            ["--since", "2023-11-14T22:13:23Z", "--until", "2023-11-14T23:13:26+01:00"],
            "345",
            id="both",
        ),
        pytest.param(["--since", "1d"], "", id="ago"),
        pytest.param(["--match", "Fields[n] > 3 && Type == 'kind-1'"], "579", id="match"),
        pytest.param(["--match", "Payload =~ /^[2-4]$/", "--limit", "2"], "23", id="match-limit"),
        pytest.param(["--match", "Type == 'kind-0'", "--tail", "2"], "68", id="match-tail"),
        pytest.param(["--match", "FALSE"], "", id="match-none"),
    ],
)
def test_choices(cat, file, options, shown):
    code, out, err = cat(file, "--format", "json", *options)

    assert (code, payloads(out), err) == (0, shown, "")


def test_tail_over_many_blocks(cat, tmp_path):
    """The last messages, whatever the blocks are that they come in."""
    path = tmp_path / "many.heka"
    frames = [pack("t", payload=f"{i}") for i in range(3000)]
    path.write_bytes(b"".join(frames))

    for count in (1, 1023, 1024, 1025, 2999):
        _, out, _ = cat(path, "--format", "heka", "--tail", str(count))
        assert out == b"".join(frames[-count:])


def test_a_wrong_expression(cat, file, capfdbinary):
    with pytest.raises(SystemExit, match="2"):
        cat(file, "--match", "Type = 'x'")

    assert re.search(rb"error: argument --match: .*column 6", capfdbinary.readouterr().err)


def test_a_regular_expression_at_its_limit(cat, tmp_path):
    """The message does not match, and it is counted."""
    path = tmp_path / "hostile.heka"
    path.write_bytes(pack("t", payload="a" * 100 + "b") * 3 + pack("u"))

    code, out, err = cat(path, "--match", "Payload =~ /(a+)+$/ || Type == 'u'", "--stats")

    assert (code, out.splitlines()[0][:9]) == (0, b"1 message")
    assert err == (
        "Payload =~ /(a+)+$/: stopped at the limit of a regular expression for 3 messages, "
        "which do not match\n"
    )


def test_fields(cat, file):
    _, out, _ = cat(file, "--format", "json", "--fields", "n,missing", "--limit", "1")

    assert list(json.loads(out)["fields"]) == ["n"]


def test_several_files_and_none_twice(cat, file):
    code, out, _ = cat(file, file, "--format", "json", "--limit", "15")

    assert (code, payloads(out)) == (0, "012345678901234")


def test_signatures(cat, tmp_path):
    """With a key, signatures are verified and counted; without one nothing is said of them."""
    path = tmp_path / "signed.heka"
    path.write_bytes(pack("a", signer("ops")) + pack("b", signer("eve", key="wrong")) + pack("c"))

    code, out, err = cat(path, "--key", f"ops:1:{KEY}", "--format", "json")
    assert code == 0
    assert [json.loads(line)["signer"] for line in out.splitlines()] == ["ops", None]
    assert err.endswith("not shown: 1 frame refused (unknown signer)\n")
    _, out, _ = cat(path, "--key", f"ops:1:{KEY}", "--stats")
    assert b"signer:\n        1  ops v1\n" in out
    _, out, err = cat(path, "--format", "json")
    assert [json.loads(line).get("signer", "-") for line in out.splitlines()] == ["-", "-", "-"]


# ---- bad input -----------------------------------------------------------------------------------


def test_a_file_cut_anywhere():
    """What is whole is delivered, and every other byte is counted."""
    stream = b"".join(FRAMES[:3])
    ends = [0, len(FRAMES[0]), len(FRAMES[0] + FRAMES[1]), len(stream)]
    for cut in range(len(stream) + 1):
        files = Files()
        reading, writing = os.pipe()
        os.write(writing, stream[:cut])
        os.close(writing)
        with os.fdopen(reading, "rb"):
            count = sum(map(len, files._read_stream("-", reading)))
        whole = max(end for end in ends if end <= cut)
        assert count == ends.index(whole)
        assert files.tally.delivered_bytes == whole
        assert files.tally.discarded_bytes == cut - whole
        assert files.tally.received_bytes == cut


def test_rot_is_counted_in_one_line(cat, tmp_path):
    path = tmp_path / "rotten.heka"
    big = heka.frame(wire_message(payload=b"x" * 3000))
    path.write_bytes(FRAMES[0] + b"\0rot\xff" + FRAMES[1] + big + FRAMES[2] + FRAMES[3][:-4])
    lost = 5 + len(FRAMES[3]) - 4

    code, out, err = cat(path, "--max-message", "2000", "--format", "json")

    assert (code, payloads(out)) == (0, "012")
    assert err == f"not shown: {lost} bytes in no whole frame, 1 frame refused (oversize)\n"
    assert cat(path, "--strict", "--format", "json")[0] == 1
    path.write_bytes(FRAMES[0])
    assert cat(path, "--strict", "--format", "json")[0] == 0


def test_what_cannot_be_read(cat, file, tmp_path):
    """Each is named with its reason; the others are shown, and the exit code is 1."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()

    code, out, err = cat(
        *(tmp_path / name for name in ("missing", "fifo", "directory", file.name)),
        *("--format", "json"),
    )

    assert (code, payloads(out)) == (1, "0123456789")
    assert err == (
        f"heka cat: {tmp_path}/missing: No such file or directory\n"
        f"heka cat: {tmp_path}/fifo: a FIFO that no process writes to\n"
        f"heka cat: {tmp_path}/directory: a directory, but not that of a spool: it has no queues\n"
    )


def test_text_of_messages_is_harmless(cat, tmp_path):
    """No control character of a message gets to the terminal, whatever the format."""
    path = tmp_path / "evil.heka"
    evil = b"\x1b]0;x\x07\x9b31m\r\n\xe2\x80\xae"
    path.write_bytes(
        heka.frame(wire_message(type=evil, logger=evil, payload=evil, hostname=evil)) + FRAMES[0]
    )

    for options in ([], ["--format", "json"], ["--stats"]):
        code, out, _ = cat(path, *options)
        assert code == 0
        text = out.decode()
        assert text.replace("\n", "").isprintable()
        assert "\\x1b" in text or "\\u001b" in text


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--follow", "--tail", "3"], "--tail needs an end of the input"),
        (["--fields", "a", "--format", "heka"], "--fields needs messages as text"),
        (["-", "-"], "standard input can be read once"),
    ],
)
def test_options_that_contradict_each_other(cat, options, problem):
    code, out, err = cat(*options)

    assert (code, out) == (1, b"")
    assert problem in err


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2023-11-14T22:13:20Z", START),
        ("2023-11-14 22:13:20.5Z", START + 500_000_000),
        ("2023-11-14T23:13:20.000000007+01:00", START + 7),
        ("1969-12-31T23:59:59Z", -1_000_000_000),
        ("90s", START - 90 * 10**9),
        ("1.5h", START - 5400 * 10**9),
        ("2d", START - 172_800 * 10**9),
    ],
)
def test_moments(text, ns):
    assert parse_moment(text, START) == ns


@pytest.mark.parametrize("text", ["", "now", "15", "2023-13-01", "2023-11-14T25:00Z", "-5m", "5w"])
def test_moments_that_are_none(text):
    with pytest.raises(ValueError, match=r"expected a time such as 2026-03-01T13:02:11Z, "):
        parse_moment(text, START)


# ---- counts --------------------------------------------------------------------------------------


def test_stats(cat, file):
    _, out, _ = cat(file, "--stats")

    size = len(FRAMES[0]) - 5
    assert out.decode().splitlines()[:2] == [
        f"10 messages, {10 * size} bytes",
        f"size: {size} to {size} bytes, {size}.0 on average",
    ]
    assert "type:\n        5  kind-0\n        5  kind-1\nlogger:\n       10  test\n" in out.decode()
    assert "severity:\n       10  INFO\n" in out.decode()
    assert "signer" not in out.decode()


def test_stats_are_bounded():
    """The most frequent name is kept, although it comes after the limit; long names are cut."""
    statistics = Statistics()
    rare = [f"{i}-{'x' * 120}" for i in range(2 * DISTINCT)]
    for first in range(0, len(rare), 1000):
        names = rare[first : first + 1000] + (["often"] * 500 if first >= DISTINCT else [])
        for one in heka.BlockReader().feed(b"".join(map(pack, names))):
            statistics.add(one)

    types = statistics._counts["type"]
    assert len(types.counts) <= 2 * DISTINCT
    assert max(map(len, types.counts)) < 150
    assert (types.error, types.most(1)) == (1, [("often", 4999)])
    text = "\n".join(statistics.lines())
    assert (
        "type: (more than 20,000 names: a count may be up to 1 too low)\n    4,999  often" in text
    )
    assert "severity:\n   25,000  INFO" in text


def test_stats_below_the_limit_are_exact():
    statistics = Statistics()
    for one in heka.BlockReader().feed(b"".join(pack(f"{i}") for i in range(3000)) + pack("7")):
        statistics.add(one)

    types = statistics._counts["type"]
    assert (types.error, types.most(2)) == (0, [("7", 2), ("0", 1)])
    assert f"{3001 - 21:>9,}  other" in "\n".join(statistics.lines())


@given(st.lists(st.dictionaries(st.sampled_from("abcdefghij"), st.integers(1, 20), max_size=6)))
def test_frequent_names_are_within_the_error(batches):
    """No count is too high, none is more than ``error`` too low, and ``error`` is bounded."""
    truth: Counter[str] = Counter()
    frequent = Frequent(2)
    for batch in batches:
        truth.update(batch)
        frequent.add(batch)

    assert frequent.total == truth.total()
    assert len(frequent.counts) <= 4
    assert frequent.error <= frequent.total / 3
    assert frequent.error == 0 or len(truth) > 4
    for name, count in truth.items():
        assert count - frequent.error <= frequent.counts.get(name, 0) <= count


# ---- spools --------------------------------------------------------------------------------------


def test_a_spool_in_use_is_read_and_not_changed(cat, tmp_path, monkeypatch):
    """All frames; the reserved end of its files is no loss. Also by the path of one queue."""
    monkeypatch.setenv("HEKA_QUIET", "1")
    spool = tmp_path / "spool"
    stream = QueuedStream("tcp://127.0.0.1:9", spool=str(spool))
    try:
        for frame in FRAMES:
            assert stream.write(frame)
        before = {path: path.stat().st_mtime_ns for path in spool.rglob("*")}
        (queue,) = (path for path in spool.iterdir() if stat.S_ISDIR(path.stat().st_mode))

        for path in (spool, queue):
            assert cat(path, "--format", "heka", "--strict") == (0, b"".join(FRAMES), "")

        assert {path: path.stat().st_mtime_ns for path in spool.rglob("*")} == before
    finally:
        stream.close(0)


def test_a_spool_whose_process_was_killed(cat, tmp_path):
    """Zeros at the end are reserved room; other bytes are a loss. A frame may end with a zero."""
    queue = tmp_path / "01795284551000000000-4711-9f3b12aa"
    queue.mkdir()
    last = heka.pack("t", payload="z", fields={"n": 0})
    assert last.endswith(b"\0")
    (queue / "00000000000000000000.heka").write_bytes(FRAMES[0] + bytes(600_000))
    (queue / "00000000000000000001.heka").write_bytes(FRAMES[1] + last + bytes(70))
    (queue / "00000000000000000003.heka").write_bytes(FRAMES[2] + FRAMES[3][:9] + bytes(70))

    code, out, err = cat(tmp_path, "--format", "heka", "--strict")

    assert (code, out) == (1, FRAMES[0] + FRAMES[1] + last + FRAMES[2])
    assert err == "not shown: 9 bytes in no whole frame\n"


def test_a_spool_is_followed(start, tmp_path):
    """Frames are shown as they are written, once."""
    spool = tmp_path / "spool"
    stream = QueuedStream("tcp://127.0.0.1:9", spool=str(spool))
    try:
        assert stream.write(FRAMES[0])
        run = start("cat", str(spool), "--follow", "--format", "json")
        for number, frame in enumerate(FRAMES[1:4], 1):
            run.wait_for(lambda out, err, number=number: out.count("\n") == number)
            assert stream.write(frame)
        run.wait_for(lambda out, err: out.count("\n") == 4)
        assert run.stop() == 0
    finally:
        stream.close(0)

    assert payloads(run.out.encode()) == "0123"
    assert run.err == ""


# ---- following -----------------------------------------------------------------------------------


def test_follow_through_rotation_and_truncation(start, file, tmp_path):
    """By name and inode; a frame that is cut by it is counted at the end."""
    run = start("cat", str(file), "--follow", "--format", "json", "--limit", "99")

    def comes(count: int) -> None:
        run.wait_for(lambda out, err: out.count("\n") == count)

    comes(10)
    with file.open("ab") as end:
        end.write(FRAMES[0][:30])
        end.flush()
        end.write(FRAMES[0][30:])
    comes(11)
    file.rename(tmp_path / "ten.heka.1")
    with (tmp_path / "ten.heka.1").open("ab") as end:
        end.write(FRAMES[1])
    comes(12)
    file.write_bytes(FRAMES[2] + FRAMES[3] + FRAMES[4][:7])
    comes(14)
    run.wait_for(lambda out, err: "was replaced; reading the new file\n" in err)
    os.truncate(file, 0)
    run.wait_for(lambda out, err: "was truncated; reading it from its beginning\n" in err)
    with file.open("ab") as end:
        end.write(FRAMES[5])
    comes(15)

    assert run.stop() == 0
    assert payloads(run.out.encode()) == "0123456789" + "01235"
    assert run.err.endswith("not shown: 7 bytes in no whole frame\n")


# ---- as a process --------------------------------------------------------------------------------


def pipe_run(tmp_path: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a shell *command* in which HEKA is the command line."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=tmp_path,
        env=environment(HEKA=f"{sys.executable} -m heka", **variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def test_pipes(tmp_path, file):
    """Standard input is the default; a reader that closes the pipe is no error."""
    file.write_bytes(b"".join(FRAMES) * 200)

    done = pipe_run(
        tmp_path,
        "$HEKA cat ten.heka --format heka | $HEKA cat --format json | head -n 12 | wc -l;"
        'echo "${PIPESTATUS[@]}"',
    )

    assert (done.stdout, done.stderr) == ("12\n0 0 0 0\n", "")


def test_interrupted_while_it_waits(start, tmp_path):
    """Ctrl-C ends it with 130."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "heka", "cat", "--format", "json"],
        cwd=tmp_path,
        env=environment(PYTHONUNBUFFERED="1"),
        stdin=reading,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.close(reading)
    os.write(writing, b"".join(FRAMES))
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    os.close(writing)

    assert (process.returncode, err) == (130, b"")
    assert out.count(b"\n") <= 9


def test_on_a_terminal(tmp_path, file):
    """Colours, unless NO_COLOR is set; binary frames are refused."""
    outputs = []
    for options, variables in (
        (["--limit", "1"], {}),
        (["--limit", "1"], {"NO_COLOR": "1"}),
        (["--format", "heka"], {}),
    ):
        ours, theirs = os.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "heka", "cat", file.name, *options],
            cwd=tmp_path,
            env=environment(TERM="xterm", **variables),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
        )
        os.close(theirs)
        read: list[bytes] = []
        thread = threading.Thread(target=_drain, args=(ours, read))
        thread.start()
        _, err = process.communicate(timeout=PATIENCE)
        thread.join(PATIENCE)
        os.close(ours)
        outputs.append((process.returncode, b"".join(read), err))

    (_, coloured, _), (_, plain, _), (code, nothing, problem) = outputs
    assert b"\x1b[" in coloured
    assert b"\x1b" not in plain
    assert b"kind-0" in plain
    assert (code, nothing) == (1, b"")
    assert b"--format heka writes binary data, not for a terminal; redirect it" in problem


def _drain(fd: int, into: list[bytes]) -> None:
    try:
        while chunk := os.read(fd, 65536):
            into.append(chunk)
    except OSError:  # the other end is closed
        return


def test_memory_is_flat(tmp_path):
    """Forty times as much input takes no more memory."""
    (tmp_path / "few").write_bytes(b"".join(FRAMES) * 500)
    peak = (
        "import resource, sys; from heka.cli import main; main(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )

    peaks = [
        int(
            subprocess.run(
                [sys.executable, "-c", peak, "cat", *["few"] * times, "--format", "heka"],
                cwd=tmp_path,
                env=environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                check=True,
                timeout=PATIENCE,
            ).stderr
        )
        for times in (4, 160)
    ]

    assert peaks[1] < peaks[0] + 4096  # KiB

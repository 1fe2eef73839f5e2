"""``listen --output``: the file gets every message, the display what it has time for."""

from __future__ import annotations

import json
import re
import time

import pytest
from cli.support import KEY, PATIENCE, pack, send_tcp

import heka
from heka import cli
from heka.cli.show.filing import FileError, MessageFile
from heka.cli.show.sampling import Budget

SIGNER = heka.SignerConfig("ops", 7, KEY, "sha1")


def block_of(*frames: bytes) -> heka.Block:
    (block,) = heka.BlockReader().feed(b"".join(frames))
    return block


def listening(start, *options: str):
    """Start ``listen`` on a TCP port; return it and its address."""
    listen = start("listen", "--tcp", ":0", *options)
    return listen, listen.listening()[0]


def received(listen, address, data: bytes, path, size: int) -> None:
    """Send *data*, wait until *path* and what was rotated have *size* bytes, and end *listen*."""
    send_tcp(address, data)
    end = time.monotonic() + PATIENCE
    while sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*")) < size:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert listen.stop() == 0


def test_the_file_has_the_frames_as_they_came(start, tmp_path):
    """Signed or not, behind what was there, and the display shows them too."""
    path = tmp_path / "messages.heka"
    path.write_bytes(before := pack("before"))
    frames = pack("a", fields={"n": 1}) + pack("b", SIGNER) + pack("c")
    listen, address = listening(start, "--output", "messages.heka", "--key", f"ops:7:{KEY}")

    received(listen, address, b"noise" + frames, path, len(before + frames))

    assert path.read_bytes() == before + frames
    assert [re.search(rf"INFO +{name}\b", listen.out) is not None for name in "abc"] == [True] * 3


def test_a_large_file_is_begun_anew(start, tmp_path):
    """No frame is split, none is lost, and the numbers go on."""
    path = tmp_path / "m"
    (tmp_path / "m.7").touch()
    frames = [pack(f"t{number}") for number in range(40)]
    listen, address = listening(start, "--output", "m", "--rotate", "300", "--quiet")
    total = 0
    for frame in frames:  # each is a block of its own, and has a connection of its own
        total += len(frame)
        send_tcp(address, frame)
    received(listen, address, b"", path, total)

    parts = sorted(tmp_path.glob("m.*"), key=lambda each: int(each.suffix[1:]))
    assert [int(each.suffix[1:]) for each in parts] == list(range(7, 7 + len(parts)))
    assert len(parts) > 5
    contents = [each.read_bytes() for each in [*parts[1:], path]]
    assert max(map(len, contents)) <= 300
    assert sorted(b"".join(contents).split(b"\x1e")) == sorted(b"".join(frames).split(b"\x1e"))
    for content in contents:
        reader = heka.StreamReader()
        assert reader.feed(content)
        assert reader.pending_bytes == reader.discarded_bytes == 0
    assert listen.out == ""


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_file_of_lines(start, tmp_path, form):
    path = tmp_path / "lines"
    listen, address = listening(start, "--output", "lines", "--format", form, "--quiet")
    data = pack("a", payload="caf\u00e9\x1b")

    received(listen, address, data, path, 1)

    text = path.read_text(encoding="utf-8")
    if form == "json":
        record = json.loads(text)
        assert (record["type"], record["payload"]) == ("a", "caf\u00e9\x1b")
        assert re.fullmatch(r"tcp 127\.0\.0\.1:\d+", record["from"])
    else:
        assert re.search(r"INFO +a\n", text)
        assert "caf\u00e9\\x1b" in text
        assert "\x1b" not in text
    assert listen.out == ""


def test_the_display_samples_a_flood(start, tmp_path):
    """What is shown and what is said to be skipped is all; the file has everything."""
    path = tmp_path / "all"
    frame = pack("flood")
    listen, address = listening(start, "--output", "all")

    received(listen, address, frame * 60_000, path, 60_000 * len(frame))

    assert path.read_bytes() == frame * 60_000
    skipped = [
        int(n.replace(",", "")) for n in re.findall(r"([\d,]+) messages? not shown", listen.err)
    ]
    shown = len(re.findall(r"INFO +flood\b", listen.out))
    assert 0 < shown < 60_000
    assert shown + sum(skipped) == 60_000
    assert "all are in all" in listen.err


def test_only_what_matches(start, tmp_path):
    """Display and file get the same messages, and the summary counts the others."""
    path = tmp_path / "some"
    frames = [pack("a", fields={"n": number}) for number in range(5)]
    listen, address = listening(
        start, "--output", "some", "--match", "Type == 'a' && Fields[n] > 2", "--json"
    )

    received(listen, address, b"".join([pack("b"), *frames]), path, len(frames[3] + frames[4]))

    assert path.read_bytes() == frames[3] + frames[4]
    shown = [json.loads(line) for line in listen.out.splitlines()]
    assert [record["fields"]["n"]["values"] for record in shown] == [[3], [4]]
    assert listen.err.splitlines()[-1].startswith("6 messages, ")
    assert listen.err.endswith(" discarded, 4 not matched\n")


def test_a_wrong_expression(capsys):
    """It is wrong usage, and the column is named."""
    with pytest.raises(SystemExit) as caught:
        cli.main(["listen", "--match", "Tpye == 'a'"])

    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert "argument --match: " in err
    assert "Type" in err


def test_format_without_a_file_is_of_the_display(start):
    listen, address = listening(start, "--format", "json")
    send_tcp(address, pack("a"))
    listen.wait_for(lambda out, err: out.endswith("\n"))

    assert listen.stop() == 0
    assert json.loads(listen.out)["type"] == "a"


def test_a_full_disk_ends_it(start):
    listen, address = listening(start, "--output", "/dev/full")

    send_tcp(address, pack("a"))

    assert listen.ended() == 1
    assert "heka listen: cannot write '/dev/full': No space left on device" in listen.err
    assert "Traceback" not in listen.err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--rotate", "1 MiB"], "--rotate is about the file of --output"),
        (["--format", "heka"], "--format heka is for a file"),
        (["--json", "--format", "text"], "contradict each other"),
        (["--output", "/"], "cannot open '/': Is a directory"),
    ],
)
def test_options_that_cannot_be(options, text, capsys):
    assert cli.main(["listen", "--tcp", ":0", *options]) == 1
    assert text in capsys.readouterr().err


def test_a_file_that_cannot_be_renamed(tmp_path):
    """The error names the file."""
    path = tmp_path / "m"
    file = MessageFile(str(path), "heka", rotate=10, checked=False)
    file.write(block_of(pack("a")), "")
    file.flush()
    path.unlink()

    with pytest.raises(FileError, match=r"cannot write .*m'"):
        file.write(block_of(pack("b")), "")


# ---- the budget of a display ---------------------------------------------------------------------


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_budget_is_a_reserve_and_a_share():
    clock = Clock()
    budget = Budget(clock)
    budget.begin()
    assert budget.is_left()
    clock.now += 0.25
    assert not budget.is_left()  # the reserve is spent
    budget.end()

    clock.now += 1.0  # the share of one second
    budget.begin()
    clock.now += 0.049
    assert budget.is_left()
    clock.now += 0.002
    assert not budget.is_left()


def test_a_display_that_was_blocked_shows_again_soon():
    """An hour in a write costs ten seconds without messages, not a day."""
    clock = Clock()
    budget = Budget(clock)
    budget.begin()
    clock.now += 3600
    budget.end()

    clock.now += 9.0
    budget.begin()
    assert not budget.is_left()
    budget.end()
    clock.now += 2.0
    budget.begin()
    assert budget.is_left()

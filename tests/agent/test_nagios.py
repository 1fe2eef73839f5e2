"""NagiosOutput: payloads as results, the command file, send_nsca and cmd.cgi."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from agent.support import block_of
from agent.test_http import serving

from heka._core import monotonic, pack
from heka.agent.outputs.encoders import JsonEncoder
from heka.agent.outputs.nagios import (
    LINE_MAX,
    NSCA_MAX,
    NagiosOptions,
    NagiosOutput,
    result_of,
    shortened,
)
from heka.exceptions import ConfigError
from heka.framing import Block, BlockReader
from heka.message import Message

FILE = NagiosOptions(command_file="/x")


def writer_of(**options: Any) -> Any:
    """Return the writer of an output."""
    return writer_and_output(**options)[0]


def writer_and_output(**options: Any) -> tuple[Any, NagiosOutput]:
    output = NagiosOutput("nagios", NagiosOptions(**options), None)
    outlet: Any = output.outlet()
    return outlet._writer, output


def results(*payloads: str) -> Block:
    frames = b"".join(pack("t", "disk", payload=text, hostname="web1") for text in payloads)
    [block] = BlockReader().feed(frames)
    return block


def soon() -> float:
    return monotonic() + 30


# ---- payloads -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "state", "output"),
    [
        ("OK: all is well", 0, b"all is well"),
        ("WARNING:full: 80 %|used=80", 1, b"full: 80 %|used=80"),
        ("CRITICAL: a\nb\\c\r\n", 2, b"a\nb\\c"),
        ("critical: x", 3, b"critical: x"),
        ("no colon", 3, b"no colon"),
        ("OK", 3, b"OK"),
        ("OK: tab\there", 0, b"tab here"),
        ("", 3, b""),
    ],
)
def test_a_payload_is_a_state_and_an_output(payload: str, state: int, output: bytes) -> None:
    result = result_of(Message("t", "disk", payload=payload, hostname="web1"), FILE)
    assert result is not None
    assert (result.host, result.service) == (b"web1", b"disk")
    assert (result.state, result.output) == (state, output)


@pytest.mark.parametrize("name", ["", "a;b", "a\tb", "a\nb"])
def test_a_host_or_a_service_that_nagios_cannot_have_is_refused(name: str) -> None:
    assert result_of(Message("t", name, hostname="h"), FILE) is None
    assert result_of(Message("t", "s", hostname=name), FILE) is None


def test_host_and_service_may_be_given() -> None:
    options = NagiosOptions(command_file="/x", nagios_host="h", nagios_service_description="s")
    result = result_of(Message("t", "a;b", hostname=""), options)
    assert result is not None
    assert (result.host, result.service) == (b"h", b"s")


@pytest.mark.parametrize("text", ["x" * 50, "ä" * 30, "\\" * 30, "a\n" * 30])
def test_an_output_is_cut_behind_a_character_and_an_escape(text: str) -> None:
    result = result_of(Message("t", "s", payload=f"OK: {text}", hostname="h"), FILE)
    assert result is not None
    escaped = result.escaped()
    for room in range(4, 30):
        cut = shortened(escaped, room, is_escaped=True)
        assert len(cut) <= room
        assert cut.endswith(b"...")
        kept = cut[:-3]
        kept.decode()
        assert (len(kept) - len(kept.rstrip(b"\\"))) % 2 == 0
        assert escaped.startswith(kept)


# ---- the command file ---------------------------------------------------------------------------


@pytest.fixture
def fifo(tmp_path: Path) -> str:
    os.mkfifo(tmp_path / "nagios.cmd")
    return str(tmp_path / "nagios.cmd")


def reader_of(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def test_a_result_is_a_line_of_the_command_file(fifo: str) -> None:
    writer, output = writer_and_output(command_file=fifo)
    reader = reader_of(fifo)
    writer.open(soon())
    writer.write(results("OK: a\nb\\c"), soon())
    writer.write(results("WARNING: " + "x" * 60_000), soon())
    first, second, rest = os.read(reader, 65536).split(b"\n")
    assert first.endswith(b"PROCESS_SERVICE_CHECK_RESULT;web1;disk;0;a\\nb\\\\c")
    assert (len(second), second[-4:], rest) == (LINE_MAX - 1, b"x...", b"")
    assert output.account() == {"cut": 1}
    writer.close(soon())
    os.close(reader)


def test_without_a_reader_it_cannot_be_opened(fifo: str) -> None:
    with pytest.raises(OSError, match="No such device"):
        writer_of(command_file=fifo).open(soon())


def test_a_file_that_is_no_fifo_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(OSError, match="is no FIFO"):
        writer_of(command_file=str(path)).open(soon())


def test_a_full_pipe_is_waited_for_until_the_deadline(fifo: str) -> None:
    writer = writer_of(command_file=fifo)
    reader = reader_of(fifo)
    writer.open(soon())

    def fill() -> None:
        for _ in range(100):
            writer.write(results("OK: " + "x" * 4000), monotonic() + 0.05)

    with pytest.raises(TimeoutError):
        fill()
    whole = os.read(reader, 1 << 20)
    assert whole.endswith(b"\n"), "no line in part"
    writer.write(results("OK: again"), soon())
    assert os.read(reader, 1 << 20).endswith(b";0;again\n")
    writer.close(soon())
    os.close(reader)


def test_a_reader_that_goes_away_is_an_error(fifo: str) -> None:
    writer = writer_of(command_file=fifo)
    reader = reader_of(fifo)
    writer.open(soon())
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        writer.write(results("OK: a"), soon())
    writer.close(soon())


def test_results_without_a_name_are_refused_and_the_others_written(fifo: str) -> None:
    writer = writer_of(command_file=fifo)
    reader = reader_of(fifo)
    writer.open(soon())
    assert writer.write(block_of("OK: a"), soon()) == {"bad-name": [0]}, "it has no Logger"
    writer.close(soon())
    os.close(reader)


# ---- send_nsca ----------------------------------------------------------------------------------


def program(tmp_path: Path, text: str) -> dict[str, Any]:
    """Return the options of a send_nsca that keeps its input, and ends as *text* says."""
    path = tmp_path / "send_nsca"
    path.write_text(
        f"#!{sys.executable}\nimport sys, time\ndata = sys.stdin.buffer.read()\n"
        f"open({str(tmp_path / 'input')!r}, 'wb').write(data)\n"
        f"count = data.count(b'\\x17')\n{text}\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"send_nsca_bin": str(path), "send_nsca_args": ("-H", "h")}


SENT = "print(f'{count} data packet(s) sent to host successfully.')"


def test_one_run_submits_a_block(tmp_path: Path) -> None:
    writer, output = writer_and_output(**program(tmp_path, SENT))
    assert writer.write(results("OK: a", "CRITICAL: b\nc", "x" * 5000), soon()) == {}
    first, second, third, rest = (tmp_path / "input").read_bytes().split(b"\x17")
    assert (first, second) == (b"web1\tdisk\t0\ta", b"web1\tdisk\t2\tb\nc")
    assert (third[:12], len(third), rest) == (b"web1\tdisk\t3\t", 12 + NSCA_MAX, b"")
    assert output.account() == {"cut": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("print('0 data packet(s) sent to host successfully.')", "expected exit code 0 and 1"),
        (f"{SENT}; sys.exit(2)", "got 2 and"),
        ("print('Error: Timeout after 10 seconds')", "Timeout after 10 seconds"),
    ],
)
def test_a_run_that_fails_is_tried_again(tmp_path: Path, text: str, said: str) -> None:
    writer = writer_of(send_nsca_timeout=60.0, **program(tmp_path, text))
    with pytest.raises(OSError, match=re.escape(said)):
        writer.write(results("OK: a"), monotonic() + 60)


def test_a_run_that_does_not_end_is_ended(tmp_path: Path) -> None:
    writer = writer_of(send_nsca_timeout=0.5, **program(tmp_path, "time.sleep(60)"))
    with pytest.raises(TimeoutError, match=r"takes longer than 0\.5 s"):
        writer.write(results("OK: a"), soon())


def test_a_program_that_is_not_there_is_tried_again() -> None:
    with pytest.raises(FileNotFoundError):
        writer_of(send_nsca_bin="/no/send_nsca").write(results("OK: a"), soon())


# ---- cmd.cgi ------------------------------------------------------------------------------------


def test_a_form_has_the_number_of_its_cookie() -> None:
    page = b"<html>Your command request was successfully submitted to Nagios"
    with serving(lambda body: (200, {"Content-Type": "text/html"}, page)) as store:
        writer = writer_of(url=f"{store.url}/cgi-bin/cmd.cgi", username="u", password="p:w")
        assert writer.write(results("WARNING: 80 %|used=80"), soon()) == {}
        writer.close(soon())
    [(path, headers, body)] = store.requests
    form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
    assert path == "/cgi-bin/cmd.cgi"
    assert headers["Cookie"] == f"NagFormId={form['nagFormId']}"
    assert headers["Authorization"] == "Basic dTpwOnc="
    assert int(form["nagFormId"], 16) < 1 << 32
    assert (form["cmd_typ"], form["cmd_mod"]) == ("30", "2")
    assert (form["host"], form["service"], form["plugin_state"]) == ("web1", "disk", "1")
    assert (form["plugin_output"], form["performance_data"]) == ("80 %", "used=80")


def test_a_service_that_nagios_does_not_know_costs_itself() -> None:
    page = b"<P><DIV CLASS='errorMessage'>Sorry, but you are not authorized to commit the specified"
    with serving(lambda body: (200, {"Content-Type": "text/html"}, page)) as store:
        writer = writer_of(url=store.url)
        assert dict(writer.write(results("OK: a"), soon())) == {"not-authorized": range(1)}
        writer.close(soon())


def test_a_page_that_does_not_say_submitted_is_an_error() -> None:
    page = b"<p>Invalid or missing CSRF cookie</p>"
    with serving(lambda body: (200, {"Content-Type": "text/html"}, page)) as store:
        writer = writer_of(url=store.url)
        with pytest.raises(OSError, match="missing CSRF cookie"):
            writer.write(results("OK: a"), soon())
        writer.close(soon())


# ---- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "command_file: expected one of"),
        ({"command_file": "/x", "url": "http://h"}, "command_file: expected one of"),
        ({"command_file": "/x", "nagios_host": "a;b"}, "nagios_host: expected text"),
        ({"url": "h"}, "url: expected http://HOST"),
        ({"command_file": "/x", "send_nsca_timeout": 0.0}, "send_nsca_timeout: expected 0.1"),
        ({"command_file": "/x\0"}, "command_file: expected text without NUL"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        NagiosOptions(**options)


def test_an_encoder_is_refused() -> None:
    with pytest.raises(ConfigError, match="encoder: expected none"):
        NagiosOutput("n", FILE, JsonEncoder("json", JsonEncoder.Options()))

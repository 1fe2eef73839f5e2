"""CSV: what csv.reader reads is what the messages hold; on a terminal nothing is interpreted."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from cli.support import KEY, environment, pack, signer, wire_message
from hypothesis import given, settings
from hypothesis import strategies as st

import heka
from heka._core import csv_lines
from heka.cli import main
from heka.jsonlines import record_of

ATTRIBUTES = (
    *("time", "timestamp_ns", "uuid", "severity", "severity_name", "type", "logger", "hostname"),
    *("pid", "env_version", "payload"),
)


def rows(data: bytes) -> list[list[str]]:
    """Read CSV as a program would."""
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def cat(capfdbinary: pytest.CaptureFixture[bytes], *args: str | Path) -> list[list[str]]:
    """Run ``cat --format csv``, and return its rows."""
    assert main(["cat", "--format", "csv", *map(str, args)]) == 0
    out, err = capfdbinary.readouterr()
    assert not err
    return rows(out)


def test_default_columns(capfdbinary, tmp_path):
    path = tmp_path / "one.heka"
    path.write_bytes(
        pack("a", payload='x,"y"\r\nz', hostname="h", pid=7, timestamp_ns=1_700_000_000_000_000_000)
    )

    assert cat(capfdbinary, path) == [
        ["time", "severity", "type", "logger", "hostname", "pid", "payload"],
        ["2023-11-14T22:13:20.000000000Z", "6", "a", "test", "h", "7", 'x,"y"\r\nz'],
    ]


def test_columns_are_those_of_fields_in_their_order(capfdbinary, tmp_path):
    path = tmp_path / "two.heka"
    fields = {"n": [1, 2], "s": "", "raw": b"\xff\0", "type": "field", "x": 0.5, "ok": True}
    path.write_bytes(pack("a", fields=fields) + pack("b"))

    found = cat(capfdbinary, path, "--fields", "n,type,Fields[type],raw,s,x,ok,none")

    assert found[1:] == [
        ["[1, 2]", "a", "field", base64.b64encode(b"\xff\0").decode(), "", "0.5", "true", ""],
        ["", "b", "", "", "", "", "", ""],
    ]


def test_no_message_is_a_header(capfdbinary, tmp_path):
    path = tmp_path / "none.heka"
    path.touch()

    assert cat(capfdbinary, path, "--fields", 'a"b,type') == [['a"b', "type"]]


def test_a_verified_signer_is_a_column(capfdbinary, tmp_path):
    path = tmp_path / "signed.heka"
    path.write_bytes(pack("a", signer("ops")) + pack("b"))

    found = cat(capfdbinary, path, "--key", f"ops:1:{KEY}")

    assert [row[-1] for row in found] == ["signer", "ops", ""]


def test_too_many_columns_are_refused(capfdbinary):
    with pytest.raises(SystemExit, match="2"):
        main(["cat", "--format", "csv", "--fields", ",".join("a" * 257)])

    assert b"expected at most 256 names, got 257" in capfdbinary.readouterr().err


def test_a_terminal_gets_nothing_to_interpret(tmp_path):
    """Escapes, bidirectional controls and carriage returns; a line break stays one."""
    path = tmp_path / "evil.heka"
    evil = b"\x1b]0;x\x07\xc2\x9b31m\r\xe2\x80\xae\xff\nend"
    path.write_bytes(heka.frame(wire_message(type=evil)))
    ours, theirs = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-m", "heka", "cat", path, "--format", "csv", "--fields", "type"],
        stdout=theirs,
        env=environment(),
        cwd=tmp_path,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)

    assert run.wait(30) == 0
    assert shown.decode().replace("\r\n", "\n") == (
        'type\n"\\x1b]0;x\\x07\\u009b31m\\r\\u202e\\xff\nend"\n'
    )


TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"])) | st.text(',"\r\n\t x')
VALUES = (
    st.lists(TEXTS, min_size=1, max_size=3)
    | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3)
    | st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=3)
    | st.lists(st.booleans(), min_size=1, max_size=2)
)


@given(TEXTS, TEXTS, st.integers(0, 7), VALUES)
@settings(max_examples=100, deadline=None)
def test_what_a_csv_reader_reads(type_, payload, severity, values):
    """Attributes as their JSON line has them; one value as it is, several as JSON."""
    frame = heka.pack(type_, "l", severity, {"f": values}, payload)
    (block,) = heka.BlockReader().feed(frame)
    record = record_of(block[0].message)

    (row,) = rows(csv_lines(block, (*ATTRIBUTES, "f")))

    assert row[:-1] == [str(record[name]) for name in ATTRIBUTES]
    if len(values) == 1 and isinstance(values[0], str):
        assert row[-1] == values[0]
    else:
        assert json.loads(row[-1]) == (values if len(values) > 1 else values[0])


@pytest.mark.parametrize(
    ("columns", "error", "text"),
    [
        ([], TypeError, "columns must be a tuple of str"),
        ((1,), TypeError, "columns must be a tuple of str"),
        ((), ValueError, "columns must be 1 to 256 names, got 0"),
        (("a",) * 257, ValueError, "columns must be 1 to 256 names, got 257"),
        (("\ud800",), UnicodeEncodeError, "surrogates not allowed"),
    ],
)
def test_wrong_columns(columns, error, text):
    (block,) = heka.BlockReader().feed(pack("t"))

    with pytest.raises(error, match=text):
        csv_lines(block, columns)

"""``heka agent test``: cases that hold, cases that do not, and files that are no cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from heka.cli import main

CONFIG = """
[logs]
type = "LogstreamerInput"
paths = ["/var/log/x"]
decoder = "lines"
[lines]
type = "PayloadRegexDecoder"
match_regex = '^(?P<name>\\w+)=(?P<value>\\d+)$'
[lines.message_fields]
Type = "app"
"value" = "%value%"
[plain]
type = "TcpInput"
splitter = "TokenSplitter"
address = ":0"
[StatsdInput]
[StatAccumInput]
"""
GOOD = """
["a line"]
input = "logs"
line = "n=17"
message = { Type = "app", Logger = "logs", Severity = 7 }
fields = { value = "17" }
absent = ["name"]
["another line"]
input = "logs"
line = "none"
undecoded = true
message = { Payload = "none", Type = "logfile" }
["no decoder"]
input = "plain"
line = "text"
message = { Type = "NetInput", Payload = "text" }
["stats"]
input = "StatsdInput"
lines = ["a:1|c", "a:2|c|@0.5", "t:3|ms"]
stats = { "stats.counters.a.count" = 5, "stats.timers.t.upper" = 3 }
"""


def tried(tmp_path: Path, cases: str) -> int:
    (tmp_path / "agent.toml").write_text(CONFIG)
    (tmp_path / "cases.toml").write_text(cases)
    return main(["agent", "test", str(tmp_path / "agent.toml"), str(tmp_path / "cases.toml")])


def test_cases_that_hold(tmp_path: Path, capsys) -> None:
    assert tried(tmp_path, GOOD) == 0
    assert capsys.readouterr().out.endswith("cases.toml: 4 cases, 0 failed\n")


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ('line = "n=1"\nmessage = { Type = "b" }', "Type: expected 'b', got 'app'"),
        ('line = "n=1"\nfields = { value = 1 }', "Fields[value]: expected 1, got '1'"),
        ('line = "n=1"\nfields = { other = 1 }', "Fields[other]: expected 1, got none"),
        ('line = "n=1"\nabsent = ["value"]', "Fields[value]: expected none, got ['1']"),
        ('line = "n=1"\nundecoded = true', "expected that it cannot be decoded, and it was"),
        ('line = "no"', "it could not be decoded: the expression does not match"),
        ('lines = ["n=1", "n=2"]', "expected one message, got 2"),
    ],
)
def test_a_difference_is_told_with_its_place(tmp_path: Path, capsys, case: str, said: str) -> None:
    assert tried(tmp_path, f'# first line\n["case"]\ninput = "logs"\n{case}\n') == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.endswith(f"cases.toml:2: case: {said}")
    assert last.endswith("1 case, 1 failed")


@pytest.mark.parametrize(
    ("lines", "stats", "said"),
    [
        ('["a:1|c"]', '"stats.counters.a.count" = 2', "stats.counters.a.count: expected 2, got 1"),
        ('["a:1|c"]', '"stats.counters.b.count" = 1', "got none; did you mean"),
        ('["a:1|c", "bad"]', '"stats.counters.a.count" = 1', "1 of the lines were refused"),
    ],
)
def test_a_difference_of_stats_is_told(
    tmp_path: Path, capsys, lines: str, stats: str, said: str
) -> None:
    case = f'["case"]\ninput = "StatsdInput"\nlines = {lines}\nstats = {{ {stats} }}\n'
    assert tried(tmp_path, case) == 1
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '["a"]\ninput = "lines"\nline = ""',
            "a.input: expected the name of an input, got 'lines'",
        ),
        ('["a"]\ninput = "logs"', "a.line: expected text here"),
        ('["a"]\ninput = "logs"\nlin = ""', "a.lin: unknown key; did you mean 'line'?"),
        ('["a"]\ninput = "logs"\nline = "n=1"\nmessage = { Typ = "" }', "no attribute 'Typ'"),
        ('["a"]\ninput = "logs"\nline = "n=1"\nfields = 1', "a.fields: expected a table"),
        (
            '["a"]\ninput = "plain"\nline = "n"\nstats = {}',
            "expected an input with stat_accum_name",
        ),
        ("a = 1", "expected a table for each case"),
        ("a", "cases.toml: TOML: Expected '='"),
    ],
)
def test_what_is_no_case_is_an_error(tmp_path: Path, capsys, text: str, said: str) -> None:
    assert tried(tmp_path, text) == 1
    assert said in capsys.readouterr().err

"""The defaults of an aggregator: where it listens, and for whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from heka.agent.config import load, load_aggregator
from heka.cli import main
from heka.exceptions import ConfigError

OUT = '[out]\ntype = "LogOutput"\nmessage_matcher = "TRUE"\n'
KEYS = '[TcpInput.signer.ops_1]\nhmac_key = "key"\n'


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "grater.toml"
    path.write_text(text)
    return str(path)


def test_without_an_input_it_listens_on_the_loopback(tmp_path: Path) -> None:
    sections = load_aggregator(written(tmp_path, OUT)).sections
    assert [each.name for each in sections] == ["out", "TcpInput"]
    assert sections[1].options.address == "127.0.0.1:5565"


@pytest.mark.parametrize(
    "text",
    [
        '[TcpInput]\naddress = ":5565"\n',  # of the loopback too
        '[TcpInput]\naddress = "[::1]:5565"\n',
        '[TcpInput]\naddress = "localhost:5565"\n',
        f'[TcpInput]\naddress = "0.0.0.0:5565"\nrequire_signature = true\n{KEYS}',
        '[TcpInput]\naddress = "0.0.0.0:5565"\nuse_tls = true\n'
        '[TcpInput.tls]\ncert_file = "c"\nclient_cafile = "ca"\n',
        '[TcpInput]\nnet = "unix"\naddress = "/run/heka.sock"\n',
        '[StatsdInput]\naddress = "0.0.0.0:8125"\n[StatAccumInput]\n',
    ],
)
def test_inputs_that_ask_who_sends_are_right(tmp_path: Path, text: str) -> None:
    load_aggregator(written(tmp_path, OUT + text))


@pytest.mark.parametrize(
    "text",
    [
        '[TcpInput]\naddress = "0.0.0.0:5565"\n',
        '[UdpInput]\naddress = "[::]:5565"\n',
        '[TcpInput]\naddress = "grater.example.org:5565"\n',
        f'[TcpInput]\naddress = "0.0.0.0:5565"\n{KEYS}',
        '[TcpInput]\naddress = "0.0.0.0:5565"\nuse_tls = true\n[TcpInput.tls]\ncert_file = "c"\n',
    ],
)
def test_inputs_that_anybody_can_send_to_are_refused(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    load(path)  # for an agent it is right
    with pytest.raises(ConfigError, match=r"grater\.toml:1: ...Input: other machines reach it"):
        load_aggregator(path)


def test_the_command_has_the_actions_of_the_agent(tmp_path: Path, capsys) -> None:
    assert main(["grater", "check", written(tmp_path, OUT)]) == 0
    assert "input   TcpInput  TcpInput" in capsys.readouterr().out
    assert main(["grater", "unit", written(tmp_path, OUT)]) == 0
    assert " -m heka grater run " in capsys.readouterr().out
    assert main(["grater"]) == 1
    assert "expected an action with CONFIG" in capsys.readouterr().err

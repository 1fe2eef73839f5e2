"""The unit file of ``heka agent unit``."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from heka.agent.config import Settings
from heka.agent.unit import unit_text
from heka.cli import main
from heka.exceptions import ConfigError


def test_the_command_prints_a_unit_that_systemd_accepts(tmp_path: Path, capsys) -> None:
    config = tmp_path / "a $b %c" / "agent.toml"
    config.parent.mkdir()
    config.write_text("[agent]\nstop_timeout = 1.5\n[LogOutput]\n")

    assert main(["agent", "unit", "--user", "root", str(config)]) == 0

    text = capsys.readouterr().out
    written = str(config).replace("$", "$$").replace("%", "%%")
    assert f'ExecStart={sys.executable} -m heka agent run "{written}"\n' in text
    assert "User=root\nStateDirectory=heka\nStateDirectoryMode=0700\n" in text
    assert "TimeoutStopSec=22\n" in text
    if shutil.which("systemd-analyze"):
        unit = tmp_path / "heka-agent.service"
        unit.write_text(text)
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True
        )
        assert not [line for line in done.stderr.splitlines() if unit.name in line]


@pytest.mark.parametrize(
    ("base_dir", "line"),
    [
        ("/var/lib/heka", "StateDirectory=heka"),
        ("/var/cache/hekad", "CacheDirectory=hekad"),
        ("/var/lib/a/b", None),
        ("/srv/heka", None),
    ],
)
def test_systemd_makes_the_directory_where_it_has_a_key_for_it(base_dir, line) -> None:
    lines = unit_text(Settings(base_dir=base_dir), "/a", "/p", "heka").splitlines()

    assert [each for each in lines if "Directory=" in each] == [line] * (line is not None)


@pytest.mark.parametrize(("config", "user"), [("/a", "a b"), ("/a", ""), ("/a\nUser=root", "heka")])
def test_what_would_be_another_key_is_refused(config, user) -> None:
    with pytest.raises(ConfigError, match="expected"):
        unit_text(Settings(), config, "/p", user)

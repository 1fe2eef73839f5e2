"""Mistakes in configurations of the agent, and the answers: the files in tests/agent/mistakes.

Blocks of those files are separated by empty lines: the configuration, and below it, indented, a
sentence for each error; a line that does not begin with the file's name goes on the one above.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heka.agent.config import load_text
from heka.exceptions import ConfigError

FILES = sorted(Path(__file__).with_name("mistakes").glob("*.txt"))
INDENT = "    "


def mistakes() -> Iterator[Any]:
    """Each mistake: its configuration, and the text of the error."""
    for file in FILES:
        for number, block in enumerate(file.read_text(encoding="utf-8").split("\n\n")):
            lines = [line for line in block.splitlines() if not line.startswith("# ")]
            config = "\n".join(line for line in lines if not line.startswith(INDENT))
            answer = ""
            for line in lines:
                if line.startswith(INDENT):
                    begins = line.startswith(f"{INDENT}a.toml")
                    answer += ("\n" if begins else " ") + line.strip()
            if config:
                yield pytest.param(config, answer.strip(), id=f"{file.stem}-{number}")


def answer_of(config: str) -> str:
    """Return the text of the error for *config*."""
    with pytest.raises(ConfigError) as caught:
        load_text(config, "a.toml")
    return str(caught.value)


@pytest.mark.parametrize(("config", "answer"), [*mistakes()])
def test_a_mistake_is_answered(config, answer, monkeypatch):
    monkeypatch.delenv("HEKA_TEST_UNSET", raising=False)

    assert answer_of(config) == answer

"""Each drawing of the documentation is what its script draws."""

from __future__ import annotations

import runpy
import sys

import pytest
from docs.pages import DOCS

TERMINAL = runpy.run_path(str(DOCS / "draw_terminal.py"))


@pytest.mark.parametrize("name", ["frame", "delivery"])
def test_drawing_is_what_its_script_draws(name):
    script = runpy.run_path(str(DOCS / f"draw_{name}.py"))

    assert script["PICTURE"].read_text(encoding="utf-8") == script["svg"]()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tracebacks mark the place since 3.11")
@pytest.mark.parametrize("name", TERMINAL["SCENES"])
def test_terminal_shows_what_is_printed(name):
    """The commands of the scene run again and print what the picture shows."""
    committed = TERMINAL["picture"](name).read_text(encoding="utf-8")

    assert committed == TERMINAL["svg"](name), f"run: python docs/draw_terminal.py {name}"

"""The pages of the documentation, and the code blocks in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(page for page in DOCS.rglob("*.md") if not page.is_relative_to(DOCS / "_build")),
]

_FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w+)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)


class Block(NamedTuple):
    """A fenced block of a page: its language, the number of the line before it, and its text."""

    kind: str
    line: int
    text: str


def blocks(page: Path, *kinds: str) -> Iterator[Block]:
    """Yield the blocks of *page* in one of the languages *kinds*."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        if found["kind"] in kinds:
            line = text.count("\n", 0, found.start("text"))
            yield Block(found["kind"], line, textwrap.dedent(found["text"]))


def pages_with(*kinds: str) -> list[Path]:
    """Return the pages that have such a block."""
    return [page for page in PAGES if any(blocks(page, *kinds))]


def name_of(page: Path) -> str:
    """Return the path of *page*, to name a test by."""
    return page.relative_to(ROOT).as_posix()

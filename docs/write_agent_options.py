"""Write the tables of docs/reference/agent.md: every option of every section of the agent.

They come from the dataclasses that the agent reads sections into. Each table stands between the
lines ``<!-- options NAME -->`` and ``<!-- end -->``. Run it after a change of an option;
tests/docs/test_reference.py compares the page with its output.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from heka.agent.options import Described, described
from heka.agent.registry import options_by_name

FILE = Path(__file__).resolve().parent / "reference" / "agent.md"
_BLOCK = re.compile(r"^<!-- options (\S+) -->\n.*?^<!-- end -->$", re.MULTILINE | re.DOTALL)


def table(options: type) -> str:
    """Return the Markdown table of *options*, with those of its tables below their key."""
    rows = [*_rows(described(options))]
    if not rows:
        return "It has no options of its own."
    return "\n".join(["| key | value | default | |", "|---|---|---|---|", *rows])


def _rows(found: Iterator[Described], above: str = "") -> Iterator[str]:
    for each in found:
        key = f"{above}{each.key}"
        yield f"| `{key}` | {_cell(each.kind)} | {_default(each)} | {_cell(each.doc)} |"
        if each.table is not None:
            middle = ".NAME." if each.kind == "tables" else "."
            yield from _rows(described(each.table), f"{key}{middle}")


def _default(each: Described) -> str:
    if each.required:
        return "required"
    text = f"`{each.default}`" if each.default else ""
    return text if each.hekad is None else f"{text}; in a configuration of hekad `{each.hekad}`"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def text() -> str:
    """Return the page as it should be."""
    known = options_by_name()
    return _BLOCK.sub(
        lambda match: f"<!-- options {match[1]} -->\n{table(known[match[1]])}\n<!-- end -->",
        FILE.read_text(encoding="utf-8"),
    )


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")

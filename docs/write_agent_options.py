"""Write the tables of docs/reference/agent.md: every option of every section of the agent.

They come from the dataclasses that the agent reads sections into, and stand below the line MARK.
Run it after a change of an option; tests/docs/test_reference.py compares the page with its output.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

from heka.agent.config import Settings
from heka.agent.config.common import COMMON, Common
from heka.agent.options import Described, described
from heka.agent.registry import BUILT_IN, KINDS, kind_of, plugin_class

FILE = Path(__file__).resolve().parent / "reference" / "agent.md"
MARK = "<!-- Below, this page is written by docs/write_agent_options.py. -->\n"


def text() -> str:
    """Return the page as it should be."""
    above = FILE.read_text(encoding="utf-8").partition(MARK)[0]
    return above + MARK + "\n" + "\n".join(_below()).rstrip("\n") + "\n"


def _below() -> Iterator[str]:
    yield from ("## The agent", "", "Options of `[agent]`, which hekad calls `[hekad]`:", "")
    yield from (*_table(Settings), "")
    for kind in KINDS:
        types = [type_ for type_ in BUILT_IN if kind_of(type_) == kind.lower()]
        if types:
            yield from (f"## {kind}s", "")
        common = COMMON[kind.lower()]
        if types and common is not Common:
            yield from (f"Keys that every {kind.lower()} has:", "")
            yield from (*_table(common), "")
        for type_ in types:
            plugin = plugin_class(type_)
            about = inspect.getdoc(plugin) or ""
            yield from (f"### {type_}", "", about.partition("\n\n")[0], "")
            if described(plugin.Options):
                yield from (*_table(plugin.Options), "")


def _table(options: type) -> Iterator[str]:
    yield from ("| key | value | default | |", "|---|---|---|---|", *_rows(described(options)))


def _rows(found: list[Described], above: str = "") -> Iterator[str]:
    for each in found:
        key = f"{above}{each.key}"
        yield f"| `{key}` | {_cell(each.kind)} | {_default(each)} | {_cell(each.doc)} |"
        if each.table is not None:
            middle = ".NAME." if each.kind == "tables" else "."
            yield from _rows(described(each.table), f"{key}{middle}")


def _default(each: Described) -> str:
    if each.required:
        return "required"
    default = f"`{each.default}`" if each.default else ""
    return default if each.hekad is None else f"{default}, with `[hekad]` `{each.hekad}`"


def _cell(cell: str) -> str:
    return cell.replace("|", r"\|")


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")

"""The site as a whole: every page is in a group, and llms.txt lists them all."""

from __future__ import annotations

import re
import runpy

import pytest
from docs.pages import DOCS, PAGES, name_of

LLMS = runpy.run_path(str(DOCS / "write_llms.py"))
SITE = [page for page in PAGES if page.is_relative_to(DOCS) and page.name != "index.md"]


def test_llms_txt_is_what_its_script_writes():
    assert LLMS["FILE"].read_text(encoding="utf-8") == LLMS["text"](), (
        "run: python docs/write_llms.py"
    )


def test_every_page_is_in_one_group():
    listed = [page for pages in LLMS["groups"]().values() for page in pages]
    indexes = {f"{group}/index" for group in ("howto", "reference")}
    existing = {page.relative_to(DOCS).with_suffix("").as_posix() for page in SITE} | indexes

    assert len(listed) == len(set(listed))
    assert set(listed) == existing


@pytest.mark.parametrize("page", SITE, ids=name_of)
def test_page_has_one_title(page):
    """And it is the first line, unless the page is another file of the repository."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)

    titles = re.findall(r"^# .*$", text, re.MULTILINE)

    assert (len(titles) == 1 and text.startswith("# ")) or "{include}" in page.read_text()


def test_no_sentence_stands_twice():
    """A sentence of at least ten words is on one page only: others link to it."""
    found: dict[str, str] = {}
    twice = []
    for page in PAGES:
        if page.name == "changelog.md":
            continue
        text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        text = re.sub(r"\s+", " ", re.sub(r"^\|.*$", "", text, flags=re.M))
        for sentence in set(re.split(r"(?<=[.:;]) ", text)):
            if len(sentence.split()) >= 10:
                if sentence in found:
                    twice.append(f"{found[sentence]} and {name_of(page)}: {sentence}")
                found[sentence] = name_of(page)

    assert not twice, "\n".join(twice)

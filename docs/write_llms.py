"""Write docs/llms.txt: the pages of the documentation, by group, with what each is about.

The groups are those of docs/index.md; a page is described by its first sentence. Run it after a
change; tests/docs/test_site.py compares the committed file with its output. Format: llmstxt.org.
"""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent
FILE = DOCS / "llms.txt"


def groups() -> dict[str, list[str]]:
    """Return the pages of each group of docs/index.md, by its caption."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    found = {}
    for tree in re.findall(r"^```\{toctree\}\n(.*?)^```$", index, re.MULTILINE | re.DOTALL):
        caption = re.search(r":caption: (.*)", tree)
        entries = [line for line in tree.splitlines() if line and not line.startswith(":")]
        pages = [entry for entry in entries if "<self>" not in entry]
        found[caption[1] if caption else ""] = pages
    return found


def text_of(page: str) -> str:
    """Return the text of a page; that of another file, if the page includes one."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    included = re.match(r"(?s).*?^```\{include\} (\S+)", text, re.MULTILINE)
    if included and text.count("\n") < 12:
        return ((DOCS / f"{page}.md").parent / included[1]).read_text(encoding="utf-8")
    return text


def title_of(page: str) -> str:
    """Return the title of a page."""
    title = re.search(r"^# (.*)$", text_of(page), re.MULTILINE)
    assert title is not None, f"{page} has no title"
    return title[1]


def about(page: str) -> str:
    """Return the first sentence of a page, without markup; "" if it does not begin with one."""
    body = text_of(page).split("# ", 1)[1].partition("\n")[2].strip()
    first = re.match(r"(?!```|!\[)[^\n#|:\-(].*?(?=\n\n|\n#|\n-|\n\||\Z)", body, re.DOTALL)
    if first is None:
        return ""
    plain = re.sub(r"\{py:\w+\}`~?([^`]*)`", r"\1", first[0])
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", plain)
    plain = re.sub(r"[*`]", "", plain).replace("\n", " ").strip()
    sentence = re.match(r".*?[.:](?= |$)", plain)
    return (sentence[0] if sentence else plain).rstrip(":.")


def text() -> str:
    """Return the text of llms.txt."""
    lines = [f"# {title_of('index')}", "", f"> {about('index')}."]
    for group, pages in groups().items():
        lines += ["", f"## {group}", ""]
        for page in pages:
            what = about(page)
            lines.append(
                f"- [{title_of(page)}](_sources/{page}.md.txt){f': {what}' if what else ''}"
            )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")

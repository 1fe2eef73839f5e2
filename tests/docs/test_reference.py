"""The reference is complete: what the code knows is on its page.

Every list comes from the code, so a new name, option or reason fails here until it is described.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import pkgutil
import re
import runpy
from collections.abc import Iterator

import pytest
from docs.pages import DOCS, ROOT

import heka
from heka._net.addresses import OPTIONS
from heka.cli import build_parser
from heka.config import queueing, schema

REFERENCE = DOCS / "reference"
AGENT = runpy.run_path(str(DOCS / "write_agent_options.py"))
#: Pages that describe Python names; plugins and frameworks are described where they are used.
DESCRIBED_IN = [*REFERENCE.glob("*.md"), *(DOCS / "howto").glob("*.md")]
#: Modules of old programs: they have other modules' names, and docs/howto/upgrading.md lists them.
OLD = ("heka.senders", "heka.raven_plugin")
HEKA = sorted((ROOT / "heka").rglob("*.py"))
#: Numbers that ``stats()`` of a bridge counts beside drop reasons.
NOT_REASONS = {"altered"}


def page(name: str) -> str:
    """Return the text of a page of the reference."""
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def rows(text: str) -> set[str]:
    """Return the words in code of the first column of all tables in *text*."""
    firsts = re.findall(r"^\| ([^|]*)\|", text, re.MULTILINE)
    return {word for first in firsts for word in re.findall(r"`([^`]+)`", first)}


# ---- Python names --------------------------------------------------------------------------------


def public_modules() -> Iterator[str]:
    """Yield the modules that users import: those of heka, of integrations, and of plugins."""
    yield "heka"
    for module in pkgutil.walk_packages(heka.__path__, "heka."):
        parts = module.name.split(".")[1:]
        private = any(part.startswith("_") for part in parts)
        shallow = len(parts) == 1
        below = len(parts) == 2 and (
            parts[0] == "integrations" or (parts[0] == "plugins" and module.ispkg)
        )
        if not private and (shallow or below) and parts[0] != "cli" and module.name not in OLD:
            yield module.name


def resolved(dotted: str) -> object:
    """Return the object that *dotted* names."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise AssertionError(f"{dotted} is described, but does not exist")


def described() -> list[object]:
    """Return every object that an ``auto`` directive of a page describes."""
    found: list[object] = []
    for path in DESCRIBED_IN:
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"\.\. auto(\w+):: (\S+)((?:\n +:.*)*)", text):
            target = resolved(match[2])
            found.append(target)
            if match[1] == "module":
                members = re.search(r":members:(.*)", match[3])
                listed = members[1].replace(",", " ").split() if members else []
                names = listed or getattr(target, "__all__", [])
                found += [getattr(target, name) for name in names] if members else []
    return found


def test_every_public_name_is_described():
    """By a directive, or, for constants and old names, as code in the text of the reference."""
    objects = described()
    text = "".join(path.read_text(encoding="utf-8") for path in DESCRIBED_IN)
    words = {part for code in re.findall(r"`([^`\n]+)`", text) for part in re.split(r"[^\w]", code)}
    missing = []
    for module in public_modules():
        for name in getattr(importlib.import_module(module), "__all__", []):
            value = getattr(importlib.import_module(module), name)
            is_object = inspect.isclass(value) or inspect.isroutine(value)
            if not (is_object and any(value is known for known in objects)) and name not in words:
                missing.append(f"{module}.{name}")

    assert not missing, "\n".join(missing)


# ---- options, keys, variables --------------------------------------------------------------------


def test_every_scheme_and_url_option_is_described():
    text = page("destinations")
    options = {name for of_scheme in OPTIONS.values() for name in of_scheme}
    in_tables = {word.partition("=")[0] for word in rows(text)}

    assert not options - in_tables
    assert all(f'"{scheme}://' in text for scheme in OPTIONS)


def test_every_configuration_key_is_described():
    text = page("configuration")
    keys = rows(text)

    assert not {*schema.KNOWN, "sender"} - keys
    assert all(f"`{key}`" in text for key in schema.HMAC_KEYS)
    urls = rows(page("destinations"))
    queue = set(queueing._OPTIONS) - {word.partition("=")[0] for word in urls}
    assert all(f"`stream_queue_{option}`" in text for option in queue)


def test_every_option_of_the_agent_is_described():
    assert AGENT["FILE"].read_text(encoding="utf-8") == AGENT["text"](), (
        "run: python docs/write_agent_options.py"
    )


def environment_variables() -> set[str]:
    """Return the variables that the sources of heka read."""
    found = set()
    for path in HEKA:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=mapping, attr="get" | "pop"),
                    args=[ast.Constant(value=str(name)), *_],
                ) if re.search(r"\benv(iron)?\b", ast.unparse(mapping)):
                    found.add(name)
                case ast.Subscript(value=mapping, slice=ast.Constant(value=str(name))) if (
                    ast.unparse(mapping).endswith("environ")
                ):
                    found.add(name)
                case ast.Assign(targets=[ast.Name(id=target)], value=ast.Constant(value=str(name))):
                    if target.endswith("_VARIABLE"):
                        found.add(name)
    # The request of a WSGI server, and what heka passes on to processes of its own.
    return {name for name in found if re.fullmatch(r"[A-Z][A-Z_]+", name)} - wsgi_keys()


def wsgi_keys() -> set[str]:
    """Return the keys of a WSGI environ that the sources read."""
    names = ("cef", "wsgi", "web", "django")
    text = "".join(
        path.read_text(encoding="utf-8") for path in HEKA if any(n in str(path) for n in names)
    )
    return set(
        re.findall(r'"((?:HTTP|REQUEST|PATH|REMOTE|SERVER|QUERY|SCRIPT|CONTENT)_\w+)"', text)
    )


def test_every_environment_variable_is_described():
    variables = environment_variables()

    assert {"HEKA_TO", "HEKA_QUIET", "NO_COLOR"} <= variables
    assert not variables - {"PYTHONPATH"} - rows(page("environment"))


# ---- the command line ----------------------------------------------------------------------------


def parsers(parser: argparse.ArgumentParser, name: str) -> Iterator[tuple[str, argparse.Action]]:
    """Yield (command, option) of *parser* and all below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below, its_parser in action.choices.items():
                yield from parsers(its_parser, f"{name} {below}")
        else:
            yield name, action


def test_every_command_and_option_is_described():
    text = page("commands")
    sections = dict(re.findall(r"^## (heka \w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    missing = []
    for command, action in parsers(build_parser(), "heka"):
        section = text if command == "heka" else sections[" ".join(command.split()[:2])]
        if isinstance(action, argparse._HelpAction):
            continue
        for option in action.option_strings or [str(action.metavar or action.dest)]:
            if not re.search(rf"`[^`]*{re.escape(option)}\b", section):
                missing.append(f"{command} {option}")

    assert not missing, "\n".join(missing)


def test_every_exit_code_is_described():
    codes = {0}
    for path in (ROOT / "heka" / "cli").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        codes |= {int(code) for code in re.findall(r"^EXIT_\w+.*? = (\d+)", text, re.MULTILINE)}
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", page("commands"), re.MULTILINE)}

    assert codes == listed


# ---- drop reasons and statistics -----------------------------------------------------------------


def drop_reasons() -> set[str]:
    """Return the reasons that C and Python count by."""
    header = (ROOT / "csrc/core/queue/hk_reasons.h").read_text(encoding="utf-8")
    found = set(re.findall(r'X\([A-Z]+, "(\w+)"\)', header))
    for path in (ROOT / "csrc/python").rglob("*.c"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'\b\w*drop\w*\([^()]*"([a-z]+)"\)', text))
    for path in HEKA:
        if path.is_relative_to(ROOT / "heka" / "_secrets"):
            continue
        text = path.read_text(encoding="utf-8")
        found |= set(
            re.findall(
                r'\b(?:_?drop|count|refuse|_refusing|drop_all|drop_in_flight)\("([a-z]+)"', text
            )
        )
        found |= {
            name
            for key in re.findall(r"_unsent\[(.+?)\]", text)
            for name in re.findall(r'"(\w+)"', key)
        }
        if path.parent.name == "streams" or path.name in ("reasons.py", "direct.py"):
            found |= set(re.findall(r'(?:errno\.E\w+: |return |else )"([a-z]+)"', text))
    return found - NOT_REASONS


def test_every_drop_reason_is_described():
    text = page("statistics")
    listed = rows(text[text.index("## Drop reasons") :])
    reasons = drop_reasons()

    assert {"unresolved", "backoff", "full", "corrupt", "reentrant", "encode"} <= reasons
    assert not reasons - listed


@pytest.mark.parametrize("source", ["heka", "queue"])
def test_every_number_of_the_statistics_is_described(source, tmp_path):
    from heka.streams import QueuedStream

    if source == "heka":
        numbers = set(heka.stats())
    else:
        stream = QueuedStream(f"file://{tmp_path}/x.heka")
        numbers = set(stream.stats())
        stream.close()

    assert not numbers - {"destinations"} - rows(page("statistics"))

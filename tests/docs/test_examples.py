"""The examples in the documentation run.

Blocks marked ``python`` of one page run in order and share their names; ``pycon`` blocks are
compared with what they say is printed. What they log goes to a socket of the test, unless they say
where. Configurations are read by what reads them in production.
"""

from __future__ import annotations

import configparser
import doctest
import importlib
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from docs.pages import DOCS, PAGES, ROOT, blocks, name_of, pages_with

import heka
from heka._net.addresses import parse
from heka.agent.config import load_text
from heka.config import client_from_text_config, client_from_toml_config
from heka.holder import CLIENT_HOLDER
from heka.logging import HekaHandler

#: A destination in a text. What is written for a part of it is not one.
URL = re.compile(r"\b(?:udp|tcp|tls|unix|unixgram|file)://[^\s\"'`()<>|]+")
#: Pages whose configurations are those of the agent.
OF_THE_AGENT = (
    "agent",
    "alerts",
    "elasticsearch",
    "from-hekad",
    "graphite",
    "grater",
    "logs",
    "otlp",
)
PLACEHOLDERS = ("://host:port", "://...", "{")


@pytest.fixture(autouse=True)
def receiver(tmp_path, monkeypatch):
    """A socket that takes what examples log without saying where; what they set up is undone."""
    path = tmp_path / "heka.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        monkeypatch.setenv("HEKA_TO", f"unixgram://{path}")
        monkeypatch.chdir(tmp_path)
        before = signal.getsignal(signal.SIGTERM)
        yield sock
        signal.signal(signal.SIGTERM, before)
        heka.configure(to=None, logger="", signer=None, level=heka.DEBUG)
        for name in list(CLIENT_HOLDER._clients):
            CLIENT_HOLDER.delete_client(name)
        CLIENT_HOLDER.set_default_client_name(None)
        for logger in (logging.root, *logging.root.manager.loggerDict.values()):
            for handler in list(getattr(logger, "handlers", ())):
                if isinstance(handler, HekaHandler):
                    logger.removeHandler(handler)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """The distribution of docs/example_plugin, as if it were installed."""
    metadata = tmp_path / "site" / "heka_audit-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: heka-audit\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[heka.plugins]\naudit = heka_audit:config_plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.syspath_prepend(str(DOCS / "example_plugin"))
    importlib.invalidate_caches()


@pytest.mark.parametrize("page", pages_with("python"), ids=name_of)
def test_python_blocks_run(page):
    names = {"__name__": "__main__"}
    for block in blocks(page, "python"):
        # Line numbers of a traceback are those of the page.
        exec(compile("\n" * block.line + block.text, str(page), "exec"), names)


@pytest.mark.parametrize("page", pages_with("pycon"), ids=name_of)
def test_pycon_blocks_print_what_they_say(page):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for block in blocks(page, "pycon"):
        test = doctest.DocTestParser().get_doctest(block.text, {}, page.name, str(page), block.line)
        runner.run(test, out=sys.stdout.write)

    assert runner.failures == 0


@pytest.mark.parametrize("page", pages_with("ini"), ids=name_of)
def test_ini_blocks_configure_what_they_are_for(page, published, monkeypatch):
    """A client, or a unit of systemd. A section of a plugin alone gets a client to belong to."""
    for name, value in {"SHOP_HEKA_HOST": "localhost", "SHOP_HEKA_KEY": "a shared secret"}.items():
        monkeypatch.setenv(name, value)
    for block in blocks(page, "ini"):
        if "[Service]" in block.text:
            check_unit(block.text)
            continue
        whole = block.text if "[heka]\n" in block.text else f"[heka]\nto = localhost\n{block.text}"
        client_from_text_config(whole, "heka", strict=True).close()


def check_unit(text):
    """Every key is one that systemd knows, and the destination is valid."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read_string(text)
    assert set(parser.sections()) == {"Unit", "Service", "Install"}
    parse(re.fullmatch(r'"HEKA_TO=(.*)"', parser["Service"]["Environment"])[1])
    if shutil.which("systemd-analyze"):
        with open("shop.service", "w") as file:
            file.write(text)
        checked = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", os.path.abspath("shop.service")],
            capture_output=True,
            text=True,
        )
        ours = [line for line in checked.stderr.splitlines() if "shop.service" in line]
        assert not [line for line in ours if "Unknown" in line or "Failed to parse" in line], ours


@pytest.mark.parametrize("page", pages_with("toml"), ids=name_of)
def test_toml_blocks_are_toml(page, monkeypatch):
    """Those of heka make a client, those of the agent a plan; those of hekad can be parsed."""
    monkeypatch.setenv("HEKA_KEY", "a key")
    tomllib = pytest.importorskip("tomllib", reason="new in Python 3.11")
    for block in blocks(page, "toml"):
        table = tomllib.loads(block.text)
        assert table
        if "heka" in table.get("tool", {}):
            client_from_toml_config(table, strict=True).close()
        elif page.stem in OF_THE_AGENT:
            load_text(block.text, page.name)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_destinations_can_be_parsed(page):
    """Every URL of a destination in a text, with all of its options."""
    for found in URL.findall(page.read_text(encoding="utf-8")):
        url = found.rstrip(".,:;*")
        if not any(placeholder in url for placeholder in PLACEHOLDERS):
            parse(url)


def test_readme_example_is_at_most_15_lines():
    (block,) = blocks(ROOT / "README.md", "python")

    assert len(block.text.splitlines()) <= 15

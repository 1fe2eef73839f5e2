"""``heka top``: its counts without a screen, and its screen by textual's test driver."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from cli.support import PATIENCE, pack, send_tcp, wire_message
from textual.widgets import Input, Static

import heka
from heka.cli import main
from heka.cli.commands.top.model import NEWEST, Model
from heka.cli.commands.top.screen import Page, Top, whole
from heka.cli.commands.top.source import Source

EVIL = b"\x1b]0;x\x07\x9b31m[red]x[/red]"


def fill(model: Model, *frames: bytes) -> None:
    for block in heka.BlockReader().feed(b"".join(frames)):
        model.add(block)


def test_counts_and_rates():
    """A rate is that of the last whole seconds; severities and newest messages are counted."""
    now = [100.0]
    model = Model(lambda: now[0])
    fill(model, *[pack("a")] * 30, *[pack("b", payload="last")] * 10)
    now[0] = 102.5

    view = model.view("rate", rows=1)

    assert (view.messages, view.rate, view.severities[6]) == (40, 20.0, 40)
    assert [(row.name, row.rate, row.total) for row in view.tables["type"]] == [("a", 15.0, 30)]
    assert view.rest["type"] == 10
    assert view.newest[0].message.payload == "last"
    assert view.history[-3:] == (0, 40, 0)[:3]
    now[0] = 200.0
    assert model.view().rate == 0.0
    assert [row.name for row in model.view("name").tables["type"]] == ["a", "b"]


def test_memory_is_bounded():
    model = Model()
    for first in range(0, 10_000, 500):
        fill(model, *(pack(f"{number}") for number in range(first, first + 500)))

    assert len(model._names["type"].counts) <= 4000
    assert NEWEST <= model._held < 2 * NEWEST
    assert len(model.view(newest=10_000).newest) == NEWEST


def test_lost_copies_are_shown_and_reset_forgets_all():
    model = Model()
    fill(model, pack("a"))
    model.lose(3)
    assert model.view().lost == 3

    model.reset()

    assert (model.view().lost, model.view().messages, model.view().newest) == (0, 0, [])


def drive(path: Path, steps: Any, size: tuple[int, int] = (120, 40)) -> None:
    """Run *steps* with the screen of the file *path*, once it was read."""

    async def run() -> None:
        model = Model()
        source = Source(model, str(path), None, follow=False)
        source.start()
        for thread in threading.enumerate():
            if thread.name == "heka top":
                thread.join(30)
        app = Top(model, source)
        async with app.run_test(size=size) as pilot:
            app.update_view()
            await pilot.pause()
            await steps(app, pilot, source)
        source.close()

    asyncio.run(run())


def text_of(app: Top, name: str) -> str:
    return str(app.screen_stack[0].query_one(name, Static).render())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.heka"
    evil = heka.frame(wire_message(type=EVIL, payload=EVIL + b"\nend"))
    path.write_bytes(b"".join([pack("login", payload="hello")] * 3) + evil)
    return path


@pytest.mark.parametrize("size", [(120, 40), (60, 20), (20, 8)])
def test_the_screen_shows_the_counts_and_harmless_text(file, size):
    async def steps(app, pilot, source):
        assert "4 messages" in text_of(app, "#head")
        shown = "".join(text_of(app, name) for name in ("#head", "#type", "#newest"))
        assert shown.replace("\n", "").isprintable()
        if size[0] == 120:
            assert "login" in text_of(app, "#type")
            assert "\\x1b]0;x\\x07\\x9b31m[red]x[/red]" in text_of(app, "#newest")

    drive(file, steps, size)


def test_the_keys(file):
    """An expression counts anew; a wrong one is explained; Enter shows one message whole."""

    async def steps(app, pilot, source):
        await pilot.press("slash", *"Type =", "enter")
        assert app.query_one("#problem").display
        app.query_one("#expression", Input).value = "Type == 'login'"
        await pilot.press("enter")
        assert source.match.text == "Type == 'login'"
        for thread in threading.enumerate():
            if thread.name == "heka top":
                thread.join(30)
        app.update_view()
        assert "3 messages" in text_of(app, "#head")
        await pilot.press("s")
        assert app._sort == "total"
        await pilot.press("p")
        assert "paused" in text_of(app, "#head")
        await pilot.press("down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, Page)
        await pilot.press("escape")
        await pilot.press("q")

    drive(file, steps)


def test_enter_shows_a_message_at_once(file):
    """The hidden input has no focus, so Enter is not taken for an expression."""

    async def steps(app, pilot, source):
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, Page)
        assert "4 messages" in text_of(app, "#head")

    drive(file, steps)


def test_a_whole_message_is_escaped(file):
    (*_, frame) = heka.StreamReader().feed(file.read_bytes())

    text = whole(frame).plain

    assert text.replace("\n", "").isprintable()
    assert "  │ end\n" in text
    assert "    uuid  00010203-0405-0607-0809-0a0b0c0d0e0f\n" in text


def test_copies_come_from_a_control_socket(start, tmp_path):
    """What a listener receives is counted; its end is told."""
    run = start("listen", "--tcp", ":0", "--control", "./c.sock", "--quiet")
    run.wait_for(lambda out, err: "control socket" in err)
    (address,) = run.listening()
    model = Model()
    source = Source(model, str(tmp_path / "c.sock"), None, follow=False)
    source.start()
    try:
        send_tcp(address, pack("a") * 50)
        deadline = monotonic() + PATIENCE
        while model.view().messages < 50 and monotonic() < deadline:
            sleep(0.01)
        assert (model.view().messages, source.state) == (50, "live")
        run.stop()
        for thread in threading.enumerate():
            if thread.name == "heka top":
                thread.join(PATIENCE)
        assert source.state == "the listener has ended"
    finally:
        source.close()


def test_without_a_terminal_or_textual_the_remedy_is_named(file, monkeypatch, capsys):
    assert main(["top", str(file)]) == 1
    assert "use 'heka tap' or 'heka cat' instead" in capsys.readouterr().err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setitem(sys.modules, "heka.cli.commands.top.screen", None)
    assert main(["top", str(file)]) == 1
    assert "run: pip install 'heka-py[cli]'" in capsys.readouterr().err

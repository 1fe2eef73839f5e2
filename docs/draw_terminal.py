"""Draw docs/_static/terminal_*.svg: terminals with the output of real runs.

Each scene runs its commands on a pseudo-terminal and draws what they print, in its colours. Ports,
process ids, times and the name of the host differ from run to run: fixed ones take their place, so
that tests/docs/test_pictures.py can compare the committed pictures with what this draws.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.sax.saxutils import escape

STATIC = Path(__file__).resolve().parent / "_static"
ROOT = Path(__file__).resolve().parent.parent

COLUMNS = 84
PATIENCE = 60.0  # seconds for the output of a command; a busy machine starts Python slowly
FONT = 14  # pixels
ADVANCE = 8.43  # pixels, width of a character
LINE = 20  # pixels, height of a line
MARGIN = 18
BAR = 34  # height of the title bar

PAPER, FRAME, INK = "#1e2430", "#2b3342", "#d7dce5"
#: SGR codes that heka uses -> colour.
COLOURS = {
    "31": "#f07178",
    "32": "#a6d189",
    "33": "#e5c07b",
    "34": "#7aa2f7",
    "35": "#c792ea",
    "36": "#6cc7d9",
    "2": "#8b93a3",
}
_SGR = re.compile(r"\x1b\[([0-9;]*)m")

_COLOUR = r"(?:\x1b\[[0-9;]*m)*"
#: The field duration: its name, its value, its unit, and the room behind it.
_DURATION = re.compile(rf"(duration *{_COLOUR} = {_COLOUR})([0-9.e-]+)( {_COLOUR}s{_COLOUR})( +)")
_SECONDS = "0.0012"

Run = tuple[str, str, bool]  # text, colour, bold

SHOP = """
import logging
from flask import Flask
import heka
from heka.integrations.wsgi import HekaMiddleware
from heka.logging import HekaHandler

heka.configure(logger="shop")
app = Flask("shop")
app.wsgi_app = HekaMiddleware(app.wsgi_app)
logger = logging.getLogger("payment")
logger.addHandler(HekaHandler())


@app.post("/order/<item>")
def order(item):
    heka.log(
        "shop.order",
        severity=heka.NOTICE,
        payload="order accepted",
        fields={"item": item, "total": heka.Field(31.5, "EUR"), "sizes": ["S", "M"]},
    )
    try:
        {"visa": 1}["amex"]
    except KeyError:
        logger.exception("no such card")
    return {"ordered": item}


with app.test_client() as browser:
    browser.post("/order/hat").json
"""


def draw(title: str, lines: list[list[Run]]) -> str:
    """Return a terminal with *lines* as SVG."""
    width = round(MARGIN * 2 + COLUMNS * ADVANCE)
    height = BAR + MARGIN * 2 + LINE * len(lines) - (LINE - FONT)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-size="{FONT}" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>',
        f'<path d="M0 {BAR}V8a8 8 0 0 1 8-8H{width - 8}a8 8 0 0 1 8 8V{BAR}z" fill="{FRAME}"/>',
        f'<text x="{width / 2:g}" y="22" fill="{COLOURS["2"]}" text-anchor="middle" '
        f'font-size="12.5">{escape(title)}</text>',
    ]
    for row, runs in enumerate(lines):
        y = BAR + MARGIN + FONT + row * LINE - 2
        column = 0
        for text, colour, bold in runs:
            if text.strip():
                # textLength keeps the columns where the font is wider or narrower.
                lead = len(text) - len(text.lstrip(" "))
                shown = text.strip(" ")
                weight = ' font-weight="700"' if bold else ""
                parts.append(
                    f'<text x="{MARGIN + (column + lead) * ADVANCE:.1f}" y="{y}" fill="{colour}" '
                    f'textLength="{len(shown) * ADVANCE:.1f}" lengthAdjust="spacingAndGlyphs" '
                    f'xml:space="preserve"{weight}>{escape(shown)}</text>'
                )
            column += len(text)
    return "\n".join([*parts, "</svg>", ""])


def coloured(text: str) -> list[list[Run]]:
    """Return the lines of *text*, which has colours as terminals take them, as runs."""
    lines: list[list[Run]] = []
    colour, bold = INK, False
    for line in text.split("\n"):
        runs: list[Run] = []
        for index, part in enumerate(_SGR.split(line)):
            if index % 2 == 0:
                if part:
                    runs.append((part, colour, bold))
                continue
            for code in part.split(";"):
                if code in ("", "0"):
                    colour, bold = INK, False
                elif code == "1":
                    bold = True
                else:
                    colour = COLOURS[code]
        lines.append(runs)
    return lines


def typed(command: str) -> str:
    """Return a line as somebody types it at a prompt."""
    return f"\x1b[32m$\x1b[0m \x1b[1m{command}\x1b[0m\n"


class Terminal:
    """A program on a pseudo-terminal; ``text`` is what it has printed."""

    def __init__(self, *command: str, **variables: str) -> None:
        self.text = ""
        self._master, slave = pty.openpty()
        os.set_inheritable(slave, True)
        _resize(slave)
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment(**variables)
        )
        os.close(slave)

    def until(self, condition: Callable[[str], object]) -> None:
        """Read until ``condition(text)`` is true."""
        deadline = time.monotonic() + PATIENCE
        while not condition(self.text):
            if time.monotonic() > deadline or not self._read(deadline - time.monotonic()):
                raise RuntimeError(f"did not come; printed so far: {self.text!r}")

    def end(self, number: signal.Signals | None = None) -> str:
        """Send the signal *number*, read until the program ends, and return its output."""
        if number is not None:
            self._process.send_signal(number)
        while self._read(PATIENCE):
            pass
        self._process.wait(PATIENCE)
        os.close(self._master)
        return self.text

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux: the program has ended
            return False
        self.text += data.decode().replace("\r\n", "\n")
        return bool(data)


def _resize(descriptor: int) -> None:
    import fcntl
    import struct
    import termios

    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a program of a scene."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    fixed = {"PYTHONPATH": path, "TZ": "UTC", "TERM": "xterm-256color", "PYTHONUTF8": "1"}
    return {**kept, **fixed, **variables}


def settled(text: str) -> str:
    """Return *text* with fixed values in place of those that differ from run to run."""
    text = text.replace(socket.gethostname(), "web-3")
    text = re.sub(r"(pid(?:\x1b\[[0-9;]*m| )+)\d+", r"\g<1>4211", text)
    text = re.sub(r'"[0-9a-f]{32}"', '"590d560dbf43431c9277597e716843ea"', text)
    text = _DURATION.sub(
        lambda found: (
            f"{found[1]}{_SECONDS}{found[3]}{' ' * (len(found[2] + found[4]) - len(_SECONDS))}"
        ),
        text,
    )
    text = re.sub(r'(?<=File ")\S*/(?=\w+\.py")', "/srv/shop/", text)
    text = re.sub(r"(listening on \w+ 127\.0\.0\.1):\d+", r"\1:5565", text)
    text = re.sub(r"(udp|tcp) 127\.0\.0\.1:(?!5565)\d+", r"\1 127.0.0.1:40112", text)
    moments = iter(f"2026-03-01T14:02:11.{milli}" for milli in range(123, 1000, 7))
    return re.sub(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?=\+00:00|Z)", lambda _: next(moments), text
    )


def listen(program: str, last: str) -> str:
    """Return what ``heka listen`` shows of the messages of *program*, until it shows *last*."""
    terminal = Terminal(sys.executable, "-m", "heka", "listen", "--udp", ":0")
    terminal.until(lambda text: re.search(r"listening on .*:\d+.*\n", _SGR.sub("", text)))
    port = re.findall(r"127\.0\.0\.1:(\d+)", _SGR.sub("", terminal.text))[0]
    to = f"udp://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "shop.py")
        file.write_text(f"TO = {to!r}\n{program.strip()}\n", encoding="utf-8")
        subprocess.run(
            [sys.executable, "shop.py"], cwd=folder, env=environment(HEKA_TO=to), check=True
        )
    terminal.until(lambda text: last in _SGR.sub("", text))
    return terminal.end(signal.SIGINT)


def home() -> str:
    """Messages of a shop as they arrive."""
    text = listen(SHOP, "bytes")
    return typed("heka listen") + settled(text[: text.rindex("\n\n")])


SCENES: dict[str, tuple[str, Callable[[], str]]] = {
    "home": ("heka listen", home),
}


def picture(name: str) -> Path:
    """Return the file of the scene *name*."""
    return STATIC / f"terminal_{name}.svg"


def svg(name: str) -> str:
    """Run the scene *name* and return its picture."""
    title, scene = SCENES[name]
    return draw(title, coloured(scene().strip("\n")))


def main(names: list[str]) -> Iterator[Path]:
    """Write the pictures of *names*, or of all scenes."""
    for name in names or SCENES:
        picture(name).write_text(svg(name), encoding="utf-8")
        yield picture(name)


if __name__ == "__main__":
    for path in main(sys.argv[1:]):
        print(path)

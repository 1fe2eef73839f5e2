"""Live display of a run: current rate, totals and progress.

On a terminal it is drawn by rich if that is installed, else as one line that is overwritten. In a
pipe or a file it is one line per second. It uses no thread: a thread that draws would take the GIL
from the code that is measured.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from heka._display.escape import counted, display_width
from heka._display.style import Style, style_for

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_REDRAW: Final = 0.2  # seconds between two updates of a terminal
_LINE: Final = 1.0  # seconds between two lines of a log
_WINDOW: Final = 1.0  # seconds over which the current rate is measured
_BARS: Final = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_ASCII_BARS: Final = " .:-=+*#@"
_HISTORY: Final = 40  # number of rates drawn as bars


@dataclass(frozen=True)
class Reading:
    """The counters of a run at one moment.

    Attributes:
        elapsed: Seconds since the start.
        sent: Messages sent.
        lost: Messages not sent.
        bytes: Bytes sent.
        duration: Seconds after which the run ends; None: no limit.
    """

    elapsed: float
    sent: int
    lost: int
    bytes: int
    duration: float | None = None


class Display(Protocol):
    """Shows readings."""

    @property
    def pause(self) -> float:
        """Seconds between two readings."""

    def show(self, now: Reading, rate: float, volume: float) -> None:
        """Show *now*, with the current *rate* in messages/s and *volume* in bytes/s."""


class Meter:
    """Computes the rate of the last second from readings, and has the display show it."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._next = display.pause
        self._past: deque[Reading] = deque([Reading(0.0, 0, 0, 0)])

    def due(self, elapsed: float) -> bool:
        """Return whether it is time for the next reading."""
        return elapsed >= self._next

    def read(self, now: Reading) -> None:
        """Take the reading *now* and show it."""
        past = self._past
        past.append(now)
        while len(past) > 2 and now.elapsed - past[1].elapsed >= _WINDOW:
            past.popleft()
        since = past[0]
        seconds = max(now.elapsed - since.elapsed, 1e-9)
        self._display.show(
            now, (now.sent - since.sent) / seconds, (now.bytes - since.bytes) / seconds
        )
        self._next = now.elapsed + self._display.pause


@contextlib.contextmanager
def meter_for(stream: TextIO) -> Iterator[Meter]:
    """Yield a meter with the best display for *stream*; the display is removed at the end."""
    style = style_for(stream)
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield Meter(LineDisplay(stream))
        return
    try:
        importlib.import_module("rich.live")
    except ImportError:
        status = StatusDisplay(stream, style)
        try:
            yield Meter(status)
        finally:
            status.clear()
        return
    with rich_display(stream, style) as display:
        yield Meter(display)


# ---- plain ---------------------------------------------------------------------------------------


class LineDisplay:
    """One line per second, for pipes and files."""

    pause = _LINE

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, now: Reading, rate: float, volume: float) -> None:
        """Write one line."""
        self._stream.write(f"{now.elapsed:7.1f} s  {summary(now, rate, volume)}\n")
        self._stream.flush()


class StatusDisplay:
    """One line on a terminal, overwritten at each update."""

    pause = _REDRAW

    def __init__(self, stream: TextIO, style: Style) -> None:
        self._stream, self._style = stream, style
        self._width = 0

    def show(self, now: Reading, rate: float, volume: float) -> None:
        """Overwrite the line."""
        # The last column stays empty: after it, a terminal moves to the next line.
        room = (self._style.columns() or 80) - 1
        text = f"{progress(now)}  {summary(now, rate, volume)}"[:room]
        self._put(text)

    def clear(self) -> None:
        """Erase the line."""
        self._put("")
        self._stream.write("\r")
        self._stream.flush()

    def _put(self, text: str) -> None:
        width = display_width(text)
        self._stream.write(f"\r{text}{' ' * max(self._width - width, 0)}")
        self._stream.flush()
        self._width = width


def summary(now: Reading, rate: float, volume: float) -> str:
    """Return ``81,234 messages/s  6.5 MB/s  162,468 sent  0 not sent``."""
    return (
        f"{per_second(rate)} messages/s  {size(volume)}/s  {now.sent:,} sent  {now.lost:,} not sent"
    )


def progress(now: Reading) -> str:
    """Return ``3 of 10 s``, or ``3 s`` for a run without a duration."""
    if now.duration is None:
        return f"{int(now.elapsed)} s"
    return f"{int(min(now.elapsed, now.duration))} of {now.duration:g} s"


def per_second(rate: float) -> str:
    """Return *rate* with three digits, or as an integer from 100 on: ``12.5``, ``81,234``."""
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def size(number: float) -> str:
    """Return bytes with a decimal prefix: ``68 B``, ``34.2 kB``, ``19.0 MB``."""
    for prefix in ("", "k", "M"):
        if number < 1000:
            return f"{number:.0f} B" if not prefix else f"{number:.1f} {prefix}B"
        number /= 1000
    return f"{number:,.1f} GB"


def bars(rates: deque[float], marks: str) -> str:
    """Return one bar character for each of *rates*, scaled to the highest."""
    top = max(rates, default=0.0)
    if top <= 0:
        return marks[0] * len(rates)
    return "".join(marks[round(rate / top * (len(marks) - 1))] for rate in rates)


# ---- rich ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def rich_display(stream: TextIO, style: Style) -> Iterator[Display]:
    """Yield a display drawn by rich; it is erased when the block ends."""
    from rich.console import Console
    from rich.live import Live

    console = Console(
        file=stream, no_color=not style.colour, highlight=False, emoji=False, markup=False
    )
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield _RichDisplay(live.update, console)


class _Update(Protocol):
    def __call__(self, renderable: RenderableType, *, refresh: bool = False) -> None: ...


class _RichDisplay:
    """Three lines: progress, current rate with the last rates as bars, totals."""

    pause = _REDRAW

    def __init__(self, update: _Update, console: Console) -> None:
        self._update = update
        self._marks = _ASCII_BARS if console.options.ascii_only else _BARS
        self._rates: deque[float] = deque(maxlen=_HISTORY)

    def show(self, now: Reading, rate: float, volume: float) -> None:
        """Draw all three lines."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        self._rates.append(rate)
        progress_row = Table.grid(padding=(0, 2))
        label = Text(progress(now), style="dim")
        if now.duration is None:
            progress_row.add_row(label)
        else:
            bar = ProgressBar(total=now.duration, completed=now.elapsed, width=_HISTORY)
            progress_row.add_row(bar, label)
        rate_row = Text.assemble(
            (per_second(rate), "bold green"), f" messages/s  {size(volume)}/s  "
        )
        rate_row.append(bars(self._rates, self._marks), style="cyan")
        totals_row = Text(f"{counted(now.sent, 'message')} sent, ")
        totals_row.append(f"{now.lost:,} not sent", style="bold red" if now.lost else "dim")
        self._update(Group(progress_row, rate_row, totals_row), refresh=True)

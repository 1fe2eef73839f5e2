"""The full screen of ``heka top``, with textual. Text of messages is escaped, never markup."""

from __future__ import annotations

from typing import ClassVar, Final
from uuid import UUID

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from heka import matcher
from heka._display.escape import ELLIPSIS, counted, visible
from heka._display.values import SEVERITIES, local_time, severity_name, values_of
from heka.cli.commands.top.model import KINDS, SORTS, Model, Row, View
from heka.cli.commands.top.source import Source
from heka.cli.show.meter import per_second, size
from heka.framing import Frame

_REFRESH: Final = 0.5  # seconds
_BARS: Final = "▁▂▃▄▅▆▇█"
_COLOURS: Final = ("red", "red", "red", "red", "yellow", "cyan", "green", "grey62", "grey62")
_TEXT_MAX: Final = 400  # characters of a text in a line
_HELP: Final = """\
/          change the expression
p          pause the display; counting goes on
s          sort by rate, total or name
up, down   choose a message; the list then holds still
Enter      show the chosen message whole
Esc        back to the newest messages
q          quit

Rates are averages of the last 5 seconds. Of each kind,
the most frequent names are kept.
"""


def _keys() -> Text:
    out = Text(no_wrap=True, overflow="ellipsis")
    for key, what in (
        *(("/", "match"), ("p", "pause"), ("s", "sort"), ("Enter", "show")),
        *(("?", "help"), ("q", "quit")),
    ):
        out.append(key, "bold yellow").append(f" {what}  ")
    return out


def line_of(text: str, width: int) -> str:
    """Return *text* escaped and cut to *width* characters."""
    shown = visible(text[:_TEXT_MAX])
    return shown if len(shown) <= width else shown[: max(width - 1, 0)] + ELLIPSIS


def whole(frame: Frame) -> Text:
    """Return everything that a message has."""
    message = frame.message
    out = Text()
    colour = _COLOURS[message.severity if 0 <= message.severity < 8 else 8]
    out.append(f"{severity_name(message.severity)}  ", f"bold {colour}")
    out.append(f"{visible(message.type)}\n\n", "bold")
    for name, value in (
        ("time", local_time(message.timestamp)),
        ("logger", message.logger),
        ("host", message.hostname),
        ("pid", str(message.pid)),
        ("uuid", str(UUID(bytes=message.uuid)) if len(message.uuid) == 16 else ""),
        ("version", message.env_version),
    ):
        out.append(f"{name:>8}  ", "grey62").append(f"{visible(value)}\n")
    if message.payload:
        out.append("\n")
        for line in message.payload.split("\n"):
            out.append("  │ ", "grey62").append(f"{visible(line)}\n")
    if message.fields:
        out.append("\n")
    for name, field in message.fields.items():
        values = ", ".join(
            f'"{visible(value, quoted=True)}"' if isinstance(value, str) else repr(value)
            for value in values_of(field)
        )
        out.append(f"  {visible(name)}", "cyan").append(" = ", "grey62").append(values)
        out.append(f" {visible(field.representation)}\n", "cyan")
    return out


class Page(ModalScreen[None]):
    """A text over the screen; Esc, Enter and q close it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,question_mark", "dismiss", "close")
    ]

    def __init__(self, text: Text) -> None:
        super().__init__()
        self._page = text

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        with VerticalScroll(id="page"):
            yield Static(self._page)


class Top(App[None]):
    """Shows the model twice a second."""

    CSS = """
    #head { height: 4; padding: 0 1; background: $panel; }
    #tables { height: 1fr; max-height: 14; }
    .table { width: 1fr; height: 100%; padding: 0 1; border: round $primary; }
    #newest { height: 1fr; padding: 0 1; border: round $primary; }
    #expression { display: none; border: round $accent; height: 3; }
    #problem { display: none; color: $error; height: auto; padding: 0 1; }
    #keys { height: 1; padding: 0 1; background: $panel; }
    Page { align: center middle; }
    #page { width: 90%; height: 80%; border: round $accent; padding: 1 2; background: $surface; }
    .-narrow #host, .-narrow #logger { display: none; }
    .-narrow #tables { max-height: 7; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (90, "-wide")]  # noqa: RUF012  # textual declares it so
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = ""  # the input is hidden until it is asked for
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "edit", "match", key_display="/"),
        Binding("p", "pause", "pause"),
        Binding("s", "sort", "sort"),
        Binding("enter", "open", "show"),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("escape", "release", show=False),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("q", "quit", "quit"),
    ]

    def __init__(self, model: Model, source: Source) -> None:
        super().__init__()
        self._model = model
        self._source = source
        self._sort = SORTS[0]
        self._is_paused = False
        self._held: list[Frame] | None = None  # the list while a message is chosen
        self._cursor = 0
        self._shown = model.view()

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield Static(id="head")
        with Horizontal(id="tables"):
            for kind in KINDS:
                yield Static(id=kind, classes="table")
        yield Static(id="newest")
        yield Static(id="problem")
        yield Input(id="expression", placeholder="Severity <= 3; empty: all messages")
        yield Static(_keys(), id="keys")

    def on_mount(self) -> None:
        """Begin to refresh."""
        for kind in KINDS:
            self.query_one(f"#{kind}").border_title = kind
        self.set_focus(None)
        self.set_interval(_REFRESH, self.update_view)
        self.call_after_refresh(self.draw)

    def update_view(self) -> None:
        """Take new counts, unless paused, and draw."""
        if not self._is_paused:
            self._shown = self._model.view(self._sort)
        self.draw()

    def on_resize(self, event: events.Resize) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Draw what is shown."""
        if not (self.is_running and self.screen_stack and self.screen_stack[0].query("#newest")):
            return  # a timer may fire while the program ends
        screen = self.screen_stack[0]
        view = self._shown
        screen.query_one("#head", Static).update(self._head(view))
        for kind in KINDS:
            widget = screen.query_one(f"#{kind}", Static)
            text = _table(view.tables[kind], view.rest[kind], widget.content_size)
            widget.update(text)
        newest = screen.query_one("#newest", Static)
        frames = view.newest if self._held is None else self._held
        newest.border_title = "newest messages" if self._held is None else "held; Esc: go on"
        newest.update(self._list(frames, newest.content_size.width, newest.content_size.height))

    def _head(self, view: View) -> Text:
        out = Text(no_wrap=True, overflow="ellipsis")
        state = "paused" if self._is_paused else self._source.state
        out.append("heka top ", "bold").append(visible(self._source.text), "cyan")
        out.append(f"  {state}", "yellow" if state != "live" else "green")
        match = self._source.match
        out.append(f"  {line_of(match.text, 60) if match else 'all messages'}", "grey62")
        out.append(f"\n{per_second(view.rate)} messages/s", "bold green")
        out.append(f"  {size(view.volume)}/s  {counted(view.messages, 'message')}")
        out.append(f"  {view.lost:,} lost", "bold red" if view.lost else "grey62")
        top = max(view.history, default=0)
        bars = (_BARS[count * 7 // top] if top else " " for count in view.history)
        out.append("\n" + "".join(bars)[-max(self.size.width - 2, 1) :], "cyan")
        out.append("\n")
        for number, count in enumerate(view.severities):
            if count:
                name = SEVERITIES[number] if number < 8 else "OTHER"
                out.append(f"{name} ", _COLOURS[number]).append(f"{count:,}  ")
        return out

    def _list(self, frames: list[Frame], width: int, height: int) -> Text:
        out = Text(no_wrap=True, overflow="ellipsis")
        first = max(0, self._cursor - height + 1)
        for number, frame in enumerate(frames[first : first + height], first):
            message = frame.message
            severity = message.severity
            line = Text()
            line.append(f"{local_time(message.timestamp)[11:23]} ", "grey62")
            colour = _COLOURS[severity if 0 <= severity < 8 else 8]
            line.append(f"{severity_name(severity)[:9]:<9} ", colour)
            line.append(f"{line_of(message.type, 24)} ", "bold")
            line.append(f"{line_of(message.logger, 16)} ", "cyan")
            line.append(line_of(message.payload, max(width - len(line), 0)))
            if self._held is not None and number == self._cursor:
                line.stylize("reverse")
            out.append_text(line).append("\n")
        return out

    def action_pause(self) -> None:
        """Pause the display, or go on."""
        self._is_paused = not self._is_paused
        self.update_view()

    def action_sort(self) -> None:
        """Sort by the next key."""
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
        self._shown = self._model.view(self._sort)
        self.draw()

    def action_move(self, step: int) -> None:
        """Choose another message; the list holds still."""
        if self._held is None:
            self._held, self._cursor = self._shown.newest, 0
        else:
            self._cursor = max(0, min(self._cursor + step, len(self._held) - 1))
        self.draw()

    def action_open(self) -> None:
        """Show the chosen message, or the newest, whole."""
        frames = self._shown.newest if self._held is None else self._held
        if frames:
            self.push_screen(Page(whole(frames[min(self._cursor, len(frames) - 1)])))

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(Page(Text(_HELP)))

    def action_edit(self) -> None:
        """Edit the expression."""
        box = self.query_one("#expression", Input)
        box.value = self._source.match.text if self._source.match else ""
        box.display = True
        box.focus()

    def action_release(self) -> None:
        """Leave the expression as it is, or go back to the newest messages."""
        box = self.query_one("#expression", Input)
        if box.display:
            self._close_box(box)
        else:
            self._held, self._cursor = None, 0
            self.draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the expression, or say what is wrong with it."""
        try:
            match = matcher.compile(event.value) if event.value.strip() else None
        except matcher.MatcherError as problem:
            told = self.query_one("#problem", Static)
            told.update(Text(visible(str(problem))))
            told.display = True
            return
        self._held, self._cursor = None, 0
        self._source.choose(match)
        self._close_box(event.input)
        self.update_view()

    def _close_box(self, box: Input) -> None:
        box.display = False
        self.query_one("#problem").display = False
        self.set_focus(None)


def _table(rows: list[Row], rest: int, area: object) -> Text:
    width, height = getattr(area, "width", 0), getattr(area, "height", 0)
    out = Text(no_wrap=True, overflow="ellipsis")
    room = max(width - 22, 4)
    out.append(f"{'name':<{room}} {'per second':>10} {'total':>10}\n", "grey62")
    shown = rows[: max(height - 2, 1)]
    for row in shown:
        out.append(f"{line_of(row.name, room) or '(empty)':<{room}} ")
        out.append(f"{per_second(row.rate):>10}", "green").append(f" {row.total:>10,}\n")
    rest += sum(row.total for row in rows[len(shown) :])
    if rest:
        out.append(f"{'other':<{room}} {'':>10} {rest:>10,}", "grey62")
    return out

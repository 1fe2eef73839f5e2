"""Draw docs/_static/delivery.svg: the path of a frame through a queue, and its thread's states.

Run it after a change; tests/docs/test_pictures.py compares the committed picture with this
script's output.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

PICTURE = Path(__file__).resolve().parent / "_static" / "delivery.svg"

WIDTH, HEIGHT = 980, 560
INK, FAINT, PAPER = "#1f2933", "#62707d", "#ffffff"
PANEL = "#f5f7f9"
BLUE, AMBER, GREEN, GREY, RED = "#d5e6f7", "#fbe6c2", "#d9f0d8", "#e8ebee", "#f6d5d0"

Box = tuple[int, int, int, int]  # left, top, width, height

# The content of a box: colour, name, two lines below the name.
CALL: Box = (30, 70, 150, 74)
WAITING: Box = (270, 70, 170, 74)
IN_FLIGHT: Box = (540, 70, 190, 74)
SENT: Box = (830, 70, 120, 74)
DROPPED: Box = (30, 228, 920, 44)
FRAME = [
    (CALL, GREY, "call", "encodes a frame", "and returns"),
    (WAITING, BLUE, "waiting", "in memory", "or in the spool"),
    (IN_FLIGHT, AMBER, "in flight", "written to the socket,", "kept in the queue"),
    (SENT, GREEN, "sent", "acknowledged by", "the peer's kernel"),
    (DROPPED, RED, "dropped", "and counted by reason", ""),
]

IDLE: Box = (30, 402, 150, 74)
CONNECTING: Box = (300, 402, 170, 74)
SENDING: Box = (600, 402, 170, 74)
BACKING_OFF: Box = (450, 498, 170, 44)
END: Box = (870, 402, 80, 74)
DRAIN = [
    (IDLE, GREY, "idle", "no connection,", "no frame waits"),
    (CONNECTING, BLUE, "connecting", "resolves the name,", "tries each host in turn"),
    (SENDING, GREEN, "sending", "in C, without", "the GIL"),
    (BACKING_OFF, AMBER, "back-off", "random, up to 0.9 s", ""),
    (END, GREY, "end", "", ""),
]


def text(x: float, y: float, words: str, **style: str) -> str:
    """Return *words* at (x, y); *style* are attributes, with _ for -."""
    given = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    return f'<text x="{x:g}" y="{y:g}"{given}>{escape(words)}</text>'


def small(x: float, y: float, words: str, anchor: str = "middle") -> str:
    """Return a label of an arrow, or a line in a box."""
    return text(x, y, words, text_anchor=anchor, font_size="11.5", fill=FAINT)


def drawn(box: Box, colour: str, name: str, *lines: str) -> str:
    """Draw one box with its name and its lines."""
    left, top, width, height = box
    below = [line for line in lines if line]
    middle = left + width / 2
    first = top + height / 2 + 4 - 8 * len(below)
    parts = [
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="6" fill="{colour}" '
        f'stroke="{INK}"/>',
        text(middle, first, name, text_anchor="middle", font_weight="600"),
    ]
    parts += [small(middle, first + 17 * n, line) for n, line in enumerate(below, 1)]
    return "\n".join(parts)


def arrow(path: str, dashed: bool = False) -> str:
    """Draw an arrow along *path*."""
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<path d="{path}" fill="none" stroke="{INK}"{dashes} marker-end="url(#head)"/>'


def panel(top: int, height: int, title: str) -> str:
    """Draw the background and the title of one half of the picture."""
    return (
        f'<rect x="10" y="{top}" width="{WIDTH - 20}" height="{height}" rx="6" fill="{PANEL}"/>\n'
        + text(30, top + 26, title, font_weight="600")
    )


def path_of_a_frame() -> list[str]:
    """Draw the arrows of the upper half."""
    return [
        arrow("M180 107 H268"),
        small(224, 99, "put"),
        arrow("M440 107 H538"),
        small(489, 99, "written"),
        arrow("M730 107 H828"),
        small(779, 99, "acknowledged"),
        arrow("M305 42 V68"),
        small(313, 58, "found in a spool: recovered", "start"),
        arrow("M690 70 C690 38 580 38 580 68", dashed=True),
        small(700, 32, "connection lost: written again, counted as resent"),
        arrow("M55 144 V226"),
        small(65, 174, "oversize, encode, closed;", "start"),
        small(65, 190, "full: no room", "start"),
        arrow("M355 144 V226"),
        small(365, 182, "full: drop_old; close()", "start"),
        arrow("M635 144 V226"),
        small(645, 182, "close(); the destination refuses it", "start"),
    ]


def states_of_the_drain() -> list[str]:
    """Draw the arrows of the lower half."""
    return [
        arrow("M180 432 H298"),
        small(239, 424, "a frame waits"),
        arrow("M470 432 H598"),
        small(535, 424, "connected"),
        arrow("M770 439 H868"),
        small(819, 423, "close(), queue"),
        small(819, 456, "is empty"),
        arrow("M380 476 V520 H448"),
        small(372, 504, "failed", "end"),
        arrow("M500 498 V456 H472"),
        small(508, 486, "wait is over", "start"),
        arrow("M690 476 V520 H622"),
        small(698, 504, "the connection fails", "start"),
        arrow("M685 402 C685 356 105 356 105 400", dashed=True),
        small(395, 361, "closed by the peer"),
    ]


def svg() -> str:
    """Return the whole picture."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" fill="{INK}" '
        'font-family="system-ui, sans-serif" font-size="13" role="img" '
        'aria-label="A frame waits in a queue, is in flight, and is sent or dropped; the sending '
        'thread is idle, connecting, sending or in back-off.">',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        f'markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{INK}"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>',
        panel(8, 280, "A frame: offered + recovered = sent + dropped + queued"),
        panel(300, 252, "The sending thread, one for each destination"),
        *(drawn(*box) for box in FRAME),
        *(drawn(*box) for box in DRAIN),
        *path_of_a_frame(),
        *states_of_the_drain(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(svg(), encoding="utf-8")

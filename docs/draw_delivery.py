"""Draw docs/_static/delivery.svg: the way of a frame through a queue, and the states of its drain.

Run it after a change; tests/test_docs.py compares the committed picture with what this draws.
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

# What stands in a box: colour, name, two lines below it.
CALL: Box = (30, 70, 150, 74)
WAITING: Box = (270, 70, 170, 74)
UNDER_WAY: Box = (540, 70, 190, 74)
SENT: Box = (830, 70, 120, 74)
DROPPED: Box = (30, 228, 920, 44)
FRAME = [
    (CALL, GREY, "a call", "makes a frame,", "and goes on"),
    (WAITING, BLUE, "waiting", "in the ring,", "or in the spool"),
    (UNDER_WAY, AMBER, "under way", "written to the socket,", "kept in the ring"),
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
    (CONNECTING, BLUE, "connecting", "resolves anew,", "tries each host in turn"),
    (SENDING, GREEN, "sending", "in C, without", "the interpreter's lock"),
    (BACKING_OFF, AMBER, "backing off", "up to 0.9 s, at random", ""),
    (END, GREY, "end", "", ""),
]


def text(x: float, y: float, words: str, **style: str) -> str:
    """Words at a place; *style* are attributes, with _ for -."""
    given = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    return f'<text x="{x:g}" y="{y:g}"{given}>{escape(words)}</text>'


def small(x: float, y: float, words: str, anchor: str = "middle") -> str:
    """Say what happens on an arrow, or in a box."""
    return text(x, y, words, text_anchor=anchor, font_size="11.5", fill=FAINT)


def drawn(box: Box, colour: str, name: str, *lines: str) -> str:
    """Draw one box with its name and what is said of it."""
    left, top, width, height = box
    said = [line for line in lines if line]
    middle = left + width / 2
    first = top + height / 2 + 4 - 8 * len(said)
    parts = [
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="6" fill="{colour}" '
        f'stroke="{INK}"/>',
        text(middle, first, name, text_anchor="middle", font_weight="600"),
    ]
    parts += [small(middle, first + 17 * n, line) for n, line in enumerate(said, 1)]
    return "\n".join(parts)


def arrow(path: str, dashed: bool = False) -> str:
    """Draw a line with a head at its end."""
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<path d="{path}" fill="none" stroke="{INK}"{dashes} marker-end="url(#head)"/>'


def panel(top: int, height: int, title: str) -> str:
    """Draw the ground of one half of the picture."""
    return (
        f'<rect x="10" y="{top}" width="{WIDTH - 20}" height="{height}" rx="6" fill="{PANEL}"/>\n'
        + text(30, top + 26, title, font_weight="600")
    )


def way_of_a_frame() -> list[str]:
    """Draw the arrows of the upper half."""
    return [
        arrow("M180 107 H268"),
        small(224, 99, "put"),
        arrow("M440 107 H538"),
        small(489, 99, "taken"),
        arrow("M730 107 H828"),
        small(779, 99, "arrived"),
        arrow("M305 42 V68"),
        small(313, 58, "found in a spool: recovered", "start"),
        arrow("M690 70 C690 38 580 38 580 68", dashed=True),
        small(700, 32, "connection lost: written again, counted as resent"),
        arrow("M55 144 V226"),
        small(65, 174, "oversize, encode, closed;", "start"),
        small(65, 190, "full: no room", "start"),
        arrow("M355 144 V226"),
        small(365, 182, "full: drop_old makes room; close()", "start"),
        arrow("M635 144 V226"),
        small(645, 182, "close(); what the destination refuses", "start"),
    ]


def states_of_the_drain() -> list[str]:
    """Draw the arrows of the lower half."""
    return [
        arrow("M180 432 H298"),
        small(239, 424, "a frame waits"),
        arrow("M470 432 H598"),
        small(535, 424, "connected"),
        arrow("M770 439 H868"),
        small(819, 423, "closed, and all"),
        small(819, 456, "has arrived"),
        arrow("M380 476 V520 H448"),
        small(372, 504, "failed", "end"),
        arrow("M500 498 V456 H472"),
        small(508, 486, "waited", "start"),
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
        'aria-label="A frame waits in a queue, is under way, and is sent or dropped; its drain '
        'is idle, connecting, sending or backing off.">',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        f'markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{INK}"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>',
        panel(8, 280, "A frame: offered + recovered = sent + dropped + queued"),
        panel(300, 252, "The thread that drains the queue, one for each destination"),
        *(drawn(*box) for box in FRAME),
        *(drawn(*box) for box in DRAIN),
        *way_of_a_frame(),
        *states_of_the_drain(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(svg(), encoding="utf-8")

"""Draw docs/_static/frame.svg: the parts of a frame, of its Message and of a Field.

Run it after a change; tests/docs/test_pictures.py compares the committed picture with this
script's output.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

PICTURE = Path(__file__).resolve().parent / "_static" / "frame.svg"

WIDTH, HEIGHT = 980, 570
LEFT = 20
ROW = 46  # height of a row of boxes
INK, FAINT, PAPER = "#1f2933", "#62707d", "#ffffff"
PANEL = "#f5f7f9"
BLUE, AMBER, GREEN, GREY = "#d5e6f7", "#fbe6c2", "#d9f0d8", "#e8ebee"

# (width in pixels, colour, name, text below the box)
FRAME = [
    (70, GREY, "0x1e", "1 byte"),
    (70, GREY, "H", "1 byte"),
    (300, BLUE, "Header", "H bytes of protobuf, 1 to 255"),
    (70, GREY, "0x1f", "1 byte"),
    (430, AMBER, "Message", "M bytes of protobuf, at most 65,536"),
]
HEADER = [
    (140, BLUE, "message_length", "1 · uint32 = M"),
    (140, BLUE, "hmac_hash_function", "3 · MD5 0, SHA1 1"),
    (110, BLUE, "hmac_signer", "4 · string"),
    (130, BLUE, "hmac_key_version", "5 · uint32"),
    (110, BLUE, "hmac", "6 · 16 or 20 bytes"),
]
MESSAGE = [
    (92, AMBER, "uuid", "1 · 16 bytes"),
    (100, AMBER, "timestamp", "2 · int64, ns"),
    (84, AMBER, "type", "3 · string"),
    (84, AMBER, "logger", "4 · string"),
    (84, AMBER, "severity", "5 · int32"),
    (84, AMBER, "payload", "6 · string"),
    (100, AMBER, "env_version", "7 · string"),
    (76, AMBER, "pid", "8 · int32"),
    (88, AMBER, "hostname", "9 · string"),
    (148, GREEN, "fields", "10 · Field, repeated"),
]
FIELD = [
    (150, GREEN, "name", "1 · string"),
    (150, GREEN, "value_type", "2 · 0 to 4"),
    (150, GREEN, "representation", "3 · string, the unit"),
    (490, GREEN, "values", "4 STRING · 5 BYTES · 6 INTEGER · 7 DOUBLE · 8 BOOL: one of these"),
]


def text(x: float, y: float, words: str, **style: str) -> str:
    """Return *words* at (x, y); *style* are attributes, with _ for -."""
    given = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    return f'<text x="{x:g}" y="{y:g}"{given}>{escape(words)}</text>'


def row(
    y: int, title: str, boxes: list[tuple[int, str, str, str]]
) -> tuple[list[str], dict[str, tuple[int, int]]]:
    """Draw a row of boxes on a panel; return its elements, and the edges of each box by name."""
    right = LEFT + sum(width for width, *_ in boxes)
    parts = [
        f'<rect x="{LEFT - 10}" y="{y - 34}" width="{right - LEFT + 20}" height="{ROW + 62}" '
        f'rx="6" fill="{PANEL}"/>',
        text(LEFT, y - 12, title, font_weight="600"),
    ]
    edges = {}
    x = LEFT
    for width, colour, name, below in boxes:
        parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{ROW}" fill="{colour}" stroke="{INK}"/>'
        )
        middle = x + width / 2
        parts.append(text(middle, y + 28, name, text_anchor="middle"))
        parts.append(
            text(middle, y + ROW + 18, below, text_anchor="middle", font_size="11.5", fill=FAINT)
        )
        edges[name] = (x, x + width)
        x += width
    return parts, edges


def opened(box: tuple[int, int], y: int, width: int, below: int) -> str:
    """Draw dotted lines from a box of the row at *y* to the panel of the row at *below*."""
    lines = ""
    for above, corner in zip(box, (LEFT - 10, LEFT + width + 10), strict=True):
        lines += (
            f'<path d="M{above} {y + ROW} V{y + ROW + 28} L{corner} {below - 34}" fill="none" '
            f'stroke="{FAINT}" stroke-dasharray="3 4"/>'
        )
    return lines


def svg() -> str:
    """Return the whole picture."""
    frame, in_frame = row(54, "Frame", FRAME)
    header, _ = row(204, "Header of a signed frame (unsigned: message_length only)", HEADER)
    message, in_message = row(334, "Message", MESSAGE)
    field, _ = row(484, "Field", FIELD)
    lines = opened(in_frame["Header"], 54, sum(box[0] for box in HEADER), 204)
    lines += opened(in_message["fields"], 334, sum(box[0] for box in FIELD), 484)
    remark = [
        text(LEFT + 690, 218, "The HMAC covers the bytes of the"),
        text(LEFT + 690, 236, "Message, not the header."),
    ]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" fill="{INK}" '
        'font-family="system-ui, sans-serif" font-size="13" role="img" '
        'aria-label="A frame holds a Header and a Message; a Message holds Fields.">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>',
        *frame,
        *header,
        *remark,
        *message,
        *field,
        lines,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(svg(), encoding="utf-8")

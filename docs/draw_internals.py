"""Draw docs/_static/internals_c.svg and internals_python.svg: the floors, from the sources.

What stands on what is read from the includes and calls of csrc and the imports of heka; which C
file calls a Python function, from its calls of ``PyObject_Call``. Run it after a change;
tests/test_internals.py compares the committed pictures with what this draws.
"""

from __future__ import annotations

import ast
import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
STATIC = Path(__file__).resolve().parent / "_static"

Graph = dict[str, set[str]]
Function = tuple[str, str]  # file, name

#: Python functions that C calls: the C files that do, what is called, and the pattern by which a
#: module of heka hands that function to C or defines it. Objects of the program come this way
#: too.
UPWARD = [
    ("python/calls/emitter", "Emitter.open", r"\bEmitter\("),
    ("python/calls/emit", "Emitter.capture", r"\.capture = "),
    ("python/calls/send", "Sink.deliver", r"\bSink\("),
    ("python/calls/writer", "stream.write, stream.flush, failed, wait", r"\.attach_stream\("),
    ("python/calls/client_capture", "find", r"\bcapture_clients\("),
    ("python/calls/client", "Client.deliver, _make_timer", r"def (_make_timer|_plan)\("),
    ("python/calls/client_plan", "Client._plan, filters", r"def _plan\("),
    ("python/queue/offer", "Ring.start, Ring.pause", r"ring\.(start|pause) = "),
    ("python/messages/head", "clock, uuid", r"\bset_sources\("),
    ("python/values/convert", "convert, show", r"\bset_converter\("),
]
#: C files that call what is no function of heka: exceptions' types, datetime, enum, sys, time, and
#: values of the program (numpy's item(), the converter of ``default=``).
NOT_UPWARD = {
    *("python/base/errors", "python/calls/sink_account", "python/messages/head"),
    *("python/values/classify", "python/calls/writer_turn"),
}


# ---- reading -------------------------------------------------------------------------------------


def c_sources() -> dict[str, str]:
    """Return the text of each file of csrc, by its path below csrc."""
    csrc = ROOT / "csrc"
    found = {path.relative_to(csrc).as_posix(): path for path in csrc.rglob("*.[ch]")}
    return {name: found[name].read_text(encoding="utf-8") for name in sorted(found)}


def folder_of(path: str) -> str:
    """``core/wire/hk_sign.c`` is in ``core/wire``."""
    return path.rpartition("/")[0]


def c_floors(sources: Mapping[str, str]) -> Graph:
    """Return each folder of csrc with the other folders that its files include or call."""
    graph: Graph = {folder_of(name): set() for name in sources}
    for name, text in sources.items():
        for target in re.findall(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', text, re.M):
            if target in sources and folder_of(target) != folder_of(name):
                graph[folder_of(name)].add(folder_of(target))
    for (name, _), called in c_functions(sources).items():
        graph[folder_of(name)] |= {folder_of(file) for file, _ in called} - {folder_of(name)}
    return graph


def python_sources() -> dict[str, str]:
    """Return the text of each module of heka, by its path below heka."""
    heka = ROOT / "heka"
    found = {path.relative_to(heka).as_posix(): path for path in heka.rglob("*.py")}
    return {name: found[name].read_text(encoding="utf-8") for name in sorted(found)}


def room_of(path: str) -> str:
    """``_net/resolver.py`` is in ``_net``, ``api.py`` in ``api``; heka itself is ``heka``."""
    first = path.split("/")[0].removesuffix(".py")
    return "heka" if first == "__init__" else first


def imported(source: str, path: str) -> Iterator[str]:
    """Yield what a module imports of heka, dotted and without ``heka.`` in front."""
    package = ["heka", *path.split("/")[:-1]]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            origin = [*base, *([node.module] if node.module else [])]
            names = [".".join([*origin, alias.name]) for alias in node.names]
        else:
            continue
        yield from (name.removeprefix("heka.") for name in names if name.startswith("heka."))
        yield from ("heka" for name in names if name == "heka")


def python_floors(sources: Mapping[str, str]) -> Graph:
    """Return each room of heka, a package or a module, with the other rooms that it imports."""
    graph: Graph = {room_of(path): set() for path in sources}
    graph["_core"] = set()
    for path, text in sources.items():
        for name in imported(text, path):
            first = name.partition(".")[0]
            target = first if first in graph else "heka"  # a name of the package itself
            if target != room_of(path):
                graph[room_of(path)].add(target)
    return graph


def upward_calls(
    c: Mapping[str, str], python: Mapping[str, str]
) -> list[tuple[str, str, set[str]]]:
    """Return (C file, what it calls, the rooms of heka that hand it over).

    Raises:
        ValueError: A file calls Python and is in no table of this script, or the other way round.
    """
    calling = {
        name.rpartition(".")[0]
        for name, text in c.items()
        if re.search(r"\bPyObject_(Call|Vectorcall)\w*\(", text)
    }
    known = {file for file, _, _ in UPWARD} | NOT_UPWARD
    if calling != known:
        raise ValueError(
            f"files of csrc that call Python: not in UPWARD, NOT_UPWARD {sorted(calling - known)}, "
            f"only there {sorted(known - calling)}"
        )
    found = []
    for file, what, pattern in UPWARD:
        rooms = {room_of(path) for path, text in python.items() if re.search(pattern, text)}
        if not rooms:
            raise ValueError(f"nothing in heka matches {pattern!r}: who gives {what} to {file}?")
        found.append((file, what, rooms))
    return found


def c_functions(sources: Mapping[str, str]) -> dict[Function, set[Function]]:
    """Return each function of csrc with those that it calls by name."""
    bodies: dict[Function, str] = {}
    public: dict[str, Function] = {}
    for name, source in sources.items():
        text = re.sub(r"/\*.*?\*/", "", source, flags=re.S)
        text = re.sub(r'"(\\.|[^"\\])*"', '""', text)
        pattern = r"^(\w[\w *]*)\n(\w+)\([^;{}]*?\)\n\{\n(.*?)^\}"
        for kind, function, body in re.findall(pattern, text, re.M | re.S):
            bodies[name, function] = body
            if name.endswith(".h") or "static" not in kind.split():
                public[function] = (name, function)
    calls: dict[Function, set[Function]] = {}
    for (name, function), body in bodies.items():
        called = set(re.findall(r"\b(\w+)\(", body))
        found = {
            (name, other) if (name, other) in bodies else public.get(other) for other in called
        }
        calls[name, function] = {other for other in found if other is not None}
    return calls


def reached(
    calls: Mapping[Function, set[Function]], start: str, without: str = ""
) -> set[Function]:
    """Return the functions that *start* reaches, but for those whose names begin with *without*."""
    waiting = [one for one in calls if one[1] == start]
    seen = set(waiting)
    while waiting:
        for other in calls[waiting.pop()] - seen:
            if not (without and other[1].startswith(without)):
                seen.add(other)
                waiting.append(other)
    return seen


# ---- placing -------------------------------------------------------------------------------------


def ranks(graph: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Return the floor of each: 0 stands on nothing, the others one above the highest below."""
    found: dict[str, int] = {}

    def rank(name: str, above: tuple[str, ...] = ()) -> int:
        if name in above:
            raise ValueError(f"a circle: {' -> '.join([*above, name])}")
        if name not in found:
            below = sorted(graph[name])
            found[name] = 1 + max((rank(other, (*above, name)) for other in below), default=-1)
        return found[name]

    for name in sorted(graph):
        rank(name)
    return found


def direct(graph: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Return the pairs of the graph that no longer way implies."""

    def below(name: str) -> set[str]:
        return graph[name].union(*(below(other) for other in graph[name]))

    return [
        (name, other)
        for name in sorted(graph)
        for other in sorted(graph[name])
        if not any(other in below(middle) for middle in graph[name])
    ]


class Placing:
    """Places boxes in rows, and the bends of arrows that pass a row between its boxes.

    Attributes:
        x: The middle of each box, and of each bend ``(upper, lower, row)``.
        ways: Of each arrow, its box, bends and box, from the upper to the lower.
    """

    GAP = 18
    BEND = 8

    def __init__(
        self, rows: Mapping[str, int], pairs: Iterable[tuple[str, str]], widths: Mapping[str, int]
    ) -> None:
        """Place *rows*, {box: row}, so that the arrows of *pairs* (upper, lower) are short."""
        self.rows: dict[int, list[object]] = defaultdict(list)
        self.widths: dict[Any, int] = dict(widths)
        self.ways: dict[tuple[str, str], list[object]] = {}
        self._near: dict[object, list[object]] = defaultdict(list)
        for name in sorted(rows):
            self.rows[rows[name]].append(name)
        for upper, lower in sorted(pairs):
            bends = [(upper, lower, row) for row in range(rows[upper] - 1, rows[lower], -1)]
            for bend in bends:
                self.rows[bend[2]].append(bend)
                self.widths[bend] = self.BEND
            way = self.ways[upper, lower] = [upper, *bends, lower]
            for one, other in itertools.pairwise(way):
                self._near[one].append(other)
                self._near[other].append(one)
        self.x: dict[object, float] = {}
        for row in self.rows.values():
            self._spread(row, dict.fromkeys(row, 0.0))
        for turn in range(200):
            order = sorted(self.rows, reverse=turn % 2 == 0)
            for number in order:
                self._move(number, sort=turn < 160)

    def _move(self, number: int, *, sort: bool) -> None:
        """Move what is in a row to where its neighbours are."""
        row = self.rows[number]
        wanted = {
            one: math.fsum(self.x[other] for other in self._near[one]) / len(self._near[one])
            if self._near[one]
            else self.x[one]
            for one in row
        }
        if sort:
            row.sort(key=lambda one: wanted[one])
        self._spread(row, wanted)

    def _spread(self, row: list[object], wanted: Mapping[object, float]) -> None:
        """Place a row in its order, near to what is wanted, without an overlap."""
        groups: list[tuple[float, list[object], float]] = []  # middle, members, width
        for one in row:
            middle, members, width = wanted[one], [one], float(self.widths[one] + self.GAP)
            while groups and groups[-1][0] + groups[-1][2] / 2 > middle - width / 2:
                before, others, wide = groups.pop()
                middle = (before * len(others) + middle * len(members)) / (
                    len(others) + len(members)
                )
                members, width = others + members, wide + width
            groups.append((middle, members, width))
        for middle, members, width in groups:
            left = middle - width / 2
            for one in members:
                size = self.widths[one] + self.GAP
                self.x[one] = left + size / 2
                left += size


# ---- drawing -------------------------------------------------------------------------------------

INK, FAINT, PAPER = "#1f2933", "#62707d", "#ffffff"
PANEL = "#f5f7f9"
BLUE, AMBER, GREEN, GREY, RED = "#d5e6f7", "#fbe6c2", "#d9f0d8", "#e8ebee", "#b3261e"
BOX, ROW, MARGIN = 34, 74, 30


def width_of(name: str) -> int:
    """Return how wide the box of *name* is."""
    return max(64, 20 + 8 * len(name))


def picture(
    title: str,
    rows: Mapping[str, int],
    pairs: Iterable[tuple[str, str]],
    dashed: Iterable[tuple[str, str]],
    colours: Mapping[str, str],
    legend: Iterable[tuple[str, str]],
) -> str:
    """Draw boxes on their floors; *pairs* and *dashed* are (upper, lower), dashed arrows go up."""
    dashed = set(dashed)
    placing = Placing(rows, [*pairs, *dashed], {name: width_of(name) for name in rows})
    least = min(x - placing.widths[one] / 2 for one, x in placing.x.items())
    most = max(x + placing.widths[one] / 2 for one, x in placing.x.items())
    wide = max(most - least, 560.0)
    shift = MARGIN - least + (wide - (most - least)) / 2
    width = round(wide + 2 * MARGIN)
    top = max(rows.values())
    height = 70 + ROW * top + BOX + MARGIN

    def at(one: Any) -> tuple[float, int]:
        row = rows[one] if isinstance(one, str) else one[2]
        return placing.x[one] + shift, 56 + ROW * (top - row)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" fill="{INK}" '
        f'font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="{title}">',
        "<defs>",
        *(
            f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
            f'markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{colour}"/></marker>'
            for name, colour in (("down", FAINT), ("up", RED))
        ),
        "</defs>",
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
    ]
    for row in range(top + 1):
        y = 56 + ROW * (top - row) - 10
        parts.append(
            f'<rect x="8" y="{y}" width="{width - 16}" height="{BOX + 20}" rx="6" fill="{PANEL}"/>'
        )
    for pair, way in sorted(placing.ways.items()):
        points = [at(one) for one in way]
        up = pair in dashed
        path = f"M{points[0][0]:.0f} {points[0][1] + BOX + 1 + 5 * up:.0f}"
        for (x, y), (then, below) in itertools.pairwise(points):
            half = (below - y - BOX) / 2
            path += f" C{x:.0f} {y + BOX + half:.0f} {then:.0f} {below - half:.0f}"
            path += f" {then:.0f} {below - 1:.0f}"
            if (then, below) != points[-1]:
                path += f" V{below + BOX:.0f}"
        style = f'stroke="{RED}" stroke-dasharray="5 3"' if up else f'stroke="{FAINT}"'
        head = 'marker-start="url(#up)"' if up else 'marker-end="url(#down)"'
        parts.append(f'<path d="{path}" fill="none" {style} {head}/>')
    for name in sorted(rows):
        x, y = at(name)
        size = width_of(name)
        parts += [
            f'<rect x="{x - size / 2:.0f}" y="{y}" width="{size}" height="{BOX}" rx="6" '
            f'fill="{colours[name]}" stroke="{INK}"/>',
            f'<text x="{x:.0f}" y="{y + 21}" text-anchor="middle">{escape(name)}</text>',
        ]
    left = 16
    for colour, words in legend:
        parts += [
            f'<rect x="{left}" y="14" width="14" height="14" rx="3" fill="{colour}" '
            f'stroke="{INK}"/>',
            f'<text x="{left + 20}" y="26" font-size="12">{escape(words)}</text>',
        ]
        left += 44 + round(6.4 * len(words))
    return "\n".join([*parts, "</svg>"]) + "\n"


def draw_c() -> str:
    """Return the picture of csrc, and of the rooms of heka whose functions it calls."""
    c, python = c_sources(), python_sources()
    graph = c_floors(c)
    rows = ranks(graph)
    dashed = set()
    for file, _, rooms in upward_calls(c, python):
        dashed |= {(f"heka/{room}", folder_of(file)) for room in rooms}
    rows |= {room: max(rows.values()) + 1 for room, _ in dashed}
    kinds = {"gen": GREY, "core": BLUE, "python": AMBER, "heka": GREEN}
    return picture(
        "Folders of csrc; each uses what its arrows lead to. Dashed: Python that C calls.",
        rows,
        direct(graph),
        dashed,
        {name: kinds[name.split("/")[0]] for name in rows},
        [
            (BLUE, "no Python.h"),
            (AMBER, "CPython binding"),
            (GREY, "generated"),
            (GREEN, "Python that C calls (dashed)"),
        ],
    )


def draw_python() -> str:
    """Return the picture of the rooms of heka."""
    graph = python_floors(python_sources())
    rows = ranks(graph)
    colours = {name: AMBER if name.startswith("_") else GREEN for name in rows}
    return picture(
        "Rooms of heka, packages and modules; each imports what its arrows lead to.",
        rows,
        direct(graph),
        [],
        {**colours, "_core": BLUE},
        [(GREEN, "public"), (AMBER, "private"), (BLUE, "the C extension")],
    )


PICTURES = {"internals_c.svg": draw_c, "internals_python.svg": draw_python}

if __name__ == "__main__":
    for file_name, draw in PICTURES.items():
        (STATIC / file_name).write_text(draw(), encoding="utf-8")

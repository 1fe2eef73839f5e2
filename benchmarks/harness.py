"""Time statements side by side, print the results with units, store them and draw charts.

Contenders are interleaved: each round times every contender once, in rotating order, so that a
machine that slows down slows all of them. Goals compare the median over the rounds of the ratio of
two contenders in the same round; the minimum time of a contender is shown too, since noise only
adds. timeit compiles the statements into the timing loop, without a lambda or any other call.

Time is the thread's processor time, including the kernel's work for it. No timed statement waits,
so on an idle machine this is the wall-clock time; on a busy one it excludes other programs.
"""

import datetime
import gc
import json
import os
import platform
import sys
import time
import timeit
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median, quantiles
from typing import Any

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
PICTURES = HERE.parent / "docs" / "_static"

#: Rounds of a full run and of a smoke run, and the seconds one contender is timed in a round.
ROUNDS = 150
QUICK_ROUNDS = 9
SLICE = 0.004

GC_NOTE = "garbage collector on, as in a program"

#: timeit switches the collector off; its setup is the place to switch it on again.
SETUP = "gc.enable()"


@dataclass(frozen=True)
class Contender:
    """A statement with its label, the names it uses, and what one run of it handles."""

    label: str
    statement: str
    scope: Mapping[str, Any]
    size: int | None = None  # bytes that one message takes
    messages: int = 1  # messages that one run of the statement handles
    done: Callable[[], bool] | None = None  # whether the work left to a thread is done


@dataclass
class Timing:
    """Nanoseconds per message of one contender, one figure per round."""

    contender: Contender
    samples: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The minimum in ns per message."""
        return min(self.samples)

    @property
    def middle(self) -> float:
        """The median in ns per message."""
        return median(self.samples)


def ratio(one: Timing, other: Timing) -> float:
    """Median over the rounds of the time of *one* divided by that of *other*."""
    return median(a / b for a, b in zip(one.samples, other.samples, strict=True))


def difference(one: Timing, other: Timing) -> float:
    """Median over the rounds of the time of *one* less that of *other*, in ns a message."""
    return median(a - b for a, b in zip(one.samples, other.samples, strict=True))


def progress(text: str) -> None:
    """Show *text* on stderr: on one line of a terminal, one line each elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
    elif text:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def run(contenders: Iterable[Contender], *, rounds: int, what: str) -> dict[str, Timing]:
    """Time every contender once a round; returns label -> Timing, in the order given."""
    timers = []
    timings = {}
    for contender in contenders:
        scope = {**contender.scope, "gc": gc}
        timer = timeit.Timer(contender.statement, SETUP, time.thread_time, scope)
        number = 1
        while (spent := timer.timeit(number)) < SLICE / 2:
            number = max(2 * number, int(number * SLICE / max(spent, 1e-7)))
        timing = timings[contender.label] = Timing(contender)
        timers.append((timer, number, timing))
    shown = max(1, rounds // 5)
    for turn in range(rounds):
        if turn % shown == 0:
            progress(f"{what}: round {turn + 1} of {rounds}")
        first = turn % len(timers)
        for timer, number, timing in timers[first:] + timers[:first]:
            spent = timer.timeit(number)
            timing.samples.append(spent / number / timing.contender.messages * 1e9)
            while timing.contender.done is not None and not timing.contender.done():
                time.sleep(0.001)
    if sys.stderr.isatty():
        progress("")
    return timings


def sampler(
    statement: str, scope: Mapping[str, Any], before: str = "pass"
) -> Callable[[int, float], list[int]]:
    """Compile a loop that times each run of *statement* by itself, after running *before*.

    The returned function takes the most runs and the most seconds, and returns ns for each run, the
    clock's own cost (some 40 ns) included.
    """
    source = (
        "from time import perf_counter_ns as clock, sleep\n"
        "def sample(runs, seconds):\n"
        "    spent = []\n"
        "    deadline = clock() + int(seconds * 1e9)\n"
        "    for _ in range(runs):\n"
        f"        {before}\n"
        "        start = clock()\n"
        f"        {statement}\n"
        "        stop = clock()\n"
        "        spent.append(stop - start)\n"
        "        if stop > deadline:\n"
        "            break\n"
        "    return spent\n"
    )
    names = dict(scope)
    exec(compile(source, "<sampler>", "exec"), names)
    return names["sample"]


def percentile(samples: Sequence[float], per_cent: int) -> float:
    """Return the *per_cent* percentile of *samples*, 1 to 99."""
    return quantiles(samples, n=100, method="inclusive")[per_cent - 1]


def show_ns(ns: float) -> str:
    """Format a time with three significant digits and its unit."""
    if ns < 1_000:
        return f"{ns:.0f} ns"
    if ns < 1_000_000:
        return f"{ns / 1e3:.2f} us"
    return f"{ns / 1e6:.2f} ms"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Align *rows* under *head*: the first column to the left, figures to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def report(title: str, timings: Mapping[str, Timing], base: str) -> list[dict[str, Any]]:
    """Print the contenders against *base*; returns the same as rows for the JSON file."""
    rows = []
    for label, timing in timings.items():
        rows.append(
            {
                "contender": label,
                "min_ns": round(timing.best, 1),
                "median_ns": round(timing.middle, 1),
                "ratio": round(ratio(timing, timings[base]), 3),
                "bytes": timing.contender.size,
                "statement": timing.contender.statement,
            }
        )
    rounds = len(timings[base].samples)
    print(f"\n{title}\n({rounds} rounds, thread time, {GC_NOTE}; median ratio to {base!r})\n")
    print(
        table(
            ("contender", "min/message", "median/message", "ratio", "bytes"),
            (
                (
                    row["contender"],
                    show_ns(row["min_ns"]),
                    show_ns(row["median_ns"]),
                    f"{row['ratio']:.2f} x",
                    "-" if row["bytes"] is None else f"{row['bytes']:,}",
                )
                for row in rows
            ),
        ),
        flush=True,
    )
    return rows


def goal(what: str, limit: float, value: float, unit: str) -> dict[str, Any]:
    """Describe one goal for the JSON file: *value* is to be at most *limit*."""
    return {"what": what, "limit": limit, "value": round(value, 3), "unit": unit}


#: The distributions that the encoders' benchmarks run beside.
ENCODERS = ("msgspec", "msgpack", "orjson", "protobuf")


def machine(peers: Sequence[str] = ENCODERS) -> dict[str, str]:
    """Return processor, system, interpreter and the versions of heka and of *peers*."""
    model = platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    versions = []
    for name in ("heka-py", *peers):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} absent")
    return {
        "processor": f"{model}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "contenders": ", ".join(versions),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "gc": GC_NOTE,
    }


def keep(
    name: str,
    results: Mapping[str, Any],
    goals: Iterable[dict[str, Any]],
    peers: Sequence[str] = ENCODERS,
) -> None:
    """Write ``out/<name>.json``: the machine, the results and the goals with their figures."""
    OUT.mkdir(exist_ok=True)
    document = {"machine": machine(peers), "results": results, "goals": list(goals)}
    (OUT / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


@dataclass(frozen=True)
class Panel:
    """One group of bars of a picture: rows of (label, value, text on the bar)."""

    title: str
    rows: Sequence[tuple[str, float, str]]
    unit: str


OURS = "#2a6f97"
PEER = "#b8c0c8"
INK = "#22303a"


def draw(name: str, title: str, note: str, panels: Sequence[Panel]) -> None:
    """Draw *panels* under one another as horizontal bars into docs/_static/bench_<name>.png.

    A label that starts with "heka" is ours and coloured; each value stands beside its bar.
    """
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed", file=sys.stderr)
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    heights = [len(panel.rows) for panel in panels]
    figure, every = pyplot.subplots(
        len(panels),
        1,
        figsize=(8.6, 0.33 * sum(heights) + 0.75 * len(panels) + 0.9),
        gridspec_kw={"height_ratios": heights},
        squeeze=False,
        layout="constrained",
    )
    for axes, panel in zip(every[:, 0], panels, strict=True):
        labels = [row[0] for row in panel.rows]
        values = [row[1] for row in panel.rows]
        colours = [OURS if label.startswith("heka") else PEER for label in labels]
        bars = axes.barh(range(len(labels)), values, color=colours, height=0.68)
        axes.bar_label(bars, [row[2] for row in panel.rows], padding=4, fontsize=9, color=INK)
        axes.set_yticks(range(len(labels)), labels, fontsize=9.5, color=INK)
        axes.invert_yaxis()
        axes.set_xlim(0, max(values) * 1.25)
        axes.set_title(panel.title, fontsize=10.5, loc="left", color=INK)
        axes.set_xlabel(panel.unit, fontsize=8.5, color=INK, loc="left")
        axes.tick_params(axis="x", labelsize=8, colors=INK, length=0)
        axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.10g}"))
        axes.tick_params(axis="y", length=0)
        axes.xaxis.grid(True, color="#e6eaed")
        axes.set_axisbelow(True)
        for side in ("top", "right", "bottom", "left"):
            axes.spines[side].set_visible(False)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.08)
    figure.suptitle(title, fontsize=12.5, x=0.01, ha="left", color=INK, fontweight="bold")
    figure.supxlabel(note, fontsize=8, x=0.01, ha="left", color="#5b6770")
    PICTURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(
        PICTURES / f"bench_{name}.png", dpi=130, facecolor="white", metadata={"Software": None}
    )
    pyplot.close(figure)


def note(peers: Sequence[str] = ENCODERS) -> str:
    """One line under a picture: the machine and the versions."""
    facts = machine(peers)
    return f"{facts['processor']}, {facts['python']}, {facts['date']}. {facts['contenders']}."


def rounds_from(argv: Sequence[str]) -> int:
    """Return the number of rounds: few with ``--quick``, which only checks that everything runs."""
    unknown = set(argv) - {"--quick"}
    if unknown:
        sys.exit(f"unknown argument {sorted(unknown)[0]}; only --quick is known")
    return QUICK_ROUNDS if "--quick" in argv else ROUNDS

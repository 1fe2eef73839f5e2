"""Time that ``heka cat`` takes for a message of M1 in a file, by option; without the process start.

The file has 200,000 messages; the output is discarded. Anchors of the same run:
``StreamReader.feed`` alone, and ``orjson.dumps`` of a ready dict that holds what a JSON line does.

Usage: python benchmarks/bench_cat.py [--quick]
"""

import contextlib
import json
import os
import sys
import tempfile

import orjson
from harness import (
    Contender,
    Panel,
    draw,
    goal,
    keep,
    note,
    ratio,
    report,
    rounds_from,
    run,
    show_ns,
)
from messages import M1

import heka
from heka import cli

COUNT = 200_000
CHUNK = 65_536
OPTIONS = {
    "--format heka": ("--format", "heka"),
    "--match, 2 clauses": (
        *("--match", "Type == 'ads_served' && Logger == 'ads'"),
        *("--format", "heka"),
    ),
    "--match, 3 clauses and a field": (
        "--match",
        "Type == 'ads_served' && Logger == 'ads' && Severity <= 6 && Fields[time_taken] < 1",
        *("--format", "heka"),
    ),
    "--stats": ("--stats",),
    "--format json": ("--format", "json"),
}
BLOCK_LIMIT = 0.6  # of feed
JSON_LIMIT = 1.5  # of orjson.dumps
MATCH_LIMIT = 1e9 / 3_500_000  # ns


def cat(*args: str) -> None:
    """Run ``heka cat`` in this process; its output is discarded."""
    with open(os.devnull, "w", encoding="utf-8") as null, contextlib.redirect_stdout(null):
        assert cli.main(["cat", *args]) == 0


def contenders(path: str, frame: bytes) -> list[Contender]:
    """Build every row."""
    count = CHUNK // len(frame)
    chunk = frame * count
    (read,) = heka.StreamReader().feed(frame)
    record = json.loads(heka.jsonlines.line_of(read.message))
    rows = [
        Contender(
            f"heka.{name}.feed alone",
            "feed(chunk)",
            {"feed": getattr(heka, name)().feed, "chunk": chunk},
            len(frame),
            count,
        )
        for name in ("StreamReader", "BlockReader")
    ]
    rows.append(Contender("orjson.dumps alone", "d(r)", {"d": orjson.dumps, "r": record}))
    return rows + [
        Contender(
            f"heka cat {name}", "cat(*args)", {"cat": cat, "args": (path, *given)}, None, COUNT
        )
        for name, given in OPTIONS.items()
    ]


def main() -> None:
    """Run all; print, keep, draw."""
    rounds = rounds_from(sys.argv[1:])
    frame = heka.pack(M1.type, M1.logger, M1.severity, M1.fields)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "messages.heka")
        with open(path, "wb") as file:
            file.write(frame * COUNT)
        timings = run(contenders(path, frame), rounds=rounds, what="cat")
    feed, blocks = timings["heka.StreamReader.feed alone"], timings["heka.BlockReader.feed alone"]
    results = report("M1: look into a file", timings, "heka.StreamReader.feed alone")
    as_json = timings["heka cat --format json"]
    goals = [
        goal("blocks of M1 / StreamReader.feed", BLOCK_LIMIT, ratio(blocks, feed), "x"),
        goal(
            "heka cat --format json M1 / orjson.dumps of the ready dict",
            JSON_LIMIT,
            ratio(as_json, timings["orjson.dumps alone"]),
            "x",
        ),
        goal(
            "heka cat --match M1, 3 clauses and a field",
            round(MATCH_LIMIT),
            timings["heka cat --match, 3 clauses and a field"].best,
            "ns",
        ),
    ]
    for one in goals:
        print(f"{one['what']}: {one['value']:.2f} {one['unit']} (at most {one['limit']})")
    keep("cat", {"M1": results}, goals)
    panel = Panel(
        "M1: ns from a file to the output (less is better)",
        [(label, t.best, show_ns(t.best)) for label, t in timings.items()],
        "ns a message, least of all rounds",
    )
    draw("cat", "Looking into files", note(), [panel])


if __name__ == "__main__":
    main()

"""Time to read a stream and match its messages, against the same predicate in Python.

The base splits a chunk with ``StreamReader.feed``, takes each frame's ``message`` and evaluates a
predicate of its attributes and fields. heka's rows split the same chunk with ``BlockReader.feed``
and count the messages that a ``Matcher`` matches; no object is made for a message. Every message
matches, so that every clause is evaluated. The chunk is about 64 KiB of frames.

Usage: python benchmarks/bench_match.py [--quick]
"""

import sys

from harness import (
    Contender,
    Panel,
    difference,
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
from heka import matcher

CHUNK = 65_536
SUBJECT = 100  # bytes of the payload that a regular expression searches

#: Two clauses on attributes, three and one on a field: expression, the same in Python, goal.
PREDICATES = {
    "2 clauses": (
        "Type == 'ads_served' && Logger == 'ads'",
        "m.type == 'ads_served' and m.logger == 'ads'",
        0.25,
    ),
    "3 clauses and a field": (
        "Type == 'ads_served' && Logger == 'ads' && Severity <= 6 && Fields[time_taken] < 1",
        "m.type == 'ads_served' and m.logger == 'ads' and m.severity <= 6"
        " and m.fields['time_taken'][0] < 1",
        0.2,
    ),
}
REGEX = r"Payload =~ /user=[a-f0-9]+ /"
REGEX_LIMIT = 80  # ns

IN_PYTHON = "n = 0\nfor frame in feed(chunk):\n    m = frame.message\n    if {}: n += 1"
IN_C = "n = 0\nfor block in feed(chunk): n += count(block)"


def chunk_of(payload: str) -> tuple[bytes, int, int]:
    """Return a chunk of frames of M1 with that payload, their number, and the bytes of each."""
    frame = heka.pack(M1.type, M1.logger, M1.severity, M1.fields, payload)
    count = CHUNK // len(frame)
    return frame * count, count, len(frame)


def matching(label: str, text: str, payload: str = "") -> Contender:
    """Return the row that reads blocks and counts what *text* matches."""
    chunk, count, size = chunk_of(payload)
    reader, made = heka.BlockReader(), matcher.compile(text)
    assert sum(made.count(block) for block in reader.feed(chunk)) == count
    names = {"feed": reader.feed, "count": made.count, "chunk": chunk}
    return Contender(label, IN_C, names, size, count)


def contenders() -> list[Contender]:
    """Build every row."""
    chunk, count, size = chunk_of("")
    rows = []
    for name, (text, predicate, _) in PREDICATES.items():
        feed = heka.StreamReader().feed
        rows += [
            Contender(
                f"feed and Python, {name}",
                IN_PYTHON.format(predicate),
                {"feed": feed, "chunk": chunk},
                size,
                count,
            ),
            matching(f"heka.Matcher, {name}", text),
        ]
    payload = "GET /a/b/c?user=0123456789abcdef ".ljust(SUBJECT, "x")
    return [
        *rows,
        Contender(
            "heka.BlockReader.feed alone",
            "feed(chunk)",
            {"feed": heka.BlockReader().feed, "chunk": chunk},
            size,
            count,
        ),
        matching("heka.Matcher, TRUE, payload of 100 B", "TRUE", payload),
        matching("heka.Matcher, one regex, payload of 100 B", REGEX, payload),
    ]


def main() -> None:
    """Run all; print, keep, draw."""
    rounds = rounds_from(sys.argv[1:])
    timings = run(contenders(), rounds=rounds, what="match")
    base = "feed and Python, 2 clauses"
    results = report("M1: read a stream and match every message", timings, base)
    goals = [
        goal(
            f"read and match M1, {name} / feed and Python",
            limit,
            ratio(timings[f"heka.Matcher, {name}"], timings[f"feed and Python, {name}"]),
            "x",
        )
        for name, (_, _, limit) in PREDICATES.items()
    ]
    extra = difference(
        timings["heka.Matcher, one regex, payload of 100 B"],
        timings["heka.Matcher, TRUE, payload of 100 B"],
    )
    goals.append(goal("one regex clause, payload of 100 B", REGEX_LIMIT, extra, "ns"))
    for one in goals:
        print(f"{one['what']}: {one['value']:.2f} {one['unit']} (at most {one['limit']})")
    keep("match", {"M1": results}, goals)
    panel = Panel(
        "M1: ns from a stream to the answer (less is better)",
        [(label, t.best, show_ns(t.best)) for label, t in timings.items()],
        "ns a message, least of all rounds",
    )
    draw("match", "Reading and matching", note(), [panel])


if __name__ == "__main__":
    main()

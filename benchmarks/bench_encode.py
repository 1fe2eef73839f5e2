"""Time from a Python call to bytes, compared with other encoders; and the cost of kept messages.

Timed for every contender: building its arguments (the dict literal of the fields, and for the
generic encoders the dict around it) and the call that returns bytes. The generic encoders get a
ready id, time, pid and host name; heka.pack generates the id, reads the clock, flattens nested
names and frames within its own time. A row with uuid4 and time_ns shows the cost of that work in
Python.

Usage: python benchmarks/bench_encode.py [--quick]
"""

import gc
import json
import multiprocessing
import os
import sys
import time
import tracemalloc
import uuid
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgpack
import msgspec
import orjson
from harness import (
    Contender,
    Panel,
    difference,
    draw,
    goal,
    keep,
    note,
    progress,
    ratio,
    report,
    rounds_from,
    run,
    show_ns,
    table,
)
from messages import CASES, M1, Case
from peers import ProtobufPeer, as_dict, values_at_hand

import heka

BASE = "msgspec.msgpack"
NOT_DRAWN = {
    "heka.pack, id, time, pid, host given",
    "heka.pack, fields at hand",
    "msgspec.msgpack, fields at hand",
    "protobuf (upb), ready object",
}
HELD = 100_000
BATCH = 10_000

#: ns per message that the collector's share may differ between batches: the noise of the clock.
GROWTH = 25.0
LIMITS = {"M1": (0.65, 1.8), "M2": (0.95, 1.5)}


def contenders(case: Case, protobuf: ProtobufPeer) -> list[Contender]:
    """Build every contender for *case*, with the size of what it makes."""
    scope = values_at_hand(case)
    text = {**scope, "uuid": scope["uuid"].hex()}
    entry = as_dict(case, scope)
    sha1 = heka.SignerConfig("bench", 1, "a key of 22 characters", "sha1")
    md5 = heka.SignerConfig("bench", 1, "a key of 22 characters", "md5")
    ours = {"heka": heka, "pack": heka.pack, "Message": heka.Message, "frame": heka.frame}
    ours |= {"payload": case.payload, "sha1": sha1, "md5": md5, "fields": case.fields}
    encode = {**scope, "encode": msgspec.msgpack.Encoder().encode, "fields": case.fields}
    given = "uuid=uuid, timestamp_ns=timestamp, pid=pid, hostname=hostname"
    call = case.call_source
    literal = case.dict_source()
    call_ready, literal_ready = (
        source.replace(case.fields_source, "fields") for source in (call, literal)
    )
    rows = [
        ("heka.pack", f"pack({call})", ours),
        ("heka.pack, id, time, pid, host given", f"pack({call}, {given})", {**scope, **ours}),
        ("heka.pack, fields at hand", f"pack({call_ready})", ours),
        ("heka.pack, signed SHA1", f"pack({call}, signer=sha1)", ours),
        ("heka.pack, signed MD5", f"pack({call}, signer=md5)", ours),
        ("heka.frame(Message().encode())", f"frame(Message({call}).encode())", ours),
        (BASE, f"encode({literal})", encode),
        ("msgspec.msgpack, fields at hand", f"encode({literal_ready})", encode),
        (
            "msgspec.msgpack, with uuid4, time_ns",
            f"encode({case.dict_source('uuid4().bytes', 'time_ns()')})",
            {**encode, "uuid4": uuid.uuid4, "time_ns": time.time_ns},
        ),
        ("msgpack.packb", f"packb({literal})", {**scope, "packb": msgpack.packb}),
        ("orjson.dumps", f"dumps({literal})", {**text, "dumps": orjson.dumps}),
        ("json.dumps", f"dumps({literal})", {**text, "dumps": json.dumps}),
        ("protobuf (upb), built", f"pack({literal})", {**scope, "pack": protobuf.pack}),
        (
            "protobuf (upb), ready object",
            "ready.SerializeToString()",
            {"ready": protobuf.build(entry)},
        ),
    ]
    return [
        Contender(label, statement, scope, len(eval(statement, dict(scope))))
        for label, statement, scope in rows
    ]


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def hold(make: Callable[[], Any], traced: bool) -> dict[str, Any]:
    """Keep 100,000 results of *make*; return the times of batches and collector, and the bytes."""
    spent: list[float] = []
    collector: list[float] = []
    paused = [0, 0]  # ns in the collector, runs of it

    def watch(phase: str, _info: dict[str, int]) -> None:
        paused[0] += time.thread_time_ns() if phase == "stop" else -time.thread_time_ns()
        paused[1] += phase == "stop"

    make()
    gc.collect()
    gc.callbacks.append(watch)
    if traced:
        tracemalloc.start()
    before = resident()
    held: list[Any] = [None] * HELD
    for batch in range(0, HELD, BATCH):
        start, so_far = time.thread_time_ns(), paused[0]
        for i in range(batch, batch + BATCH):
            held[i] = make()
        spent.append((time.thread_time_ns() - start) / BATCH)
        collector.append((paused[0] - so_far) / BATCH)
    grown = resident() - before
    gc.callbacks.remove(watch)
    start = time.thread_time_ns()
    gc.collect()
    full = time.thread_time_ns() - start
    return {
        "batches_ns": spent,
        "collector_ns": collector,
        "collections": paused[1],
        "full_collection_ns": full,
        "traced_bytes": tracemalloc.get_traced_memory()[0] / HELD if traced else None,
        "resident_bytes": grown / HELD,
        "tracked": gc.is_tracked(held[0]),
    }


def maker(what: str) -> Callable[[], Any]:
    """Return a function that makes one M1 by *what*; a call that all of these share."""
    scope = values_at_hand(M1)
    if what == "nothing":
        source: str = "None"
    elif what == "heka.Message":
        scope |= {"Message": heka.Message}
        source = f"Message({M1.call_source})"
    elif what == "heka.Message.decode":
        scope |= {"decode": heka.Message.decode, "data": heka.Message(**arguments()).encode()}
        source = "decode(data)"
    elif what == "dict":
        source = M1.dict_source()
    else:
        protobuf = ProtobufPeer()
        scope |= {"build": protobuf.build}
        source = f"build({M1.dict_source()})"
    exec(f"def make():\n    return {source}\n", scope)
    return scope["make"]


def arguments() -> dict[str, Any]:
    """Arguments of heka.Message for M1."""
    return {
        "type": M1.type,
        "logger": M1.logger,
        "severity": M1.severity,
        "fields": M1.fields,
    }


def held_in_child(what: str, traced: bool) -> dict[str, Any]:
    """Run ``hold`` in a process of its own: a heap that nothing else has shaped."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_hold_by_name, (what, traced))


def _hold_by_name(what: str, traced: bool) -> dict[str, Any]:
    return hold(maker(what), traced)


def retained() -> dict[str, Any]:
    """Measure 100,000 kept messages of each kind, and print them."""
    results = {}
    for what in ("nothing", "heka.Message", "heka.Message.decode", "dict", "protobuf (upb)"):
        progress(f"100,000 kept: {what}")
        results[what] = held_in_child(what, traced=False)
        results[what]["traced_bytes"] = held_in_child(what, traced=True)["traced_bytes"]
    if sys.stderr.isatty():
        progress("")
    print(f"\nM1 kept {HELD:,} times, garbage collector on, each kind in a process of its own\n")
    head = (
        "kind",
        "median 10,000",
        "collector, first",
        "collector, most",
        "full collect",
        "traced",
        "RSS",
    )
    print(
        table(
            head,
            (
                (
                    what,
                    show_ns(median(row["batches_ns"])),
                    show_ns(row["collector_ns"][0]),
                    show_ns(max(row["collector_ns"])),
                    show_ns(row["full_collection_ns"]),
                    f"{row['traced_bytes']:.0f} B",
                    f"{row['resident_bytes']:.0f} B",
                )
                for what, row in results.items()
            ),
        )
    )
    print(
        "\n(times and bytes a message, in ten batches of 10,000: the median batch, what the first"
        "\nbatch and the worst spend in the collector; 'full collect': gc.collect() with all held)"
    )
    return results


def main() -> None:
    """Run both cases and the kept messages; print, keep, draw."""
    rounds = rounds_from(sys.argv[1:])
    protobuf = ProtobufPeer()
    results: dict[str, Any] = {}
    goals = []
    panels = []
    for case in CASES:
        timings = run(contenders(case, protobuf), rounds=rounds, what=f"encode {case.name}")
        results[case.name] = report(f"encode {case.name}: call to bytes", timings, BASE)
        ours = timings["heka.pack"]
        twice = timings["heka.frame(Message().encode())"]
        against, layered = LIMITS[case.name]
        name = case.name
        goals += [
            goal(f"heka.pack {name} / msgspec.msgpack", against, ratio(ours, timings[BASE]), "x"),
            goal(f"frame(Message().encode()) {name} / heka.pack", layered, ratio(twice, ours), "x"),
        ]
        added = {
            kind: difference(timings[f"heka.pack, signed {kind}"], ours) for kind in ("SHA1", "MD5")
        }
        results[f"{name} signature, ns added"] = added
        goals.append(goal(f"SHA1 signature on {name}, added", 500, added["SHA1"], "ns"))
        factor = ratio(timings["protobuf (upb), built"], ours)
        results[f"{name} protobuf / heka.pack"] = factor
        print(
            f"\nprotobuf (upb), built: {factor:.1f} times heka.pack; a signature adds "
            f"{show_ns(added['SHA1'])} (SHA1), {show_ns(added['MD5'])} (MD5)"
        )
        panels.append(
            Panel(
                f"{name}: ns from call to bytes (less is better)",
                [
                    (label, t.best, f"{show_ns(t.best)}   {t.contender.size:,} B")
                    for label, t in timings.items()
                    if label not in NOT_DRAWN
                ],
                "ns a message, least of all rounds; bytes made",
            )
        )
    kept = results["retained"] = retained()
    for what in ("heka.Message", "heka.Message.decode"):
        collector = kept[what]["collector_ns"]
        grown = max(collector) - collector[0]
        goals.append(
            goal(f"collector's growth, 100,000 {what} kept", GROWTH, grown, "ns a message")
        )
    keep("encode", results, goals)
    draw("encode", "Encoding one message", note(), panels)
    draw(
        "retained",
        f"Keeping {HELD:,} messages of M1",
        note(),
        [
            Panel(
                "bytes a message in memory",
                [
                    (what, r["resident_bytes"], f"{r['resident_bytes']:,.0f} B")
                    for what, r in kept.items()
                    if what != "nothing"
                ],
                "growth of the resident set divided by the messages",
            ),
            Panel(
                "one full garbage collection with all of them held",
                [
                    (what, r["full_collection_ns"] / 1e6, show_ns(r["full_collection_ns"]))
                    for what, r in kept.items()
                    if what != "nothing"
                ],
                "ms",
            ),
        ],
    )


if __name__ == "__main__":
    main()

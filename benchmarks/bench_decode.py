"""Time from bytes to values, compared with other decoders; and throughput of the stream reader.

A generic decoder returns a dict with every value. heka's first row does the same work: it decodes,
reads all nine attributes and ``fields``, the dict with every value of every field. A second row
also iterates over those values, a list for each field; msgspec's row "looked up" does the same with
its dict. The reader's rows split a chunk of about 64 KiB of frames and validate every message in
it, but create only the frames.

Usage: python benchmarks/bench_decode.py [--quick]
"""

import json
import sys
from typing import Any

import msgpack
import msgspec
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
from messages import CASES, Case
from peers import ProtobufPeer, as_dict, text_uuid, values_at_hand

import heka

BASE = "msgspec.msgpack"
READ = "heka.Message, read"
VISITED = "heka.Message, read and iterated"
PEER_VISITED = "msgspec.msgpack, looked up"
LIMITS = {"M1": 1.0, "M2": 1.2}
READER_LIMIT = 0.3
CHUNK = 65_536

NAMES = (
    "uuid",
    "timestamp",
    "type",
    "logger",
    "severity",
    "payload",
    "env_version",
    "pid",
    "hostname",
)

#: All nine attributes and the dict of the fields: every value is created.
READ_HEKA = "m = decode(data)\n" + "; ".join(f"m.{name}" for name in (*NAMES, "fields"))

#: The same, and iterates over each field's list of values.
VISIT_HEKA = READ_HEKA + "\nfor values in m.fields.values():\n    for value in values: pass"

#: The same from the dict of a generic decoder.
VISIT_DICT = (
    "m = decode(data)\n"
    + "; ".join(f"m[{name!r}]" for name in NAMES)
    + "\nfor value in m['fields'].values(): pass"
)

#: A field that the schema does not have (tag 15, varint 1): it makes a message non-canonical.
UNKNOWN_TAG = b"\x78\x01"


def contenders(case: Case, protobuf: ProtobufPeer) -> list[Contender]:
    """Build every contender for *case*, with the size of what it reads."""
    scope = values_at_hand(case)
    entry = as_dict(case, scope)
    text = text_uuid(entry)
    ours = heka.Message(
        case.type, case.logger, case.severity, case.fields, case.payload, uuid=scope["uuid"]
    ).encode()
    frame = heka.frame(ours)
    signer = heka.SignerConfig("bench", 1, "a key of 22 characters", "sha1")
    signed = heka.frame(ours, signer)
    decode = heka.Message.decode
    generic = {
        "decode": msgspec.msgpack.Decoder().decode,
        "data": msgspec.msgpack.encode(entry),
    }
    rows = [
        (READ, READ_HEKA, {"decode": decode, "data": ours}),
        (VISITED, VISIT_HEKA, {"decode": decode, "data": ours}),
        ("heka.Message.decode alone", "decode(data)", {"decode": decode, "data": ours}),
        (
            "heka.Message, not canonical, read",
            READ_HEKA,
            {"decode": decode, "data": ours + UNKNOWN_TAG},
        ),
        (BASE, "decode(data)", generic),
        (
            PEER_VISITED,
            VISIT_DICT,
            generic,
        ),
        (
            "msgpack.unpackb",
            "unpackb(data)",
            {"unpackb": msgpack.unpackb, "data": msgpack.packb(entry)},
        ),
        ("orjson.loads", "loads(data)", {"loads": orjson.loads, "data": orjson.dumps(text)}),
        (
            "json.loads",
            "loads(data)",
            {"loads": json.loads, "data": json.dumps(text, separators=(",", ":"))},
        ),
        (
            "protobuf (upb), read",
            "read(data)",
            {"read": protobuf.read, "data": protobuf.pack(entry)},
        ),
    ]
    made = [
        Contender(label, statement, names, len(names["data"])) for label, statement, names in rows
    ]
    keys = {("bench", 1): "a key of 22 characters"}
    for label, one, signers in (
        ("heka.StreamReader.feed", frame, None),
        ("heka.StreamReader.feed, SHA1 verified", signed, keys),
    ):
        count = CHUNK // len(one)
        names = {"feed": heka.StreamReader(signers=signers).feed, "chunk": one * count}
        assert len(names["feed"](names["chunk"])) == count
        made.append(Contender(label, "feed(chunk)", names, len(one), count))
    return made


def main() -> None:
    """Run both cases; print, keep, draw."""
    rounds = rounds_from(sys.argv[1:])
    protobuf = ProtobufPeer()
    results: dict[str, Any] = {}
    goals = []
    panels = []
    for case in CASES:
        name = case.name
        timings = run(contenders(case, protobuf), rounds=rounds, what=f"decode {name}")
        results[name] = report(f"decode {name}: bytes to values", timings, BASE)
        feed = timings["heka.StreamReader.feed"]
        visited = ratio(timings[VISITED], timings[PEER_VISITED])
        results[f"{name} iterated / looked up"] = visited
        print(f"\n{VISITED} / {PEER_VISITED}: {visited:.2f} x")
        goals += [
            goal(
                f"decode {name}, every value made / msgspec.msgpack",
                LIMITS[name],
                ratio(timings[READ], timings[BASE]),
                "x",
            ),
            goal(
                f"decode {name}, every value iterated over / msgspec.msgpack",
                LIMITS[name],
                ratio(timings[VISITED], timings[BASE]),
                "x",
            ),
            goal(
                f"StreamReader.feed {name} / msgspec.msgpack",
                READER_LIMIT,
                ratio(feed, timings[BASE]),
                "x",
            ),
        ]
        panels.append(
            Panel(
                f"{name}: ns from bytes to values (less is better)",
                [
                    (label, t.best, f"{show_ns(t.best)}   {t.contender.size:,} B")
                    for label, t in timings.items()
                ],
                "ns a message, least of all rounds; bytes read",
            )
        )
    keep("decode", results, goals)
    draw("decode", "Decoding one message", note(), panels)


if __name__ == "__main__":
    main()

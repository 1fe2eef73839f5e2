"""heka.pack against msgspec.msgpack when the data exists on both sides, with text of five scripts.

msgspec encodes a dict that is there, with its id, time, pid and host name; heka.pack gets a dict of
fields that is there, and makes id, time and frame within its own time. Neither builds anything: the
other benchmarks time the caller's dict literals too, which take longer for msgspec's larger dict.

The texts are payloads of 1 KiB in UTF-8, beside the fields of M1. CPython keeps them with 1, 1, 2,
2 and 4 bytes a character. A text at hand holds its UTF-8 too, because msgspec makes CPython keep
it, and both copy that. A new text is joined from two halves in the timed statement.

Usage: python benchmarks/bench_at_hand.py [--quick]
"""

import sys
from dataclasses import replace
from typing import Any

import msgspec
from harness import Contender, goal, keep, ratio, report, rounds_from, run
from messages import CASES, M1, Case
from peers import as_dict, values_at_hand

import heka

OURS = "heka.pack"
BASE = "msgspec.msgpack"
TEXTS = {
    "ASCII": "The order was paid and is on its way to the customer. ",
    "German": "Die Bestellung wurde geprüft und läuft über München. ",
    "Russian": "Заказ оплачен и отправлен покупателю в срок. ",
    "Chinese": "订单已付款，正在发往客户，预计明天送达。",
    "emoji": "order 📦 paid 💶 sent 🚚 ",
}


def of_one_kib(text: str) -> str:
    """Return *text* repeated to 1 KiB of UTF-8, or a few bytes less."""
    return (text * (1024 // len(text.encode()) + 1)).encode()[:1024].decode(errors="ignore")


def cases() -> list[Case]:
    """M1, M2, and M1 with a payload of each script."""
    texts = [
        replace(M1, name=f"M1, 1 KiB {name}", payload=of_one_kib(text))
        for name, text in TEXTS.items()
    ]
    return [*CASES, *texts]


def contenders(case: Case, *, new: bool) -> list[Contender]:
    """Both encoders with everything at hand, but for the payload if it is to be *new*."""
    half = len(case.payload) // 2
    scope: dict[str, Any] = {
        "pack": heka.pack,
        "encode": msgspec.msgpack.Encoder().encode,
        "entry": as_dict(case, values_at_hand(case)),
        "fields": case.fields,
        "payload": case.payload,
        "join": "".join,
        "halves": (case.payload[:half], case.payload[half:]),
    }
    call = case.call_source.replace(case.fields_source, "fields")
    size = len(eval(f"pack({call})", dict(scope)))
    if not new:
        return [
            Contender(OURS, f"pack({call})", scope, size),
            Contender(BASE, "encode(entry)", scope, len(scope["encode"](scope["entry"]))),
        ]
    call = call.replace("payload=payload", "payload=join(halves)")
    return [
        Contender(OURS, f"pack({call})", scope, size),
        Contender(BASE, "entry['payload'] = join(halves); encode(entry)", scope),
    ]


def main() -> None:
    """Run every case; print, keep."""
    rounds = rounds_from(sys.argv[1:])
    results: dict[str, Any] = {}
    goals = []
    for case in cases():
        for new in (False, True) if case.payload and case not in CASES else (False,):
            name = f"{case.name}, {'new' if new else 'at hand'}"
            timings = run(contenders(case, new=new), rounds=rounds, what=name)
            results[name] = report(name, timings, BASE)
            factor = ratio(timings[OURS], timings[BASE])
            goals.append(goal(f"heka.pack {name} / {BASE}", 1.0, factor, "x"))
    keep("at_hand", results, goals)
    print()
    for one in goals:
        print(f"{one['what']}: {one['value']:.2f} x")


if __name__ == "__main__":
    main()

"""Run one statement N times under callgrind.

The difference between 2N and N runs, divided by N, is the cost of one run without start-up.

Usage: python benchmarks/loop.py CASE N        python benchmarks/loop.py --list
"""

import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from messages import CASES, Case

import heka
from heka.client import HekaClient
from heka.streams import NullStream, QueuedStream

KEY = "a key of 22 characters"

#: Frames in one feed of the reader's cases; their counts are per message.
CHUNK = 20

#: The destination of heka.log; never read.
RECEIVER = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
RECEIVER.bind(("127.0.0.1", 0))


class Stuck:
    """A stream whose write never returns, so that the drain thread's work is not counted."""

    def write(self, data: bytes) -> None:
        """Block for ever."""
        threading.Event().wait()


READ = (
    "m = decode(data); m.uuid; m.timestamp; m.type; m.logger; m.severity; m.payload; "
    "m.env_version; m.pid; m.hostname"
    "\n        for values in m.fields.values():\n            for value in values: pass"
)


def statements() -> dict[str, tuple[str, dict[str, Any], int]]:
    """Return {name: (statement, names it uses, messages per run)}."""
    made: dict[str, tuple[str, dict[str, Any], int]] = {"empty loop": ("pass", {}, 1)}
    for case in CASES:
        made |= of_case(case)
    scope = {
        "c": HekaClient(NullStream(), "ads"),
        "queued": HekaClient(QueuedStream(Stuck()), "ads"),
    }
    call = f"heka({CASES[0].type!r}, fields={CASES[0].fields_source})"
    made["M1 client.heka, NullStream"] = (f"c.{call}", scope, 1)
    made["M1 client.heka into the ring"] = (f"queued.{call}", scope, 1)
    return made


def of_case(case: Case) -> dict[str, tuple[str, dict[str, Any], int]]:
    """Return the statements of one message."""
    scope = {
        "pack": heka.pack,
        "frame": heka.frame,
        "Message": heka.Message,
        "decode": heka.Message.decode,
        "payload": case.payload,
        "signer": heka.SignerConfig("bench", 1, KEY, "sha1"),
    }
    data = heka.Message(
        case.type, case.logger, case.severity, fields=case.fields, payload=case.payload
    ).encode()
    scope["data"] = data
    scope["feed"] = heka.StreamReader().feed
    scope["chunk"] = heka.frame(data) * CHUNK
    scope["fields"] = case.fields
    scope |= {"log": heka.log, "target": RECEIVER.getsockname()}
    call = case.call_source
    ready = call.replace(case.fields_source, "fields")
    name = case.name
    return {
        f"{name} fields literal": (case.fields_source, scope, 1),
        f"{name} pack": (f"pack({call})", scope, 1),
        f"{name} pack, fields at hand": (f"pack({ready})", scope, 1),
        f"{name} pack signed SHA1": (f"pack({call}, signer=signer)", scope, 1),
        f"{name} frame(Message().encode())": (f"frame(Message({call}).encode())", scope, 1),
        f"{name} Message()": (f"Message({call})", scope, 1),
        f"{name} log over UDP": (f"log({call}, to=target)", scope, 1),
        f"{name} decode": ("decode(data)", scope, 1),
        f"{name} decode, read and iterated": (READ, scope, 1),
        f"{name} StreamReader.feed": ("feed(chunk)", scope, CHUNK),
    }


def compile_loop(statement: str, scope: dict[str, Any]) -> Callable[[range], None]:
    """Return a function that runs *statement* once for each of a range."""
    names = dict(scope)
    source = f"def loop(times):\n    for _ in times:\n        {statement}\n"
    exec(compile(source, "<loop>", "exec"), names)
    return names["loop"]


def main() -> None:
    """Do what the command line says."""
    if sys.argv[1:] == ["--list"]:
        for name, (_, _, messages) in statements().items():
            print(f"{name}\t{messages}")
        return
    if len(sys.argv) != 3:
        sys.exit("usage: loop.py CASE N, or loop.py --list")
    statement, scope, _ = statements()[sys.argv[1]]
    compile_loop(statement, scope)(range(int(sys.argv[2])))


if __name__ == "__main__":
    main()

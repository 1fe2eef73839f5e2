"""Record what statsd makes of a stream: the golden files ``statsd.in`` and ``statsd.out``.

Usage: ``record_statsd.py UDP_PORT BACKEND_PORT`` with a statsd 0.9 that listens on UDP_PORT and has
``backends: ["./backends/graphite"], graphiteHost: "127.0.0.1", graphitePort: BACKEND_PORT,
graphite: {legacyNamespace: false}, flushInterval: 2000``. The tests need no statsd.
"""

from __future__ import annotations

import random
import socket
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CASES = """\
counter.plain:1|c
counter.plain:2|c
counter.rated:9|c|@0.3
counter.float:0.25|c
counter.negative:-4|c
counter.exponent:1e3|c
counter.values:1|c:2|c:5|c|@0.5
gauge.set:7.5|g
gauge.up:3|g
gauge.up:+4|g
gauge.down:3|g
gauge.down:-4.5|g
gauge.first.relative:+2|g
gauge.tiny:5e-324|g
gauge.large:1e300|g
timer.one:320|ms
timer.five:5|ms:1|ms:3|ms:2|ms:4|ms
timer.rated:10|ms|@0.1
timer.rated:30|ms
timer.zero:0|ms
timer.fraction:0.1|ms
timer.fraction:0.2|ms
set.users:alice|s
set.users:bob|s
set.users:alice|s
set.values:a|s:b|s:a|s
a key/with  blanks!and(signs):1|c
caf\xe9:2|c
tags:1|c|#a:x,b:y
tags:2|ms|@0.5|#a:x
nothing
no.pipe:1
bad.value:abc|c
bad.rate:1|c|@x
negative.timer:-1|ms
empty.value:|c
"""


def stream() -> list[bytes]:
    """Return the datagrams: the cases, then many timers and counters."""
    chance = random.Random(9)
    lines = CASES.splitlines()
    for n in (2, 9, 10, 11, 100, 999):
        lines += [f"timer.n{n}:{chance.lognormvariate(3, 2):.6g}|ms" for _ in range(n)]
    lines += [
        f"counter.many.{n % 7}:{chance.uniform(-5, 50):.4g}|c|@{chance.choice((1, 0.5, 0.1))}"
        for n in range(300)
    ]
    return ["\n".join(lines[i : i + 20]).encode() for i in range(0, len(lines), 20)]


def main(udp_port: int, backend_port: int) -> None:
    """Send the stream, and keep the first flush that has it."""
    with socket.create_server(("127.0.0.1", backend_port)) as server:
        server.settimeout(60)
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        kept: list[str] = []
        while not kept:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(60)
                text = b""
                while b"statsd.processing_time" not in text or not text.endswith(b"\n"):
                    chunk = connection.recv(1 << 16)
                    if not chunk:
                        break
                    text += chunk
                lines = text.decode().splitlines()
                kept = [line for line in lines if "counter.plain" in line] and lines
                if not kept:  # the flush before: the stream falls into one interval
                    for datagram in stream():
                        sender.sendto(datagram, ("127.0.0.1", udp_port))
    (HERE / "statsd.in").write_bytes(b"\n".join(stream()) + b"\n")
    own = (
        "stats.counters.statsd.",
        "stats.gauges.statsd.",
        "stats.timers.statsd.",
        "stats.statsd.",
    )
    values = [line.rsplit(" ", 1)[0] for line in kept if not line.startswith(own)]
    (HERE / "statsd.out").write_text("\n".join(sorted(values)) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

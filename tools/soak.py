"""Soak test: queues over servers that die, hang, slow down and return at random; nothing is lost.

    soak.py [--seconds 600] [--seed N] [--keep FOLDER]

Programs write numbered messages into queues in memory and on disk, over TCP, TLS and unix sockets.
One program is killed and restarted with the same spool, one forks. Receivers record every byte, and
stop without losing an acknowledged one (tests/delivery/faults/server.py). At the end, the counters
of each queue are compared with what was received. The exit status is 1 if the counters of a queue
do not balance, if an accepted message is lost and not counted as dropped, if a message was received
twice and not counted as resent, or if a program's memory, threads or descriptors have grown.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from delivery.faults.identity import check
from delivery.faults.peers import Serial, Server, certificates
from soak_producer import PROGRESS

PRODUCER = Path(__file__).with_name("soak_producer.py")
#: Bytes that may be in flight when a process is killed: its successor resends them, uncounted.
WINDOW = 112 * 1024
#: Bytes of the smallest frame that a producer writes.
MIN_FRAME = 80
#: What a program may have more of in its last quarter than in its second one: KiB of memory that no
#: file stands behind, threads, descriptors. Medians of either are compared.
GROWTH = {"memory": 2048, "threads": 1, "descriptors": 3}
OPTIONS = {"linger": 0.02, "backoff_max": 0.5, "connect_timeout": 2.0, "write_timeout": 2.0}
NAMES = ("offered", "recovered", "sent", "resent", "refused", "queued", "retries", "reconnects")


def resources(pid: int) -> dict[str, int] | None:
    """Return what process *pid* uses, by the names of GROWTH; None when it has ended."""
    proc = Path("/proc") / str(pid)
    try:
        lines = (proc / "status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines if ":" in line)
        return {
            "memory": int(status["RssAnon"].split()[0]),
            "threads": int(status["Threads"]),
            "descriptors": len(list((proc / "fd").iterdir())),
        }
    except (OSError, KeyError):
        return None


def grown(samples: list[dict[str, int]]) -> list[str]:
    """Return what has grown by more than GROWTH, as text; a quarter is at least three samples."""
    quarter = len(samples) // 4
    if quarter < 3:
        return []
    found = []
    for name, most in GROWTH.items():
        early = statistics.median(one[name] for one in samples[quarter : 2 * quarter])
        late = statistics.median(one[name] for one in samples[-quarter:])
        if late - early > most:
            found.append(f"{name} grew from {early:.0f} to {late:.0f}")
    return found


class Producer:
    """A process that writes messages; it is restarted after it was killed."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.name: str = plan["name"]
        self._folder = Path(plan["folder"])
        self.stats: dict[str, Any] = {}
        self.past: list[dict[str, Any]] = []  # last reported counters of killed processes
        self.problems: list[str] = []
        self.kills = 0
        self.start()

    def sample(self) -> None:
        """Note what the process uses now."""
        used = resources(self.process.pid)
        if used is not None:
            self.samples.append(used)

    def start(self) -> None:
        """Start the process."""
        self.samples: list[dict[str, int]] = []
        self.final: dict[str, Any] | None = None
        self.process = subprocess.Popen(
            [sys.executable, str(PRODUCER), json.dumps(self.plan)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            reported = json.loads(line)
            if "error" in reported:
                self.problems.append(f"{reported['name']}: {reported['error']}")
            self.stats = reported.get("stats", self.stats)
            if "flushed" in reported:
                self.final = reported

    def kill(self) -> None:
        """Kill the process, and start another one with the same spool."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._listener.join()
        self.past.append(self.stats)
        self.kills += 1
        self.start()

    def finish(self) -> None:
        """Let the process stop writing, flush and exit."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        if self.process.wait(120) != 0:
            self.problems.append(f"{self.name}: ended with {self.process.returncode}")
        self._listener.join()
        if self.final is None:
            self.problems.append(f"{self.name}: reported no counters at the end")

    def sources(self) -> list[str]:
        """Return the names of its threads and child processes."""
        paths = self._folder.glob(f"{self.name}.*.progress")
        return sorted(path.name.removesuffix(".progress") for path in paths)

    def accepted(self) -> tuple[set[Serial], set[Serial], set[Serial]]:
        """Return accepted and refused messages, and those whose result a kill has left unknown."""
        accepted: set[Serial] = set()
        refused: set[Serial] = set()
        unknown: set[Serial] = set()
        for source in self.sources():
            accepted |= {(source, number) for number in range(self._tried(source))}
            refused |= {(source, number) for number in self._numbers(f"{source}.refused")}
            unknown |= {(source, number) for number in self._numbers(f"{source}.unknown")}
        return accepted - refused - unknown, refused, unknown

    def _tried(self, source: str) -> int:
        tried: int = PROGRESS.unpack((self._folder / f"{source}.progress").read_bytes())[0]
        return tried

    def _numbers(self, name: str) -> list[int]:
        path = self._folder / name
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def children(self) -> list[dict[str, Any]]:
        """Return the counters of its forked children."""
        paths = self._folder.glob(f"{self.name}.*.account")
        return [json.loads(path.read_text()) for path in paths]


class FaultInjector:
    """Injects faults into servers and programs, at random from one seed."""

    def __init__(self, seed: int, servers: list[Server], producers: list[Producer]) -> None:
        self._random = random.Random(seed)
        self._servers = servers
        self._killable = [one for one in producers if one.plan.get("killable")]
        self.counts: Counter[str] = Counter()
        #: Server: when its fault ends, and what ends it.
        self._until: dict[int, tuple[float, Any]] = {}

    def step(self) -> None:
        """End the faults that are due, and start a new one."""
        now = time.monotonic()
        for index, (until, end) in list(self._until.items()):
            if now >= until:
                del self._until[index]
                end()
        what = self._random.choice(("fin", "rst", "hang", "slow", "cut", "kill", "calm"))
        index = self._random.randrange(len(self._servers))
        length = self._random.choice((0.0, 0.1, 0.5, 1.0, 3.0))
        if what == "kill" and self._killable:
            self._random.choice(self._killable).kill()
        elif what == "calm" or index in self._until:
            return
        else:
            self._until[index] = (now + length, self._begin(self._servers[index], what))
        self.counts[what] += 1

    def _begin(self, server: Server, what: str) -> Any:
        if what == "hang":
            server.hang()
            return server.go_on
        server.stop()
        server.options.update(pause=0, chunk=65536, cut=None, how="fin")
        if what in ("fin", "rst"):
            server.options["how"] = what
            return server.start
        if what == "slow":
            server.start(pause=0.005, chunk=4096)
        else:
            server.start(cut=200_000, how=self._random.choice(("fin", "rst")))
        return lambda: None

    def end(self) -> None:
        """End all faults and restart all servers."""
        for _, end in self._until.values():
            end()
        for server in self._servers:
            server.stop()
            server.start(pause=0, chunk=65536, cut=None, how="fin")


def start_all(folder: Path) -> tuple[list[Server], list[Producer]]:
    """Start the servers, and the programs that write to them."""
    pki = certificates(folder / "pki")
    tls = {"cert": pki["server.pem"], "key": pki["server.key"]}
    a, b, c = (Server(folder / name) for name in ("a", "b", "c"))
    u = Server(folder / "u", "unix")
    t = Server(folder / "t", "tcp", **tls)
    (folder / "made").mkdir()

    def plan(name: str, url: str, threads: int, rate: int, size: int, **more: Any) -> Producer:
        options = {**OPTIONS, **more.pop("options", {})}
        fixed = {"name": name, "url": url, "threads": threads, "rate": rate, "size": size}
        return Producer({**fixed, "options": options, "folder": str(folder / "made"), **more})

    block = {"overflow": "block", "block_timeout": 20.0}
    small = {"capacity": "256 KiB"}
    return [a, b, c, u, t], [
        plan("block", a.url, 3, 60, 800, options=block),
        plan("drop-new", a.url, 2, 250, 1500, options=small),
        plan("drop-old", b.url, 2, 250, 1500, options={**small, "overflow": "drop_old"}),
        plan("failover", f"tcp://127.0.0.1:{b.at},127.0.0.1:{c.at}", 2, 60, 500, options=block),
        plan("forks", u.url, 2, 60, 500, options=block, forks=True),
        plan("tls", f"{t.url}?ca={pki['ca.pem']}", 2, 60, 800, options=block),
        plan("spool", c.url, 2, 80, 800, options={**block, "spool": str(folder / "spool")}),
        plan(
            *("killed", c.url, 2, 80, 800),
            options={**block, "spool": str(folder / "killed")},
            killable=True,
        ),
    ]


def check_producer(producer: Producer, received: Counter[Serial]) -> tuple[list[Any], list[str]]:
    """Return one row of the table, and the problems found."""
    problems = list(producer.problems)
    stats = (producer.final or {}).get("stats") or producer.stats
    try:
        check(stats, producer.name)
    except (AssertionError, KeyError) as failure:
        problems.append(f"{producer.name}: {failure}")
        return [producer.name], problems
    accepted, refused, unknown = producer.accepted()
    own = {serial: n for serial, n in received.items() if serial[0].startswith(producer.name + ".")}
    accounts = [stats, *producer.children()]
    resent = sum(one.get("resent", 0) for one in [*accounts, *producer.past])
    lost = len(accepted - own.keys())
    unexpected = own.keys() - accepted - unknown
    duplicates = sum(own.values()) - len(own)
    dropped = sum(sum(one["dropped"].values()) for one in accounts) - len(refused)
    explained = resent + producer.kills * (WINDOW // MIN_FRAME)
    if stats["queued"]:
        problems.append(f"{producer.name}: {stats['queued']} are still queued")
    if lost and (producer.kills or lost > max(0, dropped)):
        problems.append(f"{producer.name}: {lost} are lost, {dropped} counted as dropped")
    if not producer.kills and lost != dropped:
        problems.append(f"{producer.name}: {dropped} counted as dropped after they were accepted")
    if unexpected:
        problems.append(f"{producer.name}: received, but never accepted: {sorted(unexpected)[:5]}")
    if duplicates > explained:
        problems.append(
            f"{producer.name}: {duplicates} received twice, {explained} expected at most"
        )
    row = [producer.name, *(stats[name] for name in NAMES), sum(stats["dropped"].values())]
    return [*row, len(accepted), len(own), duplicates, lost, producer.kills], problems


def show(rows: list[list[Any]]) -> None:
    """Print the table, right-aligned."""
    heads = [*NAMES, "dropped", "accepted", "received", "duplicates", "lost", "kills"]
    table = [["queue", *heads], *rows]
    for row in table:
        print(f"{row[0]:<10}" + "".join(f"{cell:>11}" for cell in row[1:]))


def main() -> int:
    """Run for ``--seconds``; return 1 if there are problems."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument(
        "--keep", type=Path, help="keep all files in this folder (default: a temporary one)"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="heka-soak-") as temporary:
        return soak(args.seconds, args.seed, args.keep or Path(temporary))


def soak(seconds: float, seed: int, folder: Path) -> int:
    """Start everything, inject faults for *seconds*, and check the result."""
    print(f"soak of {seconds:.0f} s, --seed {seed}, in {folder}", flush=True)
    servers, producers = start_all(folder)
    faults = FaultInjector(seed, servers, producers)
    began = reported = time.monotonic()
    while (now := time.monotonic()) - began < seconds:
        time.sleep(0.3)
        faults.step()
        if now - reported >= 5:
            reported = now
            total = {name: sum(p.stats.get(name, 0) for p in producers) for name in NAMES}
            received = sum(server.received.serials().total() for server in servers)
            print(
                f"{now - began:6.0f} s: received {received}, "
                + ", ".join(f"{name} {count}" for name, count in total.items())
                + f"; {dict(faults.counts)}",
                flush=True,
            )
            for producer in producers:
                producer.sample()
                if producer.process.poll() is not None or producer.problems:
                    print(f"{producer.name}: {producer.problems or 'has ended'}", flush=True)
                    seconds = 0
    faults.end()
    for producer in producers:
        producer.problems += [f"{producer.name}: {text}" for text in grown(producer.samples)]
        if producer.samples:
            print(f"{producer.name:<10} {producer.samples[0]} -> {producer.samples[-1]}")
        producer.finish()
    for server in servers:
        server.stop()
    received = sum((server.received.serials() for server in servers), Counter[Serial]())
    results = [check_producer(producer, received) for producer in producers]
    show([row for row, _ in results])
    problems = [problem for _, found in results for problem in found]
    print(f"faults: {dict(faults.counts)}")
    print(
        "\n".join(problems)
        or "no problems: all counters balance, nothing is lost or doubled uncounted"
    )
    for server in servers:
        server.close()
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())

"""Queues over servers that die, hang, slow down and return at random; nothing may be lost.

    soak.py [--seconds 600] [--seed N] [--keep FOLDER]

Programs write numbered messages into queues in memory and on disk, over TCP, TLS and unix sockets;
one is killed and started again over its spool, one forks. Receivers write down each byte that they
get, and end exactly (tests/delivery/faults/server.py). In the end the account of each queue is held
against what came. The exit status is 1 if an account does not balance, if a message that was taken
in is lost without being counted, or came twice without being counted as sent again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
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
#: Bytes that may be under way when a process is killed: its successor sends them again, uncounted.
WINDOW = 112 * 1024
#: Bytes of the smallest frame that a producer writes.
LEAST = 80
OPTIONS = {"linger": 0.02, "backoff_max": 0.5, "connect_timeout": 2.0, "write_timeout": 2.0}
NAMES = ("offered", "recovered", "sent", "resent", "queued", "retries", "reconnects")


class Producer:
    """A program that writes, started again when it was killed."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.name: str = plan["name"]
        self._folder = Path(plan["folder"])
        self.stats: dict[str, Any] = {}
        self.past: list[dict[str, Any]] = []  # of processes that were killed: what they said last
        self.problems: list[str] = []
        self.kills = 0
        self.start()

    def start(self) -> None:
        """Run it, in a new process."""
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
            said = json.loads(line)
            if "error" in said:
                self.problems.append(f"{said['name']}: {said['error']}")
            self.stats = said.get("stats", self.stats)
            if "flushed" in said:
                self.final = said

    def kill(self) -> None:
        """End it as it stands, and start another over its spool."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._listener.join()
        self.past.append(self.stats)
        self.kills += 1
        self.start()

    def finish(self) -> None:
        """Let it come to its end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        if self.process.wait(120) != 0:
            self.problems.append(f"{self.name}: ended with {self.process.returncode}")
        self._listener.join()
        if self.final is None:
            self.problems.append(f"{self.name}: no account at the end")

    def sources(self) -> list[str]:
        """Its threads and children."""
        paths = self._folder.glob(f"{self.name}.*.progress")
        return sorted(path.name.removesuffix(".progress") for path in paths)

    def accepted(self) -> tuple[set[Serial], set[Serial], set[Serial]]:
        """What was taken in, what was refused, and what nobody knows of, as it was killed then."""
        taken: set[Serial] = set()
        refused: set[Serial] = set()
        unknown: set[Serial] = set()
        for source in self.sources():
            taken |= {(source, number) for number in range(self._tried(source))}
            refused |= {(source, number) for number in self._numbers(f"{source}.refused")}
            unknown |= {(source, number) for number in self._numbers(f"{source}.unknown")}
        return taken - refused - unknown, refused, unknown

    def _tried(self, source: str) -> int:
        tried: int = PROGRESS.unpack((self._folder / f"{source}.progress").read_bytes())[0]
        return tried

    def _numbers(self, name: str) -> list[int]:
        path = self._folder / name
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def children(self) -> list[dict[str, Any]]:
        """The accounts of the children that it forked."""
        paths = self._folder.glob(f"{self.name}.*.account")
        return [json.loads(path.read_text()) for path in paths]


class Trouble:
    """What happens to the servers and programs, from one seed."""

    def __init__(self, seed: int, servers: list[Server], producers: list[Producer]) -> None:
        self._chance = random.Random(seed)
        self._servers = servers
        self._mortal = [one for one in producers if one.plan.get("mortal")]
        self.happened: Counter[str] = Counter()
        self._until: dict[int, tuple[float, Any]] = {}  # server: when its trouble ends, and how

    def step(self) -> None:
        """End what is over, begin something new."""
        now = time.monotonic()
        for index, (until, end) in list(self._until.items()):
            if now >= until:
                del self._until[index]
                end()
        what = self._chance.choice(("fin", "rst", "hang", "slow", "cut", "kill", "calm"))
        index = self._chance.randrange(len(self._servers))
        length = self._chance.choice((0.0, 0.1, 0.5, 1.0, 3.0))
        if what == "kill" and self._mortal:
            self._chance.choice(self._mortal).kill()
        elif what == "calm" or index in self._until:
            return
        else:
            self._until[index] = (now + length, self._begin(self._servers[index], what))
        self.happened[what] += 1

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
            server.start(cut=200_000, how=self._chance.choice(("fin", "rst")))
        return lambda: None

    def end(self) -> None:
        """All is well again."""
        for _, end in self._until.values():
            end()
        for server in self._servers:
            server.stop()
            server.start(pause=0, chunk=65536, cut=None, how="fin")


def fleet(folder: Path) -> tuple[list[Server], list[Producer]]:
    """The servers, and the programs that write to them."""
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
            mortal=True,
        ),
    ]


def judge(producer: Producer, came: Counter[Serial]) -> tuple[list[Any], list[str]]:
    """One line of the table, and what is wrong with it."""
    problems = list(producer.problems)
    stats = (producer.final or {}).get("stats") or producer.stats
    try:
        check(stats, producer.name)
    except (AssertionError, KeyError) as failure:
        problems.append(f"{producer.name}: {failure}")
        return [producer.name], problems
    taken, refused, unknown = producer.accepted()
    mine = {serial: n for serial, n in came.items() if serial[0].startswith(producer.name + ".")}
    accounts = [stats, *producer.children()]
    resent = sum(one.get("resent", 0) for one in [*accounts, *producer.past])
    lost = len(taken - mine.keys())
    strange = mine.keys() - taken - unknown
    twice = sum(mine.values()) - len(mine)
    dropped = sum(sum(one["dropped"].values()) for one in accounts) - len(refused)
    explained = resent + producer.kills * (WINDOW // LEAST)
    if stats["queued"]:
        problems.append(f"{producer.name}: {stats['queued']} are queued still")
    if lost and (producer.kills or lost > max(0, dropped)):
        problems.append(f"{producer.name}: {lost} are lost, {dropped} counted as dropped")
    if not producer.kills and lost != dropped:
        problems.append(f"{producer.name}: {dropped} counted as dropped after they were taken in")
    if strange:
        problems.append(f"{producer.name}: came, but was never taken in: {sorted(strange)[:5]}")
    if twice > explained:
        problems.append(f"{producer.name}: {twice} came again, {explained} are explained")
    row = [producer.name, *(stats[name] for name in NAMES), sum(stats["dropped"].values())]
    return [*row, len(taken), len(mine), twice, lost, producer.kills], problems


def show(rows: list[list[Any]]) -> None:
    """The table, right-aligned."""
    heads = [*NAMES, "dropped", "taken", "came", "twice", "lost", "kills"]
    table = [["queue", *heads], *rows]
    for row in table:
        print(f"{row[0]:<10}" + "".join(f"{cell:>11}" for cell in row[1:]))


def main() -> int:
    """Run for the time that was asked for; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--keep", type=Path, help="folder for everything that is written")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="heka-soak-") as temporary:
        return soak(args.seconds, args.seed, args.keep or Path(temporary))


def soak(seconds: float, seed: int, folder: Path) -> int:
    """Make the fleet, make trouble, make the account."""
    print(f"soak of {seconds:.0f} s, --seed {seed}, in {folder}", flush=True)
    servers, producers = fleet(folder)
    trouble = Trouble(seed, servers, producers)
    began = said = time.monotonic()
    while (now := time.monotonic()) - began < seconds:
        time.sleep(0.3)
        trouble.step()
        if now - said >= 5:
            said = now
            total = {name: sum(p.stats.get(name, 0) for p in producers) for name in NAMES}
            came = sum(server.received.serials().total() for server in servers)
            print(
                f"{now - began:6.0f} s: came {came}, "
                + ", ".join(f"{name} {count}" for name, count in total.items())
                + f"; {dict(trouble.happened)}",
                flush=True,
            )
            for producer in producers:
                if producer.process.poll() is not None or producer.problems:
                    print(f"{producer.name}: {producer.problems or 'it has ended'}", flush=True)
                    seconds = 0
    trouble.end()
    for producer in producers:
        producer.finish()
    for server in servers:
        server.stop()
    came = sum((server.received.serials() for server in servers), Counter[Serial]())
    verdicts = [judge(producer, came) for producer in producers]
    show([row for row, _ in verdicts])
    problems = [problem for _, found in verdicts for problem in found]
    print(f"what happened: {dict(trouble.happened)}")
    print("\n".join(problems) or "every account balances, and nothing is lost or doubled uncounted")
    for server in servers:
        server.close()
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())

"""A client in forked processes, pools, threads and tasks."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from compat.support import capturing, messages, read

import heka
from heka.message import first_value

ROOT = Path(heka.__file__).resolve().parent.parent
PATIENCE = 60.0  # seconds; a sanitizer build starts slowly


class Receiver:
    """A UDP socket that keeps the messages it gets."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(PATIENCE)
        self.port: int = self.socket.getsockname()[1]

    def take(self, count: int) -> list[heka.Message]:
        """The next *count* messages."""
        return [read(self.socket.recv(65536))[0].message for _ in range(count)]

    def is_empty(self) -> bool:
        """Whether nothing more has come."""
        self.socket.settimeout(0.2)
        try:
            self.socket.recv(65536)
        except TimeoutError:
            return True
        return False


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.socket.close()


def run(tmp_path: Path, text: str, *args: object) -> str:
    """Run *text* as a program from a file, as multiprocessing requires."""
    program = tmp_path / "program.py"
    program.write_text(text, encoding="utf-8")
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(program), *map(str, args)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


# Loads the application, logs, forks its workers and waits for them: what gunicorn --preload does.
PREFORK = """
import os, sys, threading
from heka.config import client_from_dict_config
from heka.decorators import incr_count
from heka.holder import get_client

client = get_client("app", {"stream": {"class": "heka.streams.UdpStream", "host": "127.0.0.1",
                                       "port": int(sys.argv[1])}})

@incr_count
def handle():
    with client.timer("request"):
        client.info("worker %s", os.getpid())

client.info("master %s", os.getpid())
busy = threading.Thread(target=lambda: [client.info("thread %s", os.getpid()) for _ in range(20)])
busy.start()
workers = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        handle()
        handle()
        os._exit(0)
    workers.append(pid)
busy.join()
for pid in workers:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
print(os.getpid(), *workers)
"""


def test_each_worker_of_a_preloaded_application_sends_its_own(receiver, tmp_path):
    """Each message has the worker's pid and a unique id; none is sent twice or lost."""
    master, *workers = map(int, run(tmp_path, PREFORK, receiver.port).split())

    sent = receiver.take(1 + 20 + 3 * 2 * 3)
    by_pid = Counter(one.pid for one in sent)
    assert by_pid == {master: 21, **dict.fromkeys(workers, 6)}
    for one in sent:
        if one.type == "oldstyle":
            assert one.payload.split() in (
                [word, str(one.pid)] for word in ("master", "worker", "thread")
            )
    assert len({one.uuid for one in sent}) == len(sent)
    assert {one.hostname for one in sent} == {socket.gethostname()}
    assert receiver.is_empty()


POOL = """
import multiprocessing, os, sys
from heka.client import HekaClient
from heka.streams import UdpStream

client = HekaClient(UdpStream("127.0.0.1", int(sys.argv[1])), "app")

def work(number):
    client.incr("work", number)
    return os.getpid()

if __name__ == "__main__":
    client.incr("main")
    with multiprocessing.get_context(sys.argv[2]).Pool(2) as pool:
        pids = pool.map(work, range(10), chunksize=1)
    print(os.getpid(), *pids)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_client_works_in_a_pool(receiver, tmp_path, method):
    main, *pids = map(int, run(tmp_path, POOL, receiver.port, method).split())

    sent = receiver.take(11)
    assert Counter(one.pid for one in sent) == Counter([main, *pids])
    assert sorted(int(one.payload) for one in sent if one.pid != main) == list(range(10))
    assert len({one.uuid for one in sent}) == 11


def test_threads_share_a_client():
    client = capturing()
    client.stream.msgs = deque()  # all of them, not the last hundred
    together = threading.Barrier(8)

    def work(number):
        together.wait(10)
        for step in range(100):
            client.heka("t", payload=f"{number}.{step}", fields={"thread": number})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    sent = messages(client)
    assert len({one.uuid for one in sent}) == 800
    assert {one.payload for one in sent} == {f"{n}.{s}" for n in range(8) for s in range(100)}
    assert all(one.payload.startswith(f"{first_value(one, 'thread')}.") for one in sent)


def test_tasks_keep_their_own_context_and_timers():
    """The context of one task is not in the messages of an interleaved task."""
    client = capturing()

    async def handle(number: int) -> int:
        with heka.context(request=number), client.timer("request") as timer:
            await asyncio.sleep(0.001 * (5 - number))
            client.info("in %s", number)
            await asyncio.sleep(0)
        return timer.result

    async def main() -> list[int]:
        return await asyncio.gather(*map(handle, range(5)))

    results = asyncio.run(main())

    sent = messages(client)
    lines = [one for one in sent if one.type == "oldstyle"]
    assert all(one.payload == f"in {first_value(one, 'request')}" for one in lines)
    assert {first_value(one, "request") for one in lines} == set(range(5))
    timed = {first_value(one, "request"): int(one.payload) for one in sent if one.type == "timer"}
    assert [timed[number] for number in range(5)] == results

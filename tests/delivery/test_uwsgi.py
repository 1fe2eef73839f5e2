"""Queues in a server that forks without telling Python, and keeps the GIL: uWSGI.

Both properties are simulated without uWSGI: ``fork()`` of the C library, after which no handler of
``os.register_at_fork`` runs, and the module ``uwsgi``.
"""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

import heka

FORK_WITHOUT_HOOKS = """
import ctypes, os, sys
from heka.client import HekaClient
client = HekaClient(sys.argv[1] + sys.argv[3], "app")
if sys.argv[2] == "used":
    client.info("parent")
    assert client.flush(10)
child = ctypes.PyDLL(None).fork()
if child == 0:
    for number in range(3):
        client.info("child %s", number)
    flushed = client.flush(10)
    account = client.stats()
    os._exit(0 if flushed and account["offered"] == account["sent"] == 3 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""

UWSGI = """
import sys, threading, types
sys.modules["uwsgi"] = types.ModuleType("uwsgi")
sys.modules["uwsgi"].opt = {sys.argv[2]: True}
from heka.client import HekaClient
client = HekaClient(sys.argv[1] + "?queue=1", "app")
client.info("request")
print([thread.name[:10] for thread in threading.enumerate()][1:])
assert client.flush(10)
"""


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        yield listening


def run(script: str, server: socket.socket, *arguments: str) -> str:
    url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    command = [sys.executable, "-c", script, url, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def payloads(server: socket.socket) -> list[str]:
    """Return the payloads received on the next connection."""
    connection, _ = server.accept()
    with connection:
        connection.settimeout(10)
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    return [frame.message.payload for frame in heka.StreamReader().feed(data)]


@pytest.fixture(params=["memory", "spool"])
def query(request, tmp_path):
    """The options of a queue in memory, and on disk."""
    return "?queue=1" if request.param == "memory" else f"?spool={tmp_path / 'spool'}"


def test_a_child_forked_without_hooks_sends_what_it_logs(server, query):
    run(FORK_WITHOUT_HOOKS, server, "unused", query)

    assert payloads(server) == ["child 0", "child 1", "child 2"]


def test_such_a_child_leaves_its_parents_connection_alone(server, query):
    run(FORK_WITHOUT_HOOKS, server, "used", query)

    assert payloads(server) == ["parent"]
    assert payloads(server) == ["child 0", "child 1", "child 2"]


@pytest.mark.parametrize(
    ("option", "threads"),
    [
        pytest.param("master", [], id="without-threads"),
        pytest.param("enable-threads", ["heka-queue"], id="enable-threads"),
        pytest.param("threads", ["heka-queue"], id="threads"),
    ],
)
def test_uwsgi_that_runs_no_threads_is_asked_for_none(server, option, threads):
    printed = run(UWSGI, server, option)

    assert printed.strip() == repr(threads)
    assert payloads(server) == ["request"]

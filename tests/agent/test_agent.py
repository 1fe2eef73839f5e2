"""The agent as a process between real sockets: forwarding, crash, reload, the end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from delivery.support import PATIENCE, wait_until

from heka._core import pack
from heka.framing import BlockReader


class Peer:
    """A receiver that keeps the payloads it gets; ``close`` and ``open`` are its outage."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self.uuids: list[bytes] = []
        self.port = 0
        self.open()

    def open(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._run, args=(self._listening,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(PATIENCE)

    def _run(self, listening: socket.socket) -> None:
        while True:
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            with sock:
                reader = BlockReader()
                while data := sock.recv(65_536):
                    for block in reader.feed(data):
                        self.payloads += block.column("payload")
                        self.uuids += [frame.message.uuid for frame in block]


class Process:
    """One ``heka agent run``."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.process = subprocess.Popen(
            [sys.executable, "-m", "heka", "agent", "run", str(config)],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        wait_until(lambda: self.has("control socket") or self.process.poll() is not None)

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(iter(self.process.stderr.readline, ""))

    def has(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def connect(self, name: str = "TcpInput") -> socket.socket:
        [line] = [line for line in self.lines if f"{name}: listening on" in line][-1:]
        host, _, port = line.split()[-1].rpartition(":")
        return socket.create_connection((host, int(port)), PATIENCE)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def dispose(self) -> None:
        """End it if it runs, and close its pipe."""
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
        self._thread.join(PATIENCE)
        assert self.process.stderr is not None
        self.process.stderr.close()


class Site:
    """A configuration with one input and one output, and what it needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.peer = Peer()
        self.config = folder / "agent.toml"
        self.processes: list[Process] = []
        self.write()

    def write(self, more: str = "", match: str = "TRUE", buffering: str = "") -> None:
        self.config.write_text(
            f"""
            [agent]
            base_dir = {json.dumps(str(self.folder / "base"))}
            report_interval = 0
            stop_timeout = 5
            [TcpInput]
            address = "127.0.0.1:0"
            [forward]
            type = "TcpOutput"
            address = "127.0.0.1:{self.peer.port}"
            message_matcher = "{match}"
            [forward.retries]
            max_delay = 0.1
            {buffering}
            {more}
            """
        )

    def start(self) -> Process:
        self.processes.append(Process(self.config))
        return self.processes[-1]

    def heka(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "heka", "agent", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def section(self, name: str) -> dict[str, Any]:
        reply = json.loads(self.heka("status", "--json", str(self.config)).stdout)
        [found] = [section for section in reply["sections"] if section["name"] == name]
        return dict(found)

    def close(self) -> None:
        for one in self.processes:
            one.dispose()
        self.peer.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def frames(first: int, last: int) -> bytes:
    return b"".join(pack(payload=str(number)) for number in range(first, last))


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last)]


def test_what_was_accepted_survives_a_kill_while_the_destination_is_down(site: Site) -> None:
    site.peer.close()
    agent = site.start()
    with agent.connect() as sock:
        sock.sendall(frames(0, 5000))
        wait_until(lambda: site.section("TcpInput")["in"] == 5000, "5000 messages")
    assert site.section("forward")["waiting"] == 5000
    assert agent.end(signal.SIGKILL) == -signal.SIGKILL

    site.peer.open()
    agent = site.start()
    with agent.connect() as sock:
        sock.sendall(frames(5000, 5100))
        wait_until(lambda: "5099" in site.peer.payloads, "the last message")
    assert site.peer.payloads == numbers(0, 5100)
    assert agent.end() == 0


def test_a_stop_delivers_what_waits_and_leaves_the_rest_on_disk(site: Site) -> None:
    agent = site.start()
    with agent.connect() as sock:
        sock.sendall(frames(0, 1000))
        wait_until(lambda: site.section("TcpInput")["in"] == 1000, "1000 messages")
    assert site.heka("stop", str(site.config)).returncode == 0
    assert agent.process.wait(PATIENCE) == 0
    assert site.peer.payloads == numbers(0, 1000)
    assert not os.path.exists(site.folder / "base" / "agent.sock")

    site.peer.close()
    site.write("", buffering="")
    config = site.config.read_text().replace("stop_timeout = 5", "stop_timeout = 0.1")
    site.config.write_text(config)
    agent = site.start()
    with agent.connect() as sock:
        sock.sendall(frames(1000, 1010))
        wait_until(lambda: site.section("TcpInput")["in"] == 10, "10 messages")
    assert agent.end() == 0
    assert agent.has("10 messages stay in its queue on disk")
    site.peer.open()
    site.start()
    wait_until(lambda: len(site.peer.payloads) == 1010, "the rest")
    assert site.peer.payloads == numbers(0, 1010)
    assert len(set(site.peer.uuids)) == 1010


def test_a_reload_replaces_what_changed_and_loses_nothing(site: Site) -> None:
    agent = site.start()
    with agent.connect() as sock:
        sock.sendall(frames(0, 100))
        wait_until(lambda: len(site.peer.payloads) == 100, "100 messages")
        path = site.folder / "copy.log"
        site.write(
            f"""
            [copy]
            type = "FileOutput"
            path = {json.dumps(str(path))}
            encoder = "PayloadEncoder"
            message_matcher = "Payload == '150'"
            """,
            match="Payload != '120'",
        )
        reply = site.heka("reload", str(site.config))
        assert (reply.returncode, reply.stdout) == (0, "copy (new), forward (changed)\n")
        sock.sendall(frames(100, 200))  # over the connection of before: the input was kept
        wait_until(lambda: "199" in site.peer.payloads, "the last message")
        assert site.peer.payloads == numbers(0, 120) + numbers(121, 200)
        wait_until(lambda: path.exists() and path.read_text() == "150\n", "the copy")

        agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: agent.has("nothing has changed"), "the reload by signal")
    assert agent.end() == 0


def test_a_wrong_configuration_changes_nothing(site: Site) -> None:
    agent = site.start()
    taken = site.peer.port
    site.write(f'[second]\ntype = "TcpInput"\naddress = "127.0.0.1:{taken}"\n')
    reply = site.heka("reload", str(site.config))
    assert reply.returncode == 1
    assert "second: cannot start: Address already in use" in reply.stderr
    site.config.write_text(site.config.read_text().replace("TRUE", "Severty < 3"))
    reply = site.heka("reload", str(site.config))
    assert reply.returncode == 1
    with agent.connect() as sock:
        sock.sendall(frames(0, 10))
        wait_until(lambda: len(site.peer.payloads) == 10, "10 messages")
    assert agent.end() == 0


def test_a_reload_opens_a_queue_anew_whose_settings_change(site: Site) -> None:
    site.peer.close()
    agent = site.start()
    with agent.connect() as sock:
        sock.sendall(frames(0, 500))
        wait_until(lambda: site.section("forward")["waiting"] == 500, "500 messages")
        site.write(buffering='[forward.buffering]\nmax_buffer_size = "2 MiB"\nmin_free = 0')
        reply = site.heka("reload", str(site.config))
        assert (reply.returncode, reply.stdout) == (0, "forward (changed)\n")
        assert site.section("forward")["waiting"] == 500

        bad = site.folder / "file"
        bad.touch()
        site.write(buffering=f"[forward.buffering]\ndirectory = {json.dumps(str(bad))}")
        reply = site.heka("reload", str(site.config))
        assert reply.returncode == 1
        assert f"forward: cannot open its queue: File exists: {str(bad)!r}" in reply.stderr
        assert site.section("forward")["waiting"] == 500

        sock.sendall(frames(500, 510))
        site.peer.open()
        wait_until(lambda: len(site.peer.payloads) == 510, "all messages")
    assert site.peer.payloads == numbers(0, 510)
    assert agent.end() == 0


def test_a_plugin_with_a_fault_ends_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    package = site.folder / "faulty"
    (package / "faulty-1.dist-info").mkdir(parents=True)
    (package / "faulty-1.dist-info" / "METADATA").write_text("Name: faulty\nVersion: 1\n")
    (package / "faulty-1.dist-info" / "entry_points.txt").write_text(
        "[heka.agent]\nFaultyInput = faulty:FaultyInput\n"
    )
    (package / "faulty.py").write_text(
        """
import os
from dataclasses import dataclass

@dataclass(frozen=True)
class Options:
    pass

class FaultyInput:
    Options = Options
    def __init__(self, name, options, feed):
        if os.path.exists(os.environ["FAULTY"]):
            raise KeyError("made")
    def start(self):
        pass
    def stop(self, deadline):
        raise KeyError("stopped")
    def account(self):
        raise KeyError("counted")
"""
    )
    switch = site.folder / "switch"
    monkeypatch.setenv("PYTHONPATH", str(package))
    monkeypatch.setenv("FAULTY", str(switch))
    agent = site.start()
    with agent.connect() as sock:
        switch.touch()
        site.write("[FaultyInput]")
        reply = site.heka("reload", str(site.config))
        assert reply.returncode == 1
        assert "FaultyInput: cannot be made: KeyError('made')" in reply.stderr
        switch.unlink()
        assert site.heka("reload", str(site.config)).returncode == 0
        assert site.section("FaultyInput")["error"] == "KeyError('counted')"
        site.write()
        assert site.heka("reload", str(site.config)).returncode == 0
        wait_until(lambda: agent.has("FaultyInput raised KeyError('stopped')"), "the report")
        sock.sendall(frames(0, 10))
        wait_until(lambda: len(site.peer.payloads) == 10, "10 messages")
    assert agent.end() == 0


def test_the_pid_file_stands_while_the_agent_runs(site: Site) -> None:
    path = site.folder / "pid"
    text = site.config.read_text().replace("report_interval = 0", f'pid_file = "{path}"')
    site.config.write_text(text)
    agent = site.start()
    assert path.read_text() == f"{agent.process.pid}\n"
    assert agent.end() == 0
    assert not path.exists()


def test_a_full_queue_pauses_its_input_until_there_is_room(site: Site) -> None:
    site.peer.close()
    site.write(buffering='[forward.buffering]\nmax_buffer_size = "1 MiB"')
    agent = site.start()
    data = frames(0, 1000)
    with agent.connect() as sock:
        sent = 0
        sock.settimeout(0.5)
        try:
            while sent < 200 * len(data):
                sent += sock.send(data[sent % len(data) :])
        except TimeoutError:
            pass
        assert sent < 200 * len(data), "the agent reads on"
        assert site.section("TcpInput")["paused"] > 0
        site.peer.open()
        sock.settimeout(PATIENCE)
        sock.sendall(data[sent % len(data) :])
        expected = numbers(0, 1000) * (sent // len(data) + 1)
        wait_until(lambda: len(site.peer.payloads) >= len(expected), "all messages")
    assert site.peer.payloads == expected
    assert agent.end() == 0


def test_two_agents_do_not_share_a_directory(site: Site) -> None:
    agent = site.start()
    second = site.heka("run", str(site.config))
    assert second.returncode == 1
    assert f"in use by another agent (pid {agent.process.pid})" in second.stderr
    assert agent.end() == 0


def test_without_a_file(site: Site) -> None:
    base = str(site.folder / "other")
    urls = ["--from", "tcp://127.0.0.1:0", "--to", f"tcp://127.0.0.1:{site.peer.port}"]
    command = [sys.executable, "-m", "heka", "agent", *urls, "--base-dir", base]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        port = int(line.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
            sock.sendall(frames(0, 10))
            wait_until(lambda: len(site.peer.payloads) == 10, "10 messages")
        process.terminate()
        assert process.wait(PATIENCE) == 0

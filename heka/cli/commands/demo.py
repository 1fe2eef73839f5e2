"""``python -m heka demo``: a receiver, another process that logs to it, and what arrives.

Takes no port and no file that could be somebody else's, ends by itself within seconds, and checks
what it shows: its exit code says whether every message arrived as it was sent.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import heka
from heka._receiving import endpoint
from heka._receiving.receiver import Event, Received, Receiver
from heka.cli.commands.demo_messages import KEY, SAMPLES, SIGNER, SIGNER_VERSION, Sample
from heka.cli.errors import listening
from heka.cli.show.account import spoken, summary
from heka.cli.show.escape import visible
from heka.cli.show.printer import Printer
from heka.cli.show.terminal import prepare_stdout, style_for

SUMMARY: Final = "send messages from one process to another and show them arrive"

_PATIENCE: Final = 15.0  # seconds for everything; a cold start of Python is the most of it
_GRACE: Final = 0.5  # seconds after the sender's end in which the kernel must hand over the rest
_TURN: Final = 0.1  # seconds between two looks at the sender


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``demo`` has no options."""


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 when everything arrived as sent, else 1 and what was wrong."""
    out = prepare_stdout()
    style = style_for(out)
    receiver = Receiver(signers={(SIGNER, SIGNER_VERSION): KEY})
    printer = Printer(out, style, out, style, checked=receiver.checked)
    received: list[Received] = []

    def show(events: list[Event]) -> None:
        # Two transports have no common order but the senders' clock.
        messages = [event for event in events if isinstance(event, Received)]
        messages.sort(key=lambda event: event.message.timestamp)
        received.extend(messages)
        printer.show(messages)
        printer.show(event for event in events if not isinstance(event, Received))

    try:
        ports = []
        names = []
        for transport, open_ in (("udp", endpoint.listen_udp), ("tcp", endpoint.listen_tcp)):
            with listening(transport, "127.0.0.1:0"):
                sock = open_("127.0.0.1", 0)
            ports.append(str(sock.getsockname()[1]))
            names.append(receiver.add(sock))
        with _start_sender(ports) as sender:
            try:
                out.write(
                    f"Listening on {' and '.join(names)}; "
                    f"another process, pid {sender.pid}, sends.\n\n"
                )
                failure = _drive(receiver, sender, show)
            finally:
                sender.kill()
        show(receiver.close())
    finally:
        receiver.close()
    out.write("\n")
    problems = ([failure] if failure else []) + _differences(received, receiver)
    if problems:
        for problem in problems:
            out.write(style.paint("bad", f"demo: {problem}") + "\n")
    else:
        expected = sum(sample.refused is None for sample in SAMPLES)
        out.write(
            style.paint(
                "good",
                f"All {expected} messages arrived as they were sent, "
                "and the forged one was refused.",
            )
            + "\n"
        )
    out.write(style.paint("dim", summary(receiver.tally)) + "\n")
    if not problems:
        out.write(
            style.paint("dim", "Next: 'python -m heka listen' shows what your own programs send.")
            + "\n"
        )
    return 1 if problems else 0


def _start_sender(ports: list[str]) -> subprocess.Popen[str]:
    """Start the other process with this very package, installed or not."""
    root = str(Path(heka.__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", "heka.cli.commands.demo_sender", *ports],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        cwd=root,  # -m looks there first, and the caller's directory may hold another heka
        env={**os.environ, "PYTHONPATH": path},
    )


def _drive(
    receiver: Receiver, sender: subprocess.Popen[str], show: Callable[[list[Event]], None]
) -> str | None:
    """Show what arrives until all is there, or cannot come any more; what the sender died of."""
    deadline = time.monotonic() + _PATIENCE
    ended = False
    while time.monotonic() < deadline:
        show(receiver.poll(_TURN))
        if receiver.tally.messages + receiver.tally.refused.total() >= len(SAMPLES):
            break
        if not ended and sender.poll() is not None:
            ended = True
            deadline = min(deadline, time.monotonic() + _GRACE)
    try:
        code = sender.wait(max(deadline - time.monotonic(), _GRACE))
    except subprocess.TimeoutExpired:
        return f"the sending process did not end within {_PATIENCE:.0f} seconds"
    if code == 0 or sender.stderr is None:
        return None
    last = sender.stderr.read().strip().rpartition("\n")[2]
    return f"the sending process ended with {code}: {visible(last)}"


def _differences(received: list[Received], receiver: Receiver) -> list[str]:
    """A sentence for each message that did not fare as its sample says."""
    problems = []
    refused = receiver.tally.refused.copy()
    by_type = {event.message.type: event for event in received}
    for sample in SAMPLES:
        event = by_type.get(sample.type)
        if sample.refused is not None:
            if event is not None:
                problems.append(f"{sample.type} was delivered, and should have been refused")
            elif not refused[sample.refused]:
                problems.append(f"{sample.type} was not refused as {spoken(sample.refused)}")
            refused[sample.refused] -= 1
        elif event is None:
            problems.append(f"{sample.type} did not arrive")
        else:
            problems += (
                f"{sample.type} arrived with another {part}" for part in _altered(sample, event)
            )
    return problems


def _altered(sample: Sample, event: Received) -> list[str]:
    """Which parts of a message are not as they were sent."""
    sent, got = sample.message(), event.message
    signer = None if sample.key is None else SIGNER
    return [
        part
        for part, same in (
            ("logger", sent.logger == got.logger),
            ("severity", sent.severity == got.severity),
            ("payload", sent.payload == got.payload),
            ("set of fields", sent.fields == got.fields),
            ("signer", event.signer == signer),
        )
        if not same
    ]

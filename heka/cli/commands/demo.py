"""``python -m heka demo``: start a receiver and a process that logs to it, and show what arrives.

Uses free ports and no files, ends within seconds, and checks what it shows: the exit code is 0 when
every message arrived as it was sent.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import heka
from heka._core import monotonic
from heka._display.escape import visible
from heka._display.style import style_for
from heka._receiving import endpoint
from heka._receiving.receiver import Event, Received, Receiver
from heka.cli.commands.demo_messages import KEY, SAMPLES, SIGNER, SIGNER_VERSION, Sample
from heka.cli.errors import listening
from heka.cli.show.account import reason_text, summary
from heka.cli.show.printer import Printer
from heka.cli.show.terminal import prepare_stdout

_TIMEOUT: Final = 15.0  # seconds for the demo; most of it is for starting Python
_DRAIN_TIME: Final = 0.5  # seconds to receive what is in the kernel after the sender has ended
_POLL_TIME: Final = 0.1  # seconds between two checks of the sender


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``demo`` has no options."""


def run(args: argparse.Namespace) -> int:
    """Run the demo; return 0 when everything arrived as sent, else print why and return 1."""
    out = prepare_stdout()
    style = style_for(out)
    receiver = Receiver(signers={(SIGNER, SIGNER_VERSION): KEY})
    printer = Printer(out, style, out, style, checked=receiver.checked)
    received: list[heka.Frame] = []

    def show(events: list[Event]) -> None:
        # The timestamps are the only order across two transports.
        frames = [
            (frame, event.origin)
            for event in events
            if isinstance(event, Received)
            for frame in event.block
        ]
        frames.sort(key=lambda found: found[0].message.timestamp)
        received.extend(frame for frame, _ in frames)
        printer.show_frames(frames)
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
    """Start the sending process with this package, installed or not."""
    root = str(Path(heka.__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", "heka.cli.commands.demo_sender", *ports],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        cwd=root,  # -m looks here first: the caller's directory may have another heka
        env={**os.environ, "PYTHONPATH": path},
    )


def _drive(
    receiver: Receiver, sender: subprocess.Popen[str], show: Callable[[list[Event]], None]
) -> str | None:
    """Show what arrives until all is there or time is up; return the sender's error, if any."""
    deadline = monotonic() + _TIMEOUT
    ended = False
    while monotonic() < deadline:
        show(receiver.poll(_POLL_TIME))
        if receiver.tally.messages + receiver.tally.refused.total() >= len(SAMPLES):
            break
        if not ended and sender.poll() is not None:
            ended = True
            deadline = min(deadline, monotonic() + _DRAIN_TIME)
    try:
        code = sender.wait(max(deadline - monotonic(), _DRAIN_TIME))
    except subprocess.TimeoutExpired:
        return f"the sending process did not end within {_TIMEOUT:.0f} seconds"
    if code == 0 or sender.stderr is None:
        return None
    last = sender.stderr.read().strip().rpartition("\n")[2]
    return f"the sending process ended with {code}: {visible(last)}"


def _differences(received: list[heka.Frame], receiver: Receiver) -> list[str]:
    """Return a sentence for each message that was not received as its sample says."""
    problems = []
    refused = receiver.tally.refused.copy()
    by_type = {frame.message.type: frame for frame in received}
    for sample in SAMPLES:
        frame = by_type.get(sample.type)
        if sample.refused is not None:
            if frame is not None:
                problems.append(f"{sample.type} was delivered, but should have been refused")
            elif not refused[sample.refused]:
                problems.append(f"{sample.type} was not refused as {reason_text(sample.refused)}")
            refused[sample.refused] -= 1
        elif frame is None:
            problems.append(f"{sample.type} did not arrive")
        else:
            problems += (
                f"{sample.type} arrived with a different {part}" for part in _altered(sample, frame)
            )
    return problems


def _altered(sample: Sample, frame: heka.Frame) -> list[str]:
    """Return the names of the parts of a message that differ from what was sent."""
    sent, got = sample.message(), frame.message
    signer = None if sample.key is None else SIGNER
    return [
        part
        for part, same in (
            ("logger", sent.logger == got.logger),
            ("severity", sent.severity == got.severity),
            ("payload", sent.payload == got.payload),
            ("set of fields", sent.fields == got.fields),
            ("signer", frame.signer == signer),
        )
        if not same
    ]

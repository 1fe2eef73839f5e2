"""``python -m heka bench``, also ``mb``: measure how many messages per second are sent."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import time
from collections.abc import Callable
from typing import Final

from heka._display.escape import counted
from heka._display.style import style_for
from heka.cli.commands.load import TYPE, Account, Load, load_from, load_to
from heka.cli.errors import CommandError
from heka.cli.show.account import reasons
from heka.cli.show.meter import Meter, Reading, meter_for, per_second, size
from heka.cli.show.terminal import prepare_stdout, stop_signals

_EPILOG: Final = """\
what is sent:
  Messages of type MBTEST, sent to HOST over UDP by an ordinary HekaClient.
  --raw uses no client: it sends one frame, made beforehand, again and again.
  --hekacfg uses the client that section [heka] of an INI file configures, with
  its stream, filters and signer.

what is counted:
  Messages that the kernel accepted. UDP does not report losses on the way:
  compare the count with that of the receiver, for instance of
  'python -m heka listen'.

examples:
  python -m heka bench localhost 5565 --duration 5
  python -m heka bench 192.0.2.7 5565 --rate 20000
  python -m heka bench --hekacfg app.ini

Without --duration, Ctrl-C ends the run.
Exit codes: 0 when messages were sent, 1 when none was sent.
"""
_BATCH_MAX: Final = 1024  # most messages between two reads of the clock
_BATCH_TIME: Final = 0.002  # seconds that a batch should take
_SLEEP_MAX: Final = 0.05  # seconds; a signal is noticed within this time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``bench``."""
    parser.epilog = _EPILOG
    parser.set_defaults(usage_error=parser.error)
    parser.add_argument(
        "host", metavar="HOST", nargs="?", help="host name or address of the receiver"
    )
    parser.add_argument("port", metavar="PORT", nargs="?", type=_port, help="its UDP port")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--hekacfg", metavar="INI", help="use the client that this file configures")
    how.add_argument("--raw", action="store_true", help="send one frame, without a client")
    parser.add_argument(
        "--rate", metavar="N", type=_positive, help="messages per second (default: no limit)"
    )
    parser.add_argument(
        "--duration",
        metavar="S",
        type=_positive,
        help="stop after S seconds (default: run until Ctrl-C)",
    )


def run(args: argparse.Namespace) -> int:
    """Send until the duration is over or a signal comes; return 0 when messages were sent.

    Raises:
        CommandError: The receiver or the configuration cannot be used, or nothing was sent.
    """
    out = prepare_stdout()
    err_style = style_for(sys.stderr)

    def note(text: str) -> None:
        print(err_style.paint("warn", f"note: {text}"), file=sys.stderr, flush=True)

    load = _open(args, note)
    try:
        with stop_signals(lambda: None) as stopped:
            print(
                err_style.paint("dim", f"sending to {load.name}"),
                file=sys.stderr,
                flush=True,
            )
            with meter_for(sys.stderr) as meter:
                elapsed, busy = _drive(load, meter, stopped, args.rate, args.duration)
        account = load.account()
    finally:
        load.close()
    if account.sent == 0 and not account.dropped:
        raise CommandError(
            f"no message was sent to {load.name}: its filters drop what bench sends, messages of "
            f"type {TYPE}; remove them for the benchmark"
        )
    if account.sent == 0:
        raise CommandError(
            f"no message was sent to {load.name}{reasons(account.dropped)}; start a receiver "
            "there, for instance 'python -m heka listen'"
        )
    style = style_for(out)
    for text, colour in _summary(account, elapsed, busy, args.rate):
        print(style.paint(colour, text), file=out)
    return 0


def _open(args: argparse.Namespace, note: Callable[[str], None]) -> Load:
    """Return the load that the arguments ask for."""
    if args.hekacfg is not None:
        load, warnings = load_from(args.hekacfg)
        if args.host is not None:
            warnings.append(f"HOST and PORT are ignored: messages go where {args.hekacfg} says")
    else:
        if args.port is None:
            args.usage_error("HOST and PORT are required without --hekacfg")  # exits with 2
        load, warnings = load_to(args.host, args.port, raw=args.raw)
    for warning in warnings:
        note(warning)
    return load


def _drive(
    load: Load,
    meter: Meter,
    stopped: Callable[[], bool],
    rate: float | None,
    duration: float | None,
) -> tuple[float, float]:
    """Send until *duration* is over or *stopped*; return elapsed seconds, and those in the load."""
    offered = 0
    batch = 1
    busy = 0.0
    start = time.perf_counter()
    end = math.inf if duration is None else duration
    while not stopped():
        began = time.perf_counter() - start
        if began >= end:
            break
        if meter.due(began):
            account = load.account()
            lost = account.dropped.total()
            meter.read(Reading(began, account.sent, lost, account.bytes, duration))
        count = batch
        if rate is not None:
            # The first message at once, the n-th after n/rate seconds: never earlier.
            due = int(began * rate) + 1 - offered
            if due <= 0:
                next_in = offered / rate - began
                time.sleep(max(min(next_in, end - began, _SLEEP_MAX), 0.0))
                continue
            count = min(count, due)
        load.send(count)
        offered += count
        took = time.perf_counter() - start - began
        busy += took
        if took > _BATCH_TIME:
            batch = max(batch // 2, 1)
        elif count == batch:
            batch = min(batch * 2, _BATCH_MAX)
    return time.perf_counter() - start, busy


def _summary(
    account: Account, elapsed: float, busy: float, rate: float | None
) -> list[tuple[str, str]]:
    """Return the lines of the summary, each with its colour."""
    lost = account.dropped.total()
    a_second = account.sent / elapsed
    lines = [
        (
            f"{counted(account.sent, 'message')} in {elapsed:,.1f} s: "
            f"{per_second(a_second)} per second, {size(account.bytes / elapsed)}/s, "
            f"{busy / (account.sent + lost) * 1e6:,.1f} us each",
            "strong",
        ),
        (f"{lost:,} not sent{reasons(account.dropped)}", "bad" if lost else "dim"),
    ]
    if account.dropped["refused"]:
        lines.append(("refused: nothing listens there; start 'python -m heka listen'", "warn"))
    if rate is not None and account.sent + lost < 0.95 * rate * elapsed - 1:
        lines.append(
            (f"the requested rate of {per_second(rate)} per second was not reached", "warn")
        )
    return lines


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdecimal() else 0
    if not 1 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, got {text!r}")
    return port


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        number = float(text)
        if 0 < number < math.inf:
            return number
    raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")

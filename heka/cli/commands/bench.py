"""``python -m heka bench``, also ``mb``: how many messages a second go out."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import time
from collections.abc import Callable
from typing import Final

from heka.cli.commands.load import TYPE, Account, Load, load_from, load_to
from heka.cli.errors import CommandError
from heka.cli.show.account import reasons
from heka.cli.show.escape import counted
from heka.cli.show.meter import Meter, Reading, meter_for, per_second, size
from heka.cli.show.terminal import prepare_stdout, stop_signals, style_for

SUMMARY: Final = "send messages as fast as they go, and say how fast that is"

_EPILOG: Final = """\
what is sent:
  Messages of type MBTEST to HOST over UDP, by a client as a program would use it. --raw leaves the
  client out: one frame, made beforehand, in datagrams. --hekacfg takes the client that the section
  [heka] of an INI file describes, with its stream, its filters and its signature.

what is counted:
  What the kernel took. UDP tells nobody what got lost on the way: compare with the receiver's own
  account, of 'python -m heka listen' for instance.

examples:
  python -m heka bench localhost 5565 --duration 5
  python -m heka bench 192.0.2.7 5565 --rate 20000
  python -m heka bench --hekacfg app.ini

Without --duration, Ctrl-C ends the run. Exit codes: 0 when messages went out, 1 when none did.
"""
_BATCH_MAX: Final = 1024  # messages between two looks at the clock
_BATCH_TIME: Final = 0.002  # seconds that a batch should take
_NAP: Final = 0.05  # seconds; a signal is heeded at least as often


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``bench``."""
    parser.epilog = _EPILOG
    parser.set_defaults(misused=parser.error)
    parser.add_argument("host", metavar="HOST", nargs="?", help="name or address of the receiver")
    parser.add_argument("port", metavar="PORT", nargs="?", type=_port, help="its UDP port")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--hekacfg", metavar="INI", help="send by the client that this file describes instead"
    )
    how.add_argument("--raw", action="store_true", help="send one frame without a client")
    parser.add_argument(
        "--rate", metavar="N", type=_positive, help="messages a second (default: all that go)"
    )
    parser.add_argument(
        "--duration", metavar="S", type=_positive, help="end after S seconds (default: Ctrl-C)"
    )


def run(args: argparse.Namespace) -> int:
    """Send until the time is over, Ctrl-C or SIGTERM; 0 when anything went out.

    Raises CommandError when there is nowhere to send to, or nothing was taken.
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
            f"nothing went out to {load.name}: its filters hold back what bench sends, messages of "
            f"type {TYPE}; leave them out for the run"
        )
    if account.sent == 0:
        raise CommandError(
            f"nothing went out to {load.name}{reasons(account.dropped)}; start a receiver there, "
            "'python -m heka listen' for instance"
        )
    style = style_for(out)
    for text, colour in _summary(account, elapsed, busy, args.rate):
        print(style.paint(colour, text), file=out)
    return 0


def _open(args: argparse.Namespace, note: Callable[[str], None]) -> Load:
    """What the arguments ask for."""
    if args.hekacfg is not None:
        load, warnings = load_from(args.hekacfg)
        if args.host is not None:
            warnings.append(f"messages go where {args.hekacfg} says, not to {args.host}")
    else:
        if args.port is None:
            args.misused("HOST and PORT are required without --hekacfg")  # ends with 2
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
    """Send until *duration* is over or it is *stopped*; seconds in all, and seconds in the load."""
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
            # One at once, the n-th after n/rate seconds: never ahead of time.
            owed = int(began * rate) + 1 - offered
            if owed <= 0:
                next_in = offered / rate - began
                time.sleep(max(min(next_in, end - began, _NAP), 0.0))
                continue
            count = min(count, owed)
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
    """The last words, each line with its colour."""
    lost = account.dropped.total()
    a_second = account.sent / elapsed
    lines = [
        (
            f"{counted(account.sent, 'message')} in {elapsed:,.1f} s: "
            f"{per_second(a_second)} a second, {size(account.bytes / elapsed)}/s, "
            f"{busy / (account.sent + lost) * 1e6:,.1f} us each",
            "strong",
        ),
        (f"{lost:,} not sent{reasons(account.dropped)}", "bad" if lost else "dim"),
    ]
    if account.dropped["refused"]:
        lines.append(("refused: nobody listens there; 'python -m heka listen' would", "warn"))
    if rate is not None and account.sent + lost < 0.95 * rate * elapsed - 1:
        lines.append((f"{per_second(rate)} a second were asked for", "warn"))
    return lines


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdecimal() else 0
    if not 1 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"expected a port of 1 to 65535, got {text!r}")
    return port


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        number = float(text)
        if 0 < number < math.inf:
            return number
    raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")

"""``python -m heka doctor``: the order of the checks, their lines, and the exit code."""

from __future__ import annotations

import argparse
import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Final

from heka._display.escape import counted, visible
from heka._display.style import Style, style_for
from heka._net.addresses import Address
from heka._secrets import masked
from heka.cli.commands.doctor.destination import chosen, described, misconfigured, parse_url
from heka.cli.commands.doctor.disk import file_lines, spool_lines
from heka.cli.commands.doctor.environment import variables, versions
from heka.cli.commands.doctor.lines import STEPS, Budget, Line, problem
from heka.cli.commands.doctor.network import datagram_lines, stream_lines
from heka.cli.commands.doctor.probe import probe_lines
from heka.cli.show.terminal import prepare_stdout
from heka.exceptions import ConfigError

_EPILOG: Final = """\
Each line is 'ok', 'warning' or 'problem'; what is not ok ends in what to do
about it. Secrets are never shown. Nothing is sent but an empty datagram over
UDP, unless --send is given; no file or directory is made.

exit code: 0 without a problem, 1 with one, 2 for wrong usage

examples:
  python -m heka doctor
  python -m heka doctor tls://logs.example.org:5565?ca=ca.pem
  python -m heka doctor --send tcp://localhost:5565
"""
_LEVELS: Final = {"ok": "good", "warning": "warn", "problem": "bad"}
_SUBJECT: Final = 13  # columns of the second word of a line
_LEAD: Final = " " * (9 + _SUBJECT)
_TIMEOUT: Final = 3.0
_TIMEOUT_MAX: Final = 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        type=_url,
        help="the destination; by default $HEKA_TO, else udp://localhost:5565",
    )
    parser.add_argument(
        "--send",
        action="store_true",
        help="also send two messages of type heka.probe, as programs send",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=_TIMEOUT,
        metavar="SECONDS",
        help=f"for each step (default {_TIMEOUT:g}); all together take {STEPS} times that at most",
    )


def run(args: argparse.Namespace) -> int:
    """Print the lines, and return the exit code."""
    out = prepare_stdout()
    style = style_for(out)
    counts: Counter[str] = Counter()
    for line in _lines(args.url, args.timeout, send=args.send):
        counts[line.level] += 1
        print(_formatted(line, style), file=out, flush=True)
    print(_summary(counts, style), file=out)
    return 1 if counts["problem"] else 0


def _url(text: str) -> str:
    try:
        parse_url(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(masked(str(error))) from None
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(
            f"expected seconds, more than 0 and at most {_TIMEOUT_MAX:g}, got {text!r}"
        )
    return seconds


def _lines(url: str | None, timeout: float, *, send: bool) -> Iterator[Line]:
    text, source = chosen(url)
    try:
        address = parse_url(text)
    except ConfigError as error:
        yield versions(tls=False)
        yield from variables()
        yield misconfigured(error)
        return
    yield versions(tls=address.tls is not None)
    yield from variables()
    yield from described(address, source)
    budget = Budget(timeout)
    yield from _checks(address, budget)
    if send:
        yield from probe_lines(address, budget)
    if budget.is_over:
        yield problem(
            "time",
            f"the {STEPS * timeout:g} s of this run are used up, so some checks were left out or "
            "cut short",
            "repair what did not answer, or give more with --timeout",
        )


def _checks(address: Address, budget: Budget) -> Iterator[Line]:
    if address.scheme == "file":
        yield from file_lines(address.path, budget)
    elif address.is_datagram:
        yield from datagram_lines(address, budget)
    elif address.scheme in ("tcp", "tls", "unix"):
        yield from stream_lines(address, budget)
    if address.queue is not None and address.queue.spool is not None:
        yield from spool_lines(address, address.queue, budget)


def _formatted(line: Line, style: Style) -> str:
    """Return *line* as one line of text, which a terminal shows in several if it must."""
    text = f"{line.text}; {line.remedy}" if line.remedy else line.text
    shown = style.encodable(visible(masked(text)))
    level = style.paint(_LEVELS[line.level], f"{line.level:<7}")
    columns = style.columns()
    if columns is not None and columns > 2 * len(_LEAD):
        parts = textwrap.wrap(shown, columns - len(_LEAD), break_on_hyphens=False)
        shown = f"\n{_LEAD}".join(parts)
    return f"{level}  {line.subject:<{_SUBJECT}}{shown}"


def _summary(counts: Counter[str], style: Style) -> str:
    problems, warnings = counts["problem"], counts["warning"]
    text = f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}"
    return style.paint("bad" if problems else "warn" if warnings else "good", text)

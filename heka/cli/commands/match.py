"""``python -m heka match``: check a matcher expression, explain it, and say why messages match."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, TextIO

from heka._core import Clause, Matcher, MatcherError
from heka._display.escape import counted, visible
from heka._display.render import render
from heka._display.style import Style, style_for
from heka._receiving.files import Files
from heka.cli.arguments import add_key_arguments, add_size_argument, argument
from heka.cli.keys import collect_keys
from heka.cli.show.account import reasons
from heka.cli.show.terminal import prepare_stdout
from heka.framing import Frame

_EPILOG: Final = """\
Without FILE the expression is checked, and each of its parts is shown: the
column where it begins, and whether it needs an engine for regular expressions
or only compares.

With FILE (Heka frames one behind the other, a spool directory, or - for
standard input) the first messages are shown, and of each part whether it is
true. The last line counts all of them.

exit codes, as those of grep:
  0  a message matched; without FILE: the expression is right
  1  no message matched
  2  an error: the expression, the file, an option

examples:
  heka match "Type == 'order' && Severity < 4"
  heka match "Payload =~ /status=5\\d\\d/" messages.heka
  heka cat app.heka --tail 1 --format heka | heka match "Fields[n] > 3" -
  heka match --quiet "Severity <= 3" today.heka && mail -s errors ops
"""
EXIT_NONE: Final = 1
EXIT_ERROR: Final = 2
_SHOWN: Final = 10  # messages
_SHOWN_MAX: Final = 1_000_000
_TEXT_COLUMNS: Final = 60  # longer parts do not widen the column


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``match``."""
    parser.epilog = _EPILOG
    parser.set_defaults(exit_failed=EXIT_ERROR)
    parser.add_argument("expression", metavar="E", help="an expression of message_matcher")
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="messages to try it on; - is standard input"
    )
    parser.add_argument(
        "--dialect",
        choices=("heka", "heka2"),
        default="heka",
        help="heka: hekad's language (default); heka2: with extensions",
    )
    parser.add_argument(
        "--limit",
        metavar="N",
        type=argument(_count),
        default=_SHOWN,
        help=f"show the first N messages (default {_SHOWN}); all are counted",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing, as grep -q")
    add_key_arguments(parser)
    add_size_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Check the expression, try it on the messages, and return the exit code."""
    err = style_for(sys.stderr)
    try:
        matcher = Matcher(args.expression, args.dialect)
    except MatcherError as exc:
        for line in _mistake(args.expression, exc):
            print(err.paint("bad", line), file=sys.stderr)
        return EXIT_ERROR
    out = None if args.quiet else prepare_stdout()
    if args.file is not None:
        return _try(args, matcher, out)
    if out is not None:
        out.writelines(f"{line}\n" for line in _parts(matcher.clauses, style_for(out)))
    return 0


def _try(args: argparse.Namespace, matcher: Matcher, out: TextIO | None) -> int:
    """Evaluate the expression on each message of the file, and return the exit code."""
    keys, warnings = collect_keys(args.key, args.key_file)
    for warning in warnings:
        _say(f"note: {warning}")
    files = Files(max_message_size=args.max_message, signers=keys or None)
    shown = total = matched = 0
    with contextlib.closing(files.read([args.file])) as blocks:
        for block in blocks:
            if block is None:
                continue
            if out is not None:
                for frame in islice(block, args.limit - shown):
                    lines = _message(matcher, frame, style_for(out), checked=bool(keys))
                    out.writelines(f"{line}\n" for line in lines)
                    shown += 1
            total += len(block)
            matched += matcher.count(block)
            if out is None and matched:
                break
    if out is not None:
        out.writelines(f"{line}\n" for line in _total(matcher, matched, total))
        out.flush()
    for path, reason in files.unread:
        print(f"heka match: {visible(path)}: {reason}", file=sys.stderr)
    if files.tally.discarded_bytes:
        _say(f"not read: {counted(files.tally.discarded_bytes, 'byte')} in no whole frame")
    if files.tally.refused.total():
        count = counted(files.tally.refused.total(), "frame")
        _say(f"not read: {count} refused{reasons(files.tally.refused)}")
    if files.unread:
        return EXIT_ERROR
    return 0 if matched else EXIT_NONE


# ---- lines ---------------------------------------------------------------------------------------


def _mistake(expression: str, exc: MatcherError) -> Iterator[str]:
    """Yield the error, then the expression and a mark below the place, if it is one short line."""
    yield f"heka match: {visible(str(exc))}"
    if expression.isprintable() and expression.isascii() and len(expression) <= _TEXT_COLUMNS:
        yield f"  {expression}"
        yield f"  {' ' * (exc.column - 1)}^"


def _parts(clauses: Sequence[Clause], style: Style) -> Iterator[str]:
    """Yield a line for each part: its column, its text, and how it is evaluated."""
    width = min(max(len(visible(clause.text)) for clause in clauses), _TEXT_COLUMNS)
    for clause in clauses:
        how = "needs a regular expression engine" if clause.needs_regex else "compares"
        yield style.encodable(
            f"column {clause.column:<4} {visible(clause.text):<{width}}  {how}"
        ).rstrip()


def _message(matcher: Matcher, frame: Frame, style: Style, *, checked: bool) -> Iterator[str]:
    """Yield a message as ``listen`` shows it, whether it matched, and each part."""
    text = render(
        frame.message,
        signer=frame.signer,
        signer_version=frame.signer_version,
        checked=checked,
        style=style,
    )
    yield from text.splitlines()
    answer = matcher.matches(frame)
    yield style.paint("good" if answer else "warn", f"  {'matches' if answer else 'no match'}")
    for clause in matcher.explain(frame):
        word = "true" if clause.matched else "false"
        yield style.encodable(f"    {word:<5}  {visible(clause.text)}")
    yield ""


def _total(matcher: Matcher, matched: int, total: int) -> Iterator[str]:
    """Yield how many messages matched, and which searches ended at a limit."""
    yield f"{matched:,} of {counted(total, 'message')} matched"
    for text, count in matcher.limits.items():
        yield (
            f"{counted(count, 'search', 'searches')} of {visible(text)}"
            " reached a limit, so that the part was false"
        )


def _say(text: str) -> None:
    print(style_for(sys.stderr).paint("warn", text), file=sys.stderr)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _SHOWN_MAX):
        raise ValueError(f"expected a number from 0 to {_SHOWN_MAX:,}, got {text!r}")
    return int(text)

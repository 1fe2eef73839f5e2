"""``python -m heka send``: send one message, or those of the JSON lines on standard input."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

import heka
from heka._core import MESSAGE_MAX, monotonic
from heka._display.escape import counted, shortened, visible
from heka._display.style import style_for
from heka._secrets import masked
from heka.cli.arguments import argument
from heka.cli.errors import CommandError
from heka.cli.keys import parse_key, read_key_file
from heka.cli.show.account import reasons
from heka.jsonlines import wire_of
from heka.severity import EXPECTED, severity_from
from heka.signing import SignerConfig
from heka.streams.queued import QueuedStream

_EPILOG: Final = """\
one message:
  Of the options --type to --payload. --payload - reads it from standard input.
  The same name given several times is one field with several values.

many messages:
  With --json, one for each line on standard input, as 'heka listen --json'
  writes them. Attributes, fields, types and values come back as they were; a
  signature does not, as only who has the key can sign. A line that is no
  message is reported with its number, and the others are sent.

signatures:
  --sign-file FILE and --sign NAME:VERSION:KEY sign each message. Every user of
  this machine can read command lines: prefer the file, which has such a line.

delivery:
  The exit code is 0 if every message was delivered as far as this machine can
  know: over tcp, tls and unix the peer's kernel has it, over udp it was sent
  and not refused. Otherwise it is 1, and stderr says how many were not.

examples:
  python -m heka send localhost:5565 --type deploy --payload "release 1.4"
  python -m heka send tcp://localhost:5565 --type order --severity error \\
      --field shop=berlin --field:int items=3 --field:float total=19.90
  python -m heka listen --json > messages
  python -m heka send tcp://localhost:5565 --json --rate 100 < messages
"""
_LINE_MAX: Final = 16 * 1024 * 1024  # bytes of a line; the longest of a message has 1 MiB
_TOLD: Final = 10  # wrong lines that are reported one by one
_TEXT_MAX: Final = 240  # characters of a report
_POLL: Final = 0.02  # seconds
_REDRAW: Final = 0.2  # seconds between two updates of the progress
_SLEEP_MAX: Final = 0.2  # seconds
_BOOLS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``send``."""
    parser.epilog = _EPILOG
    parser.set_defaults(usage_error=parser.error)
    parser.add_argument(
        "url", metavar="URL", help="destination, for instance tcp://host:5565 or host:5565 (UDP)"
    )
    parser.add_argument("--type", metavar="T", help="type of the message")
    parser.add_argument("--logger", metavar="NAME", help="its logger")
    parser.add_argument(
        "--severity",
        metavar="S",
        type=argument(_severity),
        help="its severity: 0 to 7, or a name such as error (default: 6, informational)",
    )
    for kind, (read, what) in _KINDS.items():
        parser.add_argument(
            "--field" if kind == "str" else f"--field:{kind}",
            metavar="NAME=VALUE",
            dest="fields",
            action="append",
            type=argument(_reader(kind, read)),
            help=f"add a field: {what}; repeatable",
        )
    parser.add_argument("--payload", metavar="TEXT", help="its payload; -: standard input")
    parser.add_argument(
        "--json", action="store_true", help="send the messages of the lines on standard input"
    )
    parser.add_argument(
        "--sign",
        metavar="NAME:VERSION:KEY",
        type=argument(lambda text: parse_key(os.fsencode(text))),
        help="sign with this key, which other users can see",
    )
    parser.add_argument("--sign-file", metavar="FILE", help="sign with the one key in FILE")
    parser.add_argument(
        "--hash", choices=("sha1", "md5"), default="sha1", help="of the signature (default sha1)"
    )
    parser.add_argument(
        "--rate",
        metavar="R",
        type=argument(_positive),
        help="messages per second (default: no limit)",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=argument(_positive),
        default=10.0,
        help="give up after this time without progress (default 10)",
    )


def run(args: argparse.Namespace) -> int:
    """Send, wait until all is delivered, and return 0; 1 if something was not.

    Raises:
        CommandError: The destination, a key or the message cannot be used.
    """
    given = [
        name for name in ("type", "logger", "severity", "fields", "payload") if _has(args, name)
    ]
    if args.json and given:
        args.usage_error(f"--json reads whole messages; leave --{_option(given[0])} out")
    if not args.json and not given:
        args.usage_error("nothing to send: give --type, --field, --payload, or --json")
    signer = _signer(args)
    try:
        stream = QueuedStream(args.url, overflow="block", block_timeout=args.timeout)
    except heka.ConfigError as exc:
        raise CommandError(str(exc)) from exc
    try:
        sending = _Sending(stream, args.url, args.timeout, args.rate)
        lines = _Lines(sys.stdin.buffer, signer) if args.json else None
        frames = iter([_frame_of(args, signer)]) if lines is None else lines.frames()
        try:
            sending.send(frames)
            return _report(sending, lines)
        except KeyboardInterrupt:
            sending.give_up()
            _report(sending, lines)
            raise
    finally:
        stream.close(0.0)


class _Sending:
    """Puts frames into a queue, and waits for it."""

    def __init__(self, stream: QueuedStream, url: str, timeout: float, rate: float | None) -> None:
        self.url = url
        self._stream = stream
        self._timeout = timeout
        self._rate = rate
        self._terminal = sys.stderr.isatty()
        self._shown_at = float("-inf")
        self.offered = 0
        self.stopped = False  # the queue stayed full
        self.stats: dict[str, Any] = stream.stats()

    def send(self, frames: Iterator[bytes]) -> None:
        """Send *frames* until one has waited in vain; wait until nothing moves for the timeout."""
        start = monotonic()
        for frame in frames:
            self._wait_for_turn(start)
            self.offered += 1
            self._show()
            if not self._stream.write(frame) and self._is_full():
                self.stopped = True
                break
        self._wait()
        self._clear()

    def _is_full(self) -> bool:
        """Return whether a frame has waited in vain; False: it is too large for a datagram."""
        return bool(self._stream.stats()["dropped"].get("full"))

    def give_up(self) -> None:
        """Take the last account, after an interrupt."""
        self._clear()
        self.stats = self._stream.stats()

    def _wait_for_turn(self, start: float) -> None:
        """Wait until the next message is due: the n-th comes n / rate after the first."""
        if self._rate is None:
            return
        while (left := start + self.offered / self._rate - monotonic()) > 0:
            self._show()
            time.sleep(min(left, _SLEEP_MAX))

    def _wait(self) -> None:
        deadline = monotonic() + self._timeout
        last = -1
        while not self._stream.flush(_POLL):
            self._show()
            self.stats = self._stream.stats()
            left = self.stats["queued"]
            if left == 0:
                break  # some were dropped
            if left != last:
                last = left
                deadline = monotonic() + self._timeout
            elif monotonic() >= deadline:
                break
        self.stats = self._stream.stats()

    def _show(self) -> None:
        """Show the progress if stderr is a terminal."""
        if self._terminal and monotonic() >= self._shown_at + _REDRAW:
            self._shown_at = monotonic()
            stats = self._stream.stats()
            text = f"{stats['sent']:,} sent, {stats['queued']:,} waiting"
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._terminal and self._shown_at > 0:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


class _Lines:
    """The frames of JSON lines; counts those that are no message, and reports the first."""

    def __init__(self, file: BinaryIO, signer: SignerConfig | None) -> None:
        self.number = 0  # lines read
        self.wrong = 0
        self._file = file
        self._signer = signer

    def frames(self) -> Iterator[bytes]:
        """Yield a frame for each line that is a message; empty lines are skipped."""
        while line := self._file.readline(_LINE_MAX):
            self.number += 1
            if line.isspace():
                continue
            if len(line) == _LINE_MAX and not line.endswith(b"\n"):
                self._skip()
                self._tell(f"longer than {_LINE_MAX:,} bytes")
                continue
            try:
                frame = heka.frame(wire_of(line), self._signer)
            except (heka.DecodeError, heka.EncodeError) as problem:
                self._tell(str(problem))
                continue
            yield frame

    def _skip(self) -> None:
        """Read the rest of a line."""
        while (rest := self._file.readline(_LINE_MAX)) and not rest.endswith(b"\n"):
            pass

    def _tell(self, problem: str) -> None:
        self.wrong += 1
        if self.wrong <= _TOLD:
            _say(f"line {self.number:,}: {shortened(visible(problem), _TEXT_MAX)}", "bad")


def _frame_of(args: argparse.Namespace, signer: SignerConfig | None) -> bytes:
    """Return the frame of the one message that the options say."""
    try:
        return heka.pack(
            args.type or "",
            args.logger or "",
            heka.INFORMATIONAL if args.severity is None else args.severity,
            _fields(args.fields or []),
            _payload(args.payload or ""),
            signer=signer,
        )
    except heka.EncodeError as exc:
        raise CommandError(str(exc)) from exc


def _fields(given: list[tuple[str, str, Any]]) -> dict[str, list[Any]]:
    """Return the values of each name; those of one name must have one type."""
    fields: dict[str, list[Any]] = {}
    kinds: dict[str, str] = {}
    for name, kind, value in given:
        if kinds.setdefault(name, kind) != kind:
            raise CommandError(
                f"the field {name!r} has values of two types, {kinds[name]} and {kind}; "
                "a field has one type"
            )
        fields.setdefault(name, []).append(value)
    return fields


def _payload(text: str) -> str:
    if text != "-":
        return text
    data = sys.stdin.buffer.read(MESSAGE_MAX + 1)  # one more: too large for a message
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        if exc.end == len(data) > MESSAGE_MAX:  # the cut is in a character
            return data[: exc.start].decode() + "?" * (len(data) - exc.start)
        raise CommandError(
            f"the payload on standard input is not UTF-8 at byte {exc.start}; a field can have "
            "any bytes: --field:bytes NAME=VALUE"
        ) from None


def _signer(args: argparse.Namespace) -> SignerConfig | None:
    """Return what signs the messages, or None."""
    if args.sign is not None and args.sign_file is not None:
        args.usage_error("give --sign or --sign-file, not both")
    if args.sign_file is None:
        keys = [] if args.sign is None else [args.sign]
    else:
        found, warning = read_key_file(args.sign_file)
        if warning:
            _say(f"note: {warning}", "warn")
        keys = list(found.items())
        if len(keys) > 1:
            raise CommandError(
                f"key file {args.sign_file!r}: {len(keys)} keys; one of them is to sign, so leave "
                "the others out"
            )
    for (name, version), key in keys:
        try:
            return SignerConfig(name, version, key, args.hash)
        except ValueError as exc:
            raise CommandError(str(exc)) from exc
    return None


def _report(sending: _Sending, lines: _Lines | None) -> int:
    """Print what became of the messages to stderr, and return the exit code."""
    stats = sending.stats
    lost = Counter({reason: count for reason, count in stats["dropped"].items() if count})
    waiting = stats["queued"]
    refused = stats["refused"]
    wrong = 0 if lines is None else lines.wrong
    destination = masked(sending.url)
    if lines is not None or waiting or lost or refused:
        _say(f"{counted(stats['sent'], 'message')} sent to {destination}", "strong")
    if waiting or lost:
        why = reasons(lost) if lost else f" ({destination} does not take them)"
        _say(f"{counted(waiting + lost.total(), 'message')} not delivered{why}", "bad")
    if lines is not None and sending.stopped:
        _say(f"stopped at line {lines.number:,}; what comes after it was not read", "bad")
    if refused:
        _say(
            f"{counted(refused, 'datagram')} refused: nothing listens there; "
            "start 'python -m heka listen'",
            "bad",
        )
    if wrong:
        _say(f"{counted(wrong, 'wrong line')} skipped", "bad")
    return 1 if waiting or lost or refused or wrong else 0


def _say(text: str, colour: str) -> None:
    print(style_for(sys.stderr).paint(colour, text), file=sys.stderr, flush=True)


# ---- arguments -------------------------------------------------------------------------------


def _has(args: argparse.Namespace, name: str) -> bool:
    return getattr(args, name) is not None


def _option(name: str) -> str:
    return name.removesuffix("s") if name == "fields" else name


def _severity(text: str) -> int:
    severity = severity_from(text)
    if severity is None:
        raise ValueError(f"expected {EXPECTED}, got {text!r}")
    return severity


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        number = float(text)
        if 0 < number < math.inf:
            return number
    raise ValueError(f"expected a number above 0, got {text!r}")


def _integer(text: str) -> int:
    with contextlib.suppress(ValueError):
        number = int(text)
        if -(2**63) <= number < 2**63:
            return number
    raise ValueError(f"expected an integer of 64 bits, got {text!r}")


def _real(text: str) -> float:
    with contextlib.suppress(ValueError):
        return float(text)
    raise ValueError(f"expected a number, got {text!r}")


def _truth(text: str) -> bool:
    if text.lower() not in _BOOLS:
        raise ValueError(f"expected true or false, got {text!r}")
    return _BOOLS[text.lower()]


#: The type of a field's value: how its text is read, and the help text.
_KINDS: Final[dict[str, tuple[Callable[[str], Any], str]]] = {
    "str": (str, "text"),
    "int": (_integer, "an integer"),
    "float": (_real, "a double"),
    "bool": (_truth, "true or false"),
    "bytes": (os.fsencode, "the bytes of VALUE"),
}


def _reader(kind: str, read: Callable[[str], Any]) -> Callable[[str], tuple[str, str, Any]]:
    """Return what reads NAME=VALUE as (name, kind, value)."""

    def reader(text: str) -> tuple[str, str, Any]:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ValueError(f"expected NAME=VALUE, got {text!r}")
        return name, kind, read(value)

    return reader

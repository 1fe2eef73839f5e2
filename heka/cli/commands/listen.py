"""``python -m heka listen``: receive messages and show them, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import heka
from heka import matcher
from heka._display.escape import counted
from heka._display.style import style_for
from heka._net.options import as_size
from heka._receiving import endpoint
from heka._receiving.receiver import Event, Receiver
from heka.cli.arguments import add_key_arguments, add_size_argument, argument
from heka.cli.errors import CommandError, listening
from heka.cli.keys import Keys, collect_keys
from heka.cli.show.account import summary
from heka.cli.show.filing import FORMATS, FileError, MessageFile
from heka.cli.show.printer import Printer
from heka.cli.show.sampling import Budget
from heka.cli.show.terminal import discard_stdout, prepare_stdout, stop_signals

if TYPE_CHECKING:
    from ssl import SSLContext

    from heka._receiving.control import Control

_DEFAULT: Final = f":{heka.DEFAULT_PORT}"
_EPILOG: Final = f"""\
addresses:
  PORT listens on loopback only, 0.0.0.0:PORT and [::]:PORT on every interface.
  Port 0 takes a free port.
  Without --udp, --tcp, --tls and --unix: --udp {_DEFAULT} and --tcp {_DEFAULT}.

encryption:
  --tls needs --cert, and --cert-key if the private key is in another file.
  With --client-ca, clients must show a certificate of one of these CAs.

signatures:
  With a key, signed messages are verified, and refused if the signature is
  wrong. Unsigned messages are shown as unsigned, or refused with
  --require-signature. Without a key, nothing is verified.
  Every user of this machine can read command lines: prefer --key-file.
  A key file has one NAME:VERSION:KEY per line; # starts a comment line.

output:
  --output FILE gets every message, also when more arrive than a screen can
  show: then some are shown, and how many are not is said.

examples:
  python -m heka listen
  python -m heka listen --tcp 0.0.0.0:5565 --key-file keys --require-signature
  python -m heka listen --tls :5565 --cert server.pem --cert-key server.key
  python -m heka listen --json | jq -r 'select(.severity <= 3) | .payload'
  python -m heka listen --match "Type == 'order' && Fields[items] > 3"
  python -m heka listen --output messages.heka --rotate 64MiB --quiet

At the end, a summary is printed: messages, bytes, refused frames by reason,
and discarded bytes, which are not part of any frame.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``listen``."""
    parser.epilog = _EPILOG
    address = argument(endpoint.parse_address)
    for name in ("udp", "tcp", "tls"):
        parser.add_argument(
            f"--{name}",
            metavar="HOST:PORT",
            action="append",
            nargs="?",
            const=address(_DEFAULT),
            type=address,
            help=f"receive over {name.upper()} (without a value: {_DEFAULT}); repeatable",
        )
    parser.add_argument(
        "--unix",
        metavar="PATH",
        action="append",
        help="receive over a unix stream socket at PATH; repeatable",
    )
    for option, what in (
        ("--cert", "certificate of the server for --tls, in PEM"),
        ("--cert-key", "its private key in PEM, if it is not in the same file"),
        ("--client-ca", "require clients of --tls to show a certificate of one of these CAs"),
    ):
        parser.add_argument(option, metavar="FILE", help=what)
    add_key_arguments(parser)
    parser.add_argument(
        "--require-signature", action="store_true", help="refuse unsigned messages; needs a key"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object per line, with nothing shortened"
    )
    parser.add_argument(
        "--match",
        metavar="E",
        type=argument(matcher.compile),
        help='only messages that match this expression, for instance "Severity < 4"',
    )
    parser.add_argument("--quiet", action="store_true", help="print no messages")
    parser.add_argument(
        "--output", metavar="FILE", help="append every message to FILE, as --format says"
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="of FILE: frames (heka, the default), JSON lines or text; without --output of what "
        "is printed (json or text)",
    )
    parser.add_argument(
        "--rotate",
        metavar="SIZE",
        type=argument(lambda text: as_size(text, "--rotate")),
        help="rename FILE to FILE.1, FILE.2 and so on when it has SIZE, for instance 64MiB",
    )
    parser.add_argument(
        "--control",
        metavar="PATH",
        help="open a control socket for 'heka tap': a path, or a name in $XDG_RUNTIME_DIR/heka",
    )
    add_size_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Listen until Ctrl-C or SIGTERM, then return 0.

    Raises:
        CommandError: A socket cannot be opened, or a key or certificate cannot be used.
    """
    keys, warnings = collect_keys(args.key, args.key_file)
    if args.require_signature and not keys:
        raise CommandError("--require-signature needs a key to verify with; give --key-file FILE")
    _check_output(args)
    file = _output(args, checked=bool(keys))
    out = prepare_stdout()
    err_style = style_for(sys.stderr)
    receiver = Receiver(
        max_message_size=args.max_message,
        signers=keys or None,
        require_signature=args.require_signature,
    )
    printer = Printer(
        out,
        style_for(out),
        sys.stderr,
        err_style,
        checked=receiver.checked,
        keys=keys,
        as_json=args.json or (args.output is None and args.format == "json"),
        quiet=args.quiet,
        file=file,
        matcher=args.match,
        budget=Budget() if args.output is not None or out.isatty() else None,
    )

    control: Control | None = None

    def show(events: list[Event]) -> None:
        if control is not None:
            control.offer(events)
        printer.show(events)

    def say(text: str, colour: str = "dim") -> None:
        print(err_style.paint(colour, text), file=sys.stderr, flush=True)

    try:
        with stop_signals(receiver.wake, receiver.wake_descriptor) as stopped:
            warnings += _open(receiver, args, keys, say)
            control = _control(receiver, args.control)
            if control is not None:
                say(f"control socket {control.path}")
            for warning in warnings:
                say(f"note: {warning}", "warn")
            if sys.stderr.isatty():
                say("")
            while not stopped():
                show(receiver.poll())
            if control is not None:
                control.close()
            printer.show(receiver.close())
            printer.close()
    except FileError as exc:
        raise CommandError(str(exc)) from exc
    except BrokenPipeError:  # the reader has closed standard output, as `| head` does
        discard_stdout()
        printer.close()
        return 0
    finally:
        if control is not None:
            control.close()
        receiver.close()
    if sys.stderr.isatty():
        say("")  # the terminal has printed ^C
    left_out = "" if args.match is None else f", {printer.unmatched:,} not matched"
    if control is not None and control.lost:
        left_out += f", {counted(control.lost, 'copy', 'copies')} lost by slow readers"
    say(f"{summary(receiver.tally)}{left_out}", "strong")
    return 0


def _control(receiver: Receiver, text: str | None) -> Control | None:
    """Open the control socket of --control."""
    if text is None:
        return None
    from heka._receiving.control import Control, control_path

    with listening("unix", repr(text)):
        return Control(receiver, control_path(text))


def _check_output(args: argparse.Namespace) -> None:
    """Raise a CommandError for options of the output that contradict each other."""
    if args.output is None:
        if args.rotate is not None:
            raise CommandError("--rotate is about the file of --output; give --output FILE too")
        if args.format == "heka":
            raise CommandError("--format heka is for a file; give --output FILE too")
        if args.json and args.format == "text":
            raise CommandError("--json and --format text contradict each other; give one")


def _output(args: argparse.Namespace, *, checked: bool) -> MessageFile | None:
    """Open the file of --output."""
    if args.output is None:
        return None
    try:
        return MessageFile(args.output, args.format or "heka", rotate=args.rotate, checked=checked)
    except FileError as exc:
        raise CommandError(str(exc)) from exc


def _open(
    receiver: Receiver, args: argparse.Namespace, keys: Keys, say: Callable[[str], None]
) -> list[str]:
    """Open the sockets that *args* name, all or none, and print them; return warnings."""
    udp, tcp, tls, unix = args.udp or [], args.tcp or [], args.tls or [], args.unix or []
    if not (udp or tcp or tls or unix):
        udp = tcp = [endpoint.parse_address(_DEFAULT)]
    context = _context(args)
    names = []
    warnings = []
    for transport, open_, places, tls_context in (
        ("udp", endpoint.listen_udp, udp, None),
        ("tcp", endpoint.listen_tcp, tcp, None),
        ("tcp", endpoint.listen_tcp, tls, context),
    ):
        for host, port in places:
            with listening(transport, endpoint.format_address((host, port))):
                sock = open_(host, port)
            names.append(receiver.add(sock, tls_context))
            authenticated = args.require_signature or (
                tls_context is not None and args.client_ca is not None
            )
            if not (endpoint.is_local(sock) or authenticated):
                warnings.append(
                    f"every host that can reach {names[-1]} can send messages; "
                    "--require-signature refuses unsigned ones"
                )
    for path in unix:
        with listening("unix", repr(path)):
            sock = endpoint.listen_unix(path)
        names.append(receiver.add(sock))
    for name in names:
        say(f"listening on {name}")
    return warnings


def _context(args: argparse.Namespace) -> SSLContext | None:
    """Return the TLS context for --tls; None without --tls."""
    if not args.tls:
        for option in ("cert", "cert_key", "client_ca"):
            if getattr(args, option) is not None:
                raise CommandError(f"--{option.replace('_', '-')} needs --tls; give --tls too")
        return None
    if args.cert is None:
        raise CommandError("--tls needs a certificate; give --cert FILE")
    from heka._receiving.encrypted import server_context  # importing ssl is slow

    try:
        return server_context(
            *(args.cert, args.cert_key, args.client_ca),
            names=("--cert", "--cert-key", "--client-ca"),
        )
    except heka.ConfigError as exc:
        raise CommandError(str(exc)) from exc

"""``python -m heka listen``: show every message that arrives, until told to stop."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

import heka
from heka._receiving import endpoint
from heka._receiving.receiver import MESSAGE_LIMIT, Receiver
from heka.cli.errors import CommandError, listening
from heka.cli.keys import Keys, collect_keys, parse_key
from heka.cli.show.account import summary
from heka.cli.show.printer import Printer
from heka.cli.show.terminal import abandon_stdout, prepare_stdout, stop_signals, style_for
from heka.message import MESSAGE_MAX

if TYPE_CHECKING:
    from ssl import SSLContext

SUMMARY: Final = "show the messages that arrive, until Ctrl-C"

_DEFAULT: Final = f":{heka.DEFAULT_PORT}"
_EPILOG: Final = f"""\
addresses:
  :PORT is loopback only; 0.0.0.0:PORT and [::]:PORT are every interface. Port 0 takes a free one.
  Without --udp, --tcp, --tls and --unix: both --udp {_DEFAULT} and --tcp {_DEFAULT}.

encryption:
  --tls needs --cert, and --cert-key where the private key is in a file of its own. With --client-ca
  only clients are heard that show a certificate of one of its CAs.

signatures:
  With a key, signed messages are verified and refused when they do not match; unsigned ones are
  shown as such, or refused with --require-signature. Without a key nothing is verified.
  Every user of this machine can read the command line of a program: prefer --key-file.
  A key file has one NAME:VERSION:KEY a line; lines that start with # are comments.

examples:
  python -m heka listen
  python -m heka listen --tcp 0.0.0.0:5565 --key-file keys --require-signature
  python -m heka listen --tls 0.0.0.0:5565 --cert server.pem --cert-key server.key
  python -m heka listen --json | jq -r 'select(.severity <= 3) | .payload'

A summary ends the run: messages, bytes, what was refused and why, bytes that were no message.
"""

_T = TypeVar("_T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``listen``."""
    parser.epilog = _EPILOG
    address = _argument(endpoint.parse_address)
    for name in ("udp", "tcp", "tls"):
        parser.add_argument(
            f"--{name}",
            metavar="HOST:PORT",
            action="append",
            nargs="?",
            const=address(_DEFAULT),
            type=address,
            help=f"receive over {name.upper()} ({_DEFAULT} without a value); repeatable",
        )
    parser.add_argument(
        "--unix",
        metavar="PATH",
        action="append",
        help="receive over a unix stream socket made at PATH; repeatable",
    )
    for option, what in (
        ("--cert", "the certificate that --tls shows, in PEM"),
        ("--cert-key", "its private key in PEM, where it is not in the same file"),
        ("--client-ca", "demand a certificate of one of these CAs of whoever connects over --tls"),
    ):
        parser.add_argument(option, metavar="FILE", help=what)
    parser.add_argument(
        "--key-file",
        metavar="FILE",
        action="append",
        default=[],
        help="verify signatures with the keys in FILE; repeatable",
    )
    parser.add_argument(
        "--key",
        metavar="NAME:VERSION:KEY",
        action="append",
        default=[],
        type=_argument(lambda text: parse_key(text.encode("utf-8", "surrogateescape"))),
        help="a key on the command line, where other users can see it; repeatable",
    )
    parser.add_argument(
        "--require-signature", action="store_true", help="refuse unsigned messages; needs a key"
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line, nothing shortened"
    )
    parser.add_argument(
        "--max-message",
        metavar="BYTES",
        type=_argument(_message_size),
        default=MESSAGE_MAX,
        help=f"refuse longer messages (default {MESSAGE_MAX}, at most {MESSAGE_LIMIT})",
    )


def run(args: argparse.Namespace) -> int:
    """Listen until Ctrl-C or SIGTERM; 0 then.

    Raises CommandError when a socket or a key is not to be had.
    """
    keys, warnings = collect_keys(args.key, args.key_file)
    if args.require_signature and not keys:
        raise CommandError("--require-signature needs a key to verify with; give --key-file FILE")
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
        as_json=args.json,
    )

    def say(text: str, colour: str = "dim") -> None:
        print(err_style.paint(colour, text), file=sys.stderr, flush=True)

    try:
        with stop_signals(receiver.wake) as stopped:
            warnings += _open(receiver, args, keys, say)
            for warning in warnings:
                say(f"note: {warning}", "warn")
            if sys.stderr.isatty():
                say("")
            while not stopped():
                printer.show(receiver.poll())
            printer.show(receiver.close())
    except BrokenPipeError:  # `| head` has what it wanted
        abandon_stdout()
        return 0
    finally:
        receiver.close()
    if sys.stderr.isatty():
        say("")  # the terminal has written ^C
    say(summary(receiver.tally), "strong")
    return 0


def _open(
    receiver: Receiver, args: argparse.Namespace, keys: Keys, say: Callable[[str], None]
) -> list[str]:
    """Open the sockets that *args* ask for, all or none, and name them; returns warnings."""
    udp, tcp, tls, unix = args.udp or [], args.tcp or [], args.tls or [], args.unix or []
    if not (udp or tcp or tls or unix):
        udp = tcp = [endpoint.parse_address(_DEFAULT)]
    context = _context(args)
    names = []
    warnings = []
    for transport, open_, places, how in (
        ("udp", endpoint.listen_udp, udp, None),
        ("tcp", endpoint.listen_tcp, tcp, None),
        ("tcp", endpoint.listen_tcp, tls, context),
    ):
        for host, port in places:
            with listening(transport, endpoint.format_address((host, port))):
                sock = open_(host, port)
            names.append(receiver.add(sock, how))
            proven = args.require_signature or (how is not None and args.client_ca is not None)
            if not (endpoint.is_local(sock) or proven):
                warnings.append(
                    f"whoever can reach {names[-1]} can have messages shown here; "
                    "--require-signature refuses strangers"
                )
    for path in unix:
        with listening("unix", repr(path)):
            sock = endpoint.listen_unix(path)
        names.append(receiver.add(sock))
    for name in names:
        say(f"listening on {name}")
    return warnings


def _context(args: argparse.Namespace) -> SSLContext | None:
    """What --tls encrypts with; None without it."""
    if not args.tls:
        for option in ("cert", "cert_key", "client_ca"):
            if getattr(args, option) is not None:
                raise CommandError(f"--{option.replace('_', '-')} is for --tls; give --tls too")
        return None
    if args.cert is None:
        raise CommandError("--tls needs a certificate to show; give --cert FILE")
    from heka._receiving.encrypted import server_context  # ssl takes a while to import

    try:
        return server_context(
            *(args.cert, args.cert_key, args.client_ca),
            names=("--cert", "--cert-key", "--client-ca"),
        )
    except heka.ConfigError as exc:
        raise CommandError(str(exc)) from exc


def _message_size(text: str) -> int:
    size = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= size <= MESSAGE_LIMIT:
        raise ValueError(f"expected 1 to {MESSAGE_LIMIT} bytes, got {text!r}")
    return size


def _argument(convert: Callable[[str], _T]) -> Callable[[str], _T]:
    """*convert* for argparse, which shows the text of this one exception only."""

    def converted(text: str) -> _T:
        try:
            return convert(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from None

    return converted

"""``python -m heka tap``: show copies of what a listener receives, by its control socket."""

from __future__ import annotations

import argparse
import json
import socket
import sys
from typing import Final

from heka import matcher
from heka._display.escape import counted, visible
from heka._display.style import style_for
from heka._receiving.control import TAP_LOGGER, TAP_TYPE, control_path
from heka.cli.arguments import add_output_arguments, argument, writer_of
from heka.cli.errors import CommandError
from heka.exceptions import ConfigError
from heka.framing import Block, BlockReader

_EPILOG: Final = """\
SOCKET is the PATH or the NAME that 'heka listen --control' was given. The
listener sends a copy of each message and never waits: copies that a slow
reader does not take in time are lost, and a line on standard error counts them.
Ctrl-C ends it.

examples:
  heka listen --control shop
  heka tap shop --match "Severity <= 3"
  heka tap ./shop.sock --format heka > copies.heka
  heka tap shop --format csv --fields time,type,amount
"""
CHUNK: Final = 256 * 1024  # bytes
_REPLY_TIMEOUT: Final = 10.0  # seconds
_REPLY_MAX: Final = 65_536  # bytes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``tap``."""
    parser.epilog = _EPILOG
    parser.add_argument("socket", metavar="SOCKET", help="control socket of a listener")
    parser.add_argument(
        "--match",
        metavar="E",
        type=argument(matcher.compile),
        help='only messages that match this expression, for instance "Severity <= 3"',
    )
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Show copies until Ctrl-C or until the listener ends; return the exit code.

    Raises:
        CommandError: There is no listener, or it refuses the request.
    """
    writer = writer_of(args, checked=False)
    reader = BlockReader(16 * 1024 * 1024)
    told = matcher.compile(f"Type == '{TAP_TYPE}' && Logger == '{TAP_LOGGER}'")
    others = matcher.compile(f"Type != '{TAP_TYPE}' || Logger != '{TAP_LOGGER}'")
    try:
        with connect(args.socket) as sock:
            chunk = ask(sock, None if args.match is None else args.match.text)
            while True:
                for block in reader.feed(chunk):
                    lost = told.filter(block)
                    writer.write(others.filter(block) if len(lost) else block)
                    if len(lost):
                        _tell(lost)
                writer.flush()
                chunk = sock.recv(CHUNK)
                if not chunk:
                    break
    except KeyboardInterrupt:
        writer.flush()
        return 0
    except ConnectionResetError:
        pass
    print("heka tap: the listener has ended", file=sys.stderr)
    return 0


def connect(text: str) -> socket.socket:
    """Return a connection to the control socket *text*; CommandError: there is none."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path = control_path(text)
        sock.settimeout(_REPLY_TIMEOUT)
        sock.connect(path)
    except ConfigError as problem:
        sock.close()
        raise CommandError(str(problem)) from problem
    except (OSError, ValueError) as problem:
        sock.close()
        reason = getattr(problem, "strerror", None) or problem
        raise CommandError(
            f"nothing listens at {path!r} ({reason}); start 'heka listen --control {text}'"
        ) from problem
    return sock


def ask(sock: socket.socket, match: str | None) -> bytes:
    """Ask for copies; return what followed the reply. CommandError: the listener refuses."""
    request = {"request": "tap"}
    if match is not None:
        request["match"] = match
    data = b""
    try:
        sock.sendall(json.dumps(request).encode() + b"\n")
        while b"\n" not in data and len(data) < _REPLY_MAX:
            part = sock.recv(CHUNK)
            if not part:
                break
            data += part
        line, _, rest = data.partition(b"\n")
        reply = json.loads(line)
        if not isinstance(reply, dict):
            raise ValueError
    except (OSError, ValueError) as problem:
        raise CommandError(
            "the listener does not answer the request: it has too many readers, or is no listener"
        ) from problem
    if reply.get("ok") is not True:
        raise CommandError(f"the listener refuses the request: {visible(str(reply.get('error')))}")
    sock.settimeout(None)
    return rest


def lost_copies(block: Block) -> int:
    """Return how many copies were lost, as the listener has counted."""
    fields = (frame.message.fields.get("lost", [0]) for frame in block)
    return sum(value for field in fields for value in field if isinstance(value, int))


def _tell(block: Block) -> None:
    """Say how many copies were lost."""
    text = f"{counted(lost_copies(block), 'copy', 'copies')} lost: this reader is too slow"
    print(style_for(sys.stderr).paint("warn", text), file=sys.stderr, flush=True)

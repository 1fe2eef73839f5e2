"""NagiosOutput: states as passive check results of Nagios, in one of three ways."""

from __future__ import annotations

import os
import re
import secrets
import stat
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlencode

from heka._core import monotonic
from heka._net.sockets import wait_writable
from heka.agent.http.answers import check, excerpt
from heka.agent.http.target import Target
from heka.agent.options import option
from heka.agent.outputs.blocks import BlockOutlet, BlockWriter
from heka.agent.outputs.encoders import PayloadEncoder
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka._delivery.outlets import Outlet
    from heka.agent.plugin import Encoder
    from heka.framing import Block
    from heka.message import Message

__all__ = ["NagiosOptions", "NagiosOutput", "Result"]

_STATES: Final = {"OK": 0, "WARNING": 1, "CRITICAL": 2}
_UNKNOWN: Final = 3
#: Bytes of a line in the command file: a write of so many is whole or not at all (PIPE_BUF).
LINE_MAX: Final = 4096
#: Bytes of an output that send_nsca and its server take.
NSCA_MAX: Final = 4000
#: What send_nsca takes as the end of a result; a newline would join all of them.
NSCA_END: Final = b"\x17"
_SENT: Final = re.compile(rb"(\d+) data packet\(s\) sent to host successfully")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")  # all but the newline
_CUT: Final = b"..."
BAD_NAME: Final = "bad-name"
#: Nagios knows no such host or service, or the user may not command it: it says the same of both.
NOT_AUTHORIZED: Final = "not-authorized"
_NOT_AUTHORIZED_PAGE: Final = b"not authorized to commit"


@dataclass(frozen=True)
class NagiosOptions:
    """Options of ``NagiosOutput``: hekad's, and ``command_file``."""

    command_file: str = option("", "text", "Nagios' FIFO for commands, on this machine.")
    send_nsca_bin: str = option("", "text", "The program send_nsca.")
    send_nsca_args: tuple[str, ...] = option((), "names", "Its arguments, as -H and the host.")
    send_nsca_timeout: float = option(5.0, "seconds", "Of one run of it.")
    url: str = option("", "text", "URL of Nagios' cmd.cgi.")
    username: str = option("", "text", "For url.")
    password: str = option("", "text", "For url.")
    response_header_timeout: float = option(2.0, "seconds", "For a whole request to url.")
    nagios_host: str = option("", "text", "Host of all results; else Hostname of each message.")
    nagios_service_description: str = option(
        "", "text", "Service of all results; else Logger of each message."
    )

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        if sum(map(bool, (self.command_file, self.send_nsca_bin, self.url))) != 1:
            raise ConfigError(
                "command_file: expected one of command_file, send_nsca_bin and url, and only one"
            )
        for name in ("nagios_host", "nagios_service_description"):
            value = getattr(self, name)
            if value and not is_name(value):
                raise ConfigError(f"{name}: expected text without ; and control characters")
        for name in ("send_nsca_timeout", "response_header_timeout"):
            if not 0.1 <= getattr(self, name) <= 600:
                raise ConfigError(f"{name}: expected 0.1 to 600 seconds, got {getattr(self, name)}")
        if "\0" in "".join((self.send_nsca_bin, *self.send_nsca_args, self.command_file)):
            raise ConfigError("command_file: expected text without NUL")
        if self.url:
            Target(self.url)


class NagiosOutput:
    """Submits states as passive results of services.

    A payload that begins with ``OK:``, ``WARNING:`` or ``CRITICAL:`` has this state, and what
    follows is the output; any other payload is the output of the state UNKNOWN.
    """

    Options: ClassVar[type] = NagiosOptions

    def __init__(self, name: str, options: NagiosOptions, encoder: Encoder | None) -> None:
        if encoder is not None and not isinstance(encoder, PayloadEncoder):
            raise ConfigError(f"{name}: encoder: expected none, payloads are read as states")
        self._options = options
        self._counts: Counter[str] = Counter(cut=0)

    def outlet(self) -> Outlet:
        """Return an outlet that submits results."""
        options = self._options
        writer: BlockWriter
        if options.command_file:
            writer = _CommandFile(options, self._counts)
        elif options.send_nsca_bin:
            writer = _SendNsca(options, self._counts)
        else:
            writer = _CommandPage(options)
        return BlockOutlet(writer)

    def account(self) -> Mapping[str, object]:
        """Return how many outputs were cut."""
        return dict(self._counts)


# ---- results ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """A passive result.

    Attributes:
        host, service: Whose it is; UTF-8.
        state: 0 to 3.
        output: Text; lines behind the first one are Nagios' long output.
        seconds: Since 1970.
    """

    host: bytes
    service: bytes
    state: int
    output: bytes
    seconds: int

    def escaped(self) -> bytes:
        """Return the output as external commands have it: newlines and backslashes escaped."""
        return self.output.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")


def shortened(output: bytes, room: int, *, is_escaped: bool) -> bytes:
    """Return *output* in at most *room* bytes; cut behind a whole character, and marked."""
    if len(output) <= room:
        return output
    kept = output[: max(0, room - len(_CUT))]
    kept = kept.decode("utf-8", "ignore").encode()
    escapes = len(kept) - len(kept.rstrip(b"\\"))
    return (kept[:-1] if is_escaped and escapes % 2 else kept) + _CUT[:room]


def is_name(text: str) -> bool:
    """Return whether Nagios can have *text* as the name of a host or a service."""
    return bool(text) and ";" not in text and not any(c < " " or c == "\x7f" for c in text)


def result_of(message: Message, options: NagiosOptions) -> Result | None:
    """Return the result that *message* is; None: its host or service is no name."""
    host = options.nagios_host or message.hostname
    service = options.nagios_service_description or message.logger
    if not (is_name(host) and is_name(service)):
        return None
    head, colon, rest = message.payload.partition(":")
    state = _STATES.get(head) if colon else None
    text = message.payload if state is None else rest.lstrip(" ")
    text = _CONTROL.sub(" ", text.rstrip("\r\n").replace("\r", ""))
    return Result(
        _text(host),
        _text(service),
        _UNKNOWN if state is None else state,
        _text(text),
        message.timestamp // 1_000_000_000,
    )


def _text(text: str) -> bytes:
    """Return *text* in UTF-8; what was none has U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()


def results_of(block: Block, options: NagiosOptions) -> tuple[list[Result], list[int]]:
    """Return the results of *block*, and the indexes of messages that are none."""
    results, refused = [], []
    for index, each in enumerate(block):
        result = result_of(each.message, options)
        if result is None:
            refused.append(index)
        else:
            results.append(result)
    return results, refused


def _rejected(refused: list[int]) -> Mapping[str, Sequence[int]]:
    return {BAD_NAME: refused} if refused else {}


# ---- three ways ---------------------------------------------------------------------------------


class _CommandFile:
    """Writes a line for each result into Nagios' FIFO.

    Without a reader, with a full pipe, or while Nagios makes it anew, the result is tried again.
    """

    most = 1

    def __init__(self, options: NagiosOptions, counts: Counter[str]) -> None:
        self._options = options
        self._counts = counts
        self._fd = -1

    def is_open(self) -> bool:
        return self._fd >= 0

    def open(self, deadline: float) -> None:
        path = self._options.command_file
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # ENXIO: nobody reads
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(f"{path!r} is no FIFO: is this Nagios' command_file?")
        self._fd = fd

    def write(self, block: Block, deadline: float) -> Mapping[str, Sequence[int]]:
        results, refused = results_of(block, self._options)
        for each in results:
            head = b"[%d] PROCESS_SERVICE_CHECK_RESULT;%b;%b;%d;" % (
                *(each.seconds, each.host, each.service, each.state),
            )
            if len(head) >= LINE_MAX // 2:
                return {BAD_NAME: range(len(block))}
            output = shortened(each.escaped(), LINE_MAX - len(head) - 1, is_escaped=True)
            self._counts["cut"] += output != each.escaped()
            self._write(head + output + b"\n", deadline)
        return _rejected(refused)

    def _write(self, line: bytes, deadline: float) -> None:
        while True:
            try:
                os.write(self._fd, line)
                return
            except BlockingIOError:
                wait_writable(self._fd, deadline)

    def close(self, deadline: float) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class _SendNsca:
    """Runs send_nsca once for each block: a process that is kept would end after 10 s."""

    def __init__(self, options: NagiosOptions, counts: Counter[str]) -> None:
        self._options = options
        self._counts = counts

    def is_open(self) -> bool:
        return True

    def open(self, deadline: float) -> None:
        """Do nothing: each run opens."""

    def write(self, block: Block, deadline: float) -> Mapping[str, Sequence[int]]:
        results, refused = results_of(block, self._options)
        lines = []
        for each in results:
            output = shortened(each.output, NSCA_MAX, is_escaped=False)  # it escapes by itself
            self._counts["cut"] += output != each.output
            lines.append(b"%b\t%b\t%d\t%b" % (each.host, each.service, each.state, output))
        if lines:
            self._run(b"".join(line + NSCA_END for line in lines), len(lines), deadline)
        return _rejected(refused)

    def _run(self, text: bytes, count: int, deadline: float) -> None:
        options = self._options
        timeout = min(options.send_nsca_timeout, max(0.1, deadline - monotonic()))
        try:
            ended = subprocess.run(
                [options.send_nsca_bin, *options.send_nsca_args],
                input=text,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{options.send_nsca_bin} takes longer than {timeout:g} s") from None
        said = _SENT.search(ended.stdout)
        if ended.returncode != 0 or said is None or int(said[1]) != count:
            shown = " ".join(ended.stdout.decode("utf-8", "replace").split())[:200]
            raise OSError(
                f"{options.send_nsca_bin}: expected exit code 0 and {count} data packets, got "
                f"{ended.returncode} and {shown!r}"
            )

    def close(self, deadline: float) -> None:
        """Do nothing: each run closes."""


class _CommandPage:
    """Posts a form for each result to cmd.cgi."""

    most = 1

    def __init__(self, options: NagiosOptions) -> None:
        self._options = options
        self._target = Target(options.url, user=options.username, password=options.password)

    def is_open(self) -> bool:
        return True

    def open(self, deadline: float) -> None:
        """Do nothing: a request connects."""

    def write(self, block: Block, deadline: float) -> Mapping[str, Sequence[int]]:
        results, refused = results_of(block, self._options)
        for each in results:
            until = min(deadline, monotonic() + self._options.response_header_timeout)
            if not self._post(each, until):
                return {NOT_AUTHORIZED: range(len(block))}
        return _rejected(refused)

    def _post(self, result: Result, deadline: float) -> bool:
        """Submit one result; False: Nagios does not allow it."""
        # Since Nagios 4 a form without the number that its cookie has is refused, with status 200.
        token = secrets.token_hex(4)
        output, _, performance = result.escaped().partition(b"|")
        form = {
            "cmd_typ": 30,
            "cmd_mod": 2,
            "host": result.host,
            "service": result.service,
            "plugin_state": result.state,
            "plugin_output": output,
            "performance_data": performance,
            "nagFormId": token,
            "btnSubmit": "Commit",
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"NagFormId={token}",
        }
        answer = self._target.post(urlencode(form).encode(), headers, deadline)
        check(self._target, answer, "")
        if _NOT_AUTHORIZED_PAGE in answer.body:
            return False
        if b"successfully submitted" not in answer.body:
            raise OSError(f"{self._target.name} did not take the command{excerpt(answer)}")
        return True

    def close(self, deadline: float) -> None:
        self._target.close()

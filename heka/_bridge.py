"""Send records of another logging library: find the client, handle errors and re-entrant calls.

Knows no such library; ``heka.logging`` and ``heka.integrations`` do. Errors are never raised into
the program that logs: they are counted, and reported on stderr at most once a minute.
"""

from __future__ import annotations

import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from heka import api
from heka._core import monotonic
from heka._net.addresses import STANDARD, parse
from heka._process import PROCESS, ProcessClient
from heka._recording import FILTERING, NESTED_MAX, as_text, describe, type_name
from heka._runtime.allowance import allowance
from heka._runtime.debug import debug, debugging
from heka._runtime.exits import is_exiting
from heka._runtime.forks import register_fork_reset
from heka._runtime.reporter import Reporter
from heka.client import HekaClient
from heka.exceptions import ConfigError
from heka.holder import CLIENT_HOLDER
from heka.streams.logging import StdLibLoggingStream

Client: TypeAlias = HekaClient | ProcessClient


#: What is no name of a client: host:port, a path, a URL without its slashes.
_is_address = re.compile(r"[^\s:/]+:\d+|\[[^]]*\](:\d+)?|[.~]{0,2}/.*|[a-z]+:/.*").fullmatch


def _refuse_address(name: str, owner: str) -> None:
    """Refuse *name* if it is an address: messages for a client of that name would be lost."""
    if _is_address(name):
        parse(name)  # which tells what a path, or a URL without its slashes, lacks
        raise ConfigError(
            f"{owner}: {name!r} is the name of no client; did you mean 'udp://{name}'?"
        )


class Bridge:
    """Finds the client, and sends to it what another library logs.

    Args:
        target: A client; a URL, ``'stdout'`` or ``'stderr'``, as ``heka.log(to=...)`` takes it; the
            name of a client in ``heka.holder``, which may be configured later. None: the holder's
            default client, or what ``heka.configure`` has set up while there is no default client.
        type: The type of the messages.
        owner: The name that starts each line on stderr.

    Raises:
        ConfigError: The URL is not a valid destination.
        TypeError: An argument has another type.
    """

    #: The URL whose destination is kept open.
    _claimed: str | None = None

    def __init__(self, target: object, type: str, owner: str) -> None:
        if not isinstance(type, str):
            raise TypeError(f"{owner}: type must be str, not {type_name(type)}")
        api.load()  # the first record may be that of an error: it must not have to import
        self.target = target
        self.type = type
        #: The client, if it is the same for every message.
        self.fixed: Client | None = None
        self._name = target if isinstance(target, str) else None
        self._owner = owner
        #: ``depth`` of each thread; see ``depth()``.
        self.local = threading.local()
        self._counts: Counter[str] = Counter()
        self.reset_after_fork()
        self._reporter = Reporter()
        if isinstance(target, str):
            if "://" in target or target in STANDARD:
                self.fixed = ProcessClient(target)
                api.claim(target)
                self._claimed = target
            elif CLIENT_HOLDER.find_client(target) is None:
                _refuse_address(target, owner)
        elif target is not None:
            if not callable(getattr(target, "heka", None)):
                raise TypeError(
                    f"{owner}: expected a HekaClient, the name of one, a URL such as "
                    f"'udp://localhost:5565', or None; got {type_name(target)}"
                )
            self.fixed = cast("Client", target)
        register_fork_reset(self)

    def reset_after_fork(self) -> None:
        """Make a new lock: another thread may have held the old one during the fork."""
        self._lock = (
            threading.RLock()
        )  # reentrant: a signal handler may log while its thread holds it

    def close(self) -> None:
        """Close, without waiting, the destination of a URL, unless others send to it.

        Not final: a later message opens it again. At exit nothing is closed: other exit handlers
        may still log, and what is queued is sent after them.
        """
        claimed, self._claimed = self._claimed, None
        if claimed is not None and not is_exiting():
            api.release(claimed)

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        """Close: the handler was dropped."""
        if not is_finalizing():
            self.close()

    def find(self) -> Client | None:
        """Return the client for the next message; None while there is no client of that name."""
        if self.fixed is not None:
            return self.fixed
        if self._name is None and CLIENT_HOLDER._default_clientname is None:  # as in most programs
            return PROCESS
        client = CLIENT_HOLDER.find_client(self._name)
        return PROCESS if client is None and self._name is None else client

    def depth(self) -> list[int]:
        """Return this thread's depth in a list of one: how many messages it is sending now."""
        try:
            cell: list[int] = self.local.depth
        except AttributeError:
            cell = self.local.depth = [0]
        return cell

    def send(
        self,
        logger: object,
        severity: int,
        payload: object,
        fields: Mapping[str, Any] | None,
        timestamp: Any = None,
        *,
        trace: str = "",
    ) -> bool:
        """Send one message; return True when the kernel or the queue has accepted it.

        *logger* and *payload* are converted to text. *trace*, a traceback, is appended to the
        payload.
        """
        depth = self.depth()
        before = depth[0]
        if before >= NESTED_MAX:
            self.count("reentrant")
            return False
        try:
            depth[0] = before + 1
            client = self.find()
            if client is None or not client.admits(self.type, severity):
                self.count_unsent(client, self.type, severity)
                return False
            text = as_text(payload)
            if client.filters:
                depth[0] = FILTERING
            return client.heka(
                self.type,
                client.logger or as_text(logger),
                severity,
                f"{text}\n{trace}" if trace else text,
                fields,
                timestamp,
                bad_values="convert",
            )
        except Exception as error:
            self.count("error")
            self.report(f"a message is lost: {describe(error)}")
            return False
        finally:
            depth[0] = before

    def flush(self, timeout: float = 1.0, *, ends: bool = False) -> bool:
        """Wait at most *timeout* seconds until queued frames are sent; True when all are.

        *ends*: the program ends, or lets all its handlers go: they share the time of an exit.
        """
        if ends:
            with allowance.wait(timeout) as deadline:
                return self.flush(max(0.0, deadline - monotonic()))
        try:
            client = self.find()
            return client is None or client.flush(timeout)
        except Exception as error:
            self.report(f"flush: {describe(error)}")
            return False

    def count_unsent(self, client: Client | None, type: str, severity: int) -> None:
        """Count a message that *client*, or the lack of a client, has kept from being sent.

        A client has counted what its filters hold back.
        """
        if client is None:
            self.count("inactive")
            if debugging():
                debug(self._owner, f"there is no client {self._name!r}; a message is lost")
        elif client._is_inactive:
            client.heka(type, severity=severity)

    @staticmethod
    def logs(client: Client) -> bool:
        """Return whether *client* writes its messages to ``logging``.

        A marked record (RECORD_MARK) came from such a stream; sending it there again would loop.
        The depth of calls cannot show this loop when a queue moves the write to another thread.
        """
        return isinstance(getattr(client, "stream", None), StdLibLoggingStream)

    def count(self, reason: str) -> None:
        """Add one to the count of *reason* in ``stats()``."""
        with self._lock:
            self._counts[reason] += 1

    def report(self, text: str) -> None:
        """Write *text* to stderr, at most once a minute."""
        self._reporter.report(f"{self._owner}: {text}")

    def stats(self) -> dict[str, int]:
        """Return the number of messages that were not sent, or not unchanged, by reason."""
        with self._lock:
            return dict(self._counts)

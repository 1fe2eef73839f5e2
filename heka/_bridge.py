"""Between another logging library and a client: which client it is, and how troubles end.

Knows no such library; ``heka.logging`` and ``heka.integrations`` do. Nothing here raises into the
program that logs: what goes wrong is counted, and said on stderr once a minute.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

from heka import api
from heka._net.addresses import parse
from heka._runtime.forks import start_anew_in_child
from heka._runtime.reporter import Reporter
from heka.client import HekaClient
from heka.holder import CLIENT_HOLDER
from heka.severity import INFORMATIONAL

#: How deep a record may be logged while another one is made or sent: what a value's ``__str__``
#: does, and the signal that interrupts it, may be worth a record. One that logs itself comes to an
#: end. A stream that logs is stopped by its client.
NESTED_MAX = 3
#: The depth of a thread whose message filters look at; what they log they would look at again.
FILTERING = NESTED_MAX


class Direct:
    """``heka.log`` in the shape of a client: its settings, its destinations and their account."""

    logger = ""
    stream = None
    filters = ()

    def __init__(self, to: str | None) -> None:
        """Send to *to*, the URL of a destination; None: where ``heka.log`` sends."""
        if to is not None:
            parse(to)  # a wrong one is refused now; heka.log finds text faster than an Address
        self._to = to

    def admits(self, type: str, severity: int) -> bool:
        """Say whether ``heka.log`` sends what has *severity*."""
        return severity <= api._emitter.level

    def heka(
        self,
        type: str,
        logger: str | None = None,
        severity: int | None = None,
        payload: str = "",
        fields: Mapping[str, Any] | None = None,
        timestamp: Any = None,
        *,
        bad_values: Any = None,
    ) -> bool:
        """Send one message; arguments in the order of a client's."""
        return api.log(
            type,
            logger,
            INFORMATIONAL if severity is None else severity,
            fields,
            payload,
            to=self._to,
            timestamp=timestamp,
            bad_values=bad_values,
        )

    def flush(self, timeout: float = 1.0) -> bool:
        """Wait for what is under way."""
        return api.flush(timeout)


Client: TypeAlias = HekaClient | Direct


class Bridge:
    """Finds the client and sends what another library logs.

    Args:
        target: A client; a URL, as ``heka.log(to=...)`` takes it; the name of a client in
            ``heka.holder``, which may be configured later; None: the holder's default client or, as
            long as it has none, where ``heka.log`` sends.
        type: The type of the messages.
        owner: In whose name troubles are reported.

    Raises:
        ConfigError: The URL names no destination.
        TypeError: An argument is none of these.
    """

    def __init__(self, target: object, type: str, owner: str) -> None:
        if not isinstance(type, str):
            raise TypeError(f"{owner}: type must be str, not {_type_name(type)}")
        self.target = target
        self.type = type
        #: The client, where it is the same for every message.
        self.fixed: Client | None = None
        self._name = target if isinstance(target, str) else None
        self._owner = owner
        self._direct = Direct(None)
        #: ``depth`` of each thread; see ``depth()``.
        self.local = threading.local()
        self._counts: Counter[str] = Counter()
        self.start_anew()
        self._reporter = Reporter()
        if isinstance(target, str):
            self.fixed = Direct(target) if "://" in target else None
        elif target is not None:
            if not callable(getattr(target, "heka", None)):
                raise TypeError(
                    f"{owner}: expected a HekaClient, the name of one, a URL such as "
                    f"'udp://localhost:5565', or None; got {_type_name(target)}"
                )
            self.fixed = cast("Client", target)
        start_anew_in_child(self)

    def start_anew(self) -> None:
        """Make the lock, again in a child process: another thread may have held the parent's."""
        self._lock = threading.RLock()  # a signal handler may log while its thread is in here

    def find(self) -> Client | None:
        """Return the client of the next message; None as long as nobody has one of that name."""
        if self.fixed is not None:
            return self.fixed
        client = CLIENT_HOLDER.find_client(self._name)
        return self._direct if client is None and self._name is None else client

    def depth(self) -> list[int]:
        """Return this thread's own cell: 0 idle, else how many messages are under way in it."""
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
        """Send one message; True when kernel or queue has it.

        *logger* and *payload* are made text, and *trace*, a traceback, follows the payload.
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
                bad_values="repr",
            )
        except Exception as error:
            self.count("error")
            self.report(f"a message is lost: {describe(error)}")
            return False
        finally:
            depth[0] = before

    def flush(self, timeout: float = 1.0) -> bool:
        """Wait at most *timeout* seconds for what is under way; True when that is through."""
        try:
            client = self.find()
            return client is None or client.flush(timeout)
        except Exception as error:
            self.report(f"flush: {describe(error)}")
            return False

    def count(self, reason: str) -> None:
        """Add one to what ``stats()`` says of *reason*."""
        with self._lock:
            self._counts[reason] += 1

    def report(self, text: str) -> None:
        """Say *text* on stderr, unless something was said lately."""
        self._reporter.report(f"{self._owner}: {text}")

    def stats(self) -> dict[str, int]:
        """Return how often something went wrong, by reason; {} when nothing did."""
        with self._lock:
            return dict(self._counts)


def _type_name(value: object) -> str:
    return type(value).__qualname__


def as_text(value: object) -> str:
    """Return *value* itself when it is text, decoded when it is bytes, else its ``str()``."""
    if isinstance(value, str):
        return value
    with contextlib.suppress(Exception):
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return f"<{_type_name(value)} object, str() failed>"


def describe(error: BaseException | None) -> str:
    """Return *error* as ``Type: text``."""
    return f"{_type_name(error)}: {as_text(error)}"

"""``HEKA_DEBUG=1``: a line on stderr for each decision about a destination, rate-limited.

The variable is read once, when this module is imported: with what sends. Whoever makes a
destination, connects or drops asks ``debugging()``, and tells nothing without it. Like all lines of
heka, these are masked, and ``$HEKA_QUIET`` silences them.
"""

from __future__ import annotations

import os

from heka._runtime.reporter import Reporter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from heka._core import Sink

__all__ = ["DEBUG_VARIABLE", "debug", "debugging", "tell_drops", "teller_of_drops"]

#: Environment variable: if it is set, and not to 0, decisions are written to stderr.
DEBUG_VARIABLE = "HEKA_DEBUG"
#: Seconds between two lines about the same thing.
INTERVAL = 1.0
_IS_ON = os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0")
#: Things that are told apart; the table of more is emptied, so that it does not grow.
_THINGS_MAX = 256

_reporters: dict[str, Reporter] = {}

_REASONS = {
    "backoff": "the destination has failed a moment ago, and is tried again soon",
    "closed": "the client, stream or destination is closed, or the peer has closed the connection",
    "corrupt": "the spool had data that is no whole frame",
    "encode": "the encoder failed, or what it returned cannot be sent",
    "filter": "a filter raised an exception",
    "full": "the queue is full",
    "misconfigured": "HEKA_TO is no destination",
    "oversize": "the message is larger than the destination takes",
    "reentrant": "it was logged while another message was being sent",
    "refused": "nothing listens there",
    "timeout": "there was no answer, or the peer does not read",
    "tls": "the TLS handshake failed",
    "unreachable": "there is no route",
    "unresolved": "the host name does not resolve",
}


def debugging() -> bool:
    """Return whether decisions are told."""
    return _IS_ON


def debug(about: str, text: str, *, kind: str = "") -> None:
    """Write ``heka: debug PID: about: text``; within INTERVAL only count it. Never raises.

    Args:
        about: What it is about, for instance a destination.
        text: What was decided.
        kind: Of decision; lines of the same *about* and *kind* share the limit. "": *text*.
    """
    thing = f"{about} {kind or text}"
    reporter = _reporters.get(thing)
    if reporter is None:
        if len(_reporters) >= _THINGS_MAX:
            _reporters.clear()
        reporter = _reporters[thing] = Reporter(INTERVAL)
    reporter.report(f"debug {os.getpid()}: {about}: {text}")


def tell_drops(sink: Sink, name: str) -> None:
    """Have each drop that *sink* counts told; *name* is that of its destination."""
    if debugging():
        sink.on_drop = teller_of_drops(name)


def teller_of_drops(name: str) -> Callable[..., None]:
    """Return a function that tells drops: ``tell(reason, count=1)``; *name*: of the destination."""

    def tell(reason: str, count: int = 1) -> None:
        why = f", {_REASONS[reason]}" if reason in _REASONS else ""
        what = "a message is dropped" if count == 1 else f"{count} messages are dropped"
        debug(name, f"{what}: {reason}{why}", kind=reason)

    return tell

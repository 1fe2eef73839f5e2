"""AlertmanagerOutput: states as alerts of Prometheus' Alertmanager."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka._core import monotonic
from heka.agent.filters.variables import variable
from heka.agent.http.answers import check
from heka.agent.http.options import HttpOptions
from heka.agent.options import option
from heka.agent.outputs.blocks import BlockOutlet
from heka.agent.outputs.encoders import ProtobufEncoder
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka._delivery.outlets import Outlet
    from heka.agent.plugin import Encoder
    from heka.framing import Block
    from heka.message import Message

__all__ = ["AlertmanagerOptions", "AlertmanagerOutput"]

_PATH: Final = "/api/v2/alerts"
_HEADERS: Final = {"Content-Type": "application/json"}
_STATES: Final = ("OK", "WARNING", "CRITICAL")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: Why a message is refused that has no state.
NO_STATE: Final = "no-state"


@dataclass(frozen=True)
class AlertmanagerOptions(HttpOptions):
    """Options of ``AlertmanagerOutput``; without a path, ``url`` means ``/api/v2/alerts``."""

    compression: str = option("none", "text", "No effect: Alertmanager takes no other.")
    labels: dict[str, str] = option({}, "texts", "Further labels of each alert.")
    expires: float = option(
        86_400.0, "seconds", "An alert that is not told again ends after this time."
    )

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        super().__post_init__()
        if not 60 <= self.expires <= 31_536_000:
            raise ConfigError(f"expires: expected 60 seconds to a year, got {self.expires:g}")


class AlertmanagerOutput:
    """Posts states as alerts: messages of ThresholdFilter, or payloads as ``CRITICAL: text``.

    The alert's labels are ``alertname`` (Logger), ``instance`` (Hostname), ``key`` (the field, if
    it is there) and ``severity``. The state OK ends the alert; so does another state.
    """

    Options: ClassVar[type] = AlertmanagerOptions

    def __init__(self, name: str, options: AlertmanagerOptions, encoder: Encoder | None) -> None:
        if encoder is not None and not isinstance(encoder, ProtobufEncoder):
            raise ConfigError(f"{name}: encoder: expected none, Alertmanager takes alerts only")
        self._options = options

    def outlet(self) -> Outlet:
        """Return an outlet that posts blocks."""
        return BlockOutlet(_AlertWriter(self._options))


class _AlertWriter:
    """Posts the alerts of a block with one request."""

    def __init__(self, options: AlertmanagerOptions) -> None:
        self._options = options
        self._target = options.target()
        self._path = _PATH if self._target.path == "/" else self._target.path

    def is_open(self) -> bool:
        return True

    def open(self, deadline: float) -> None:
        """Do nothing: a request connects."""

    def write(self, block: Block, deadline: float) -> Mapping[str, Sequence[int]]:
        alerts: list[dict[str, Any]] = []
        without: list[int] = []
        for index, each in enumerate(block):
            found = list(alerts_of(each.message, self._options))
            alerts += found
            if not found:
                without.append(index)
        if alerts:
            # json writes lone surrogates, bytes that were no UTF-8, which no parser of Go takes.
            body = json.dumps(alerts, ensure_ascii=False).encode("utf-8", "replace")
            until = min(deadline, monotonic() + self._options.http_timeout)
            check(self._target, self._target.post(body, _HEADERS, until, self._path), "")
        return {NO_STATE: without} if without else {}

    def close(self, deadline: float) -> None:
        self._target.close()


_read_state, _read_before = variable("Fields[state]"), variable("Fields[before]")
_read_key = variable("Fields[key]")


def alerts_of(message: Message, options: AlertmanagerOptions) -> Iterator[dict[str, Any]]:
    """Yield the alert that *message* begins, and the one that it ends; none without a state."""
    head, colon, text = message.payload.partition(":")
    state = _read_state(message)
    if state not in _STATES:
        state, text = (head, text) if colon else (None, "")
    if state not in _STATES:
        return
    before = _read_before(message)
    labels = {"alertname": message.logger or "heka", "instance": message.hostname}
    key = _read_key(message)
    if isinstance(key, str):
        labels["key"] = key
    labels |= options.labels
    start = _EPOCH + timedelta(microseconds=message.timestamp // 1000)
    ended = [each for each in _STATES[1:] if each != state and before in (each, None)]
    for each in ended if state == "OK" or before is not None else ():
        yield _alert(labels, each, text, start - timedelta(seconds=1), start)
    if state != "OK":
        yield _alert(labels, str(state), text, start, start + timedelta(seconds=options.expires))


def _alert(
    labels: Mapping[str, str], state: str, text: str, start: datetime, end: datetime
) -> dict[str, Any]:
    known = {name: value for name, value in labels.items() if value}
    return {
        "labels": {**known, "severity": state.lower()},
        "annotations": {"summary": text.strip()},
        "startsAt": start.isoformat(),
        "endsAt": end.isoformat(),
    }

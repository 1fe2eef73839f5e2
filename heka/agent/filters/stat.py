"""StatFilter: makes stats of messages, for a StatAccumInput."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka.agent.filters.variables import Template
from heka.agent.inputs.stat_accum import StatAccumInput, accumulator
from heka.agent.options import REQUIRED, choice, option, tables_of
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka.agent.graph import Feed
    from heka.framing import Block
    from heka.message import Message

__all__ = ["MetricOptions", "StatFilter", "StatOptions"]

_KINDS: Final = {"Counter": "c", "Gauge": "g", "Timer": "ms"}
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
#: What would end the key in a line of statsd.
_UNFIT: Final = re.compile(r"[\x00-\x20:|@\x7f]")


@dataclass(frozen=True)
class MetricOptions:
    """One stat, a table ``[X.Metric.NAME]``."""

    type: str = option(REQUIRED, choice(*_KINDS), "Kind of the stat.")
    name: str = option(REQUIRED, "text", "Key of the stat; '%NAME%' is a value of the message.")
    value: str = option(REQUIRED, "text", "Its value, as '1' or '%duration%'.")
    replace_dot: bool = option(
        False, "boolean", "Write _ for each dot of a value that is put into the name."
    )

    def __post_init__(self) -> None:
        """Check the templates; ConfigError."""
        for key in ("name", "value"):
            try:
                Template(getattr(self, key))
            except ConfigError as problem:
                raise ConfigError(f"{key}: {problem}") from None


@dataclass(frozen=True)
class StatOptions:
    """Options of ``StatFilter``."""

    Metric: dict[str, MetricOptions] = option(
        REQUIRED, tables_of(MetricOptions), "The stats that each message makes."
    )
    stat_accum_name: str = option(
        "StatAccumInput", "text", "Section of the StatAccumInput that sums up the stats."
    )


class _Metric:
    """One stat of a message."""

    def __init__(self, options: MetricOptions) -> None:
        self._name = Template(options.name)
        self._value = Template(options.value)
        self._suffix = f"|{_KINDS[options.type]}"
        self._is_gauge = options.type == "Gauge"
        self._clean = partial(_cleaned, replace_dot=options.replace_dot)

    def line(self, message: Message) -> str | None:
        """Return its line of statsd; None: *message* has no name or no number for it."""
        name = self._name.of(message, self._clean)
        value = self._value.of(message)
        if not name or value is None or not _NUMBER.fullmatch(value.strip()):
            return None
        value = value.strip()
        if self._is_gauge and value[0] in "+-":  # a sign means to add, in the dialect of statsd
            return f"{name}:0{self._suffix}\n{name}:{value}{self._suffix}"
        return f"{name}:{value}{self._suffix}"


def _cleaned(value: str, *, replace_dot: bool) -> str:
    value = _UNFIT.sub("_", value)
    return value.replace(".", "_") if replace_dot else value


class StatFilter:
    """Makes stats of messages: a counter, a gauge or a timer for each table ``[X.Metric.NAME]``.

    A message makes no stat that it lacks a value for.
    """

    Options: ClassVar[type] = StatOptions

    def __init__(self, name: str, options: StatOptions, feed: Feed) -> None:
        """Keep the arguments."""
        self.name = name
        self._feed = feed
        self._target = options.stat_accum_name
        self._metrics = [_Metric(each) for each in options.Metric.values()]
        self._lock = threading.Lock()
        self._counts = {"stats": 0, "without_value": 0, "refused": 0}

    @staticmethod
    def sample(name: str, options: StatOptions) -> dict[str, Any] | None:
        """Return None: it makes no messages."""
        return None

    def start(self) -> None:
        """Begin; ConfigError without that StatAccumInput."""
        self._accumulator()

    def accept(self, block: Block) -> bool:
        """Feed the stats of *block* into the table; False while its section is being replaced."""
        try:
            table = self._accumulator().table
        except ConfigError:
            return False
        lines = [metric.line(each.message) for each in block for metric in self._metrics]
        found = [line for line in lines if line is not None]
        _, refused = table.feed("\n".join(found).encode()) if found else (0, 0)
        with self._lock:
            self._counts["stats"] += len(found) - refused
            self._counts["without_value"] += len(lines) - len(found)
            self._counts["refused"] += refused
        return True

    def stop(self, deadline: float) -> None:
        """Nothing is left."""

    def account(self) -> Mapping[str, object]:
        """Return how many stats were made, and how many were not for want of a value."""
        return dict(self._counts)

    def _accumulator(self) -> StatAccumInput:
        return accumulator(self._feed.world, self._target, self.name)

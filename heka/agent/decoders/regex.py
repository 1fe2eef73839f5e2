"""PayloadRegexDecoder: groups of a regular expression become attributes and fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka._core import Regex
from heka.agent.decoders.text import GroupsDecoder, set_value, severity_of
from heka.agent.decoders.times import Layout
from heka.agent.filters.variables import variable
from heka.agent.options import REQUIRED, Kind, option
from heka.exceptions import ConfigError, MatcherError

if TYPE_CHECKING:
    from heka.agent.world import World
    from heka.message import Message

__all__ = ["PayloadRegexDecoder", "PayloadRegexOptions", "read_severities"]

_VARIABLE: Final = re.compile(r"%([^%]+)%")
_NO_MATCH: Final = "the expression does not match"


def read_severities(value: Any) -> dict[str, int]:
    """Return a table of severities; ValueError for another value."""
    if not isinstance(value, Mapping) or not all(
        type(number) is int and 0 <= number <= 7 for number in value.values()
    ):
        raise ValueError
    return dict(value)


SEVERITY_MAP: Final = Kind("tables", "a table of integers of 0 to 7", read_severities)


@dataclass(frozen=True)
class PayloadRegexOptions:
    """Options of ``PayloadRegexDecoder``: hekad's."""

    match_regex: str = option(
        REQUIRED, "text", "Regular expression of RE2's syntax, with named groups."
    )
    message_fields: dict[str, str] = option(
        {},
        "texts",
        "What is set: an attribute, or a field with its unit as 'size|B', to a text in which "
        "'%GROUP%' is what a group has matched, or an attribute or a field of the message.",
    )
    severity_map: dict[str, int] = option(
        {}, SEVERITY_MAP, "Severity for each text of the group Severity."
    )
    timestamp_layout: str = option(
        "", "text", "Layout of the group Timestamp: Go's, a name as RFC3339, Epoch, or strptime's."
    )
    timestamp_location: str = option("UTC", "text", "Zone of times that say none.")
    log_errors: bool = option(True, "boolean", "No effect: log_decode_failures of the input does.")

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        try:
            Regex(self.match_regex)
        except MatcherError as problem:
            raise ConfigError(f"match_regex: {problem}") from None
        if self.timestamp_layout or self.timestamp_location != "UTC":
            Layout(self.timestamp_layout or "RFC3339", self.timestamp_location)


class PayloadRegexDecoder(GroupsDecoder):
    """Reads payloads by a regular expression: its groups become attributes and fields.

    The groups ``Timestamp`` and ``Severity`` set these attributes.
    """

    Options: ClassVar[type] = PayloadRegexOptions

    def __init__(self, name: str, options: PayloadRegexOptions, world: World) -> None:
        """Compile the expression and the texts."""
        super().__init__(Regex(options.match_regex))
        self._texts = {key: _VARIABLE.split(text) for key, text in options.message_fields.items()}
        self._severities = options.severity_map
        layout = options.timestamp_layout or "RFC3339"
        self._layout = Layout(layout, options.timestamp_location)

    def apply(self, message: Message, found: tuple[str | None, ...] | None) -> str:
        """Set what the groups have matched."""
        if found is None:
            return _NO_MATCH
        groups = dict(zip(self.regex.groups, found, strict=True))
        why = self._apply_times(message, groups)
        fields = dict(message.fields)
        for key, pieces in self._texts.items():
            text = "".join(
                piece if index % 2 == 0 else self._value(message, groups, piece)
                for index, piece in enumerate(pieces)
            )
            why = why or set_value(message, fields, key, text)
        if not why:
            message.fields = fields
        return why

    def _apply_times(self, message: Message, groups: Mapping[str, str | None]) -> str:
        time = groups.get("Timestamp")
        if time is not None:
            nanoseconds = self._layout.read(time)
            if nanoseconds is None:
                return f"Timestamp is of another layout: {time[:50]!r}"
            message.timestamp = nanoseconds
        name = groups.get("Severity")
        if name is not None:
            severity = severity_of(name, self._severities)
            if severity is None:
                return f"Severity is unknown: {name[:50]!r}"
            message.severity = severity
        return ""

    @staticmethod
    def _value(message: Message, groups: Mapping[str, str | None], name: str) -> str:
        if name in groups:
            return groups[name] or ""
        value = variable(name)(message)
        return "" if value is None or isinstance(value, bytes) else str(value)

"""JsonDecoder: objects of JSON become fields; Metlog's messages become what they were."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from heka.agent.decoders.text import TextDecoder, set_value, severity_of
from heka.agent.decoders.times import Layout
from heka.agent.options import choice, option
from heka.exceptions import ConfigError
from heka.message import Message

if TYPE_CHECKING:
    from heka.agent.world import World

__all__ = ["JsonDecoder", "JsonOptions"]

#: Fields of a message; what an object has more of is in REST, as JSON.
FIELDS_MAX: Final = 256
REST: Final = "heka.rest"
_DEPTH_MAX: Final = 32
_INT64: Final = range(-(2**63), 2**63)
#: Attributes, and the keys of Metlog's messages that hold them.
_METLOG: Final = {
    "Type": "type",
    "Logger": "logger",
    "Payload": "payload",
    "EnvVersion": "env_version",
    "Pid": "metlog_pid",
    "Hostname": "metlog_hostname",
}


@dataclass(frozen=True)
class JsonOptions:
    """Options of ``JsonDecoder``."""

    layout: str = option(
        "fields",
        choice("fields", "metlog"),
        "fields: each member is a field, and [X.map] names those that are attributes. metlog: "
        "messages of Metlog, as its clients write them.",
    )
    map: dict[str, str] = option(
        {},
        "texts",
        "Attribute = member: Timestamp, Severity, Type, Logger, Payload, Hostname, Pid, "
        "EnvVersion. A member of an object in it is named with a dot.",
    )
    severity_map: dict[str, int] = option({}, "texts", "Severity for each text of that member.")
    timestamp_layout: str = option("RFC3339", "text", "Layout of the member for Timestamp.")
    timestamp_location: str = option("UTC", "text", "Zone of times that say none.")
    message_type: str = option("", "text", "Type of the messages; else they keep theirs.")
    payload_keep: bool = option(False, "boolean", "Keep the text as Payload.")

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        known = (*_METLOG, "Timestamp", "Severity")
        for key in self.map:
            if key not in known:
                raise ConfigError(f"map: expected one of {', '.join(known)}, got {key!r}")
        Layout(self.timestamp_layout, self.timestamp_location)


class JsonDecoder(TextDecoder):
    """Reads payloads that are an object of JSON: its members become fields of their types.

    A member of an object within is named with a dot; a list of one type is a field of several
    values, any other list is its text. Null is no field.
    """

    Options: ClassVar[type] = JsonOptions

    def __init__(self, name: str, options: JsonOptions, world: World) -> None:
        """Keep the options."""
        super().__init__()
        self._options = options
        self._is_metlog = options.layout == "metlog"
        self._layout = Layout(options.timestamp_layout, options.timestamp_location)
        self._map = {
            **(_METLOG if self._is_metlog else {}),
            **({"Timestamp": "timestamp", "Severity": "severity"} if self._is_metlog else {}),
            **options.map,
        }
        self._over = 0

    def apply(self, message: Message, found: str) -> str:
        """Set the members of the object in *found*."""
        try:
            members = json.loads(found)
        except (ValueError, RecursionError) as problem:
            return f"it is no JSON: {str(problem)[:100]}"
        if not isinstance(members, dict):
            return "it is no object of JSON"
        inner = members.pop("fields", {}) if self._is_metlog else {}
        flat = dict(_flat(members, "", 1))
        payload = message.payload if self._options.payload_keep else ""
        why = self._apply_attributes(message, flat)
        if why:
            return why
        if not self._options.payload_keep and "Payload" not in self._map:
            message.payload = payload
        if isinstance(inner, dict):
            flat.update(_flat(inner, "", 1))
        fields = dict(message.fields)
        rest: dict[str, Any] = {}
        for key, value in flat.items():
            shown = _field(value)
            if shown is None:
                continue
            if len(fields) < FIELDS_MAX - 1 or key in fields:
                fields[key] = shown
            else:
                rest[key] = value
        if rest:
            self._over += 1
            fields[REST] = json.dumps(rest)
        message.fields = fields
        if self._options.message_type:
            message.type = self._options.message_type
        return ""

    def account(self) -> Mapping[str, object]:
        """Return how many messages were not decoded, and how many had too many members."""
        return {**super().account(), **({"over_fields": self._over} if self._over else {})}

    def _apply_attributes(self, message: Message, flat: dict[str, Any]) -> str:
        """Set attributes from the members that are mapped, and take these out."""
        why = ""
        for name, key in self._map.items():
            value = flat.pop(key, None)
            if value is None:
                continue
            if name == "Timestamp":
                nanoseconds = self._layout.read(str(value))
                if nanoseconds is None and self._is_metlog:
                    nanoseconds = _ISO.read(str(value))
                if nanoseconds is None:
                    why = why or f"{key} is of another layout: {str(value)[:50]!r}"
                else:
                    message.timestamp = nanoseconds
            elif name == "Severity":
                severity = severity_of(str(value), self._options.severity_map)
                if severity is None:
                    why = why or f"{key} is no severity: {str(value)[:50]!r}"
                else:
                    message.severity = severity
            else:
                why = why or set_value(message, {}, name, value)
        return why


#: As Metlog's clients write times, without a zone: UTC.
_ISO: Final = Layout("2006-01-02T15:04:05")


def _flat(members: Mapping[str, Any], before: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of all members that are no objects; deeper ones are left whole."""
    for key, value in members.items():
        if isinstance(value, dict) and value and depth < _DEPTH_MAX:
            yield from _flat(value, f"{before}{key}.", depth + 1)
        else:
            yield f"{before}{key}", value


def _field(value: Any) -> Any:
    """Return *value* as a field takes it; None: it is none."""
    if value is None or value == []:
        return None
    if isinstance(value, list):
        kinds = {type(each) for each in value}
        if kinds <= {int, float} and kinds:
            value = [float(each) for each in value] if float in kinds else value
        elif len(kinds) != 1 or not kinds <= {str, bool}:
            return json.dumps(value)
        return value if all(map(_fits, value)) else json.dumps(value)
    if isinstance(value, (str, bool, int, float)):
        return value if _fits(value) else str(value)
    return json.dumps(value)


def _fits(value: Any) -> bool:
    return type(value) is not int or value in _INT64

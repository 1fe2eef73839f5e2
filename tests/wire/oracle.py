"""Google's protobuf for proto/message.proto, and conversions to compare messages.

The schema is read from the .proto file, so that neither protoc nor a copy of it is needed. It has
two forms: ``Message`` as in the file, and ``RawMessage``, whose strings are bytes. Both are the
same on the wire; only the second can have bytes that are not UTF-8.
"""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

import heka

ROOT = Path(__file__).resolve().parents[2]
VECTORS = json.loads((Path(__file__).parent / "vectors" / "heka.json").read_text("utf-8"))

TYPE = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    "string": TYPE.TYPE_STRING,
    "bytes": TYPE.TYPE_BYTES,
    "int32": TYPE.TYPE_INT32,
    "int64": TYPE.TYPE_INT64,
    "uint32": TYPE.TYPE_UINT32,
    "double": TYPE.TYPE_DOUBLE,
    "bool": TYPE.TYPE_BOOL,
}
LABELS = {
    "required": TYPE.LABEL_REQUIRED,
    "optional": TYPE.LABEL_OPTIONAL,
    "repeated": TYPE.LABEL_REPEATED,
}
FIELD = re.compile(r"(required|optional|repeated) (\w+) (\w+) = (\d+)(?: \[(\w+) = (\w+)\])?;")

VALUE_ARRAYS = ("value_string", "value_bytes", "value_integer", "value_double", "value_bool")


def _enclosed(text: str, keyword: str) -> list[tuple[str, str]]:
    """Yield name and body of each top-level ``keyword NAME { ... }`` in *text*."""
    found = []
    for match in re.finditer(rf"^( *){keyword} (\w+) {{$(.*?)^\1}}$", text, re.M | re.S):
        found.append((match[2], match[3]))
    return found


def _schema(package: str, *, raw: bool) -> dict[str, Any]:
    """Return the classes of the messages in the .proto file, by name."""
    text = re.sub(r"//.*", "", (ROOT / "proto" / "message.proto").read_text("utf-8"))
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax="proto2"
    )
    for name, body in _enclosed(text, "message"):
        message = file.message_type.add(name=name)
        enums = dict(_enclosed(body, "enum"))
        for enum_name, enum_body in enums.items():
            enum = message.enum_type.add(name=enum_name)
            for constant, number in re.findall(r"(\w+) = (\d+);", enum_body):
                enum.value.add(name=constant, number=int(number))
        for label, kind, field_name, number, option, value in FIELD.findall(body):
            field = message.field.add(name=field_name, number=int(number), label=LABELS[label])
            if kind in enums:
                field.type, field.type_name = TYPE.TYPE_ENUM, f".{package}.{name}.{kind}"
            elif kind in SCALARS:
                field.type = SCALARS["bytes" if raw and kind == "string" else kind]
            else:
                field.type, field.type_name = TYPE.TYPE_MESSAGE, f".{package}.{kind}"
            if option == "packed":
                field.options.packed = value == "true"
            elif option == "default":
                field.default_value = value
    pool = descriptor_pool.DescriptorPool()
    described = pool.Add(file) or pool.FindFileByName(file.name)
    return {
        name: message_factory.GetMessageClass(message)
        for name, message in described.message_types_by_name.items()
    }


_cooked, _raw = _schema("heka", raw=False), _schema("heka_raw", raw=True)
Message, Header = _cooked["Message"], _cooked["Header"]
RawMessage, RawHeader = _raw["Message"], _raw["Header"]


def value_from_json(value: object) -> object:
    """Return a value of the golden vectors, in which bytes and special doubles are in hex."""
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        if kind == "bytes":
            return bytes.fromhex(text)
        return struct.unpack(">d", bytes.fromhex(text))[0]
    return value


def parse(data: bytes) -> Any:
    """Return the RawMessage that Google reads from *data*; None when it refuses."""
    message = RawMessage()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return None
    return message if message.IsInitialized() else None


def google_message(content: dict[str, Any]) -> Any:
    """Return Google's message for a golden vector, with every attribute present."""
    message = Message(
        uuid=bytes.fromhex(content["uuid"]),
        **{name: content[name] for name in content if name not in ("uuid", "fields")},
    )
    for content_field in content["fields"]:
        field = message.fields.add(
            name=content_field["name"],
            value_type=content_field["value_type"],
            representation=content_field["representation"],
        )
        values = map(value_from_json, content_field["values"])
        getattr(field, VALUE_ARRAYS[content_field["value_type"]]).extend(values)
    return message


def text(data: bytes) -> str:
    """Return a string of the wire as our API returns it."""
    return data.decode("utf-8", "surrogateescape")


def view_of_google(message: Any) -> dict[str, Any]:
    """Return the content of a RawMessage in comparable form."""
    fields = []
    for field in message.fields:
        values = list(getattr(field, VALUE_ARRAYS[field.value_type]))
        if field.value_type == 0:
            values = [text(value) for value in values]
        fields.append(
            (text(field.name), field.value_type, text(field.representation), comparable(values))
        )
    return {
        "uuid": message.uuid,
        "timestamp": message.timestamp,
        "severity": message.severity,
        "pid": message.pid,
        **{
            name: text(getattr(message, name))
            for name in ("type", "logger", "payload", "env_version", "hostname")
        },
        "fields": fields,
    }


def comparable(values: list[Any]) -> list[Any]:
    """Return *values* with each float in hex: NaN equals itself, and -0.0 is not 0.0."""
    return [value.hex() if isinstance(value, float) else value for value in values]


def first_of_each_name(fields: list[tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    """Return *fields* as a dict: of equal names the first."""
    shown: dict[str, tuple[Any, ...]] = {}
    for name, *rest in fields:
        shown.setdefault(name, tuple(rest))
    return shown


def view_of_ours(message: heka.Message) -> dict[str, Any]:
    """Return the content of a heka.Message, as view_of_google does, with fields by name."""
    return {
        "uuid": message.uuid,
        "timestamp": message.timestamp,
        "severity": message.severity,
        "pid": message.pid,
        **{
            name: getattr(message, name)
            for name in ("type", "logger", "payload", "env_version", "hostname")
        },
        "fields": {
            name: (field.value_type, field.representation, comparable(list(field)))
            for name, field in message.fields.items()
        },
    }

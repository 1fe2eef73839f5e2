"""The other encoders, in their fastest documented use, on the same data as heka.

The module for Google's protobuf is generated from proto/message.proto when a benchmark starts.
``ProtobufPeer.pack`` does the work of a client built on it: flatten, choose a value type, fill the
object.
"""

import importlib.util
import os
import socket
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from harness import HERE, OUT
from messages import Case

PROTO = HERE.parent / "proto"


def values_at_hand(case: Case) -> dict[str, Any]:
    """Return the variables of the statements, whose values exist before the call."""
    return {
        "uuid": uuid.uuid4().bytes,
        "timestamp": time.time_ns(),
        "pid": os.getpid(),
        "hostname": socket.gethostname(),
        "payload": case.payload,
    }


def as_dict(case: Case, scope: Mapping[str, Any]) -> dict[str, Any]:
    """Build the dict that the generic encoders write: the same content as heka's message."""
    return eval(case.dict_source(), dict(scope))


def text_uuid(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Copy *entry* with its uuid as hex text: JSON has no bytes."""
    return {**entry, "uuid": entry["uuid"].hex()}


def load_protobuf() -> ModuleType:
    """Generate message_pb2 into benchmarks/out with the newest protoc and import it."""
    from google.protobuf.internal import api_implementation
    from grpc_tools import protoc

    if api_implementation.Type() != "upb":
        sys.exit(f"expected protobuf's upb backend, got {api_implementation.Type()}")
    OUT.mkdir(exist_ok=True)
    status = protoc.main(["protoc", f"-I{PROTO}", f"--python_out={OUT}", "message.proto"])
    if status != 0:
        sys.exit(f"protoc failed with status {status} on {PROTO / 'message.proto'}")
    spec = importlib.util.spec_from_file_location("message_pb2", OUT / "message_pb2.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flatten(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (name, value) with nested names joined by dots, as heka writes them."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


class ProtobufPeer:
    """Google's protobuf with the work a client does around it."""

    def __init__(self) -> None:
        """Generate the module; takes a second."""
        module = load_protobuf()
        self.message = module.Message
        field = module.Field
        self.kinds = {
            bool: (field.BOOL, "value_bool"),
            int: (field.INTEGER, "value_integer"),
            float: (field.DOUBLE, "value_double"),
            str: (field.STRING, "value_string"),
            bytes: (field.BYTES, "value_bytes"),
        }
        self.arrays = dict(self.kinds.values())

    def build(self, entry: Mapping[str, Any]) -> Any:
        """Fill a protobuf Message from the dict that the generic encoders write."""
        attributes = dict(entry)
        fields = attributes.pop("fields")
        message = self.message(**attributes)
        add = message.fields.add
        kinds = self.kinds
        for name, value in flatten(fields):
            values = value if type(value) is list else [value]
            kind, array = kinds[type(values[0])]
            add(name=name, value_type=kind, representation="", **{array: values})
        return message

    def pack(self, entry: Mapping[str, Any]) -> bytes:
        """From a dict to wire bytes, unframed and unsigned."""
        return self.build(entry).SerializeToString()

    def read(self, data: bytes) -> dict[str, Any]:
        """From wire bytes to a dict with everything in it."""
        message = self.message.FromString(data)
        arrays = self.arrays
        return {
            "uuid": message.uuid,
            "timestamp": message.timestamp,
            "type": message.type,
            "logger": message.logger,
            "severity": message.severity,
            "payload": message.payload,
            "env_version": message.env_version,
            "pid": message.pid,
            "hostname": message.hostname,
            "fields": {
                field.name: list(getattr(field, arrays[field.value_type]))
                for field in message.fields
            },
        }

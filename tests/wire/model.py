"""A reference implementation of the stream reader: slow, simple, for whole streams only.

After the last chunk, a ``heka.StreamReader`` must have the same result as this model.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import heka

BAD, MORE = "bad", "more"
LENGTH_MAX = 16 * 1024 * 1024
#: Number: name and wire type.
HEADER = {1: ("length", 0), 3: ("hash", 0), 4: ("signer", 2), 5: ("version", 0), 6: ("hmac", 2)}


@dataclass
class Outcome:
    frames: list[tuple[bytes, str | None, int | None]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    delivered_bytes: int = 0
    refused_bytes: int = 0
    discarded_bytes: int = 0
    pending_bytes: int = 0


def _varint(data: bytes, at: int, total: int) -> tuple[int, int] | str:
    value = 0
    for index in range(10):
        if at + index == total:
            return BAD  # it would end after the header
        if at + index >= len(data):
            return MORE
        value |= (data[at + index] & 0x7F) << 7 * index
        if data[at + index] < 0x80:
            return value & (2**64 - 1), at + index + 1
    return BAD


def read_header(data: bytes, total: int) -> dict[str, int | bytes] | str:
    """Return the entries of a header of *total* bytes; BAD, or MORE when bytes are missing."""
    header: dict[str, int | bytes] = {}
    at = 0
    while at < len(data):
        read = _varint(data, at, total)
        if isinstance(read, str):
            return read
        key, at = read
        number, wire = key >> 3, key & 7
        if not 1 <= number < 2**29 or wire not in (0, 1, 2, 5):
            return BAD
        size = {1: 8, 5: 4}.get(wire, 0)
        value: int | bytes = 0
        if wire in (0, 2):
            read = _varint(data, at, total)
            if isinstance(read, str):
                return read
            value, at = read
            size = value if wire == 2 else 0
        name, expected = HEADER.get(number, (None, wire))
        if wire != expected or size > total - at:
            return BAD
        if size > len(data) - at:
            return MORE
        if wire != 0:
            value = data[at : at + size]
            at += size
        if name is not None:
            header[name] = value & 0xFFFFFFFF if isinstance(value, int) else value
    if len(data) < total:
        return MORE
    return header if "length" in header else BAD


def check_signature(
    header: Mapping[str, int | bytes],
    body: bytes,
    signers: Mapping[tuple[str, int], bytes] | None,
    require: bool,
) -> tuple[str | None, int | None] | str:
    """Return (signer, version), or the reason of the refusal."""
    if signers is None:
        return None, None
    if "hmac" not in header:
        return "unsigned" if require else (None, None)
    name = bytes(header.get("signer", b"")).decode("utf-8", "surrogateescape")
    version = int(header.get("version", 0))
    if (name, version) not in signers:
        return "unknown_signer"
    hash_name = {0: "md5", 1: "sha1"}.get(int(header.get("hash", 0)))
    if hash_name is None:
        return "unknown_hash"
    if hmac.digest(signers[name, version], body, hash_name) != header["hmac"]:
        return "bad_digest"
    return name, version


def is_message(body: bytes) -> bool:
    try:
        heka.Message.decode(body)
    except heka.DecodeError:
        return False
    return True


def read(
    stream: bytes,
    *,
    max_message_size: int = 65536,
    signers: Mapping[tuple[str, int], bytes] | None = None,
    require_signature: bool = False,
) -> Outcome:
    """Return the result of the rules for *stream*."""
    out = Outcome()
    at = 0
    while at < len(stream):
        rest = stream[at : at + 258]
        if rest[0] != 0x1E:
            out.discarded_bytes += 1
            at += 1
            continue
        if len(rest) < 2:
            break
        total = rest[1]
        header = read_header(rest[2 : 2 + total], total) if total else BAD
        if header == MORE or (header != BAD and len(rest) < 3 + total):
            break
        if header == BAD or rest[2 + total] != 0x1F or header["length"] > LENGTH_MAX:
            out.discarded_bytes += 1
            at += 1
            continue
        size = 3 + total + header["length"]
        here = min(size, len(stream) - at)
        if header["length"] > max_message_size:
            out.refused["oversize"] += 1
            out.refused_bytes += here
            at += here
            continue
        if here < size:
            break
        body = stream[at + 3 + total : at + size]
        if not is_message(body):
            out.discarded_bytes += 1
            at += 1
            continue
        signature = check_signature(header, body, signers, require_signature)
        if isinstance(signature, str):
            out.refused[signature] += 1
            out.refused_bytes += size
        else:
            out.frames.append((body, *signature))
            out.delivered_bytes += size
        at += size
    out.pending_bytes = len(stream) - at
    return out

"""Build streams: signed and unsigned frames, and arbitrary bytes between them."""

from __future__ import annotations

import hmac
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from wire.pieces import chunk, number

import heka

KEY = b"secret"
NUMBERS = {"md5": 0, "sha1": 1}


def payload(text: str = "", **fields: Any) -> bytes:
    """Return an encoded message that is the same in every run."""
    return heka.Message(
        "t", "l", 6, fields, text, pid=1, hostname="h", uuid=bytes(16), timestamp_ns=1
    ).encode()


def framed(header: bytes, body: bytes) -> bytes:
    """Return a frame with any header, which need not be right."""
    return b"\x1e" + bytes([len(header)]) + header + b"\x1f" + body


def signed(
    body: bytes,
    name: bytes | None = b"ops",
    version: int | None = 1,
    key: bytes = KEY,
    hash_name: str = "sha1",
    *,
    number_: int | None = None,
    digest: bytes | None = None,
) -> bytes:
    """Return a signed frame; *number_* and *digest* replace the right values."""
    header = number(1, len(body))
    header += number(3, NUMBERS[hash_name] if number_ is None else number_)
    if name is not None:
        header += chunk(4, name)
    if version is not None:
        header += number(5, version)
    header += chunk(6, hmac.digest(key, body, hash_name) if digest is None else digest)
    return framed(header, body)


def feed(reader: heka.StreamReader, chunks: Iterable[bytes]) -> list[heka.Frame]:
    """Feed all *chunks*; after each, check that every byte is counted."""
    fed, frames = 0, []
    before = account(reader)
    for part in chunks:
        new = reader.feed(part)
        fed += len(part)
        frames += new
        after = account(reader)
        assert sum(after.values()) == sum(before.values()) + fed
        assert all(after[name] >= before[name] for name in ("delivered", "refused", "discarded"))
    return frames


def account(reader: heka.StreamReader) -> dict[str, int]:
    return {
        "delivered": reader.delivered_bytes,
        "refused": reader.refused_bytes,
        "discarded": reader.discarded_bytes,
        "pending": reader.pending_bytes,
    }


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """Split *data* at *places*."""
    edges = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def outcome(data: bytes, chunks: Iterable[bytes] | None = None, **settings: Any) -> dict[str, Any]:
    """Return the complete result of a reader for *data*, before and after close()."""
    reader = heka.StreamReader(**settings)
    frames = feed(reader, [data] if chunks is None else chunks)
    before = account(reader)
    reader.close()
    return {
        "frames": [(frame.payload, frame.signer, frame.signer_version) for frame in frames],
        "refused": reader.refused,
        "open": before,
        "closed": account(reader),
    }

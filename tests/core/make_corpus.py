"""Write the fuzzers' seeds from the golden vectors, to tests/core/corpus/ or to a given folder.

Run it again when a file of tests/wire/vectors changes: the output depends only on these. The
seeds are committed, so that the C tests need nothing but a C compiler.
"""

from __future__ import annotations

import json
import math
import shutil
import struct
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parent / "wire" / "vectors" / "heka.json"
MATCHER = VECTORS.with_name("matcher.txt")

# libFuzzer runs with -max_len=4096 and would truncate a longer seed.
LIMIT = 4096

UUID = "0a10000102030405060708090a0b0c0d0e0f"
HEAD = UUID + "1001"

# Valid protobuf that no known client writes: one seed for each form that protobuf allows.
FOREIGN = {
    "order": "1001" + UUID,
    "repeated-scalars": "0a00" + HEAD + "1002280128022803",
    "unknown-tags": HEAD + "7a0161fd0100000000f9010000000000000000f801800112",
    "long-varints": HEAD + "9a80808000818000610a",
    "unpacked-integers": HEAD + "520a0a016b1002300130023003",
    "split-blocks": HEAD + "52100a016b1002320101320202033200" + "3004",
    "unpacked-doubles": HEAD + "52170a016b100339000000000000f03f39000000000000f0bf",
    "unpacked-bools": HEAD + "520a0a016b1004400140004002",
    "long-bools": HEAD + "52090a016b100442028001",
    "type-last": HEAD + "520822017622010a0100",
    "every-array": HEAD + "521a0a016b10022201612a016232010142010139000000000000f03f",
    "no-values": HEAD + "52070a016b10021a00",
    "empty-block": HEAD + "52070a016b10033a00",
    "unknown-type": HEAD + "52080a016b1009220161",
    "no-name": HEAD + "5204" + "10001a00",
    "group": HEAD + "7b7c",
    "groups-in-groups": HEAD + "7b0a0161" + "83017b7c8401" + "7c" + "2805",
    "group-in-a-field": HEAD + "520d0a016b" + "7b08057c" + "22017628",
    "long-group": HEAD + "7b" + "7a8001" + "00" * 128 + "7c",
    "group-of-another-end": HEAD + "7b8401",
    "group-without-an-end": HEAD + "7b08017b7c",
    "torn": HEAD + "1aff01",
}

HEADERS = {
    "plain": "0845",
    "long-length": "08808004",
    "signed": "08051801220161280132" + "14" + "00" * 20,
    "unordered": "220161" + "0805" + "2801",
    "unknown-tags": "08051001" + "3a0161" + "4d00000000" + "490000000000000000",
    "repeated": "08050806220161220162",
    "long-varints": "888000858000",
    "no-length": "220161",
    "group": "08053b3c",
    "torn": "08052205",
}

# The first byte of fuzz_reader's input holds the settings, the next two the seed of the chunks.
# Bits 0-1: limit (64, 300, 4096, 65536 bytes); 2-3: keys (none, none, empty ring, full ring);
# 4: signatures required; 5: the rest is a recipe, not the stream itself.
PLAIN, KEYS, REQUIRED, SMALL, RECIPE = 0x03, 0x0C, 0x10, 0x01, 0x20


def recipe(*steps: tuple[int, bytes]) -> bytes:
    """Join (kind, contents) as fuzz_reader reads them: kind, length in two bytes, contents."""
    return b"".join(
        bytes([kind]) + len(contents).to_bytes(2, "little") + contents for kind, contents in steps
    )


def reader_seeds(vectors: dict) -> dict[str, bytes]:
    """Streams of the vectors under several settings, and recipes for each kind of step."""
    seeds = {}
    streams = {s["name"]: bytes.fromhex(s["stream"]) for s in vectors["streams"]}
    frames = {f["name"]: bytes.fromhex(f["frame"]) for f in vectors["frames"]}
    for name, stream in {**streams, **frames}.items():
        seeds[f"golden-{name}"] = bytes([PLAIN, 1, 2]) + stream
    joined = b"".join(list(frames.values())[:6])
    for settings in (SMALL, PLAIN | KEYS, PLAIN | KEYS | REQUIRED, PLAIN | 0x08):
        seeds[f"joined-{settings:02x}"] = bytes([settings, 3, 4]) + joined
    message = bytes.fromhex(HEAD + "1a0174")
    for kind in range(8):
        steps = recipe((kind, message), (1, message), (kind, message))
        seeds[f"recipe-{kind}"] = bytes([PLAIN | KEYS | RECIPE, 5, kind]) + steps
    hidden = b"\x1e\x02\x08\x17\x1f" + message
    payload = bytes.fromhex(HEAD) + b"\x32" + bytes([len(hidden)]) + hidden
    seeds["hidden-frame"] = bytes([RECIPE, 7, 8]) + recipe((1, payload * 2), (1, message))
    seeds["stall"] = bytes([PLAIN, 0, 0]) + b"\x1e\xff" * 40 + frames["frame-0"]
    return seeds


def carbon_seeds() -> dict[str, bytes]:
    """Payloads of lines behind the most lines and bytes of a piece."""
    texts = {
        "lines": b"a 1 2\nb.c -1.5e3 4294967295\n\n  d\t.5  0\r\n",
        "wrong": b"a\na 1\na 1 2 3\na nan 1\na 1e999 1\na 1 -1\na\xff 1 1\n\xc2\xa0b 1 1\n",
        "long": b"k" * 300 + b" 1 2\n" + b"a." * 2000 + b"b;t=v 1 2\n",
    }
    return {
        f"{name}-{lines}-{size}": bytes([lines, size]) + text
        for name, text in texts.items()
        for lines, size in ((0, 0), (1, 9), (2, 3))
    }


def line_seeds() -> dict[str, bytes]:
    """Texts behind the size of a piece and the length of the longest line."""
    texts = {
        "ends": b"one\r\n\n\r\ntwo\nthree",
        "long": b"x" * 300 + b"\nnext\n" + b"\xc3\xa4" * 40 + b"\n",
        "bytes": bytes(range(256)) * 2,
        "open": b"y" * 50,
    }
    return {
        f"{name}-{piece}": bytes([piece, 8]) + text
        for name, text in texts.items()
        for piece in (0, 6, 255)
    }


def otlp_seeds(messages: dict[str, bytes]) -> dict[str, bytes]:
    """The messages behind a first byte that limits the request, or does not."""
    return {
        **{name: b"\x00" + data for name, data in messages.items()},
        **{f"{name}-limit": b"\x20" + data for name, data in list(messages.items())[:4]},
    }


def json_seeds(messages: dict[str, bytes]) -> dict[str, bytes]:
    """The messages behind a first byte that selects how fuzz_json writes them, and texts."""
    seeds = {name: bytes([len(name) % 16 & ~2]) + wire for name, wire in messages.items()}
    head = bytes.fromhex(HEAD)
    text = bytes(range(256)) + "\u0080\u07ff\u0800\uffff\U00010000\U0010ffff".encode()
    seeds["every-byte"] = b"\x0d" + head + b"\x1a" + varint(len(text)) + text
    doubles = struct.pack("<8d", 0.01, -0.0, 1e16, 5e-324, 1e300, 1 / 3, math.inf, math.nan)
    body = bytes.fromhex("0a016b 1003 1a00 3a") + varint(len(doubles)) + doubles
    seeds["doubles"] = b"\x01" + head + b"\x52" + varint(len(body)) + body
    field = bytes.fromhex("5207 0a0161 1000 1a00")
    seeds["one-name"] = b"\x00" + head + field * 40
    seeds["limit"] = b"\x12" + head + field
    return seeds


def varint(number: int) -> bytes:
    """Encode *number*, which is below 16,384."""
    return bytes([number]) if number < 128 else bytes([number & 127 | 128, number >> 7])


def write(folder: Path, seeds: dict[str, bytes]) -> None:
    """Replace *folder* by *seeds*."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in seeds.items():
        if len(data) <= LIMIT:
            (folder / name).write_bytes(data)


# The kinds of steps of fuzz_spool, in the order of its enum.
STEPS = (
    *("forge-frames", "forge-bytes", "forge-mark", "forge-cursor", "open", "put", "take"),
    *("acknowledge", "rewind", "drop-oldest", "drop-in-flight", "drop-all", "cut", "scribble"),
    *("remove", "sync", "free"),
)


def spool_seeds() -> dict[str, bytes]:
    """Return steps as fuzz_spool reads them: kind, two arguments, further bytes."""

    def steps(*given: tuple[str, int, int] | tuple[str, int, int, bytes]) -> bytes:
        parts = [(STEPS.index(one[0]), one[1], one[2], b"".join(one[3:])) for one in given]
        return b"".join(bytes([kind, one, other]) + more for kind, one, other, more in parts)

    def mark(slot: int, frame: int, segment: int, offset: int) -> tuple[str, int, int, bytes]:
        numbers = (frame, segment, offset)
        return "forge-mark", slot, 0, b"".join(n.to_bytes(2, "little") for n in numbers)

    put, take, done = ("put", 30, 15), ("take", 255, 0), ("acknowledge", 0, 0)
    forged = ("forge-frames", 0, 10, bytes(range(10)))
    more = ("forge-frames", 10, 5, bytes(5))
    seeds = {}
    for how in range(4):  # bits: not mapped, lazy
        opened = ("open", how, 0)
        seeds |= {
            f"use-{how}": steps(opened, put, put, take, done, take, ("rewind", 0, 0), take, done),
            f"again-{how}": steps(opened, put, take, done, put, opened, take, done, put, opened),
            f"full-{how}": steps(opened, *[put] * 5, ("drop-oldest", 200, 0), take, put),
            f"drops-{how}": steps(opened, put, take, ("drop-in-flight", 0, 0), ("drop-all", 0, 0)),
            f"found-{how}": steps(
                forged, more, opened, take, done, take, done, put, ("sync", 0, 0)
            ),
            f"marks-{how}": steps(
                forged, more, mark(0, 15, 10, 350), mark(2, 3, 0, 212), opened, take, done, take
            ),
            f"too-far-{how}": steps(forged, mark(0, 900, 0, 9000), mark(2, 9, 7, 7), opened, take),
            f"missing-{how}": steps(forged, mark(0, 15, 0, 1100), opened, take, done, put),
            f"cursor-{how}": steps(forged, ("forge-cursor", 64, 40, b"\xa5" * 40), opened, take),
            f"bytes-{how}": steps(("forge-bytes", 0, 60, b"\x1e\x02\x08\x14\x1f" * 12), opened),
            f"cut-{how}": steps(opened, put, put, take, ("cut", 1, 9), ("cut", 2, 0), take, done),
            f"cut-in-flight-{how}": steps(
                opened, put, put, take, ("cut", 1, 20), ("rewind", 0, 0), take, take, opened, put
            ),
            f"scribbled-{how}": steps(
                opened, put, put, ("scribble", 1, 31, b"\x1e" * 31), take, done, take, done, opened
            ),
            f"removed-{how}": steps(opened, put, put, ("remove", 1, 0), take, done, opened, put),
        }
    return seeds


def regex_seeds() -> dict[str, bytes]:
    """Return patterns and subjects as fuzz_regex reads them: length, pattern, subject."""
    pairs = {
        "literal": ("^/(?:img|css)/|x$", "/css/"),
        "repeat": ("(a+b?){2,3}c*?[^d-f]{20,}", "aabaa" + "x" * 30),
        "nested": ("((a|aa)*|(b{0,9})+)*[0-9]", "a" * 40 + "b"),
        "classes": (r"[[:alpha:]\d\S]\W[^\pL\p{Greek}]", "a-\u03b1 1"),
        "escapes": (r"\x{10FFFF}|\x41\101\t\Q*[\E\.\z|\bB\b", "B AA\t*[."),
        "flags": (r"(?ims)^a(?-i:B)$.(?U)c+(?P<n>d)", "A\nB\nccd"),
        "empty": ("(|a)*()|", ""),
        "refused": ("(?=a)", "a"),
        "stacked": ("a**", "a"),
    }
    seeds = {}
    for name, (pattern, subject) in pairs.items():
        text = pattern.encode()
        seeds[name] = bytes([len(text)]) + text + subject.encode()
    seeds["wrong-bytes"] = b"\x05^..x$" + b"\xff\xe2x"
    return seeds


def matcher_seeds() -> dict[str, bytes]:
    """Every ninth line of the matcher's table: an expression, the byte 0xff, a message."""
    table = MATCHER.read_text(encoding="utf-8").splitlines()
    lines = [line for line in table if line and not line.startswith("#")]
    messages = {
        name: bytes.fromhex(digits)
        for _, name, digits in (line.split(" ") for line in lines if line.startswith("message "))
    }
    rows = [line.split("\t") for line in lines if "\t" in line]
    return {
        f"table-{index:03d}": unquote_to_bytes(row[3])
        + b"\xff"
        + messages[row[2].partition("@")[0] if row[1] != "error" else "bare"]
        for index, row in enumerate(rows)
        if index % 9 == 0
    }


def statsd_seeds() -> dict[str, bytes]:
    """Return datagrams behind a byte that sets up the table; 0xff flushes it."""
    datagrams = {
        "types": b"a:1|c\nb:2|ms\nc:3|g\nd:4|h\ne:5|m\nf:6|d\ng:x|s",
        "rates": b"a:9|c|@0.3\na:1|ms|@.1\na:1|c|@0\na:1|c|@1e-320",
        "numbers": b"a:-1.5e3|c\na:nan|g\na:inf|g\na:1e999|g\na:9007199254740993|g",
        "gauges": b"g:5|g\ng:+3|g\xffg:-2|g\xff\xffg:1|g",
        "timers": b"t:4|ms\nt:1|ms\nt:7|ms\xfft:1|ms",
        "values": b"a:1|ms:2|ms\nb:1:2:3|h|@0.5",
        "tags": b"a:1|c|@0.5|#b:x,a:y,z|c:box|T1",
        "keys": b"a b/c\xc3\xa9:1|c\n:1|c\na\0:1|c\na;b=c:1|c\r\n",
        "limits": b"\n".join(b"%d:1|c" % n for n in range(9)) + b"\na:1:2:3:4:5:6:7:8:9|ms",
        "members": b"u:a|s\nu:b|s\nu:a|s\nu:|s",
    }
    return {
        f"{name}-{how:02x}": bytes([how]) + datagram
        for name, datagram in datagrams.items()
        for how in (0x00, 0x03, 0x05, 0x09)
    }


def main(corpus: Path) -> None:
    """Write all corpora into *corpus*."""
    vectors = json.loads(VECTORS.read_text())
    messages = {f"golden-{m['name']}": bytes.fromhex(m["wire"]) for m in vectors["messages"]}
    foreign = {f"foreign-{name}": bytes.fromhex(digits) for name, digits in FOREIGN.items()}
    write(corpus / "fuzz_decode", {**messages, **foreign})
    write(corpus / "fuzz_json", json_seeds({**messages, **foreign}))
    write(corpus / "fuzz_carbon", carbon_seeds())
    write(corpus / "fuzz_lines", line_seeds())
    write(corpus / "fuzz_otlp", otlp_seeds({**messages, **foreign}))
    write(corpus / "fuzz_reader", reader_seeds(vectors))
    headers = {}
    for frame in vectors["frames"]:
        data = bytes.fromhex(frame["frame"])
        headers[f"golden-{frame['name']}"] = data[2 : 2 + data[1]]
    made = {f"made-{name}": bytes.fromhex(digits) for name, digits in HEADERS.items()}
    write(corpus / "fuzz_header", {**headers, **made})
    write(corpus / "fuzz_spool", spool_seeds())
    write(corpus / "fuzz_regex", regex_seeds())
    write(corpus / "fuzz_match", matcher_seeds())
    write(corpus / "fuzz_statsd", statsd_seeds())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "corpus")

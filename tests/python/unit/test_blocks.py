"""``heka.BlockReader`` and ``Block``: the same frames and account as StreamReader's.

What mypy is told to ignore are calls with wrong arguments, made on purpose.
"""

from __future__ import annotations

import itertools
import random
import threading
from typing import Any

import pytest
from wire.frames import KEY, account, payload, signed
from wire.pieces import chunk

import heka
from heka import Block, BlockReader, StreamReader

SIGNERS = {("ops", 1): KEY, ("ops", 2): KEY}
#: A message that is not canonical: the payload stands before the type.
FOREIGN = payload()[:26] + chunk(6, b"p") + chunk(3, b"odd")


def seen(frame: heka.Frame) -> tuple[Any, ...]:
    return frame.payload, frame.signer, frame.signer_version


def mixed_stream(choose: random.Random) -> bytes:
    """Return frames of all kinds, and garbage between some of them."""
    kinds = [
        lambda: heka.frame(payload("x" * choose.randrange(400), n=[1, 2])),
        lambda: heka.frame(FOREIGN),
        lambda: signed(payload("s"), version=choose.choice([1, 2, 3])),
        lambda: signed(payload("s"), key=b"wrong"),
        lambda: heka.frame(payload())[:-3],
        lambda: b"\x1e" * choose.randrange(5),
        lambda: heka.frame(payload("y" * 600)),
    ]
    return b"".join(choose.choice(kinds)() for _ in range(60))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("settings", [{}, {"signers": SIGNERS, "max_message_size": 500}])
def test_blocks_hold_what_a_stream_reader_returns(seed, settings):
    """Whatever the chunks are; every byte is counted in the same place after each."""
    choose = random.Random(seed)
    stream = mixed_stream(choose)
    frames, blocks = StreamReader(**settings), BlockReader(**settings)
    at = 0
    while at < len(stream):
        part = stream[at : at + choose.choice([1, 7, 100, 3000])]
        at += len(part)

        read = blocks.feed(choose.choice([bytes, bytearray, memoryview])(part))

        got = list(itertools.chain.from_iterable(read))
        assert [seen(one) for one in got] == [seen(one) for one in frames.feed(part)]
        assert [one.message for one in got] == [heka.Message.decode(o.payload) for o in got]
        assert account(blocks) == account(frames)
        assert blocks.refused == frames.refused
        assert blocks.last_refused == frames.last_refused


def test_a_block_is_a_sequence_and_a_buffer():
    stream = b"".join(heka.frame(payload(str(i))) for i in range(3))

    (block,) = BlockReader().feed(stream)

    assert (len(block), block.nbytes) == (3, len(stream))
    assert [frame.message.payload for frame in block] == ["0", "1", "2"]
    assert block[-1].message.payload == "2"
    assert bytes(block) == stream
    assert memoryview(block).readonly
    assert block.__buffer__(0) == stream
    assert (block.signer, block.signer_version) == (None, None)
    assert repr(block) == f"<heka.Block of 3 frames, {len(stream)} bytes>"
    for index in (3, -4):
        with pytest.raises(IndexError, match="frame index out of range"):
            block[index]
    with pytest.raises(TypeError, match=r"cannot create 'heka\.Block' instances"):
        Block()  # type: ignore[call-arg]


def test_a_block_has_one_signer():
    stream = signed(payload("a")) * 2 + signed(payload("b"), version=2) + heka.frame(payload())

    blocks = BlockReader(signers=SIGNERS).feed(stream)

    assert [(len(one), one.signer, one.signer_version) for one in blocks] == [
        (2, "ops", 1),
        (1, "ops", 2),
        (1, None, None),
    ]
    assert repr(blocks[1]).endswith("1 frame, 77 bytes, signed by 'ops' version 2>")


def test_a_block_borrows_from_bytes_and_from_nothing_that_may_change():
    """The buffer of a block lies in the bytes object that was fed; other buffers are copied."""
    frame = heka.frame(payload("x" * 1000))
    stream = bytearray(frame * 3)
    reader = BlockReader()

    (block,) = reader.feed(stream)
    stream[:] = bytes(len(stream))

    assert bytes(block) == frame * 3
    half = frame[:500]
    assert reader.feed(half) == []
    spanning, behind = reader.feed(frame[500:] + frame)
    assert bytes(spanning) == bytes(behind) == frame


def test_slices_and_bounds_of_time():
    """A part of a block is a block with its own bytes; all of it is the block itself."""
    frames = [heka.pack("t", timestamp_ns=ns, payload="x" * ns) for ns in (1, 5, 3, 5)]
    (block,) = BlockReader().feed(b"".join(frames))

    assert bytes(block[1:3]) == frames[1] + frames[2]
    assert bytes(block[-2:]) == frames[2] + frames[3]
    assert block[:] is block
    assert (len(block[4:]), bytes(block[4:]), block[4:].nbytes) == (0, b"", 0)
    assert bytes(block.between(3, 5)) == frames[2]
    assert bytes(block.between(None, 5)) == frames[0] + frames[2]
    assert bytes(block.between(5, None)[1:]) == frames[3]
    assert block.between(None, None) is block
    with pytest.raises(ValueError, match="needs the step 1, got 2"):
        block[::2]  # type: ignore[misc]
    with pytest.raises(TypeError, match="since must be int, not str"):
        block.between("1", None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes 2 positional arguments but 1 was given"):
        block.between(1)  # type: ignore[call-arg]


def test_columns():
    """One attribute of every message; also of one that is not canonical."""
    stream = heka.frame(FOREIGN) + heka.pack("t", "app", 3, hostname="web", timestamp_ns=7)
    (block,) = BlockReader().feed(stream)

    expected = [frame.message for frame in block]
    for name in ("type", "logger", "hostname", "payload", "severity", "timestamp"):
        assert block.column(name) == [getattr(one, name) for one in expected]
    assert block.column("size") == [len(frame.payload) for frame in block]
    assert block.column("type") == ["odd", "t"]
    with pytest.raises(ValueError, match="name must be type, logger, hostname, payload, sever"):
        block.column("pid")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="name must be str, not int"):
        block.column(5)  # type: ignore[call-overload]


def test_tail_bytes_are_those_after_the_last_frame():
    reader = BlockReader()
    frame = heka.frame(payload())

    reader.feed(b"garbage")
    assert reader.tail_bytes == 7
    reader.feed(b"more" + frame + b"\0\0" + frame + b"\0\0\0" + frame[:20])
    assert reader.tail_bytes == 3 + 20
    reader.feed(frame[20:])
    assert (reader.tail_bytes, reader.discarded_bytes) == (0, 7 + 4 + 2 + 3)


def test_limits_of_a_block():
    """1,024 frames; 256 KiB; a larger frame is alone."""
    small = heka.frame(payload())
    large = BlockReader(max_message_size=2**20)

    assert [len(one) for one in large.feed(small * 2050)] == [1024, 1024, 2]
    message = payload() + chunk(6, b"x" * 300_000)
    header = heka.frame(b"")[:0] + b"\x1e\x05\x08" + _varint4(len(message)) + b"\x1f"
    assert [len(one) for one in large.feed(small + header + message + small)] == [1, 1, 1]


def _varint4(number: int) -> bytes:
    return bytes([number & 127 | 128, number >> 7 & 127 | 128, number >> 14 | 128, 0])


@pytest.mark.parametrize("value", ["text", None, 5, [b"x"]])
def test_feed_needs_bytes(value):
    with pytest.raises(TypeError, match="a bytes-like object is required"):
        BlockReader().feed(value)


def test_arguments_are_those_of_stream_reader():
    with pytest.raises(ValueError, match="max_message_size must be from 1 to"):
        BlockReader(-1)
    with pytest.raises(ValueError, match="require_signature needs signers"):
        BlockReader(require_signature=True)
    with pytest.raises(TypeError, match=r"^BlockReader\(\) got an unexpected keyword argument"):
        BlockReader(limit=5)  # type: ignore[call-arg]
    reader = BlockReader(100, SIGNERS, True)
    reader.feed(heka.frame(payload()) + b"\x1e\x02")
    assert reader.refused == {"unsigned": 1}
    assert (reader.pending_bytes, reader.discarded_bytes) == (2, 0)
    reader.close()
    assert (reader.pending_bytes, reader.discarded_bytes) == (0, 2)
    assert repr(reader).startswith("<heka.BlockReader: 0 bytes delivered, ")


def test_threads_get_all_frames_or_an_error():
    """feed() of large chunks runs without the GIL; another thread that meets it gets an error."""
    stream = heka.frame(payload()) * 2000  # over 64 KiB
    reader = BlockReader()
    fed, count = [0] * 3, [0] * 3
    errors: list[str] = []

    def feed(number: int) -> None:
        for _ in range(50):
            try:
                blocks = reader.feed(stream)
                fed[number] += len(stream)
                count[number] += sum(map(len, blocks))
            except RuntimeError as problem:
                errors.append(str(problem))

    threads = [threading.Thread(target=feed, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert reader.delivered_bytes == sum(fed)
    assert all("called from inside feed() of another thread" in text for text in errors)
    assert sum(count) == sum(fed) // len(stream) * 2000

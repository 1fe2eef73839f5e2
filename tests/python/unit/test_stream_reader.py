"""``heka.StreamReader`` and ``heka.Frame``: arguments, results and refusals.

What a stream of bytes becomes, chunk by chunk, is stated in tests/wire/test_reader_streams.py.
"""

from __future__ import annotations

import array
import gc
import itertools
import types
from typing import Any

import pytest
from python.unit.support import HEAD, BoomError, Index, Plain, boom
from wire.frames import KEY, account, payload, signed
from wire.pieces import chunk

import heka
from heka import StreamReader

SIGNERS = {("ops", 1): KEY}
LIMIT_MAX = 16 * 1024 * 1024


def read(data: bytes, **settings: Any) -> list[heka.Frame]:
    return StreamReader(**settings).feed(data)


# ---- construction -----------------------------------------------------------------------------


def test_defaults():
    reader = StreamReader()

    assert read(signed(payload("x"), key=b"whatever"))[0].payload == payload("x")
    assert account(reader) == {"delivered": 0, "refused": 0, "discarded": 0, "pending": 0}
    assert reader.refused == {}


def test_arguments_by_position_and_by_name():
    for reader in (
        StreamReader(100, SIGNERS, True),
        StreamReader(require_signature=True, signers=SIGNERS, max_message_size=100),
    ):
        reader.feed(heka.frame(payload()) + heka.frame(payload("x" * 100)))

        assert reader.refused == {"unsigned": 1, "oversize": 1}


@pytest.mark.parametrize("size", [1, True, 65_536, LIMIT_MAX, Index(100)])
def test_sizes(size):
    StreamReader(size)


@pytest.mark.parametrize("size", [0, -1, LIMIT_MAX + 1, 2**40, -(2**40)])
def test_sizes_out_of_range(size):
    with pytest.raises(ValueError, match=f"max_message_size must be from 1 to {LIMIT_MAX} bytes, "):
        StreamReader(size)


@pytest.mark.parametrize("size", [2**63, -(2**70)])
def test_sizes_beyond_64_bits(size):
    with pytest.raises(ValueError, match="max_message_size must fit in 64 bits, got"):
        StreamReader(size)


@pytest.mark.parametrize("size", ["100", 100.0, None])
def test_sizes_are_int(size):
    with pytest.raises(TypeError, match="max_message_size must be int, not"):
        StreamReader(size)


def test_a_size_whose_own_code_raises():
    with pytest.raises(BoomError):
        StreamReader(Index(act=boom))


def test_the_largest_message_is_that_of_the_limit():
    message = payload("x" * 100)

    assert len(read(heka.frame(message), max_message_size=len(message))) == 1
    assert read(heka.frame(message), max_message_size=len(message) - 1) == []


@pytest.mark.parametrize(
    "key", [KEY, KEY.decode(), bytearray(KEY), memoryview(KEY), array.array("B", KEY)]
)
@pytest.mark.parametrize("kind", [dict, types.MappingProxyType, Plain])
def test_signers_may_be_any_mapping_of_any_key(kind, key):
    (frame,) = read(signed(payload()), signers=kind({("ops", 1): key}))

    assert (frame.signer, frame.signer_version) == ("ops", 1)


def test_a_str_key_is_utf8():
    (frame,) = read(signed(payload(), key="schlüssel".encode()), signers={("ops", 1): "schlüssel"})

    assert frame.signer == "ops"


def test_signers_are_a_snapshot():
    signers = dict(SIGNERS)
    reader = StreamReader(signers=signers)
    signers.clear()

    assert len(reader.feed(signed(payload()))) == 1


@pytest.mark.parametrize(
    "signers", [5, "ops", ["ops"], [(("ops", 1), KEY)], {("ops", 1)}, heka.SignerConfig]
)
def test_signers_that_are_no_mapping(signers):
    """``dict()`` would accept a sequence of pairs; the reader does not."""
    with pytest.raises(TypeError, match="signers must be a mapping of"):
        StreamReader(signers=signers)


@pytest.mark.parametrize(
    "name", ["ops", 1, ("ops",), ("ops", 1, 2), ("ops", "1"), (b"ops", 1), ("ops", 1.0), None]
)
def test_a_signer_that_is_not_named_by_name_and_version(name):
    with pytest.raises(TypeError, match=r"signers must map \(name, version\) to a key, e\.g\."):
        StreamReader(signers={name: KEY})


@pytest.mark.parametrize("version", [-1, 2**32, 2**70])
def test_a_version_out_of_range(version):
    with pytest.raises(ValueError, match="signers: version must be from 0 to 4294967295, got"):
        StreamReader(signers={("ops", version): KEY})


@pytest.mark.parametrize("key", [None, 5, ["k"]])
def test_a_key_without_bytes(key):
    with pytest.raises(TypeError, match="key must be str or bytes, not"):
        StreamReader(signers={("ops", 1): key})


def test_lone_surrogates_in_a_signer():
    with pytest.raises(heka.EncodeError, match="the name of a signer holds the lone surrogate"):
        StreamReader(signers={("ops\ud800", 1): KEY})
    with pytest.raises(heka.EncodeError, match="key holds the lone surrogate"):
        StreamReader(signers={("ops", 1): "\ud800"})


def test_signers_whose_own_code_raises():
    with pytest.raises(BoomError):
        StreamReader(signers=Plain(SIGNERS, boom))


def test_require_signature_needs_signers():
    with pytest.raises(ValueError, match="require_signature needs signers"):
        StreamReader(require_signature=True)

    StreamReader(signers={}, require_signature=True)


# ---- feed and close ---------------------------------------------------------------------------


def test_feed_returns_a_new_list_each_time():
    reader = StreamReader()
    one, two = reader.feed(b""), reader.feed(b"")

    assert type(one) is list
    assert (one, two) == ([], [])
    assert one is not two


@pytest.mark.parametrize("value", ["text", None, 5, [b"x"]])
def test_feed_needs_bytes(value):
    reader = StreamReader()

    with pytest.raises(TypeError, match="a bytes-like object is required"):
        reader.feed(value)

    assert account(reader) == {"delivered": 0, "refused": 0, "discarded": 0, "pending": 0}


def test_feed_needs_contiguous_bytes():
    with pytest.raises(BufferError):
        StreamReader().feed(memoryview(b"a-b-")[::2])


def test_close_accounts_for_an_incomplete_tail():
    reader = StreamReader()
    reader.feed(heka.frame(payload()) + b"\x1e\x02")
    assert (reader.pending_bytes, reader.discarded_bytes) == (2, 0)

    assert reader.close() is None

    assert (reader.pending_bytes, reader.discarded_bytes) == (0, 2)


def test_close_may_be_called_again():
    reader = StreamReader()
    reader.feed(b"\x1e")
    reader.close()
    reader.close()

    assert reader.discarded_bytes == 1


def test_a_closed_reader_reads_another_stream():
    """Each connection after the other, one account for all."""
    reader = StreamReader()
    reader.feed(heka.frame(payload("one"))[:-1])
    reader.close()

    (frame,) = reader.feed(heka.frame(payload("two")))

    assert frame.message.payload == "two"
    assert reader.delivered_bytes == len(heka.frame(payload("two")))


def test_counts_can_only_be_read():
    reader = StreamReader()
    counts = (f"{n}_bytes" for n in ("delivered", "discarded", "pending"))
    for name in (*counts, "refused", "last_refused"):
        with pytest.raises(AttributeError):
            setattr(reader, name, 1)


def test_refused_is_a_copy():
    reader = StreamReader(signers={}, require_signature=True)
    reader.feed(heka.frame(payload()))
    reader.refused["unsigned"] = 99

    assert reader.refused == {"unsigned": 1}


# ---- why a frame is refused -------------------------------------------------------------------

GOOD = payload("good")
REASONS = [
    pytest.param(signed(payload(), b"dev"), "unknown_signer", id="another-name"),
    pytest.param(signed(payload(), version=2), "unknown_signer", id="another-version"),
    pytest.param(signed(payload(), None), "unknown_signer", id="no-name"),
    pytest.param(signed(payload(), version=None), "unknown_signer", id="no-version"),
    pytest.param(signed(payload(), number_=2), "unknown_hash", id="hash-2"),
    pytest.param(signed(payload(), key=b"other"), "bad_digest", id="another-key"),
    pytest.param(signed(payload(), hash_name="md5", number_=1), "bad_digest", id="another-hash"),
    pytest.param(signed(payload(), digest=b""), "bad_digest", id="empty-digest"),
    pytest.param(signed(payload(), digest=bytes(19)), "bad_digest", id="short-digest"),
    pytest.param(heka.frame(payload("x" * 3000)), "oversize", id="oversize"),
]


@pytest.mark.parametrize(("data", "reason"), REASONS)
def test_refused_by_reason(data, reason):
    """Whole, counted, and the next frame is read."""
    reader = StreamReader(2000, SIGNERS)

    (frame,) = reader.feed(data + signed(GOOD))

    assert frame.payload == GOOD
    assert reader.refused == {reason: 1}
    assert reader.refused_bytes == len(data)
    assert reader.discarded_bytes == 0


@pytest.mark.parametrize(("data", "reason"), REASONS[:-1])
def test_without_signers_every_frame_is_delivered_and_none_is_verified(data, reason):
    (frame,) = read(data)

    assert (frame.signer, frame.signer_version) == (None, None)


def test_unsigned_frames_are_delivered_unless_a_signature_is_required():
    data = heka.frame(GOOD)

    (frame,) = read(data, signers=SIGNERS)
    assert frame.signer is None
    assert read(data, signers=SIGNERS, require_signature=True) == []


def test_empty_signers_refuse_every_signed_frame():
    reader = StreamReader(signers={})

    assert reader.feed(signed(GOOD)) == []
    assert reader.refused == {"unknown_signer": 1}


def test_one_frame_of_each_reason_is_counted_by_its_reason():
    reader = StreamReader(2000, SIGNERS, require_signature=True)

    reader.feed(b"".join(param.values[0] for param in REASONS) + heka.frame(GOOD))

    assert reader.refused == {
        "unknown_signer": 4,
        "unknown_hash": 1,
        "bad_digest": 4,
        "oversize": 1,
        "unsigned": 1,
    }


@pytest.mark.parametrize(
    ("data", "last"),
    [
        pytest.param(signed(payload(), b"dev"), ("unknown_signer", "dev", 1), id="another-name"),
        pytest.param(signed(payload(), version=2), ("unknown_signer", "ops", 2), id="version"),
        pytest.param(signed(payload(), None), ("unknown_signer", "", 1), id="no-name"),
        pytest.param(signed(payload(), number_=2), ("unknown_hash", "ops", 1), id="hash-2"),
        pytest.param(signed(payload(), key=b"other"), ("bad_digest", "ops", 1), id="another-key"),
        pytest.param(
            signed(payload(), version=2**32 - 1),
            ("unknown_signer", "ops", 2**32 - 1),
            id="largest-version",
        ),
        pytest.param(
            signed(payload(), b"\xff\0" + b"n" * 150),
            ("unknown_signer", "\udcff\0" + "n" * 150, 1),
            id="not-utf-8",
        ),
    ],
)
def test_the_signer_of_a_refused_frame_is_kept(data, last):
    """The last one; frames that name no signer do not replace it."""
    reader = StreamReader(2000, SIGNERS, require_signature=True)
    assert reader.last_refused is None
    reader.feed(signed(GOOD) + heka.frame(GOOD) + heka.frame(payload("x" * 3000)))
    assert reader.last_refused is None

    reader.feed(signed(payload(), b"before") + data + heka.frame(GOOD))

    assert reader.last_refused == last


def test_a_frame_inside_a_refused_one_is_not_looked_at():
    inner = signed(GOOD)
    outer = payload(raw=inner)
    reader = StreamReader(signers=SIGNERS)

    assert inner in outer
    assert reader.feed(signed(outer, key=b"forged")) == []
    assert reader.refused == {"bad_digest": 1}


# ---- Frame ------------------------------------------------------------------------------------


def test_a_frame_holds_its_message():
    data = heka.Message("t", fields={"a": 1}, **HEAD).encode()
    (frame,) = read(heka.frame(data))

    assert (frame.payload, type(frame.payload)) == (data, bytes)
    assert frame.message == heka.Message.decode(data)
    assert frame.message is frame.message


def test_the_payload_stays_as_it_came():
    """Even where the message would be written in another form, or is changed."""
    data = payload("x") + chunk(99, b"unknown")
    (frame,) = read(heka.frame(data))

    assert frame.message.encode() != data
    frame.message.payload = "changed"

    assert frame.payload == data


def test_bytes_that_are_no_utf8_come_out_with_surrogateescape():
    data = payload("@@@").replace(b"@@@", b"a\xff\x80")
    (frame,) = read(signed(data))

    assert frame.message.payload == "a\udcff\udc80"
    assert frame.message.encode() == data


@pytest.mark.parametrize("name", ["payload", "message", "signer", "signer_version"])
def test_a_frame_cannot_be_changed(name):
    (frame,) = read(heka.frame(GOOD))

    with pytest.raises(AttributeError):
        setattr(frame, name, None)
    with pytest.raises(AttributeError):
        delattr(frame, name)


def test_frames_come_from_a_reader_only():
    with pytest.raises(TypeError, match=r"cannot create 'heka\.Frame' instances"):
        heka.Frame()


def test_repr():
    assert repr(read(heka.frame(GOOD))[0]) == f"<heka.Frame of {len(GOOD)} bytes>"
    assert repr(read(signed(GOOD), signers=SIGNERS)[0]) == (
        f"<heka.Frame of {len(GOOD)} bytes, signed by 'ops' version 1>"
    )


def test_a_frame_outlives_its_reader():
    reader = StreamReader()
    (frame,) = reader.feed(heka.frame(GOOD))

    del reader
    gc.collect()

    assert frame.message.payload == "good"


def test_every_key_of_a_large_ring_is_found():
    ring = {(f"signer{i}", v): f"key{i}{v}" for i, v in itertools.product(range(100), range(3))}
    reader = StreamReader(signers=ring)

    for (name, version), key in ring.items():
        (frame,) = reader.feed(signed(GOOD, name.encode(), version, key.encode()))

        assert (frame.signer, frame.signer_version) == (name, version)

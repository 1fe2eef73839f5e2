"""``oversize``: how ``heka.log`` treats a message that is too large for its destination."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from python.unit.support import Index

import heka
from heka.testing import Captured, capture

MAX = 65_536
SIGNER = heka.SignerConfig("ops", 1, "key", "sha1")


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    yield
    heka.configure(oversize="truncate")


@pytest.fixture
def captured() -> Iterator[Captured]:
    with capture() as messages:
        yield messages


class Stream:
    """An object with ``write``, as ``to`` takes it."""

    def __init__(self, max_frame: int = 0) -> None:
        self.frames: list[bytes] = []
        self.max_frame = max_frame

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    @property
    def messages(self) -> list[heka.Message]:
        reader = heka.StreamReader()
        return [frame.message for data in self.frames for frame in reader.feed(data)]


def dropped(reason: str) -> int:
    return int(heka.stats()["dropped"].get(reason, 0))


def test_an_oversize_payload_is_cut_and_marked(captured):
    assert heka.log("t", payload="x" * 100_000, fields={"a": 1}) is True

    message = captured[0]
    assert set(message.payload) == {"x"}
    assert message.fields == {"a": [1], "heka.truncated": [100_000]}
    assert message.fields["heka.truncated"].representation == "B"
    assert len(message.encode()) == MAX


@pytest.mark.parametrize("text", ["é", "€", "😀", "aé", "a€", "ab😀"])
def test_a_payload_is_cut_between_two_characters(captured, text):
    payload = text * 40_000
    for before in range(4):
        heka.log("t", payload="-" * before + payload)

        message = captured[-1]
        assert ("-" * before + payload).startswith(message.payload)
        assert MAX - 4 < len(message.encode()) <= MAX
        assert message.fields["heka.truncated"] == [before + len(payload.encode())]


@pytest.mark.parametrize("oversize", [None, "truncate", "drop", "raise"])
def test_what_fits_exactly_is_sent_as_it_is(captured, oversize):
    room = MAX - len(heka.Message("t", severity=6, payload="x" * 60_000).encode()) + 60_000

    assert heka.log("t", payload="x" * room, oversize=oversize) is True

    assert captured[0].fields == {}
    assert len(captured[0].encode()) == MAX


def test_one_byte_more_costs_the_room_of_the_mark(captured):
    room = MAX - len(heka.Message("t", severity=6, payload="x" * 60_000).encode()) + 60_000

    heka.log("t", payload="x" * (room + 1))

    assert captured[0].fields == {"heka.truncated": [room + 1]}
    assert len(captured[0].encode()) == MAX


@pytest.mark.parametrize("kind", ["sentry", "cef", "counter", "timer", "gauge"])
def test_payload_of_a_type_that_cannot_be_cut_is_dropped(captured, kind):
    """Such as JSON, CEF or a number."""
    assert heka.log(kind, payload="1" * 100_000) is False

    assert len(captured) == 0


@pytest.mark.parametrize("kind", ["sentry2", "entry", "Sentry", ""])
def test_other_types_are_cut(captured, kind):
    assert heka.log(kind, payload="1" * 100_000) is True


# ---- fields -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "original"),
    [
        pytest.param("y" * 100_000, 100_000, id="text"),
        pytest.param("é" * 50_000, 100_000, id="wide-text"),
        pytest.param(b"y" * 100_000, 100_000, id="bytes"),
        pytest.param(["y" * 100] * 1000, 100_000, id="texts"),
        pytest.param(["y" * 100_000, "z"], 100_001, id="a-long-text-first"),
        pytest.param([b"y" * 100] * 1000, 100_000, id="several-bytes"),
        pytest.param([1] * 100_000, 100_000, id="integers"),
        pytest.param([300] * 50_000, 100_000, id="integers-of-two-bytes"),
        pytest.param([0.5] * 12_500, 100_000, id="doubles"),
        pytest.param([True] * 100_000, 100_000, id="bools"),
    ],
)
def test_the_largest_field_is_cut_and_marked(captured, value, original):
    field = heka.Field(value, "unit")

    assert heka.log("t", payload="x" * 1000, fields={"a": 1, "k": field, "z": "z"}) is True

    message = captured[0]
    kept = message.fields["k"]
    assert MAX - 110 < len(message.encode()) <= MAX
    assert message.payload == "x" * 1000
    assert list(message.fields) == ["a", "k", "z", "heka.truncated.k"]
    assert (message.fields["a"], message.fields["z"]) == ([1], ["z"])
    assert message.fields["heka.truncated.k"] == [original]
    assert message.fields["heka.truncated.k"].representation == "B"
    assert kept.representation == "unit"
    whole = heka.Message("t", fields={"k": field}).fields["k"]
    if len(kept) > 1:
        assert kept == whole[: len(kept)]
    else:
        assert whole[0].startswith(kept[0])


def test_payload_and_fields_are_cut_to_the_same_size(captured):
    fields = {"a": "a" * 60_000, "b": "b" * 50_000, "c": "c" * 1000}

    assert heka.log("t", payload="x" * 40_000, fields=fields) is True

    message = captured[0]
    sizes = [len(message.payload), len(message.fields["a"][0]), len(message.fields["b"][0])]
    assert max(sizes) - min(sizes) <= 4
    assert MAX - 20 < len(message.encode()) <= MAX
    assert message.fields["c"] == ["c" * 1000]
    assert {k: v for k, v in message.fields.items() if k.startswith("heka.")} == {
        "heka.truncated": [40_000],
        "heka.truncated.a": [60_000],
        "heka.truncated.b": [50_000],
    }


def test_only_as_many_are_cut_as_it_takes(captured):
    fields = {"a": "a" * 60_000, "b": "b" * 10_000}

    heka.log("t", payload="x" * 10_000, fields=fields)

    assert captured[0].payload == "x" * 10_000
    assert captured[0].fields["b"] == ["b" * 10_000]
    assert set(captured[0].fields) == {"a", "b", "heka.truncated.a"}


@pytest.mark.parametrize("limit", range(120, 400, 7))
def test_a_cut_message_never_exceeds_the_limit(limit):
    stream = Stream(max_frame=limit)
    fields = {"a": "ä" * 200, "b": [1.5] * 30, "c": [b"c" * 30] * 10, "d": True}

    sent = heka.log("t", payload="x" * 500, fields=fields, to=stream)

    assert sent is bool(stream.frames)
    assert all(len(frame) <= limit for frame in stream.frames)
    assert sent or limit < 350


def test_a_message_of_many_small_fields_is_dropped(captured):
    """No field would keep a value."""
    assert heka.log("t", fields={f"k{n}": 1 for n in range(10_000)}) is False

    assert len(captured) == 0


@pytest.mark.parametrize("kind", ["sentry", "cef", "counter", "timer", "gauge"])
def test_fields_of_a_type_that_cannot_be_cut_are_not_cut(captured, kind):
    assert heka.log(kind, payload="1", fields={"k": "y" * 100_000}) is False

    assert len(captured) == 0


# ---- tracebacks -------------------------------------------------------------------------------

HEADER = "Traceback (most recent call last):\n"
FRAME = '  File "/srv/shop/cart.py", line 12, in take\n    return take()\n'


@pytest.mark.parametrize("limit", [400, 1000, 8192])
@pytest.mark.parametrize("last", ["LookupError: no such cart", "LookupError: no\nsuch cart"])
def test_a_traceback_keeps_its_beginning_and_its_last_lines(limit, last):
    stream = Stream(max_frame=limit)
    payload = "it failed\n" + HEADER + FRAME * 1000 + last

    assert heka.log("t", payload=payload, to=stream) is True

    (message,) = stream.messages
    head, gap, tail = message.payload.partition("\n[...]\n")
    assert gap
    assert payload.startswith(head)
    assert payload.endswith("\n" + tail)
    assert head.startswith("it failed\nTraceback")
    assert tail.endswith(last)
    assert message.fields == {"heka.truncated": [len(payload)]}


def test_a_long_last_line_of_a_traceback_keeps_its_beginning():
    stream = Stream(max_frame=1000)
    payload = "it failed\n" + HEADER + FRAME * 100 + "LookupError: no " + "é" * 10_000

    heka.log("t", payload=payload, to=stream)

    (message,) = stream.messages
    head, _, tail = message.payload.partition("\n[...]\n")
    assert payload.startswith(head)
    assert tail.startswith("LookupError: no éé")


def test_a_short_traceback_with_a_long_last_line_is_cut_at_its_end():
    stream = Stream(max_frame=1000)
    payload = HEADER + FRAME + "LookupError: " + "x" * 10_000

    heka.log("t", payload=payload, to=stream)

    assert payload.startswith(stream.messages[0].payload)


def test_a_traceback_in_a_field_keeps_its_last_line():
    stream = Stream(max_frame=1000)

    heka.log("t", fields={"trace": HEADER + FRAME * 1000 + "LookupError: no"}, to=stream)

    (trace,) = stream.messages[0].fields["trace"]
    assert trace.startswith("Traceback")
    assert trace.endswith("\nLookupError: no")


# ---- the other policies -----------------------------------------------------------------------


def test_drop_counts():
    stream = Stream()
    before = dropped("oversize")

    assert heka.log("t", payload="x" * 100_000, oversize="drop", to=stream) is False

    assert stream.frames == []
    assert dropped("oversize") == before + 1


def test_raise_names_both_sizes(captured):
    size = len(heka.Message("t", severity=6, payload="x" * 60_000).encode()) - 60_000 + 100_000

    with pytest.raises(heka.EncodeError) as error:
        heka.log("t", payload="x" * 100_000, oversize="raise")

    assert f"a message of {size} bytes; " in str(error.value)
    assert f"at most {MAX}" in str(error.value)
    assert len(captured) == 0


@pytest.mark.parametrize("oversize", ["truncate", "drop", "raise"])
def test_the_policy_may_be_configured(captured, oversize):
    heka.configure(oversize=oversize)

    if oversize == "raise":
        with pytest.raises(heka.EncodeError):
            heka.log("t", payload="x" * MAX)
    else:
        assert heka.log("t", payload="x" * MAX) is (oversize == "truncate")


def test_the_policy_of_the_call_overrides_the_configured_one(captured):
    heka.configure(oversize="raise")

    assert heka.log("t", payload="x" * MAX, oversize="truncate") is True
    assert heka.log("t", payload="x" * MAX, oversize="drop") is False


@pytest.mark.parametrize("signer", [None, SIGNER], ids=["unsigned", "signed"])
@pytest.mark.parametrize("limit", [400, 512, 8192, 70_000])
def test_the_limit_is_that_of_the_stream_where_it_is_smaller(limit, signer):
    """``max_frame`` counts the whole frame, the signature too."""
    stream = Stream(max_frame=limit)

    assert heka.log("t", payload="x" * 100_000, to=stream, signer=signer) is True

    (frame,) = stream.frames
    (message,) = stream.messages
    assert message.fields == {"heka.truncated": [100_000]}
    if limit < MAX:
        assert limit - 4 <= len(frame) <= limit  # the header of a shorter message may be shorter
    else:
        assert len(message.encode()) == MAX


def test_a_stream_that_takes_less_than_the_rest_of_the_message():
    stream = Stream(max_frame=20)
    before = dropped("oversize")

    assert heka.log("t", payload="x" * 10, to=stream) is False

    assert (stream.frames, dropped("oversize")) == ([], before + 1)


@pytest.mark.parametrize("word", ["", "cut", "Truncate", "raise "])
def test_a_policy_that_does_not_exist(word):
    for call in (lambda: heka.log("t", oversize=word), lambda: heka.configure(oversize=word)):
        with pytest.raises(ValueError, match="oversize must be 'truncate', 'drop' or 'raise', got"):
            call()


HUGE = 2**24 + 1  # bytes: more than any length on the wire may say


def test_a_payload_beyond_16_mebibytes_is_cut_like_any_other(captured):
    assert heka.log("t", payload="x" * HUGE) is True

    assert captured[0].fields == {"heka.truncated": [HUGE]}
    assert len(captured[0].encode()) == MAX


@pytest.mark.parametrize("text", ["é", "€", "😀"])
def test_size_of_a_huge_payload_is_counted_in_bytes(captured, text):
    assert heka.log("t", payload=text * HUGE) is True

    assert captured[0].fields == {"heka.truncated": [HUGE * len(text.encode())]}
    assert set(captured[0].payload) == {text}
    assert MAX - 4 < len(captured[0].encode()) <= MAX


def test_a_huge_payload_is_validated_to_its_end(captured):
    payload = "x" * HUGE + "\ud800"

    with pytest.raises(heka.EncodeError, match=r"payload holds the lone surrogate U\+D800"):
        heka.log("t", payload=payload, bad_values="raise")
    for lenient in ("repr", "convert"):
        assert heka.log("t", payload=payload, bad_values=lenient) is True
        assert captured[-1].fields == {"heka.truncated": [HUGE + len("\\ud800")]}


@pytest.mark.parametrize("oversize", ["truncate", "drop"])
@pytest.mark.parametrize(
    "message",
    [
        {"type": "counter", "payload": "1" * HUGE},
        {"type": "1" * HUGE},
        {"fields": {"k": "x" * HUGE}},
        {"fields": {"k": b"x" * HUGE}},
        {"fields": {"k": ["x" * 2**20] * 17}},
        {"fields": {"k": Index(1), "x" * HUGE: 1}},
        {"fields": {"x" * HUGE: {"y": 1}}},
    ],
    ids=["payload-of-a-counter", "type", "str", "bytes", "list", "name", "outer-name"],
)
def test_what_else_is_beyond_16_mebibytes_is_dropped_and_counted(message, oversize):
    stream = Stream()
    before = dropped("oversize")

    assert heka.log(**{"type": "t", **message}, to=stream, oversize=oversize) is False

    assert (stream.frames, dropped("oversize")) == ([], before + 1)


def test_raise_raises_beyond_16_mebibytes_too(captured):
    for message in ({"payload": "x" * HUGE}, {"fields": {"k": "x" * HUGE}}):
        with pytest.raises(heka.EncodeError, match=r"more than 16777216 bytes; .* at most 65536"):
            heka.log("t", **message, oversize="raise")


def test_a_huge_field_does_not_hide_a_wrong_one(captured):
    with pytest.raises(heka.FieldError, match="field 'bad'"):
        heka.log("t", fields={"bad": None, "k": "x" * HUGE}, bad_values="raise")


def test_with_repr_a_huge_value_affects_only_itself(captured):
    assert heka.log("t", fields={"a": 1, "k": "x" * HUGE}, bad_values="repr") is True

    assert captured[0].fields == {"a": [1], "k": ["'" + "x" * 1020 + "..."]}

"""``heka.Message``: copied, pickled, encoded and decoded."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
from python.unit.support import TEXTS, sample

import heka

# ---- copies -----------------------------------------------------------------------------------

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle-{protocol}": lambda m, p=protocol: pickle.loads(pickle.dumps(m, p))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
    "encode-decode": lambda m: heka.Message.decode(m.encode()),
}
each_copy = pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)


@each_copy
def test_a_copy_is_equal(duplicate):
    message = sample(fields={"size": heka.Field(12, "KiB"), "s": ["a", "é"], "raw": b"\xff"})

    made = duplicate(message)

    assert made == message
    assert made is not message
    assert made.fields["size"].representation == "KiB"


@each_copy
def test_a_copy_shares_nothing(duplicate):
    message = sample()
    message.fields["a"].append(2)

    made = duplicate(message)
    made.fields["a"].append(3)
    made.fields["b"] = 1
    made.type = "other"

    assert message.fields == {"a": [1, 2]}
    assert message.type == "counter"


@each_copy
def test_a_copy_has_the_fields_as_they_are_now(duplicate):
    message = sample()
    message.fields["b"] = (True, False)

    assert duplicate(message).fields == {"a": [1], "b": [True, False]}


@pytest.mark.parametrize("duplicate", [v for k, v in COPIES.items() if k != "encode-decode"])
def test_a_copy_of_what_is_too_large_to_send(duplicate):
    """The limit applies to sending only."""
    message = sample(payload="x" * 70_000)

    assert duplicate(message) == message


@each_copy
def test_a_copy_of_what_cannot_be_encoded(duplicate):
    message = sample()
    message.fields["bad"] = None

    with pytest.raises(heka.FieldError, match="field 'bad'"):
        duplicate(message)


def test_deepcopy_of_a_list_of_messages_keeps_what_is_one():
    message = sample()

    one, two = copy.deepcopy([message, message])

    assert one is two


def test_pickle_names_the_public_class():
    """So that any installation of heka can load it."""
    data = pickle.dumps(sample(), 0)

    assert b"_core" not in data
    assert pickle.Unpickler(io.BytesIO(data)).load() == sample()


# ---- encode and decode ------------------------------------------------------------------------


def test_encode_is_the_same_each_time():
    message = sample()

    assert message.encode() == message.encode()
    assert type(message.encode()) is bytes


def test_encode_shows_what_was_set():
    message = sample()
    before = message.encode()

    message.payload = "texts"

    assert len(message.encode()) == len(before) + 1


@pytest.mark.parametrize("name", TEXTS)
def test_bytes_that_are_no_utf8_go_back_as_they_came(name):
    """They are decoded with surrogateescape; setting such text is refused."""
    raw = b"\xff\xfe\x80"
    data = sample(**{name: "@@@"}).encode().replace(b"@@@", raw)
    message = heka.Message.decode(data)

    assert getattr(message, name) == raw.decode("utf-8", "surrogateescape")
    assert message.encode() == data
    with pytest.raises(heka.EncodeError):
        setattr(message, name, getattr(message, name))


@pytest.mark.parametrize("size", [65_536, 65_537])
def test_encode_refuses_more_than_65536_bytes(size):
    message = sample()
    message.payload = "x" * (size - len(message.encode()) + len("text") - 2)

    if size == 65_536:
        assert len(message.encode()) == size
        return
    with pytest.raises(heka.EncodeError, match=r"a message of 65537 bytes; .* at most 65536"):
        message.encode()


@pytest.mark.parametrize("value", ["text", None, 1, [1]])
def test_decode_needs_bytes(value):
    with pytest.raises(TypeError, match="a bytes-like object is required"):
        heka.Message.decode(value)


def test_decode_works_on_an_instance_too():
    """It is a class method and ignores the instance."""
    data = sample().encode()

    assert heka.Message("other").decode(data) == sample()

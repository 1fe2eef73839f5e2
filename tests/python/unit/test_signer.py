"""``heka.SignerConfig``: name, version, key and hash of a signer; the key is never shown."""

from __future__ import annotations

import array
import copy
import hashlib
import hmac
import pickle
from typing import Any

import pytest
from python.unit.support import BoomError, Index, Text, boom

import heka
from heka import SignerConfig

SECRET = "correct-horse-battery-staple"
PICKLES = range(pickle.HIGHEST_PROTOCOL + 1)
NAME_MAX = 222  # bytes, when all else is as short as it can be


def parts(signer: SignerConfig) -> tuple[str, int, bytes, str]:
    return signer.name, signer.version, signer.key, signer.hash


# ---- construction -----------------------------------------------------------------------------


def test_arguments_by_position_and_by_name():
    expected = ("ops", 1, b"key", "sha1")

    assert parts(SignerConfig("ops", 1, "key", "sha1")) == expected
    assert parts(SignerConfig(hash="sha1", key="key", version=1, name="ops")) == expected


@pytest.mark.parametrize(
    ("hash_name", "expected"),
    [
        *[(name, "sha1") for name in ("sha1", "SHA1", "Sha1", "sHa1", Text("SHA1"))],
        *[(name, "md5") for name in ("md5", "MD5", "Md5", "mD5")],
    ],
)
def test_the_hash_in_any_case(hash_name, expected):
    assert SignerConfig("ops", 1, "key", hash_name).hash == expected


@pytest.mark.parametrize(
    "hash_name", ["", "sha", "sha256", "sha-1", "SHA1 ", "md5\0", "ſha1", "ｍｄ５", "\ud800"]
)
def test_an_unknown_hash(hash_name):
    with pytest.raises(ValueError, match="hash must be 'sha1' or 'md5', got"):
        SignerConfig("ops", 1, SECRET, hash_name)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param("key", b"key", id="str"),
        *[pytest.param(k, k.encode(), id=f"str-as-utf8-{k}") for k in ("schlüssel", "鍵", "🔑")],
        pytest.param(Text("key"), b"key", id="str-subclass"),
        pytest.param(b"\0\xff", b"\0\xff", id="bytes"),
        pytest.param(bytearray(b"key"), b"key", id="bytearray"),
        pytest.param(memoryview(b"key"), b"key", id="memoryview"),
        pytest.param(memoryview(b"k-e-y-")[::2], b"key", id="memoryview-with-gaps"),
        pytest.param(array.array("B", [1, 2]), b"\1\2", id="array"),
        pytest.param(b"k" * 100_000, b"k" * 100_000, id="long"),
    ],
)
def test_keys(key, expected):
    signer = SignerConfig("ops", 1, key, "sha1")

    assert (signer.key, type(signer.key)) == (expected, bytes)
    assert signer.sign(b"data") == hmac.digest(expected, b"data", hashlib.sha1)


@pytest.mark.parametrize("version", [0, 1, 2**32 - 1, True, Index(7)])
def test_versions(version):
    assert SignerConfig("ops", version, "key", "sha1").version == version.__index__()


@pytest.mark.parametrize("version", [-1, 2**32, 2**63, -(2**70)])
def test_versions_out_of_range(version):
    with pytest.raises(ValueError, match="version must"):
        SignerConfig("ops", version, SECRET, "sha1")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": b"ops"}, "name must be str, not bytes"),
        ({"name": None}, "name must be str, not None"),
        ({"version": "1"}, "version must be int, not str"),
        ({"version": 1.0}, "version must be int, not float"),
        ({"key": None}, "key must be str or bytes, not None"),
        ({"key": 5}, "key must be str or bytes, not int"),
        ({"key": [SECRET]}, "key must be str or bytes, not list"),
        ({"hash": b"sha1"}, "hash must be str, not bytes"),
        ({"hash": hashlib.sha1}, "hash must be str, not builtin_function_or_method"),
    ],
)
def test_arguments_of_a_wrong_type(changes, text):
    arguments: dict[str, Any] = {"name": "ops", "version": 1, "key": SECRET, "hash": "sha1"}

    with pytest.raises(TypeError) as error:
        SignerConfig(**{**arguments, **changes})

    assert str(error.value) == text


def test_a_version_whose_own_code_raises():
    with pytest.raises(BoomError):
        SignerConfig("ops", Index(act=boom), SECRET, "sha1")


@pytest.mark.parametrize("name", ["name", "key"])
def test_a_lone_surrogate(name):
    arguments: dict[str, Any] = {"name": "ops", "version": 1, "key": SECRET, "hash": "sha1"}

    with pytest.raises(ValueError, match=f"{name} holds the lone surrogate") as error:
        SignerConfig(**{**arguments, name: SECRET + "\ud800"})

    assert name == "name" or SECRET not in str(error.value)


def is_taken(*arguments: Any) -> bool:
    try:
        SignerConfig(*arguments)
    except heka.EncodeError:
        return False
    return True


@pytest.mark.parametrize("hash_name", ["sha1", "md5"])
@pytest.mark.parametrize("version", [0, 127, 128, 2**32 - 1])
@pytest.mark.parametrize("letter", ["n", "é", "😀"])
def test_the_longest_name_that_is_taken_signs_the_largest_message(hash_name, version, letter):
    """A name that is accepted never makes a frame fail later."""
    longest = max(n for n in range(1, 256) if is_taken(letter * n, version, "key", hash_name))

    framed = heka.frame(bytes(65_536), SignerConfig(letter * longest, version, "key", hash_name))

    assert 255 - len(letter.encode()) < framed[1] <= 255
    assert framed[2 + framed[1]] == 0x1F


@pytest.mark.parametrize("length", [NAME_MAX + 1, 255, 256, 100_000])
def test_a_name_that_cannot_fit_the_header(length):
    """The constructor refuses it, not the first message."""
    with pytest.raises(ValueError, match=f"signer name of at most {NAME_MAX} bytes, got {length}"):
        SignerConfig("n" * length, 0, SECRET, "sha1")


def test_an_empty_name():
    signer = SignerConfig("", 0, SECRET, "md5")

    assert heka.frame(b"", signer)[1] > 0


@pytest.mark.parametrize("key", ["", b"", bytearray()])
def test_an_empty_key(key):
    """Everybody could sign with it."""
    with pytest.raises(ValueError, match="key must not be empty: give the secret"):
        SignerConfig("ops", 1, key, "sha1")


def test_a_name_of_a_subclass_is_kept_as_plain_str():
    signer = SignerConfig(Text("ops"), 1, "key", "sha1")

    assert (signer.name, type(signer.name)) == ("ops", str)


# ---- immutable --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["name", "version", "key", "hash"])
def test_nothing_can_be_changed(name):
    signer = SignerConfig("ops", 1, "key", "sha1")

    with pytest.raises(AttributeError):
        setattr(signer, name, getattr(signer, name))
    with pytest.raises(AttributeError):
        delattr(signer, name)

    assert parts(signer) == ("ops", 1, b"key", "sha1")


def test_a_bytearray_that_changes_later_changes_nothing():
    key = bytearray(b"key")
    signer = SignerConfig("ops", 1, key, "sha1")

    key[:] = b"other"

    assert signer.sign(b"data") == hmac.digest(b"key", b"data", "sha1")


# ---- the key is never shown -------------------------------------------------------------------


@pytest.mark.parametrize("key", [SECRET, SECRET.encode()])
def test_repr_masks_the_key(key):
    signer = SignerConfig("ops", 1, key, "SHA1")

    assert repr(signer) == "SignerConfig(name='ops', version=1, key='********', hash='sha1')"
    assert str(signer) == f"{signer}" == repr(signer)


def test_the_mask_does_not_tell_the_length():
    assert repr(SignerConfig("o", 1, "x", "md5")) == repr(SignerConfig("o", 1, "x" * 99, "md5"))


def test_errors_do_not_show_the_key():
    signer = SignerConfig("ops", 1, SECRET, "sha1")
    calls = [
        lambda: SignerConfig("n" * 300, 1, SECRET, "sha1"),
        lambda: SignerConfig("ops", -1, SECRET, "sha1"),
        lambda: SignerConfig("ops", 1, SECRET, "none"),
        lambda: signer.verify(b"data", bytes(20)),
        lambda: heka.StreamReader(signers={"ops": SECRET}),
        lambda: heka.StreamReader(signers={("ops", -1): SECRET}),
        lambda: heka.frame(b"x" * 70_000, signer),
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError)) as error:
            call()
        assert SECRET not in str(error.value)


# ---- comparing and copying --------------------------------------------------------------------


def test_equal_when_all_parts_are():
    assert SignerConfig("ops", 1, "key", "sha1") == SignerConfig("ops", 1, b"key", "SHA1")


@pytest.mark.parametrize(
    "other",
    [
        SignerConfig("dev", 1, "key", "sha1"),
        SignerConfig("ops", 2, "key", "sha1"),
        SignerConfig("ops", 1, "yek", "sha1"),
        SignerConfig("ops", 1, "key", "md5"),
        ("ops", 1, b"key", "sha1"),
        None,
    ],
)
def test_different_when_one_part_is(other):
    signer = SignerConfig("ops", 1, "key", "sha1")

    assert signer != other
    assert (signer == other) is False


def test_hashable():
    assert len({SignerConfig("ops", 1, "key", "sha1"), SignerConfig("ops", 1, "key", "sha1")}) == 1


def test_signers_have_no_order():
    signer = SignerConfig("ops", 1, "key", "sha1")

    with pytest.raises(TypeError, match="not supported"):
        signer < signer  # type: ignore[operator]  # noqa: B015


@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        *[lambda signer, p=p: pickle.loads(pickle.dumps(signer, p)) for p in PICKLES],
    ],
)
@pytest.mark.parametrize(
    "signer",
    [SignerConfig("ops", 2**32 - 1, b"\0\xff", "md5"), SignerConfig("é", 0, "\0", "sha1")],
)
def test_copies_sign_alike(duplicate, signer):
    """The pickle includes the key, because a worker process must sign too."""
    made = duplicate(signer)

    assert made == signer
    assert made.sign(b"data") == signer.sign(b"data")


# ---- sign and verify --------------------------------------------------------------------------


@pytest.mark.parametrize(("hash_name", "size"), [("sha1", 20), ("md5", 16)])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_sign_takes_whatever_has_bytes(hash_name, size, kind):
    signer = SignerConfig("ops", 1, "key", hash_name)

    assert signer.sign(kind(b"data")) == hmac.digest(b"key", b"data", hash_name)
    assert len(signer.sign(b"")) == size


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_verify_takes_whatever_has_bytes(kind):
    signer = SignerConfig("ops", 1, "key", "sha1")

    assert signer.verify(kind(b"data"), kind(signer.sign(b"data"))) is None


def test_verify_of_another_digest():
    signer = SignerConfig("ops", 1, "key", "sha1")

    with pytest.raises(heka.SignatureError, match="digest"):
        signer.verify(b"data", bytes(20))
    with pytest.raises(heka.SignatureError, match="expected a digest of 20 bytes, got 16"):
        signer.verify(b"data", bytes(16))


@pytest.mark.parametrize("arguments", [("text", b""), (b"", "text"), (None, b""), (b"", 5)])
def test_verify_needs_bytes(arguments):
    with pytest.raises(TypeError, match="a bytes-like object is required"):
        SignerConfig("ops", 1, "key", "sha1").verify(*arguments)


def test_sign_needs_contiguous_bytes():
    with pytest.raises(BufferError):
        SignerConfig("ops", 1, "key", "sha1").sign(memoryview(b"a-b-")[::2])

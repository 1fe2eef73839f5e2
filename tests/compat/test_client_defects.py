"""What the old client did to the program that used it, and this one does not."""

from __future__ import annotations

import copy
import random

import pytest
from compat.support import capturing, message, messages, read

import heka
from heka.client import HekaClient

HMAC = {"signer": "vic", "key_version": 1, "hash_function": "SHA1", "key": "some_key"}


class Failing:
    """A stream whose every write fails."""

    def __init__(self, failure: BaseException) -> None:
        self.failure = failure
        self.writes = 0

    def write(self, data: bytes) -> None:
        self.writes += 1
        raise self.failure

    def flush(self) -> None:
        """Nothing to flush."""


# ---- what belongs to the program ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        pytest.param("heka", ("t",), id="heka"),
        pytest.param("incr", ("n",), id="incr"),
        pytest.param("gauge", ("n", 1), id="gauge"),
        pytest.param("timer_send", ("n", 1), id="timer_send"),
    ],
)
def test_fields_of_the_caller_stay_as_they_are(call, arguments):
    client = capturing()
    fields = {"a": [1, 2], "outer": {"inner": "x"}}
    before = copy.deepcopy(fields)

    getattr(client, call)(*arguments, fields=fields)
    getattr(client, call)(*arguments, fields=fields)

    assert fields == before
    assert len(messages(client)) == 2


def test_fields_given_to_a_timer_stay_as_they_are():
    client = capturing()
    fields = {"a": 1}

    for _ in range(2):
        with client.timer("n", fields=fields):
            pass

    assert fields == {"a": 1}
    assert len(messages(client)) == 2


def test_fields_that_hold_name_and_rate_lose_to_the_measurement():
    """As they always did, but in the message only."""
    client = capturing()
    fields = {"name": "theirs", "rate": 0.1}

    client.incr("ours", fields=fields)

    assert message(client).fields == {"name": ["ours"], "rate": [1.0]}
    assert fields == {"name": "theirs", "rate": 0.1}


def test_settings_of_the_caller_stay_as_they_are():
    disabled, hmac = ["slow"], dict(HMAC, key_version="2")

    client = capturing(disabled_timers=disabled, hmc=hmac)
    client._disabled_timers.add("another")
    client.heka("t")

    assert disabled == ["slow"]
    assert hmac == dict(HMAC, key_version="2")


def test_the_random_numbers_of_the_program_stay_predictable():
    """The old client seeded the generator of the whole program, and drew from it."""
    random.seed(20130426)
    expected = [random.random() for _ in range(3)]
    random.seed(20130426)

    client = capturing()
    drawn = [random.random()]
    for _ in range(20):
        client.incr("n", rate=0.5)
        client.gauge("n", 1, rate=0.5)
        with client.timer("n", rate=0.5):
            pass
    drawn += [random.random(), random.random()]

    assert drawn == expected


# ---- failures that are not the caller's ---------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [OSError("gone"), UnicodeError("no text"), ValueError("wrong"), TypeError("a bug")],
    ids=lambda failure: type(failure).__name__,
)
def test_a_stream_that_fails_is_counted_not_raised(failure, capfd):
    client = HekaClient(Failing(failure), "tests")

    results = [client.heka("t"), client.incr("n"), client.error("x"), client.timer_send("n", 1)]

    assert results == [False] * 4
    assert client.stream.writes == 4
    assert client.stats()["sent"] == 0
    assert sum(client.stats()["dropped"].values()) == 4
    assert type(failure).__name__ in capfd.readouterr().err


def test_lost_messages_are_one_line_on_stderr_without_their_text(capfd):
    """The old client wrote each of them there, payload and all."""
    client = HekaClient(Failing(OSError("gone")), "tests")

    for _ in range(1000):
        client.heka("t", payload="a secret")

    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert "a secret" not in err
    assert sum(client.stats()["dropped"].values()) == 1000


def test_send_message_does_not_raise_for_the_stream(capfd):
    client = HekaClient(Failing(UnicodeError("encoding user data")), "tests")

    assert client.send_message(heka.Message("t")) is False

    assert "UnicodeError" in capfd.readouterr().err


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_passes(ending):
    client = HekaClient(Failing(ending()), "tests")

    with pytest.raises(ending):
        client.heka("t")


# ---- signatures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [2, "2"], ids=["int", "text"])
@pytest.mark.parametrize("name", ["SHA1", "sha1", "MD5"])
def test_messages_are_signed_and_verify(version, name):
    """The version is text where it comes from an INI file; the old client then sent nothing."""
    client = capturing(hmc=dict(HMAC, key_version=version, hash_function=name))

    client.heka("t")

    (frame,) = read(
        client.stream.msgs[0], signers={("vic", 2): b"some_key"}, require_signature=True
    )
    assert (frame.signer, frame.signer_version) == ("vic", 2)


@pytest.mark.parametrize("length", [100, 150, 200])
def test_a_header_of_more_than_127_bytes_is_sent(length):
    """The old one failed to write its length, which it took for signed."""
    name = "s" * length
    client = capturing(hmc=dict(HMAC, signer=name))

    assert client.heka("t") is True

    data = client.stream.msgs[0]
    assert data[1] > 127 or length == 100
    (frame,) = read(data, signers={(name, 1): b"some_key"}, require_signature=True)
    assert frame.signer == name


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"signer": "s" * 300}, id="name-that-no-header-holds"),
        pytest.param({"key_version": "two"}, id="version-in-words"),
        pytest.param({"key_version": -1}, id="version-below-0"),
        pytest.param({"hash_function": "SHA512"}, id="hash"),
    ],
)
def test_nonsense_is_refused_when_it_is_configured(wrong):
    with pytest.raises(heka.ConfigError):
        capturing(hmc=HMAC | wrong)

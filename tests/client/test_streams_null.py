"""NullStream counts every message and sends none."""

from __future__ import annotations

import pytest

import heka
from heka._runtime.accounts import total
from heka.client import HekaClient
from heka.encoders import JSONEncoder
from heka.streams import NullStream


def test_every_message_is_counted_as_sent():
    client = HekaClient(NullStream(), "tests")

    assert client.heka("t") is True
    size = client.stream.stats()["bytes"]
    account = total([{"offered": 1, "sent": 1, "bytes": size, "dropped": {}}])
    assert client.stats() == {**account, "altered": 0}
    assert client.stats()["bytes"] > 50


def test_text_is_counted_too():
    client = HekaClient(NullStream(), "tests", encoder=JSONEncoder)

    assert client.heka("t") is True
    assert client.stats()["sent"] == 1


def test_bad_arguments_raise_as_with_any_stream():
    client = HekaClient(NullStream(), "tests")
    with pytest.raises(TypeError, match="fields must be a mapping"):
        client.heka("t", fields=5)
    client.bad_values = "raise"
    with pytest.raises(heka.FieldError):
        client.heka("t", fields={"a": None})

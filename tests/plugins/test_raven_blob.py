"""``RavenClient`` encodes and decodes blobs, and refuses invalid ones."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from heka.exceptions import DecodeError
from heka.plugins.raven import RavenClient


def test_encode_then_decode_returns_the_event():
    event = {"message": "ä\0\udc80", "vars": {"a": [1, None, 2.5]}}

    assert RavenClient().decode(RavenClient().encode(event)) == event


def test_blob_is_base64_of_zlib_of_json():
    blob = RavenClient().encode({"a": 1})

    assert json.loads(zlib.decompress(base64.b64decode(blob))) == {"a": 1}


def test_bytes_and_line_ends_are_read():
    blob = RavenClient().encode({"a": 1})

    assert RavenClient().decode(f" {blob[:5]}\n{blob[5:]}\n".encode()) == {"a": 1}


def test_arguments_of_raven_are_ignored():
    assert RavenClient(dsn="udp://a:b@c/1").decode(RavenClient(project=2).encode({})) == {}


def packed(data):
    return base64.b64encode(zlib.compress(data))


@pytest.mark.parametrize(
    ("blob", "said"),
    [
        pytest.param("abc", "base64", id="base64"),
        pytest.param("é", "base64", id="no-ascii"),
        pytest.param(base64.b64encode(b"plain"), "zlib", id="zlib"),
        pytest.param(base64.b64encode(zlib.compress(b"x" * 99)[:-4]), "is cut", id="cut"),
        pytest.param("", "is cut", id="empty"),
        pytest.param(packed(b"{"), "JSON", id="json"),
        pytest.param(packed(b"\xff"), "JSON", id="no-utf-8"),
        pytest.param(packed(b"[]"), "got list", id="list"),
        pytest.param(packed(b"[" * 100_000), "JSON", id="deep"),
        pytest.param(packed(b" " * (17 << 20)), "more than", id="bomb"),
    ],
)
def test_invalid_blob_is_refused(blob, said):
    with pytest.raises(DecodeError, match=said):
        RavenClient().decode(blob)

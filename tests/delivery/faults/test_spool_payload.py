"""write() of a spooled stream: a frame whose payload is no Message is refused, not stored."""

from __future__ import annotations

import pytest
from delivery.faults.spools import NOWHERE, Peer

import heka
from heka.client import HekaClient
from heka.streams import NullStream, QueuedStream, UrlStream

GOOD = heka.pack("test", payload="1")
BAD = [
    pytest.param(heka.frame(b"no message"), id="text"),
    pytest.param(heka.frame(b""), id="empty"),
    pytest.param(heka.frame(heka.Message("test").encode()[:-1]), id="torn"),
    pytest.param(bytearray(heka.frame(b"\x0a\x02ab")), id="bytearray"),
    pytest.param(memoryview(heka.frame(b"\x0a\x02ab")), id="memoryview"),
]


@pytest.mark.parametrize("data", BAD)
def test_payload_that_is_no_message(tmp_path, data):
    """It is counted as ``encode``; what is written later arrives after a restart."""
    with QueuedStream(NOWHERE, spool=tmp_path) as stream:
        with pytest.raises(heka.EncodeError, match="no Message"):
            stream.write(data)
        assert stream.write(GOOD)
        account = stream.stats()
        stream.close(0.0)

    assert account["dropped"] == {"encode": 1}
    assert (account["offered"], account["queued"]) == (2, 1)
    peer = Peer()
    with QueuedStream(peer.url, spool=tmp_path) as later:
        assert later.flush(30.0)
        assert (later.stats()["sent"], later.stats()["dropped"]) == (1, {})
    peer.close()


def test_each_way_to_a_spooled_stream(tmp_path):
    bad = heka.frame(b"no message")
    streams = [
        UrlStream(f"{NOWHERE}?spool={tmp_path}/a"),
        QueuedStream([f"{NOWHERE}?spool={tmp_path}/b", f"{NOWHERE}?queue=1"]),
        QueuedStream(NullStream(), spool=tmp_path / "c"),
    ]
    for stream in streams:
        with pytest.raises(heka.EncodeError):
            stream.write(bad)
        accounts = stream.stats()["destinations"].values()
        assert [account["dropped"] for account in accounts] == [{"encode": 1}] * len(accounts)
        assert [account["offered"] for account in accounts] == [1] * len(accounts)
        stream.close(0.0)


def test_a_queue_in_memory_takes_any_bytes():
    with QueuedStream(NullStream()) as stream:
        assert stream.write(heka.frame(b"no message"))
        assert stream.write(b"text")
        assert stream.flush(10.0)


def test_signed_frames_and_frames_of_a_client_are_taken(tmp_path):
    signer = heka.SignerConfig("ops", 0, "key", "sha1")
    stream = QueuedStream(NOWHERE, spool=tmp_path)
    assert stream.write(heka.pack("test", signer=signer))
    client = HekaClient(stream, "test")
    assert client.info("1")
    assert stream.stats()["queued"] == 2
    client.close(0.0)

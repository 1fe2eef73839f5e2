"""Events are reduced to the size that the stream accepts, never cut off or lost."""

from __future__ import annotations

import random
import socket

import pytest
from plugins.raven_support import (
    DSN,
    Kept,
    event,
    fields,
    frames,
    message,
    raven_client,
)

import heka
from heka.config import client_from_dict_config
from heka.plugins.raven import RavenClient

noise = random.Random(1)


def text(characters):
    """Text that does not compress."""
    return "".join(noise.choices("abcdefghijklmnopqrstuvwxyz0123456789 ", k=characters))


def fail_large(depth):
    """Raise with many and large variables."""
    mapping = {text(20): text(500) for _ in range(60)}
    texts = [text(500) for _ in range(60)]
    if depth:
        return fail_large(depth - 1)
    raise ValueError(text(2000), mapping, texts)


def report_large(client, depth=20, **given):
    try:
        fail_large(depth)
    except ValueError:
        return client.raven(**given)


@pytest.mark.parametrize("max_frame", [0, 65_507, 8192, 4000, 2000, 1400])
@pytest.mark.parametrize("profile", ["raven3", "raven2", "sentry7"])
def test_event_fits(max_frame, profile):
    client = raven_client(max_frame, dsn=DSN, profile=profile)

    assert report_large(client)

    assert len(client.stream.frames[0]) <= (max_frame or 65_536 + 20)
    assert "ValueError" in str(event(client))
    assert client.stats()["dropped"] == {}


def test_signed_message_fits():
    client = raven_client(4000)
    hmc = {"signer": "s" * 100, "key_version": 1, "hash_function": "sha1", "key": "k"}
    client.setup(client.stream, hmc=hmc)

    assert report_large(client)


def test_frames_are_left_out_after_variables():
    client = raven_client(1500)

    report_large(client, 60)

    found = frames(event(client))
    assert [one["function"] for one in found if "left out" in one["function"]]
    assert found[-1]["function"] == "fail_large"
    assert found[0]["function"] == "report_large"
    assert not any("vars" in frame for frame in found)


def test_small_variables_survive_a_large_one():
    client = raven_client(8192)

    def fail():
        small = 5  # noqa: F841
        large = [text(400) for _ in range(50)]  # noqa: F841
        raise ValueError

    try:
        fail()
    except ValueError:
        client.raven()

    found = frames(event(client))[-1]["vars"]
    assert found["'small'"] == 5
    assert found["'large'"][-1].endswith(" more>")


def test_as_much_as_fits_is_sent():
    """A larger frame holds more of the same exception."""
    sizes = []
    for max_frame in (2000, 8192, 0):
        client = raven_client(max_frame)
        noise.seed(1)
        report_large(client, 5)
        sizes.append(len(message(client).payload))

    assert sizes[0] < sizes[1] < sizes[2]
    assert sizes[1] > 4000


@pytest.mark.parametrize("max_frame", [0, 8192, 1400])
def test_large_fields_leave_room_for_the_event(max_frame):
    client = raven_client(max_frame, dsn=DSN)

    assert report_large(
        client,
        msg=text(100_000),
        note=text(100_000),
        many=[text(100)] * 1000,
        deep={"a": text(9999)},
    )

    sent = fields(message(client))
    assert sent["dsn"] == DSN
    assert sent["msg"].endswith("...")
    assert "ValueError" in event(client)["message"]


def test_fields_of_the_context_count():
    client = raven_client(2000)

    with heka.context(request="x" * 900):
        assert report_large(client)


def test_large_fields_of_the_context_are_cut():
    client = raven_client(8192, dsn=DSN)

    with heka.context(body="x" * 9000, user="ann"):
        assert report_large(client, msg="why")

    sent = fields(message(client))
    assert sent["body"].startswith("xxx")
    assert sent["body"].endswith("...")
    assert (sent["user"], sent["msg"], sent["dsn"]) == ("ann", "why", DSN)


def test_context_that_leaves_no_room_for_an_event_is_dropped():
    client = raven_client(8192, dsn=DSN)

    with heka.context(**{f"field{number}": number for number in range(1000)}):
        assert report_large(client, msg="why")

    assert fields(message(client)) == {"msg": "why", "dsn": DSN}
    assert "ValueError" in event(client)["message"]


@pytest.mark.parametrize("name", ["X" * 5000, "x.y"])
def test_long_names(name):
    kind = type(name, (Exception,), {"__module__": name * 2})
    client = raven_client(1400)

    assert client.raven(exc_info=kind("text"), logger=name)


def test_udp_takes_the_event():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        client = client_from_dict_config(
            {
                "to": f"udp://127.0.0.1:{receiver.getsockname()[1]}",
                "plugins": {"x": ("heka.plugins.raven:config_plugin", {"dsn": DSN})},
            }
        )
        assert report_large(client)
        data = receiver.recv(70_000)
        client.close()

    (frame,) = heka.StreamReader().feed(data)
    assert len(data) <= 8192
    assert RavenClient().decode(frame.message.payload)["platform"] == "python"


def test_explicit_payload_is_never_shortened():
    client = raven_client()

    client.raven(payload="x" * 60_000)

    assert len(message(client).payload) == 60_000


def test_explicit_payload_that_is_too_large_is_counted():
    client = raven_client()

    assert client.raven(payload="x" * 70_000) is False

    assert client.stats()["dropped"] == {"oversize": 1}


def test_stream_is_written_once():
    """One write for each call, however often the event was reduced."""
    client = raven_client(2000)
    assert isinstance(client.stream, Kept)

    for _ in range(3):
        report_large(client)

    assert len(client.stream.frames) == 3

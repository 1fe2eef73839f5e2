"""Whole events of a fixed exception in each profile, and stored blobs of them.

``HEKA_WRITE_GOLDEN=1`` writes them anew.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from pathlib import Path
from uuid import UUID

import pytest
from plugins.raven_support import DSN, event, message, raven_client

import heka.testing
from heka.plugins.raven import RavenClient
from heka.plugins.raven.frames import Caught
from heka.plugins.raven.profiles import checksum

GOLDEN = Path(__file__).parent / "golden"
PROFILES = ("raven3", "raven2", "sentry7")
ID = UUID("443e20a6-69b0-4ba3-8711-f29e74376392")
TIME = 1_336_489_718_657_850_000


@pytest.fixture
def checkout(monkeypatch):
    """The program that fails."""
    monkeypatch.syspath_prepend(str(GOLDEN))
    for name in ("shop", "shop.checkout"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import shop.checkout

    yield shop.checkout
    for name in ("shop", "shop.checkout"):
        sys.modules.pop(name, None)


def portable(found):
    """Return an event without values that depend on machine and Python version."""
    text = json.dumps(found).replace(str(GOLDEN), "/srv")
    found = json.loads(re.sub(r'"version": "3[^"]*", "build": "[^"]*"', '"version": "3"', text))
    if "sdk" in found:
        found["sdk"]["version"] = "2"
    return found


@pytest.mark.parametrize("profile", PROFILES)
def test_event_is_the_golden_one(profile, checkout, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "web-1")
    monkeypatch.setattr(sys, "argv", ["shop", "--token=t-987654", "-v"])
    options = {"release": "shop@1.4.2", "environment": "test"} if profile == "sentry7" else {}
    client = raven_client(dsn=DSN, profile=profile, **options)

    with heka.testing.sources(clock=TIME, uuid=ID):
        checkout.run(lambda: client.raven("no buyers"))

    path = GOLDEN / f"{profile}.json"
    found = portable(event(client))
    if os.environ.get("HEKA_WRITE_GOLDEN"):
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        path.with_suffix(".blob").write_text(RavenClient().encode(found) + "\n", encoding="ascii")
    assert found == json.loads(path.read_text(encoding="utf-8"))


def test_checksum_is_that_of_raven_2():
    """For the event in the documentation of heka-py-raven."""
    calls = ["test_plugins_config", "exception_call1", "exception_call2"]
    one = Caught("ZeroDivisionError", "", "", [], [], [("test_metlog", call) for call in calls])

    assert checksum(one) == "ccd44e9a94c1fe48503b38dd95859c95"


@pytest.mark.parametrize("profile", PROFILES)
def test_stored_blob_is_read(profile):
    blob = (GOLDEN / f"{profile}.blob").read_text(encoding="ascii")

    found = RavenClient().decode(blob)

    assert found == json.loads((GOLDEN / f"{profile}.json").read_text(encoding="utf-8"))


def test_id_of_the_message_is_that_of_the_event(checkout):
    client = raven_client(dsn=DSN)

    checkout.run(lambda: client.raven())

    assert message(client).uuid.hex() == event(client)["event_id"]

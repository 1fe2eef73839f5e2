"""Helpers for the tests of decorators: a default client, a clock, and the messages sent."""

from __future__ import annotations

import pytest
from client.messages import Kept, kept_by

from heka.client import HekaClient
from heka.decorators import incr_count, timeit
from heka.holder import CLIENT_HOLDER

#: Parametrizes a test over both decorators.
BOTH = pytest.mark.parametrize(
    ("decorator", "kind"),
    [(timeit, "timer"), (incr_count, "counter")],
    ids=["timeit", "incr_count"],
)


class Clock:
    """A clock in ns for the decorators, which only ``go_on`` advances."""

    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        return self.now

    def go_on(self, ns: int) -> None:
        self.now += ns


def empty_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty the holder of clients for the test, in a process that has configured nothing."""
    monkeypatch.delenv("HEKA_TO", raising=False)
    monkeypatch.setattr("heka.api.is_configured", False)
    monkeypatch.setattr(CLIENT_HOLDER, "_clients", {})
    monkeypatch.setattr(CLIENT_HOLDER, "_default_clientname", None)


def default_client(monkeypatch: pytest.MonkeyPatch) -> HekaClient:
    """Return the default client of a holder that has no other."""
    empty_holder(monkeypatch)
    made = HekaClient(Kept(), "tests")
    CLIENT_HOLDER.set_client("decorators", made)
    return made


def told(client: HekaClient) -> list[tuple[str, str, str]]:
    """Return (type, name, payload) of each message sent."""
    return [(m.type, m.fields["name"][0], m.payload) for m in kept_by(client).messages]

"""What the tests of decorators share: a default client, a clock, and what was told."""

from __future__ import annotations

import pytest
from client.messages import Kept, kept_by

from heka.client import HekaClient
from heka.decorators import incr_count, timeit
from heka.holder import CLIENT_HOLDER

#: For what holds for both.
BOTH = pytest.mark.parametrize(
    ("decorator", "kind"),
    [(timeit, "timer"), (incr_count, "counter")],
    ids=["timeit", "incr_count"],
)


class Clock:
    """In place of the decorators' own: it goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        return self.now

    def go_on(self, ns: int) -> None:
        self.now += ns


def empty_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no clients but the test's own."""
    monkeypatch.setattr(CLIENT_HOLDER, "_clients", {})
    monkeypatch.setattr(CLIENT_HOLDER, "_default_clientname", None)


def default_client(monkeypatch: pytest.MonkeyPatch) -> HekaClient:
    """Return the default client of a holder that has no other."""
    empty_holder(monkeypatch)
    made = HekaClient(Kept(), "tests")
    CLIENT_HOLDER.set_client("decorators", made)
    return made


def told(client: HekaClient) -> list[tuple[str, str, str]]:
    """(type, name, payload) of each message."""
    return [(m.type, m.fields["name"][0], m.payload) for m in kept_by(client).messages]

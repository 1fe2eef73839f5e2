"""The messages of the demo: what each contains, and whether it must be refused.

Shared by the sending and the receiving process, so that the demo can check the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import heka

LOGGER: Final = "demo"
SIGNER: Final = "ops"
SIGNER_VERSION: Final = 1
KEY: Final = b"the key of this demo"

_TRACEBACK: Final = """\
A payload of several lines stays one message:
Traceback (most recent call last):
  File "shop.py", line 12, in checkout
    card.charge(amount)
ValueError: card expired
"""


@dataclass(frozen=True)
class Sample:
    """One message of the demo."""

    type: str
    severity: int
    payload: str
    fields: dict[str, Any] = field(default_factory=dict)
    transport: str = "udp"
    key: bytes | None = None  # signs the message
    refused: str | None = None  # the reason for which the receiver must refuse it

    def message(self) -> heka.Message:
        """Return the message as it is sent and as it must arrive."""
        return heka.Message(self.type, LOGGER, self.severity, self.fields, self.payload)

    def signer(self) -> heka.SignerConfig | None:
        """Return its signer; None: it is not signed."""
        if self.key is None:
            return None
        return heka.SignerConfig(SIGNER, SIGNER_VERSION, self.key, "sha1")


SAMPLES: Final = (
    Sample(
        type="demo.hello",
        severity=heka.INFO,
        payload="Hello from another process, in one datagram.",
    ),
    Sample(
        type="demo.fields",
        severity=heka.INFO,
        payload="Fields keep their type, and a unit if they have one.",
        fields={
            "ad_ids": [1, 2, 3],
            "time_taken": heka.Field(0.010, "s"),
            "size": heka.Field(12, "KiB"),
            "cached": False,
            "user": "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}",
            "token": b"\x00\xffheka",
        },
    ),
    Sample(
        type="demo.nested",
        severity=heka.DEBUG,
        payload="A dict within a dict arrives as dotted names; this one came over TCP.",
        fields={"request": {"path": "/cart", "user": {"id": 42, "groups": ["staff", "beta"]}}},
        transport="tcp",
    ),
    Sample(
        type="demo.signed",
        severity=heka.NOTICE,
        payload="Signed by its sender; the receiver has the key and verified every byte.",
        transport="tcp",
        key=KEY,
    ),
    Sample(
        type="demo.exception",
        severity=heka.ERROR,
        payload=_TRACEBACK,
        fields={"order": heka.Field([19.5, 4.25], "EUR")},
        transport="tcp",
        key=KEY,
    ),
    Sample(
        type="demo.hostile",
        severity=heka.WARNING,
        payload="\x1b[2J\x1b[HThis tried to clear your screen,\x07 and \N{RIGHT-TO-LEFT OVERRIDE}"
        "to turn it round\r\nCRITICAL  and to forge a line.",
        fields={'ok" = true': 'a quote " and \x9b31m'},
    ),
    Sample(
        type="demo.forged",
        severity=heka.CRITICAL,
        payload="Claims to be signed by ops, but with another key. Nobody may ever see this.",
        transport="tcp",
        key=b"some other key",
        refused="bad_digest",
    ),
)

"""The two messages of every benchmark; one definition for all contenders.

A program builds its fields in the call, so the fields are stored as the source of a dict literal,
which becomes part of the timed statements. Knows no encoder.
"""

import ast
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One benchmark message: its attributes, and its fields as the text of a dict literal."""

    name: str
    type: str
    logger: str
    severity: int
    payload: str
    fields_source: str
    fields: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        """Evaluate the literal once, for contenders that need the values ahead of time."""
        object.__setattr__(self, "fields", ast.literal_eval(self.fields_source))

    @property
    def call_source(self) -> str:
        """Arguments of ``heka.pack`` and ``heka.Message`` as a program would write them.

        The payload is the variable ``payload``, a text that exists before the call; left out when
        empty.
        """
        payload = ", payload=payload" if self.payload else ""
        return (
            f"{self.type!r}, logger={self.logger!r}, severity={self.severity}{payload}, "
            f"fields={self.fields_source}"
        )

    def dict_source(self, uuid: str = "uuid", timestamp: str = "timestamp") -> str:
        """Return the text of a dict with the nine attributes and the fields that heka writes.

        *uuid* and *timestamp* are expressions; by default names of values at hand.
        """
        payload = "payload" if self.payload else "''"
        return (
            f"{{'uuid': {uuid}, 'timestamp': {timestamp}, 'type': {self.type!r}, "
            f"'logger': {self.logger!r}, 'severity': {self.severity}, 'payload': {payload}, "
            f"'env_version': '0.8', 'pid': pid, 'hostname': hostname, "
            f"'fields': {self.fields_source}}}"
        )


#: A small message: the one of an ad server, two fields and no payload.
M1 = Case(
    name="M1",
    type="ads_served",
    logger="ads",
    severity=6,
    payload="",
    fields_source="{'ad_ids': [1, 2, 3], 'time_taken': 0.010}",
)

#: A large one: 12 fields (two strings, ints and floats, a bool, a list of each, one nested dict)
#: and a payload of 1 KiB of ASCII text.
M2 = Case(
    name="M2",
    type="http_request",
    logger="frontend",
    severity=6,
    payload=("GET /api/v2/orders/8412/items?page=3&sort=price HTTP/1.1 200 18342 0.183 " * 15)[
        :1024
    ],
    fields_source=(
        "{'method': 'GET', 'path': '/api/v2/orders/8412/items', "
        "'status': 200, 'response_bytes': 18342, "
        "'request_time': 0.183, 'upstream_time': 0.171, 'authenticated': True, "
        "'tags': ['web', 'eu-west', 'blue'], 'shards': [3, 17, 42], "
        "'timings': [0.004, 0.021, 0.158], 'checks': [True, False, True], "
        "'client': {'address': '203.0.113.7', 'port': 52144}}"
    ),
)

CASES = (M1, M2)

assert len(M2.fields) == 12
assert len(M2.payload.encode()) == 1024

"""The sending process of the demo: ``python -m heka.cli.commands.demo_sender UDP_PORT TCP_PORT``.

An ordinary program that logs: unsigned messages through ``heka.log``, signed ones through a
``HekaConnection``. Exits with 1 and a sentence when a message was not sent.
"""

from __future__ import annotations

import sys

import heka
from heka.cli.commands.demo_messages import LOGGER, SAMPLES, Sample


def send(sample: Sample, ports: dict[str, int]) -> bool:
    """Send one message to the loopback port of its transport; False: it was not sent."""
    to = f"{sample.transport}://127.0.0.1:{ports[sample.transport]}"
    signer = sample.signer()
    if signer is None:
        return heka.log(
            sample.type,
            LOGGER,
            severity=sample.severity,
            fields=sample.fields,
            payload=sample.payload,
            to=to,
        )
    with heka.HekaConnection(to, signer) as connection:
        connection.send_message(sample.message())
    return True


def main(argv: list[str]) -> int:
    """Send every sample in order."""
    ports = {"udp": int(argv[0]), "tcp": int(argv[1])}
    for sample in SAMPLES:
        if not send(sample, ports):
            print(f"{sample.type} was not sent: {heka.stats()}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

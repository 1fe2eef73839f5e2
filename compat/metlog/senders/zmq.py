"""metlog.senders.zmq: gone with ZeroMQ; importing from here says what to use."""

from typing import Any

from heka.senders import alias

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    return alias(__name__, (), name)

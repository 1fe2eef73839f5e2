"""metlog.senders.zmq: removed; importing a name from here raises an error with its replacement."""

from typing import Any

from heka.senders import alias

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    return alias(__name__, (), name)

"""What every stream has: ``write``, ``flush``, ``close``, ``stats``, and use in a ``with`` block.

Knows nothing of where a stream ends.
"""

from __future__ import annotations

import math
from types import TracebackType
from typing import TYPE_CHECKING, Any

from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Stream", "as_bytes", "as_seconds", "size_of", "unframed"]

_RECORD_SEPARATOR = 0x1E


class Stream:
    """Where encoded messages go.

    A stream never raises for what happens on its way: that is counted in ``stats()``. A child
    process counts from zero. ``close()`` is final: what is written afterwards is dropped as
    ``closed``.
    """

    def write(self, data: Any) -> bool:
        """Send *data*, what an encoder made of one message; False when it is lost, and counted."""
        raise NotImplementedError

    def flush(self, timeout: float = 0.0) -> bool:
        """Return True when nothing is on its way, waiting for at most *timeout* seconds."""
        return True

    def close(self, timeout: float = 1.0) -> None:
        """Flush for at most *timeout* seconds, then let go of what the stream holds."""
        raise NotImplementedError

    def stats(self) -> dict[str, Any]:
        """Return ``offered``, ``sent``, ``bytes`` and ``dropped``, as ``heka.stats``."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Return the stream itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the stream."""
        self.close()


def as_bytes(data: Any) -> bytes | bytearray | memoryview:
    """Return *data* as something that can be sent; text as UTF-8, where each byte is itself again.

    Raises:
        TypeError: It is neither bytes nor text: which encoder makes them is said.
    """
    if isinstance(data, (bytes, bytearray, memoryview)):
        return data
    if isinstance(data, str):
        try:
            return data.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # lone surrogates that stand for no byte
            return data.encode("utf-8", "backslashreplace")
    raise TypeError(
        f"expected bytes or str, got {type(data).__name__}; this stream sends what "
        "ProtobufEncoder, JSONEncoder or StdlibPayloadEncoder made of a message"
    )


def unframed(
    data: bytes | bytearray | memoryview,
) -> bytes | bytearray | memoryview:
    """Return the message in *data*, a frame; what is none as it is."""
    if len(data) < 3 or data[0] != _RECORD_SEPARATOR:
        return data
    return data[3 + data[1] :]


def size_of(data: Any) -> int:
    """Return the bytes of *data*; 0 for what has no size."""
    if isinstance(data, str):
        return len(data.encode("utf-8", "surrogatepass"))
    return len(data) if isinstance(data, (bytes, bytearray)) else getattr(data, "nbytes", 0)


def as_seconds(value: Any, name: str) -> float:
    """Return *value*, a number or the text of one, as configuration files have it.

    Raises:
        ConfigError: It is no number of seconds.
    """
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ConfigError(f"{name}: expected seconds, 0 or more, got {value!r}")
    return seconds

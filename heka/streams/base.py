"""The interface of all streams: ``write``, ``flush``, ``close``, ``stats``, and ``with`` blocks.

Knows nothing of where a stream sends to.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Stream", "as_bytes", "as_seconds", "let_go", "size_of", "unframed"]

_RECORD_SEPARATOR = 0x1E


class Stream:
    """Base class of streams, which take encoded messages.

    A stream never raises for a failure of sending: it counts it in ``stats()``. A child process
    counts from zero. ``close()`` is final: data written afterwards is dropped as ``closed``. A
    stream that is dropped without ``close()`` is closed without waiting; what is queued is sent.
    """

    def write(self, data: Any) -> bool:
        """Send *data*, one encoded message; False when it is dropped, which is counted."""
        raise NotImplementedError

    def flush(self, timeout: float = 0.0) -> bool:
        """Wait at most *timeout* seconds; True when everything written has been sent."""
        return True

    def close(self, timeout: float | None = None) -> None:
        """Flush for at most *timeout* seconds, then release the stream's resources.

        None: 1 s; while the process exits, what is left of the 2 s that all closings share.
        """
        raise NotImplementedError

    def stats(self) -> dict[str, Any]:
        """Return ``offered``, ``sent``, ``bytes`` and ``dropped``, as ``heka.stats``."""
        raise NotImplementedError

    def _let_go(self) -> None:
        """Release the stream's resources without waiting: what is queued is sent by a thread."""

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        """Release the resources of a stream that was dropped without ``close()``."""
        if not is_finalizing():
            self._let_go()

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


def let_go(stream: Any) -> None:
    """Close *stream*, which a configuration has made; one of this package without waiting."""
    if isinstance(stream, Stream) and type(stream)._let_go is not Stream._let_go:
        stream._let_go()
    elif callable(getattr(stream, "close", None)):
        stream.close()


def as_bytes(data: Any) -> bytes | bytearray | memoryview:
    """Return *data* as bytes; text is encoded as UTF-8, with surrogateescape.

    Raises:
        TypeError: It is neither bytes nor text; the text names the encoders that return these.
    """
    if isinstance(data, (bytes, bytearray, memoryview)):
        return data
    if isinstance(data, str):
        try:
            return data.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # lone surrogates that surrogateescape cannot encode
            return data.encode("utf-8", "backslashreplace")
    raise TypeError(
        f"expected bytes or str, got {type(data).__name__}; this stream sends what "
        "ProtobufEncoder, JSONEncoder or StdlibPayloadEncoder made of a message"
    )


def unframed(
    data: bytes | bytearray | memoryview,
) -> bytes | bytearray | memoryview:
    """Return the message in the frame *data*; data that is no frame is returned unchanged."""
    if len(data) < 3 or data[0] != _RECORD_SEPARATOR:
        return data
    return data[3 + data[1] :]


def size_of(data: Any) -> int:
    """Return the size of *data* in bytes; 0 for an object without a size."""
    if isinstance(data, str):
        return len(data.encode("utf-8", "surrogatepass"))
    return len(data) if isinstance(data, (bytes, bytearray)) else getattr(data, "nbytes", 0)


def as_seconds(value: Any, name: str) -> float:
    """Return *value*, a number or its text as in a configuration file, as a float.

    Raises:
        ConfigError: It is no finite number of seconds, 0 or more.
    """
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ConfigError(f"{name}: expected seconds, 0 or more, got {value!r}")
    return seconds

"""Streams for development: standard output, any file object, the last messages in memory.

Knows Python objects with ``write``; no sockets.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from heka._runtime.forks import importing
from heka.encoders import JSONEncoder
from heka.exceptions import ConfigError
from heka.path import resolve_name
from heka.streams.base import size_of
from heka.streams.files import FileStream
from heka.streams.local import LocalStream

__all__ = ["DebugCaptureStream", "FileStream", "FormatterStream", "StdOutStream"]


_RECORD_SEPARATOR = b"\x1e"


class StdOutStream(LocalStream):
    """Write to the current ``sys.stdout``.

    Bytes are written to its buffer, after flushing text that was printed before; on a terminal, a
    frame is shown as ``heka listen`` shows it. Text is printed; any other object (the messages of
    ``NullEncoder``) is printed as one line. A full pipe blocks, as with ``print``.
    """

    def take(self, data: Any) -> int | str:
        """Print *data*; ``closed`` when ``sys.stdout`` is None or closed."""
        out = sys.stdout
        if out is None or getattr(out, "closed", False) is True:
            return "closed"
        if isinstance(data, bytes) and data[:1] == _RECORD_SEPARATOR and _is_terminal(out):
            with importing():
                from heka._delivery.standard import as_text  # few programs do this

            _write_to(out, as_text(data, out))
            return len(data)
        return _write_to(out, data)

    def flush(self, timeout: float = 0.0) -> bool:
        """Flush ``sys.stdout``; True unless that fails. Each write flushes it too."""
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            return True
        return False

    def __repr__(self) -> str:
        """Return its name."""
        return "<StdOutStream>"


class FormatterStream(LocalStream):
    """Write one line for each message to a file object: for ``NullEncoder``.

    Args:
        stream: An object with ``write``, or the dotted name of one (``sys.stderr``).
        formatter: Called with the message, returns its text; or the dotted name of a callable; None
            is one line of JSON. A missing end of line is added.
    """

    def __init__(self, stream: Any, formatter: Callable[[Any], str] | str | None = None) -> None:
        super().__init__()
        self.stream = _named(stream, "stream")
        self.formatter = (
            JSONEncoder().encode if formatter is None else _named(formatter, "formatter")
        )
        if not callable(getattr(self.stream, "write", None)):
            raise ConfigError(f"stream: expected an object with write(text), got {stream!r}")
        if not callable(self.formatter):
            raise ConfigError(f"formatter: expected a callable or its name, got {formatter!r}")

    def take(self, data: Any) -> int | str:
        """Write *data* as the formatter returns it."""
        text = self.formatter(data)
        return _write_to(self.stream, text if text.endswith("\n") else f"{text}\n")


class DebugCaptureStream(LocalStream):
    """Keep the last 100 objects written, in ``msgs``, as the encoder returned them.

    Args:
        options: Set as attributes, for tests of configuration.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.msgs: deque[Any] = deque(maxlen=100)
        for name, value in options.items():
            if hasattr(self, name):
                raise ConfigError(f"{name}: DebugCaptureStream has an attribute of this name")
            setattr(self, name, value)

    def __repr__(self) -> str:
        """Return how many objects are kept."""
        return f"<{type(self).__name__}: {len(self.msgs)} in msgs>"

    def take(self, data: Any) -> int | str:
        """Keep *data*."""
        self.msgs.append(data)
        return size_of(data)


def _is_terminal(out: Any) -> bool:
    try:
        return out.isatty() is True
    except Exception:  # of an object in the place of sys.stdout
        return False


def _named(thing: Any, what: str) -> Any:
    if not isinstance(thing, str):
        return thing
    try:
        return resolve_name(thing)
    except (ImportError, ValueError) as problem:
        raise ConfigError(f"{what}: {problem}") from problem


def _write_to(out: Any, data: Any) -> int:
    """Write *data* as bytes or text, whichever *out* takes, flush, and return the size in bytes."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        buffer = getattr(out, "buffer", None)
        if buffer is not None:
            out.flush()  # the text layer may still buffer text that was printed before
            buffer.write(data)
        elif isinstance(out, io.TextIOBase):
            out.write(bytes(data).decode("utf-8", "backslashreplace"))
        else:
            out.write(data)
    else:
        text = data if isinstance(data, str) else f"{data}\n"
        data = text
        try:
            out.write(text)
        except UnicodeEncodeError:
            encoding = getattr(out, "encoding", None) or "ascii"
            out.write(text.encode(encoding, "backslashreplace").decode(encoding))
    flush = getattr(out, "flush", None)
    if flush is not None:
        flush()
    return size_of(data)

"""Source lines around a line, read from regular files, linecache and zip files only.

The file name of a code object may be any text (``exec``), even that of a pipe, which could block.
"""

from __future__ import annotations

import functools
import io
import linecache
import os
import stat
import tokenize
import zipimport
from typing import Any

#: Bytes of the largest file that is read, and how many files are kept.
_LARGEST = 1 << 20
_KEPT = 32

#: What ``splitlines(keepends=True)`` leaves at the end of a line.
_ENDS = ("\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")

Context = tuple[list[str], str, list[str]]
#: The lines of files by path; None for a path without source.
Files = dict[str, list[str] | None]


def context(
    path: str, line: int, module: dict[str, Any], around: int, files: Files
) -> Context | None:
    """Return the lines before line number *line*, the line itself, and the lines after it.

    Args:
        path: ``co_filename`` of the code object.
        line: From 1.
        module: Its global names.
        around: Number of lines before it, and after it.
        files: Cache of one event; read files are added.
    """
    if path not in files:
        files[path] = _lines(path, module)
    lines = files[path]
    if lines is None or not 1 <= line <= len(lines):
        return None
    at = line - 1
    return lines[max(0, at - around) : at], lines[at], lines[line : line + around]


def _lines(path: str, module: dict[str, Any]) -> list[str] | None:
    kept: Any = linecache.cache.get(path)
    # Sources without a file (doctest, notebooks, generated code) have no time of change there.
    if type(kept) is tuple and len(kept) == 4 and (kept[1] is None or not os.path.isabs(path)):
        return _cached(kept[2])
    if path.startswith("<") and path.endswith(">"):  # code without a name, whatever files there are
        return None
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return _archived(path, module)
    if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
        return None
    return _read(path, found.st_mtime_ns, found.st_size)


def _cached(lines: Any) -> list[str] | None:
    """Return lines of linecache, put together where they were split as ``splitlines()`` does."""
    if type(lines) is not list or not all(type(line) is str for line in lines):
        return None
    if all(line.endswith(_ENDS) for line in lines[:-1]):
        return lines_of("".join(lines))
    return [line.rstrip("\r\n") for line in lines]


@functools.lru_cache(_KEPT)
def _read(path: str, changed: int, size: int) -> list[str] | None:
    try:
        # The file may have been replaced by a pipe since stat().
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            return decoded(file.read(_LARGEST))
    except OSError:
        return None


def decoded(data: bytes) -> list[str]:
    """Return the lines of a program, decoded as it declares."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:  # unknown, or the data is not in it
        encoding = "utf-8"
    return lines_of(data.decode(encoding, "replace"))


def lines_of(text: str) -> list[str]:
    """Return the lines of a program as Python counts them.

    ``splitlines()`` counts otherwise: a form feed or U+2028 ends no line of a program.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _archived(path: str, module: dict[str, Any]) -> list[str] | None:
    """Return the source of a module in a zip file, if *path* is that module's."""
    loader, name = module.get("__loader__"), module.get("__name__")
    if type(loader) is not zipimport.zipimporter or type(name) is not str:
        return None
    try:
        own = loader.get_filename(name)
        # The path in a .pyc is that of the machine where it was compiled.
        if os.path.basename(path) != os.path.basename(own).removesuffix("c"):
            return None
        data = loader.get_data(own.removesuffix("c"))
    except Exception:
        return None
    return decoded(data) if len(data) <= _LARGEST else None

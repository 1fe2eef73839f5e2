"""Lines of source around a line: from the program's own files, and nothing that could block.

A file name in code objects is any text (``exec``): only regular files of a moderate size are read.
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

Context = tuple[list[str], str, list[str]]
#: The lines of files by their paths; None of those that have none.
Files = dict[str, list[str] | None]


def context(
    path: str, line: int, module: dict[str, Any], around: int, files: Files
) -> Context | None:
    """Return the lines before line number *line*, itself, and those behind it.

    Args:
        path: As the code object has it.
        line: From 1.
        module: Its global names.
        around: How many lines before it, and how many behind it.
        files: What is known, of one event; more is added.
    """
    if path not in files:
        files[path] = _lines(path, module)
    lines = files[path]
    if lines is None or not 1 <= line <= len(lines):
        return None
    at = line - 1
    return lines[max(0, at - around) : at], lines[at], lines[line : line + around]


def _lines(path: str, module: dict[str, Any]) -> list[str] | None:
    kept: Any = linecache.cache.get(path)  # sources without a file: doctest, notebooks
    if type(kept) is tuple and len(kept) == 4 and not os.path.isabs(path):
        return [line.rstrip("\r\n") for line in kept[2]]
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return _archived(module)
    if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
        return None
    return _read(path, found.st_mtime_ns, found.st_size)


@functools.lru_cache(_KEPT)
def _read(path: str, changed: int, size: int) -> list[str] | None:
    try:
        # A pipe in the file's place by now would not be read to its end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            return decoded(file.read(_LARGEST))
    except OSError:
        return None


def decoded(data: bytes) -> list[str]:
    """Return the lines of a program, in the encoding that it declares."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:  # none, or one that the file does not keep to
        encoding = "utf-8"
    text = data.decode(encoding, "replace")
    # Not splitlines(): a form feed ends no line of a program.
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _archived(module: dict[str, Any]) -> list[str] | None:
    """Return the source of a module in a zip file."""
    loader, name = module.get("__loader__"), module.get("__name__")
    if type(loader) is not zipimport.zipimporter or type(name) is not str:
        return None
    try:
        source = loader.get_source(name)
    except Exception:
        return None
    return None if source is None else source.splitlines()

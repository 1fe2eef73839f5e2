"""Read signing keys from the command line and from key files.

No error text contains a key: it names the signer or the line number.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import Final

from heka.cli.errors import CommandError

Keys = dict[tuple[str, int], bytes]

VERSION_MAX: Final = 2**32 - 1  # hmac_key_version is a uint32
_FORM: Final = "expected NAME:VERSION:KEY"


def parse_key(line: bytes) -> tuple[tuple[str, int], bytes]:
    """Return ``NAME:VERSION:KEY`` as ``((name, version), key)``.

    The key is every byte after the second colon.

    Raises:
        ValueError: *line* has another form; the text does not contain the key.
    """
    name, colon, rest = line.partition(b":")
    version, second, key = rest.partition(b":")
    if not (colon and second):
        raise ValueError(f"{_FORM}, found {line.count(b':')} of its 2 colons")
    if not name:
        raise ValueError(f"{_FORM}, the name is empty")
    if not key:
        raise ValueError(f"{_FORM}, the key is empty")
    if not (version.isdigit() and len(version) <= 10 and int(version) <= VERSION_MAX):
        raise ValueError(f"{_FORM}, the version is not a number from 0 to {VERSION_MAX}")
    try:
        return (name.decode(), int(version)), key
    except UnicodeDecodeError:
        raise ValueError(f"{_FORM}, the name is not UTF-8") from None


def read_key_file(path: str) -> tuple[Keys, str | None]:
    """Return the keys in the file *path*, and a warning if other users may read the file.

    Each line is ``NAME:VERSION:KEY``; the key is the raw bytes up to the end of the line. Empty
    lines and lines that start with ``#`` are skipped.

    Raises:
        CommandError: The file cannot be read, or a line is wrong; the text names the line number.
    """
    try:
        with open(path, "rb") as file:
            shared = stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077
            lines = file.read().split(b"\n")
    except OSError as exc:
        raise CommandError(f"cannot read the key file {path!r}: {exc.strerror}") from exc
    keys: Keys = {}
    for number, raw in enumerate(lines, 1):
        line = raw.removesuffix(b"\r")
        if line and not line.startswith(b"#"):
            try:
                _add(keys, *parse_key(line))
            except ValueError as exc:
                raise CommandError(f"key file {path!r}, line {number}: {exc}") from None
    if not keys:
        raise CommandError(f"key file {path!r}: contains no key; {_FORM} on a line")
    warning = (
        f"other users may read the keys in {path!r}; run 'chmod 600' on it" if shared else None
    )
    return keys, warning


def collect_keys(
    arguments: Iterable[tuple[tuple[str, int], bytes]], files: Iterable[str]
) -> tuple[Keys, list[str]]:
    """Return the keys of the command line and of the files, and the warnings.

    Raises:
        CommandError: A name and version have two keys, or a file cannot be used.
    """
    keys: Keys = {}
    warnings: list[str] = []
    try:
        for owner, key in arguments:
            _add(keys, owner, key)
        for path in files:
            more, warning = read_key_file(path)
            for owner, key in more.items():
                _add(keys, owner, key)
            if warning:
                warnings.append(warning)
    except ValueError as exc:
        raise CommandError(str(exc)) from None
    return keys, warnings


def _add(keys: Keys, owner: tuple[str, int], key: bytes) -> None:
    if owner in keys:
        raise ValueError(f"two keys for {owner[0]!r} version {owner[1]}; keep one")
    keys[owner] = key

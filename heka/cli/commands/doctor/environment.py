"""The environment variables that heka reads, and the versions of what it runs with."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

import heka
from heka._core import libraries
from heka.cli.commands.doctor.lines import Line, ok, warning

_PREFIX: Final = "HEKA_"
#: What each variable does when it is set.
_VARIABLES: Final = {
    "HEKA_TO": "the default destination",
    "HEKA_QUIET": "heka writes no lines to stderr",
    "HEKA_DEBUG": "heka writes its decisions to stderr",
}


def variables() -> Iterator[Line]:
    """Yield a line for each environment variable of heka that is set; no values."""
    names = sorted(name for name in os.environ if name.upper().startswith(_PREFIX))
    for name in names:
        if name not in _VARIABLES:
            # Its value may be a secret of the program.
            near = get_close_matches(name.upper(), _VARIABLES, 1, 0.8)
            if near:
                yield warning(
                    "environment",
                    f"{name} is set, which heka does not read",
                    f"set {near[0]} if you meant that ({_VARIABLES[near[0]]})",
                )
        elif name == "HEKA_QUIET" and os.environ[name] not in ("", "0"):
            yield warning(
                "environment",
                "HEKA_QUIET is set: heka does not tell on stderr what it drops, and why",
                "unset it while you look for the cause",
            )
        elif os.environ[name] not in ("", "0"):
            yield ok("environment", f"{name} is set: {_VARIABLES[name]}")
    if not any(name in _VARIABLES and os.environ[name] not in ("", "0") for name in names):
        yield ok("environment", f"none of {', '.join(_VARIABLES)} is set")


def versions(*, tls: bool) -> Line:
    """Return the line with all versions; *tls* adds the library of Python's ssl, if another."""
    found = libraries()
    parts = [
        f"heka-py {heka.__version__}",
        f"{platform.python_implementation()} {platform.python_version()}",
        found["libcrypto"],
        f"protobuf-c {found['protobuf-c']}",
    ]
    if tls:
        import ssl

        if found["libcrypto"] != ssl.OPENSSL_VERSION:
            parts.append(f"Python's ssl: {ssl.OPENSSL_VERSION}")
    return ok("versions", ", ".join([*parts, platform.platform(terse=True), platform.machine()]))

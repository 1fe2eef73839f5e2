"""Say which shared library the extension lacks, and the Debian package that has it."""

from __future__ import annotations

import os

#: The libraries that ``heka._core`` is linked with; a wheel contains them.
PACKAGES = {
    "libprotobuf-c": "libprotobuf-c1",
    "libpcre2-8": "libpcre2-8-0",
    "libuuid": "libuuid1",
    "libcrypto": "libssl3 (Debian 13: libssl3t64)",
}


def explanation(problem: str) -> str:
    """Return a sentence for *problem*, the loader's text; ``""`` if it names none of PACKAGES."""
    for word in problem.replace(":", " ").split():
        file = os.path.basename(word)
        package = PACKAGES.get(file.partition(".so")[0]) if ".so" in file else None
        if package is not None:
            return (
                f"heka cannot load the shared library {file}: install the Debian package "
                f"{package}, or what your system calls it; the loader says: {problem}"
            )
    return ""

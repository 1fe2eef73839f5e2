"""How many bytes the process has: of Python's, of the core's and of libcrypto's, to the byte.

A worker runs with PYTHONMALLOC=malloc, so that every object is a block of the C library's, which
counts them. What Python keeps for itself on purpose (free lists, the cache of attributes) is
emptied before anything is counted.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from delivery.support import environment

#: A sanitizer makes everything several times slower; less is repeated with one.
SANITIZED = bool(os.environ.get("HEKA_SANITIZER"))
#: Rounds that memory may take to become level: what grows by itself does so in every round.
ROUNDS = 60
TESTS = Path(__file__).resolve().parents[2]


class _Mallinfo2(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def _meter() -> Callable[[], int] | None:
    """Return the function that counts bytes in use: the sanitizer's, or mallinfo2 of glibc 2.33."""
    library = ctypes.CDLL(None)
    if hasattr(library, "__sanitizer_get_current_allocated_bytes"):
        count = library.__sanitizer_get_current_allocated_bytes
        count.restype = ctypes.c_size_t
        return count  # type: ignore[no-any-return]
    if not hasattr(library, "mallinfo2"):
        return None
    mallinfo2 = library.mallinfo2
    mallinfo2.restype = _Mallinfo2

    def in_use() -> int:
        info = mallinfo2()
        return int(info.uordblks + info.hblkhd)

    return in_use


in_use = _meter()
#: Why nothing can be counted, where that is so.
UNCOUNTED = (
    "" if in_use else "no mallinfo2 (glibc 2.33) here, and no sanitizer, to count bytes with"
)


def worker_environment(preload: Path | None = None, allocator: str = "malloc") -> dict[str, str]:
    """Return the environment of a process whose bytes are counted.

    With ``pymalloc`` for *allocator* Python's small objects are not.
    """
    env = environment(preload)
    tunables = [env.get("GLIBC_TUNABLES", ""), "glibc.malloc.tcache_count=0"]
    return {
        **env,
        "PYTHONPATH": os.pathsep.join((env["PYTHONPATH"], str(TESTS))),
        "PYTHONMALLOC": allocator,
        "PYTHONHASHSEED": "0",
        "GLIBC_TUNABLES": ":".join(filter(None, tunables)),
    }


def settle() -> None:
    """Empty Python's free lists and caches."""
    clear: Callable[[], Any] = getattr(sys, "_clear_internal_caches", sys._clear_type_cache)
    clear()
    gc.collect()


def growth(act: Callable[[], object], rounds: int = ROUNDS) -> list[int]:
    """Do *act* until a round of it leaves memory no larger.

    Returns:
        Nothing; or, where each of *rounds* rounds had made it larger, by how many bytes.
    """
    assert in_use is not None, UNCOUNTED
    grown: list[int] = []
    for _ in range(rounds):
        settle()
        before = in_use()
        act()
        settle()
        after = in_use()
        if after <= before:
            return []
        grown.append(after - before)
    return grown

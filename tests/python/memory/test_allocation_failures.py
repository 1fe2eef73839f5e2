"""Every allocation fails once, alone and with all that follow it: MemoryError, and nothing is lost.

The core alone is swept in the same way by tests/core/test_nomem.c, under sanitizers.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest
from delivery.support import compile_shim
from python.memory.groups import CORE
from python.memory.workers import run_worker

#: The n-th allocation of this thread from now on fails, alone or with all behind it.
FAILING_MALLOC = """
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static _Thread_local bool armed;
static _Thread_local bool single;
static _Thread_local unsigned long left;

static bool
must_fail(void)
{
    if (!armed || left-- > 0) return false;
    left = 0;
    armed = !single;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size) { return must_fail() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return must_fail() ? NULL : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return must_fail() ? NULL : __libc_realloc(old, size); }

void failing_arm(unsigned long after, int once) { left = after; single = once != 0; armed = true; }
void failing_disarm(void) { armed = false; }
"""

has_testcapi = importlib.util.find_spec("_testcapi") is not None
needs_testcapi = pytest.mark.skipif(
    not has_testcapi,
    reason="this Python has no _testcapi, whose set_nomemory fails its allocations",
)
needs_glibc = pytest.mark.skipif(
    bool(os.environ.get("HEKA_SANITIZER")) or not sys.platform.startswith("linux"),
    reason="the library in front of malloc needs glibc's, where a sanitizer has put its own",
)


@pytest.fixture(scope="module")
def failing_malloc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_shim(FAILING_MALLOC, tmp_path_factory.mktemp("malloc"))


@needs_testcapi
@pytest.mark.parametrize("group", CORE)
def test_each_failing_allocation_of_python_is_a_memory_error(group):
    report = run_worker("starving", group, "python")

    assert report.failures == []
    assert report.calls == len(CORE[group])
    assert report.facts["tried"] > 10 * report.calls


@needs_glibc
@pytest.mark.parametrize("group", CORE)
def test_each_failing_allocation_of_the_c_library_is_a_memory_error(group, failing_malloc):
    """The core's and libcrypto's; and Python's too, where the test above cannot run."""
    allocator = "pymalloc" if has_testcapi else "malloc"
    report = run_worker("starving", group, "c", preload=failing_malloc, allocator=allocator)

    assert report.failures == []
    assert report.calls == len(CORE[group])


@needs_testcapi
@pytest.mark.skipif(
    not (3, 11) <= sys.version_info < (3, 12),
    reason="where a frame gets no memory, CPython 3.10 loses the exception, 3.12 and 3.13 crash",
)
def test_a_log_call_that_runs_out_of_memory_leaves_the_connection_to_the_next():
    report = run_worker("starving_package")

    assert report.failures == []
    assert report.calls == 5

"""Build and run the C tests of csrc/core: one case for each program and configuration.

The C programs print what failed, and pytest shows it. Without a compiler or the libraries the
cases fail instead of being skipped, so that an untested core cannot pass.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CORE = HERE.parent.parent / "csrc" / "core"
COMPILER = next((name for name in ("gcc", "clang") if shutil.which(name)), None)
MODES = ("sanitized", "release")
THREADED = (
    *("test_monitor", "test_memory", "test_queue", "test_queue_fork", "test_queue_threads"),
    *("test_regex", "test_match_threads", "test_stats"),
)
TIMEOUT = 600  # seconds a program, its build included; test_hostile guards itself at 300

pytestmark = pytest.mark.timeout(TIMEOUT + 30)

# Settings of an outer make or sanitizer, which the C programs must not inherit.
FOREIGN = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS"}

TESTS = sorted(path.stem for path in HERE.glob("test_*.c"))
MODELS = sorted(path.stem for path in HERE.glob("model_*.c"))
REPLAYS = sorted("replay_" + path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.c"))


def run(target: str, mode: str) -> str:
    """Make *target* of the Makefile in *mode* and return what it printed."""
    if COMPILER is None:
        pytest.fail("cannot test the core: neither gcc nor clang is installed")
    make = shutil.which("make")
    if make is None:
        pytest.fail("cannot test the core: make is not installed")
    command = [make, "--no-print-directory", "-C", str(HERE), target, f"CONFIG={COMPILER}-{mode}"]
    env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    (HERE / "build").mkdir(exist_ok=True)
    with (HERE / "build" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs must not write the same objects
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT, check=False, env=env
        )
    if result.returncode != 0:
        pytest.fail(f"{target}, {mode}:\n{result.stdout[-8000:]}\n{result.stderr[-8000:]}")
    return result.stdout


def files_of(folder: Path) -> dict[Path, bytes]:
    """Contents of each file of *folder*, by its path inside."""
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("program", TESTS)
def test_program(program: str, mode: str) -> None:
    """The program exits with 0 and has checked something."""
    printed = run(f"run-{program}", mode)

    checks = re.search(r"(\d+) checks, 0 failed", printed)
    assert checks is not None, printed
    assert int(checks[1]) > 0


@pytest.mark.parametrize("program", THREADED)
def test_threads_do_not_race(program: str) -> None:
    """ThreadSanitizer reports nothing, and the program's own checks pass."""
    printed = run(f"run-{program}", "threads")

    assert re.search(r"[1-9]\d* checks, 0 failed", printed), printed


@pytest.mark.parametrize("program", MODELS)
def test_every_interleaving(program: str) -> None:
    """The model visits every state that a few threads can reach, and all are correct."""
    printed = run(f"run-{program}", "model")

    counts = re.findall(r"(\w+): (\d+) states, (\d+) transitions, 0 wrong", printed)
    assert [store for store, _, _ in counts] == ["memory", "disk"], printed
    assert all(int(transitions) > int(states) > 500_000 for _, states, transitions in counts)


@pytest.mark.parametrize("store", ["memory", "disk"])
def test_the_search_finds_a_signal_that_is_lost(store: str) -> None:
    """The model of the queue, its signals taken away, comes to a state that nobody leaves."""
    run("build-model_queue", "model")
    program = HERE / "build" / f"{COMPILER}-model" / "model_queue"

    result = subprocess.run(
        [program, store, "lose-signals"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )

    assert result.returncode == 1
    assert "wrong: nobody can go on" in result.stdout


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("program", REPLAYS)
def test_replay(program: str, mode: str) -> None:
    """No seed and no kept crasher fails in its fuzz target."""
    target = program.replace("replay_", "fuzz_")
    folders = (HERE / "corpus" / target, HERE / "crashers" / target)
    kept = sum(len(list(folder.glob("[!.]*"))) for folder in folders)

    printed = run(f"run-{program}", mode)

    assert f"{kept} inputs, 0 failed" in printed


def test_every_core_file_has_its_test() -> None:
    """csrc/core/<folder>/hk_<name>.c goes with tests/core/test_<name>.c.

    What sends (io) has its peers in tests/delivery.
    """
    files = [path for path in CORE.glob("*/hk_*.c") if path.parent.name != "io"]
    names = {path.stem.removeprefix("hk_") for path in files}
    tested = {name.removeprefix("test_") for name in TESTS}

    assert names
    assert names <= tested


def test_seeds_come_from_the_golden_vectors(tmp_path: Path) -> None:
    """make_corpus.py writes exactly the seeds that are committed."""
    script = [sys.executable, str(HERE / "make_corpus.py"), str(tmp_path)]

    subprocess.run(script, check=True)

    assert files_of(tmp_path) == files_of(HERE / "corpus")

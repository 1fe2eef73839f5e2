"""What the scripts in tools/ promise: tests that are run twice, and which of them are named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

UNSTABLE = """
import pathlib, pytest

@pytest.mark.parametrize("text", ["a[b]", 'say "no"'])
def test_unstable(text):
    seen = pathlib.Path(f"seen-{len(text)}")
    if not seen.exists():
        seen.touch()
        raise AssertionError
"""


def run_tests(folder: Path, source: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run tools/run_tests.sh on a file of tests with this source."""
    (folder / "test_given.py").write_text(source, encoding="utf-8")
    command = [ROOT / "tools" / "run_tests.sh", Path(sys.executable).parent / "pytest", "cache"]
    return subprocess.run(
        [*command, "-q", "--rootdir=."],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "RETRY": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def named(output: str) -> list[str]:
    """Return the tests that the output names as unstable."""
    mark = "passed only on its second try: "
    return [line.removeprefix(mark) for line in output.splitlines() if line.startswith(mark)]


def test_a_test_that_passes_the_second_time_is_named(tmp_path):
    done = run_tests(tmp_path, UNSTABLE, RETRY="1")

    assert done.returncode == 0, done.stdout + done.stderr
    assert named(done.stdout) == [
        r"test_given.py::test_unstable[a[b]]",
        r"test_given.py::test_unstable[say \"no\"]",
    ]


def test_a_test_that_fails_twice_fails_the_run_and_is_not_named(tmp_path):
    done = run_tests(tmp_path, UNSTABLE + "\ndef test_wrong(): assert 0\n", RETRY="1")

    assert done.returncode == 1
    assert len(named(done.stdout)) == 2
    assert "test_wrong" not in " ".join(named(done.stdout))


def test_failures_of_an_earlier_run_are_neither_repeated_nor_named(tmp_path):
    run_tests(tmp_path, "def test_old(): assert 0\n", RETRY="1")
    done = run_tests(tmp_path, UNSTABLE, RETRY="1")

    assert len(named(done.stdout)) == 2
    assert "test_old" not in done.stdout


def test_a_second_run_on_its_own_runs_only_what_failed_in_the_first(tmp_path):
    source = UNSTABLE + "\ndef test_fine(): pass\n"
    first = run_tests(tmp_path, source, RETRY="first")
    second = run_tests(tmp_path, source, RETRY="second")

    assert (first.returncode, named(first.stdout)) == (1, [])
    assert second.returncode == 0, second.stdout + second.stderr
    assert len(named(second.stdout)) == 2
    assert "2 passed" in second.stdout
    assert "3 passed" not in second.stdout


def test_a_second_run_without_a_first_runs_everything(tmp_path):
    """As where the build before the first run failed."""
    done = run_tests(tmp_path, UNSTABLE + "\ndef test_fine(): pass\n", RETRY="second")

    assert done.returncode == 1
    assert "2 failed, 1 passed" in done.stdout


def test_an_unknown_retry_is_refused(tmp_path):
    done = run_tests(tmp_path, UNSTABLE, RETRY="yes")

    assert done.returncode == 2
    assert "expected RETRY to be 1, first or second, got 'yes'" in done.stderr


def test_without_retry_a_failure_is_a_failure(tmp_path):
    done = run_tests(tmp_path, UNSTABLE)

    assert done.returncode == 1
    assert named(done.stdout) == []


def test_a_run_that_passes_names_nothing(tmp_path):
    done = run_tests(tmp_path, "def test_fine(): pass\n", RETRY="1")

    assert done.returncode == 0
    assert named(done.stdout) == []


@pytest.mark.parametrize(
    "script", sorted((ROOT / "tools").glob("*.sh")), ids=lambda path: path.name
)
def test_a_script_is_valid_bash(script):
    subprocess.run(["bash", "-n", script], check=True)


def test_stock_roots_never_passes_without_a_release():
    """CI calls it: where it can do nothing it has to fail, and to say why."""
    done = subprocess.run(
        [ROOT / "tools" / "stock_roots.sh"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    expected = "expected releases" if os.geteuid() == 0 else "has to be run as root"
    assert expected in done.stderr

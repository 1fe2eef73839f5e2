"""The time that starting a program with heka takes, above an interpreter that does nothing.

Each contender is a new process of the interpreter without its virtual environment, whose start
imports more. CPU time of user and system, median; all contenders run in turn, so that what else the
machine does affects all alike. Compiled modules (``__pycache__``) are there, as in any later run.

Usage: python benchmarks/bench_import.py [--quick]
"""

import os
import statistics
import sys
from pathlib import Path

from harness import goal, keep, rounds_from, table

import heka

ROOT = str(Path(heka.__file__).resolve().parent.parent)
PYTHON = os.path.realpath(sys.executable)
RUNS = 30
QUICK_RUNS = 3
EMPTY = "nothing"
HELP = "python -m heka --help"
CONTENDERS = {
    EMPTY: ["-c", "pass"],
    "import logging": ["-c", "import logging"],
    "import argparse": ["-c", "import argparse"],
    "import heka": ["-c", "import heka"],
    "import heka, heka.configure()": ["-c", "import heka; heka.configure()"],
    "import heka.logging": ["-c", "import heka.logging"],
    HELP: ["-m", "heka", "--help"],
}
#: Milliseconds above EMPTY.
GOALS = {"import heka": 15.0, "import heka.logging": 25.0}


def cpu_time(arguments: list[str]) -> float:
    """Run the interpreter with *arguments*; return its CPU time in milliseconds."""
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        environment = {"PYTHONPATH": ROOT, "PATH": os.environ["PATH"]}
        os.execve(PYTHON, [PYTHON, *arguments], environment)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"{arguments}: ended with status {status}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def main() -> None:
    """Measure all contenders, and write the result."""
    few = rounds_from(sys.argv[1:]) != rounds_from([])
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for arguments in CONTENDERS.values():  # compiles the modules
        cpu_time(arguments)
    for _ in range(QUICK_RUNS if few else RUNS):
        for name, arguments in CONTENDERS.items():
            times[name].append(cpu_time(arguments))
    medians = {name: statistics.median(found) for name, found in times.items()}
    empty = medians[EMPTY]
    print(f"{PYTHON}, CPU time in ms of {len(times[EMPTY])} runs: median; least above the least")
    print(
        table(
            ["program", "ms", f"above '{EMPTY}'", "least", "times"],
            [
                [
                    name,
                    f"{value:.1f}",
                    f"{value - empty:.1f}",
                    f"{min(times[name]) - min(times[EMPTY]):.1f}",
                    f"{value / empty:.2f} x",
                ]
                for name, value in medians.items()
            ],
        )
    )
    goals = [
        goal(f"{name}: CPU time above an empty interpreter", most, medians[name] - empty, "ms")
        for name, most in GOALS.items()
    ]
    goals.append(goal(f"{HELP} against an empty interpreter", 2.0, medians[HELP] / empty, "x"))
    keep("import", {"medians_ms": medians}, goals, peers=())


if __name__ == "__main__":
    main()

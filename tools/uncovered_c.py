"""List the lines of csrc that no process has run, from what gcov wrote beside the object files.

    uncovered_c.py BUILD

Each line says the file, how much of it was run, and the ranges of lines that were not. A line
counts as run when it was in any object file: inline functions of a header are in several.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path


def counts(build: Path) -> dict[str, dict[int, int]]:
    """Return {file: {line: how often it was run}} of our own C."""
    found: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for data in sorted(build.rglob("*.gcno")):
        command = ["gcov", "--json-format", "--stdout", str(data)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for text in answer.splitlines():
            for file in json.loads(text)["files"]:
                name = file["file"]
                if name.startswith(("csrc/core/", "csrc/python/")):
                    for line in file["lines"]:
                        found[name][line["line_number"]] += line["count"]
    return found


def ranges(numbers: Iterable[int]) -> Iterator[str]:
    """Yield 3, 5-7 for 3, 5, 6, 7."""
    pairs = enumerate(sorted(numbers))
    for _, group in itertools.groupby(pairs, lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        yield str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"


def main(build: Path) -> None:
    """Print the list, and the share of all lines that were run."""
    lines = run = 0
    for name, counted in sorted(counts(build).items()):
        missed = [number for number, count in counted.items() if not count]
        lines += len(counted)
        run += len(counted) - len(missed)
        if missed:
            share = 100 * (len(counted) - len(missed)) // len(counted)
            print(f"{name:42} {share:3d}%  {', '.join(ranges(missed))}")
    if not lines:
        sys.exit(f"{build} holds no .gcno files: `make coverage` builds them")
    print(f"{'all':42} {100 * run // lines:3d}%  of {lines} lines")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

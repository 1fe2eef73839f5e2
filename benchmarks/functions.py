"""Instructions of one call by function: the difference of two callgrind files.

Usage: python benchmarks/functions.py FILE_N FILE_2N MESSAGES
"""

import re
import subprocess
import sys
from collections import Counter

LINE = re.compile(r"^\s*([\d,]+) \([^)]*\)\s+(.*)$")


def read(path: str) -> Counter[str]:
    """Return {function: its own instructions} of *path*, from callgrind_annotate."""
    output = subprocess.run(
        ["callgrind_annotate", "--threshold=100", "--auto=no", path],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    spent: Counter[str] = Counter()
    for line in output.splitlines():
        found = LINE.match(line)
        if found and "PROGRAM TOTALS" not in line:
            spent[function(found[2])] += int(found[1].replace(",", ""))
    return spent


def function(place: str) -> str:
    """Return the function in ``source:function'2 [/path/of/object]``.

    A function without a symbol is an address; the name of its object is added.
    """
    name, _, where = place.partition(" [")
    name = re.sub(r"^\S*?:", "", name)
    if name.startswith("0x"):
        return f"{name} [{where.rstrip(']').rsplit('/', 1)[-1]}]"
    return re.sub(r"'\d+$", "", name)


def main() -> None:
    """Print every function that one message spends at least four instructions in."""
    if len(sys.argv) != 4:
        sys.exit("usage: functions.py FILE_N FILE_2N MESSAGES")
    once, twice, messages = read(sys.argv[1]), read(sys.argv[2]), int(sys.argv[3])
    each = {name: (twice[name] - once[name]) / messages for name in twice}
    print(f"{sum(each.values()):10,.0f}  all, the loop included\n")
    for name, spent in sorted(each.items(), key=lambda item: -item[1]):
        if spent >= 4:  # all smaller ones together are a few dozen instructions
            print(f"{spent:10,.0f}  {name}")


if __name__ == "__main__":
    main()

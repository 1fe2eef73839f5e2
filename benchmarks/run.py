"""Run every benchmark in turn, update the charts, and show the goals.

Usage: python benchmarks/run.py [--quick] [--no-instructions]
       python benchmarks/run.py --goals     the goals of the last run, as a Markdown table
"""

import json
import os
import shutil
import subprocess
import sys
import time

from harness import HERE, OUT, goal, table

SCRIPTS = (
    *("encode", "at_hand", "decode", "send", "client", "logging", "queue", "delivery", "raven"),
    *("import", "frameworks", "match", "cat"),
)

#: Goals in instructions for one heka.pack, without the caller's dict literal.
INSTRUCTION_LIMITS = {"M1 pack, fields at hand": 2_300, "M2 pack, fields at hand": 6_500}


def step(title: str, command: list[str]) -> None:
    """Run *command* under a heading; exit if it fails."""
    print(f"\n== {title}", flush=True)
    start = time.monotonic()
    env = {**os.environ, "PYTHON": sys.executable}
    status = subprocess.run(command, env=env, check=False).returncode
    if status != 0:
        sys.exit(f"{title}: failed with status {status}")
    print(f"\n({title}: {time.monotonic() - start:.0f} s)", flush=True)


def instruction_counts() -> dict[str, int]:
    """Read the results of instructions.sh."""
    lines = (OUT / "instructions.tsv").read_text().splitlines()
    pairs = (line.split("\t") for line in lines if not line.startswith("#"))
    return {name: int(count) for name, count in pairs}


def goals_of_last_run(counted: bool) -> list[tuple[str, str, str, str]]:
    """Return (goal, limit, measured value, whether it is met) of every goal."""
    goals = []
    for name in SCRIPTS:
        goals += json.loads((OUT / f"{name}.json").read_text())["goals"]
    if counted:
        counts = instruction_counts()
        for name, limit in INSTRUCTION_LIMITS.items():
            goals.append(goal(f"instructions, {name}", limit, counts[name], ""))
    return [
        (
            g["what"],
            f"{g['limit']:,g} {g['unit']}".strip(),
            f"{g['value']:,.2f} {g['unit']}"
            if g["unit"] == "x"
            else f"{g['value']:,.0f} {g['unit']}",
            "met" if g["value"] <= g["limit"] else "MISSED",
        )
        for g in goals
    ]


def main() -> None:
    """Run all."""
    arguments = sys.argv[1:]
    if arguments == ["--goals"]:
        for row in goals_of_last_run((OUT / "instructions.tsv").exists()):
            print("| " + " | ".join(row) + " |")
        return
    unknown = set(arguments) - {"--quick", "--no-instructions"}
    if unknown:
        sys.exit(f"unknown argument {sorted(unknown)[0]}; --quick and --no-instructions are known")
    quick = [a for a in arguments if a == "--quick"]
    counted = "--no-instructions" not in arguments and shutil.which("valgrind") is not None
    for number, name in enumerate(SCRIPTS, 1):
        title = f"{number} of {len(SCRIPTS) + counted}: bench_{name}.py"
        step(title, [sys.executable, str(HERE / f"bench_{name}.py"), *quick])
    if counted:
        number = len(SCRIPTS) + 1
        step(f"{number} of {number}: instructions.sh", ["bash", str(HERE / "instructions.sh")])
    else:
        print("\ninstructions not counted: valgrind is missing or --no-instructions was given")
    print("\n== goals\n")
    print(table(("goal", "at most", "measured", ""), goals_of_last_run(counted)))


if __name__ == "__main__":
    main()

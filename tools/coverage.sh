#!/usr/bin/env bash
# Runs the tests on the build for gcov, then lists the lines of Python and of C that no test ran.
#
#     tools/coverage.sh BIN BUILD [PYTEST_ARG ...]
#
# BIN is the bin folder of the environment, BUILD the folder of the build (`make coverage` makes it). A
# test that fails does not keep the list back; the exit status is pytest's. C lines that only
# tests/core runs are listed as well: its programs are builds of their own.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/$1
build=$2
shift 2

data=$PWD/$build/data
rm -rf "$data"
mkdir -p "$data"
find "$build" -name '*.gcda' -delete
export COVERAGE_FILE=$data/coverage

"$bin/coverage" run -m pytest -o cache_dir=build/cache/coverage "$@"
status=$?

printf '\n=== Python: lines that no test ran\n'
"$bin/coverage" combine -q
"$bin/coverage" report --show-missing --skip-covered
printf '\n=== C: lines that no test ran\n'
"$bin/python" tools/uncovered_c.py "$build"
exit $status

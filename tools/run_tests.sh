#!/usr/bin/env bash
# Runs pytest; with RETRY=1 the tests that failed run once more, by themselves.
#
#     tools/run_tests.sh PYTEST CACHE_DIR [PYTEST_ARG ...]
#
# The tests meet real sockets, processes and deadlines. On a machine that stands still for seconds one
# of them may fail, which must not keep a change out; one that fails twice has found something. What
# failed at first is in the output in full.
set -uo pipefail
pytest=$1
cache=$2
shift 2

"$pytest" -o cache_dir="$cache" "$@"
status=$?
if ((status != 1)) || [[ ${RETRY:-} != 1 ]]; then # 1: some tests failed
    exit "$status"
fi
printf '\n=== what failed, once more and by itself\n'
exec "$pytest" -o cache_dir="$cache" "$@" --last-failed --last-failed-no-failures none

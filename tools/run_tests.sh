#!/usr/bin/env bash
# Runs pytest; with RETRY=1 the tests that failed run a second time, by themselves.
#
#     tools/run_tests.sh PYTEST CACHE_DIR [PYTEST_ARG ...]
#
# The tests meet real sockets, processes and deadlines. On a machine that stands still for seconds one
# of them may fail, which must not keep a change out; a test that fails twice has found a defect. The
# output of the first run stays whole. Each test that passed only the second time is named in a line of
# its own behind the last run, so that unstable tests are seen; .ci/run repeats these lines.
set -uo pipefail
pytest=$1
cache=$2
shift 2

failed="$cache/v/cache/lastfailed" # pytest's list, JSON with one test in each line
names() { # prints the tests in the list, sorted; nothing when there is no list
    { sed -n 's/^ *"\(.*\)": true,\{0,1\}$/\1/p' "$failed" || true; } 2>/dev/null | LC_ALL=C sort
}

if [[ ${RETRY:-} == 1 ]]; then
    rm -f "$failed" # of an earlier run, maybe of other tests
fi
"$pytest" -o cache_dir="$cache" "$@"
status=$?
if ((status != 1)) || [[ ${RETRY:-} != 1 ]]; then # 1: some tests failed
    exit "$status"
fi

first=$(names)
printf '\n=== the tests that failed run a second time, by themselves\n'
"$pytest" -o cache_dir="$cache" "$@" --last-failed --last-failed-no-failures none
status=$?
if ((status <= 1)); then # it ran to its end
    LC_ALL=C comm -23 <(echo "$first") <(names) | sed '/^$/d; s/^/passed only on its second try: /'
fi
exit "$status"

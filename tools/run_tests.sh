#!/usr/bin/env bash
# Runs pytest; RETRY gives tests that failed a second try.
#
#     tools/run_tests.sh PYTEST CACHE_DIR [PYTEST_ARG ...]
#
# RETRY=     a test that fails fails the run
# RETRY=1    the tests that failed run again at once, by themselves
# RETRY=first, later RETRY=second    the same in two calls, for a caller that waits for a quiet machine
#
# The tests meet real sockets, processes and deadlines. On a machine that stands still for seconds one
# of them may fail, which must not keep a change out; a test that fails twice has found a defect. Each
# test that passed only the second time is named in a line of its own behind the last run, so that
# unstable tests are seen; .ci/run repeats these lines.
set -uo pipefail
pytest=$1
cache=$2
shift 2
run=("$pytest" -o "cache_dir=$cache" "$@")

failed="$cache/v/cache/lastfailed" # pytest's list, JSON with one test in each line
names() { # prints the tests in the list, sorted; nothing when there is no list
    { sed -n 's/^ *"\(.*\)": true,\{0,1\}$/\1/p' "$failed" || true; } 2>/dev/null | LC_ALL=C sort
}

first() {
    rm -f "$failed" # of an earlier run, maybe of other tests
    "${run[@]}"
}

second() {
    [[ -f $failed ]] || { first; return; } # the first run did not get as far as pytest
    local before status
    before=$(names)
    printf '\n=== the tests that failed run a second time, by themselves\n'
    "${run[@]}" --last-failed --last-failed-no-failures none
    status=$?
    if ((status <= 1)); then # it ran to its end
        LC_ALL=C comm -23 <(echo "$before") <(names) |
            sed '/^$/d; s/^/passed only on its second try: /'
    fi
    return "$status"
}

case ${RETRY:-} in
    '') "${run[@]}" ;;
    first) first ;;
    second) second ;;
    1)
        first
        status=$?
        ((status == 1)) || exit "$status" # 1: some tests failed
        second
        ;;
    *)
        echo "$0: expected RETRY to be 1, first or second, got '$RETRY'" >&2
        exit 2
        ;;
esac

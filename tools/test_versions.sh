#!/usr/bin/env bash
# Runs the tests on every CPython 3.10 to 3.14 of this machine but the one already tested.
#
#     tools/test_versions.sh TESTED_PYTHON [PYTEST_ARG ...]
#
# Interpreters are looked for in pyenv's versions and on the PATH; each gets an environment of its own,
# .venv-3.X. A version that is not there, or cannot build extensions, is named in the summary. The
# versions are tested side by side, as the tests mostly wait; what each printed is shown at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

tested=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
shift

usable() { # PYTHON MINOR: it is that version (a pyenv shim may not be), with headers and venv
    "$1" - "$2" 2>/dev/null <<'PY'
import ensurepip, os, sys, sysconfig, venv
assert sys.version_info[:2] == (3, int(sys.argv[1]))
assert os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
PY
}

find_python() { # MINOR: prints the first usable interpreter of that version
    local candidate
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$1".*/bin/python3."$1" \
        $(type -ap "python3.$1" || true); do
        if [[ -x $candidate ]] && usable "$candidate" "$1"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
summary=()
running=()
failed=0
for minor in 10 11 12 13 14; do
    version=3.$minor
    if [[ $version == "$tested" ]]; then
        summary+=("$version: tested by 'make test'")
        continue
    fi
    if ! python=$(find_python "$minor"); then
        summary+=("$version: not on this machine, not tested")
        continue
    fi
    venv=.venv-$version
    [[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
    echo "About to install into $venv: heka-py with its extra 'test'."
    "$venv/bin/pip" install -q -e '.[test]'
    running+=("$version")
done

for version in "${running[@]}"; do
    # The C programs of tests/core and the packaging tests are the same for every version.
    {
        status=passed
        tools/run_tests.sh ".venv-$version/bin/pytest" "build/cache/$version" -m 'not packaging' \
            --ignore=tests/core "$@" || status=FAILED
        echo "$status" >"$logs/$version.status"
    } >"$logs/$version" 2>&1 &
done
while [[ -n $(jobs -rp) ]]; do
    sleep 5
    (cd "$logs" && tail -qn 1 "${running[@]}" | cut -c 1-30 | paste -sd '|')
done
for version in "${running[@]}"; do
    printf '\n=== CPython %s\n' "$version"
    cat "$logs/$version"
    status=$(<"$logs/$version.status")
    summary+=("$version: $status")
    [[ $status == passed ]] || failed=1
done

echo
printf 'CPython %s\n' "${summary[@]}"
exit $failed

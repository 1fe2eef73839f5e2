#!/usr/bin/env bash
# Runs the tests on one CPython of this machine, in an environment of its own, .venv-3.X.
#
#     tools/test_version.sh TESTED_PYTHON 3.X [PYTEST_ARG ...]
#
# The interpreter is looked for in pyenv's versions and on the PATH. Where it is not there, cannot build
# extensions, or is the version of TESTED_PYTHON, which `make test` runs, one line says so.
set -euo pipefail
cd "$(dirname "$0")/.."

tested=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
version=$2
shift 2

usable() { # PYTHON: it is that version (a pyenv shim may not be), with headers and venv
    "$1" - "$version" 2>/dev/null <<'PY'
import ensurepip, os, sys, sysconfig, venv
assert "%d.%d" % sys.version_info[:2] == sys.argv[1]
assert os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
PY
}

find_python() { # prints the first usable interpreter of that version
    local candidate
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python"$version" \
        $(type -ap "python$version" || true); do
        if [[ -x $candidate ]] && usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

if [[ $version == "$tested" ]]; then
    echo "CPython $version: tested by 'make test'."
    exit
fi
if ! python=$(find_python); then
    echo "CPython $version: not on this machine, not tested."
    exit
fi
venv=.venv-$version
[[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
echo "About to install into $venv: heka-py with its extra 'test'."
mkdir -p build
flock build/install.lock "$venv/bin/pip" install -q -e '.[test]' # each writes the same egg-info
# The C programs of tests/core and the packaging tests are the same for every version.
tools/run_tests.sh "$venv/bin/pytest" "build/cache/$version" -m 'not packaging' --ignore=tests/core "$@"

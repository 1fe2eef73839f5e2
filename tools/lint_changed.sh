#!/usr/bin/env bash
# Lint of what changed: `make lint` in a few seconds, for `make check`.
#
#     tools/lint_changed.sh BIN
#
# BIN is the bin folder of the environment. Changed is what differs from the commit where the branch
# left main (BASE names another branch or commit), what is not committed, and new files. Python: ruff,
# its format, mypy where the package changed. C: clang-format, and gcc's warnings as errors; `make lint`
# adds clang, cppcheck and clang-tidy. Outside of a git checkout all files count as changed.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1

changed_files() {
    if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        find . -name '.venv*' -prune -o -name build -prune -o -type f -print | sed 's,^\./,,'
        return
    fi
    local base
    base=$(git merge-base HEAD "${BASE:-main}" 2>/dev/null) ||
        base=$(git merge-base HEAD origin/HEAD 2>/dev/null) || base=HEAD
    {
        git diff --name-only --diff-filter=d "$base"
        git ls-files --others --exclude-standard
    } | sort -u
}

mapfile -t files < <(changed_files)
choose() { # PATTERN: the changed files whose paths match
    printf '%s\n' "${files[@]}" | grep -E "$1" || true
}
mapfile -t python < <(choose '\.pyi?$')
mapfile -t typed < <(choose '^(heka|compat)/.*\.pyi?$|^pyproject\.toml$')
mapfile -t c < <(choose '^(csrc/(core|python)|tests/core)/.*\.[ch]$')
mapfile -t sources < <(choose '^csrc/(core|python)/.*\.c$')
mapfile -t headers < <(choose '^csrc/.*\.h$')
if ((${#headers[@]})); then # whoever includes it may be what it breaks
    mapfile -t sources < <(find csrc/core csrc/python -name '*.c' | sort)
fi

echo "lint of what changed: ${#python[@]} Python files, ${#c[@]} C files"
status=0
if ((${#python[@]})); then
    "$bin/ruff" check --force-exclude "${python[@]}" || status=1
    "$bin/ruff" format --check --force-exclude "${python[@]}" || status=1
fi
if ((${#typed[@]})); then
    "$bin/mypy" || status=1
fi
if ((${#c[@]})); then
    clang-format --dry-run -Werror "${c[@]}" || status=1
fi
if ((${#sources[@]})); then
    include=$("$bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    read -ra libraries < <(pkg-config --cflags-only-I libprotobuf-c libpcre2-8 uuid libcrypto)
    printf '%s\0' "${sources[@]}" | xargs -0 -P "$(nproc)" -n 8 gcc -std=c11 -D_GNU_SOURCE -Icsrc \
        "-isystem$include" "${libraries[@]/#-I/-isystem}" -Wall -Wextra -Wshadow \
        -Wstrict-prototypes -Wconversion -Werror -fsyntax-only || status=1
fi
exit $status

#!/usr/bin/env bash
# Compiler warnings as errors (gcc and clang), cppcheck and clang-tidy over our own C files.
#
#     tools/check_c.sh PYTHON FILE.c ...
#
# PYTHON is the interpreter whose headers the binding is checked against. Generated files are left out,
# and headers of others are system headers: what they do is not ours to mend.
set -euo pipefail
cd "$(dirname "$0")/.."

python=$1
shift
(($#)) || { echo "$0: expected C files to check, got none" >&2; exit 2; }

include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
mapfile -t libraries < <(pkg-config --cflags-only-I libprotobuf-c libpcre2-8 uuid libcrypto | xargs -n1 | sed '/^$/d; s/^-I/-isystem/')
flags=(-std=c11 -D_GNU_SOURCE -Icsrc "-isystem$include" "${libraries[@]}")
warnings=(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wconversion -Werror)
jobs=$(nproc)

for compiler in gcc clang; do
    for asserts in -DNDEBUG -UNDEBUG; do
        echo "$compiler ${warnings[*]} $asserts"
        # Optimised, as some warnings come from the optimiser's passes.
        printf '%s\0' "$@" |
            xargs -0 -P "$jobs" -I{} "$compiler" "${flags[@]}" "${warnings[@]}" "$asserts" -O2 -c -o /dev/null {}
    done
done

# It reads no system headers, so what they define is told.
echo "cppcheck"
hexversion=$("$python" -c 'import sys; print(hex(sys.hexversion))')
cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
    --inline-suppr --suppress=missingIncludeSystem --library=python,openssl -j "$jobs" -Icsrc \
    -D_GNU_SOURCE -DPY_VERSION_HEX="$hexversion" -DPROTOBUF_C_VERSION_NUMBER=1004001 \
    -DPROTOBUF_C_MIN_COMPILER_VERSION=1004001 "$@"

echo "clang-tidy"
tidy() { # FILE: what it prints of other people's headers ("N warnings generated.") is dropped
    local model=(-include tools/analyser_model.h)
    [[ $1 != */hk_status.c ]] || model=()
    clang-tidy --quiet --warnings-as-errors='*' "$1" -- "${flags[@]}" "${model[@]}" \
        2> >(grep -v 'warnings\? generated\.$' >&2)
}
export -f tidy
export flags_joined="${flags[*]}"
printf '%s\0' "$@" | xargs -0 -P "$jobs" -I{} bash -c 'read -ra flags <<<"$flags_joined"; tidy {}'

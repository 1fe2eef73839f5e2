#!/usr/bin/env bash
# Instructions per call, counted by callgrind: the same on an idle and on a busy machine.
#
#   benchmarks/instructions.sh                  a table of every case
#   benchmarks/instructions.sh 'M1 pack'        one case, by function
#
# Each case runs N and 2N times; the difference divided by N is one call without start-up. The count
# covers the whole statement: building its dict, the interpreter, the C core, libcrypto.
# PYTHON sets the interpreter (one with heka installed), N the number of runs.
set -euo pipefail
export LC_ALL=C PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
n=${N:-2000}
out=$here/out
mkdir -p "$out"

if ! command -v valgrind >/dev/null; then
    echo "instructions.sh needs valgrind: apt-get install valgrind" >&2
    exit 1
fi

# count CASE RUNS -> instructions of the whole process
count() {
    local file=$out/callgrind.$2
    rm -f "$file"
    if ! valgrind --tool=callgrind --callgrind-out-file="$file" \
        "$python" "$here/loop.py" "$1" "$2" >"$out/callgrind.log" 2>&1; then
        cat "$out/callgrind.log" >&2
        exit 1
    fi
    awk '/^(summary|totals):/ { sum = $2 } END { print sum }' "$file"
}

cases=$("$python" "$here/loop.py" --list)

if [ $# -gt 0 ]; then
    if ! grep -qP "^\Q$1\E\t" <<<"$cases"; then
        echo "no such case: $1; one of:" >&2
        cut -f1 <<<"$cases" >&2
        exit 1
    fi
    messages=$(grep -P "^\Q$1\E\t" <<<"$cases" | cut -f2)
    count "$1" "$n" >/dev/null
    count "$1" "$((2 * n))" >/dev/null
    exec "$python" "$here/functions.py" "$out/callgrind.$n" "$out/callgrind.$((2 * n))" \
        "$((n * messages))"
fi

table=$out/instructions.tsv
: >"$table.new"
base=0
"$python" -c 'import platform; print("#", platform.python_implementation(),
    platform.python_version(), platform.python_compiler(), sep="\t")' >>"$table.new"
printf '%-34s %12s\n' "instructions a message" "statement"
printf '%-34s %12s\n' "----------------------------------" "------------"
while IFS=$'\t' read -r name messages; do
    [ -t 2 ] && printf '\r\033[K%s ...' "$name" >&2
    once=$(count "$name" "$n")
    twice=$(count "$name" "$((2 * n))")
    each=$(((twice - once) / n))
    if [ "$name" = "empty loop" ]; then
        base=$each
        each=$((each + base)) # this row shows the count that is subtracted from the others
    fi
    each=$(((each - base) / messages))
    [ -t 2 ] && printf '\r\033[K' >&2
    printf '%-34s %12d\n' "$name" "$each"
    printf '%s\t%d\n' "$name" "$each" >>"$table.new"
done <<<"$cases"
mv "$table.new" "$table"
echo
echo "The count of the empty loop is subtracted from every other row. $("$python" -VV)"

#!/usr/bin/env bash
# Installs the Debian packages that a purpose needs and this machine lacks; says which before it does.
#
#     tools/system_packages.sh build|test|fuzz|lint|proto|bench|stock ...
#
# Each need is tried out (does this compile? does that program exist?), so a compiler or a Python that
# did not come from apt counts too. PYTHON names the interpreter that is to be used, python3 if unset.
set -euo pipefail

python=${PYTHON:-python3}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
packages=()

# need COMMAND... -- PACKAGE...: adds the packages unless the command succeeds.
need() {
    local check=()
    while [[ $1 != -- ]]; do
        check+=("$1")
        shift
    done
    shift
    if ! "${check[@]}" >/dev/null 2>&1; then
        packages+=("$@")
    fi
}

compiles() { # COMPILER FLAG...: an empty program can be compiled and linked with these flags
    echo 'int main(void) { return 0; }' >"$scratch/main.c"
    "$1" "${@:2}" -o "$scratch/main" "$scratch/main.c"
}

fuzzes() { # clang brings libFuzzer's run-time library in a package of its own
    echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return d && n > 9; }' \
        >"$scratch/fuzz.c"
    clang -fsanitize=fuzzer,address,undefined -o "$scratch/fuzz" "$scratch/fuzz.c"
}

python_builds() { # at least 3.10, with headers, venv and pip
    "$1" - <<'PY'
import ensurepip, os, sys, sysconfig, venv
assert sys.version_info >= (3, 10)
assert os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
PY
}

# A Python from elsewhere (pyenv, conda) that cannot build is not mended by apt.
python_is_debians() {
    local path
    path=$(command -v "$python") || [[ $python == python3 ]] || return 1
    [[ -z $path || $(readlink -f "$path") == /usr/bin/* ]]
}

for purpose in "$@"; do
    case $purpose in
        build | test)
            need compiles gcc -- gcc libc6-dev
            need make --version -- make
            need pkg-config --version -- pkg-config
            need pkg-config --exists 'libprotobuf-c >= 1.3' -- libprotobuf-c-dev
            need pkg-config --exists 'libpcre2-8 >= 10.34' -- libpcre2-dev
            need pkg-config --exists 'uuid >= 2.20' -- uuid-dev
            need pkg-config --exists 'libcrypto >= 3.0' -- libssl-dev
            if python_is_debians; then
                need python_builds "$python" -- python3 python3-dev python3-venv
            fi
            if [[ $purpose == test ]]; then
                # One test pipes `listen --json` into it.
                need jq --version -- jq
                # Rotates the log files that the agent reads.
                need logrotate --version -- logrotate
                # Makes the certificates of the tests' servers.
                need openssl version -- openssl
            fi
            ;;
        fuzz)
            need compiles clang -- clang
            need fuzzes -- libclang-rt-dev
            ;;
        lint)
            need compiles clang -- clang
            need clang-format --version -- clang-format
            need clang-tidy --version -- clang-tidy
            need cppcheck --version -- cppcheck
            ;;
        proto) need protoc-c --version -- protobuf-c-compiler ;;
        stock)
            need debootstrap --version -- debootstrap
            need unshare --version -- util-linux
            ;;
        bench) need valgrind --version -- valgrind libc6-dbg ;;
        *)
            echo "$0: unknown purpose '$purpose': expected build, test, fuzz, lint, proto, bench or stock" >&2
            exit 2
            ;;
    esac
done

if ((${#packages[@]})); then
    mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
    if ! command -v apt-get >/dev/null; then
        echo "This machine lacks, by their Debian names: ${packages[*]}." \
            "There is no apt-get here: install them with your own package manager." >&2
        exit 1
    fi
    run=()
    if ((EUID != 0)); then
        if ! command -v sudo >/dev/null; then
            echo "To go on, install as root: apt-get install ${packages[*]}" >&2
            exit 1
        fi
        run=(sudo)
    fi
    echo "About to install with ${run[*]:+${run[*]} }apt-get: ${packages[*]}"
    # apt tells of every file it unpacks; what goes wrong it says on stderr.
    "${run[@]}" apt-get update -qq >/dev/null
    "${run[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

if [[ " $* " =~ \ (build|test)\  ]] && ! python_builds "$python" >/dev/null 2>&1; then
    echo "$python cannot build heka-py: it has to be CPython 3.10 or later with its headers, venv" \
        "and ensurepip; name another with 'make PYTHON=/path/to/python3'." >&2
    exit 1
fi

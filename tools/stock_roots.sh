#!/usr/bin/env bash
# Runs README's `make demo` and `make test` in bare Debian systems: what a new user's machine has.
#
#     tools/stock_roots.sh RELEASE[:TEST[,TEST...]] ...    e.g. 12:tests/wire,tests/delivery 13
#
# A RELEASE is 12 or 13, or a code name; without tests every test runs. For each one, debootstrap makes a
# system below build/stock, which is kept; the commands run in a fresh copy of it, with Debian's own
# Python, and as root. Mirror, proxies, certificates and pip's configuration are those of this machine:
# its apt sources are read, and STOCK_MIRROR names a mirror where they have none of Debian's.
#
# The copy is entered in name spaces of its own: what is mounted there, and what was started there, is
# gone when the command ends, however it ends. Needs root, and a kernel that allows it to unshare.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/build/stock

fail() {
    echo "$0: $*" >&2
    exit 1
}

((EUID == 0)) || fail "has to be run as root: debootstrap, mount and chroot need it"
(($#)) || fail "expected releases, such as 12 or 13:tests/wire"
unshare --mount --pid --fork true ||
    fail "this machine lets root unshare no name spaces, so no other system can be entered"

code_name() {
    case $1 in
        12) echo bookworm ;;
        13) echo trixie ;;
        *) echo "$1" ;;
    esac
}

own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
targets() { # prints "SUITE URI" of each of this machine's own sources of its own release
    apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
        awk -v own="$own" 'index($1, own) == 1' | sort -u
}
mirror=${STOCK_MIRROR:-$(targets | awk -v own="$own" '$1 == own { print $2; exit }')}
[[ -n $mirror ]] || fail "apt's sources have no mirror of Debian; name one: STOCK_MIRROR=URL"

sources() { # SUITE: as this machine's, for another release
    echo "deb $mirror $1 main"
    [[ -n ${STOCK_MIRROR:-} ]] || targets | awk -v own="$own" -v suite="$1" \
        '$1 != own { sub(own, suite, $1); print "deb", $2, $1, "main" }'
}

configure() { # ROOT SUITE: the network as this machine knows it
    local root=$1 file
    sources "$2" >"$root/etc/apt/sources.list"
    apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets' \
        >"$root/etc/apt/apt.conf.d/99machine"
    # Packages are kept outside of the copy, for the next one.
    echo 'Binary::apt-get::APT::Keep-Downloaded-Packages "true";' >"$root/etc/apt/apt.conf.d/99keep"
    for file in /etc/resolv.conf /etc/hosts /etc/apt/auth.conf /etc/apt/auth.conf.d /etc/pip.conf \
        /usr/local/share/ca-certificates /etc/ssl/certs/ca-certificates.crt \
        "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf"; do
        if [[ -e $file ]]; then
            mkdir -p "$root$(dirname "${file/#$HOME//root}")"
            cp -RLT "$file" "$root${file/#$HOME//root}"
        fi
    done
}

copy_sources() { # ROOT: what git knows, or an sdist holds
    mkdir "$1/heka-py"
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -z --cached --others --exclude-standard
    else
        find . \( -path ./build -o -name '.venv*' -o -name '*.so' \) -prune -o -type f -print0
    fi | tar -c --null --ignore-failed-read -T - 2>/dev/null | tar -x --no-same-owner -C "$1/heka-py"
}

# What runs in the copy has this machine's proxies and certificates of its environment, nothing else.
environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
    LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive)
while IFS= read -r -d '' entry; do
    case ${entry,,} in
        http_proxy=* | https_proxy=* | ftp_proxy=* | all_proxy=* | no_proxy=* | pip_* | retry=* | \
            ssl_cert_file=* | ssl_cert_dir=* | requests_ca_bundle=*) environment+=("$entry") ;;
    esac
done </proc/self/environ

enter() { # ROOT COMMAND...: run it there
    local root=$1
    shift
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child --propagation private bash -euc '
        root=$1 cache=$2 wheels=$3
        shift 3
        mount -t proc proc "$root/proc"
        mount --rbind /sys "$root/sys"
        mount --rbind /dev "$root/dev"
        mount --bind "$cache/apt" "$root/var/cache/apt/archives"
        mkdir -p "$root/root/.cache/pip"
        mount --bind "$cache/pip" "$root/root/.cache/pip"
        if [[ -d $wheels ]]; then
            mkdir -p "$root$wheels"
            mount --bind "$wheels" "$root$wheels"
        fi
        exec chroot "$root" env -i "$@"
    ' bash "$root" "$caches" "${PIP_FIND_LINKS:-}" "${environment[@]}" "$@"
}

summary=()
timed() { # NAME COMMAND...
    local name=$1 began=$SECONDS status=passed
    shift
    printf '\n=== stock %s\n' "$name"
    "$@" || status=FAILED
    summary+=("stock $name: $status in $((SECONDS - began)) s")
    [[ $status == passed ]]
}

make_base() { # SUITE DIRECTORY
    rm -rf --one-file-system "$2" "$2.partial"
    debootstrap --variant=minbase --include=ca-certificates "$1" "$2.partial" "$mirror" ||
        { tail -n 20 "$2.partial/debootstrap/debootstrap.log" >&2; return 1; }
    mv "$2.partial" "$2"
}

run_release() { # RELEASE TESTS
    local release=$1 suite root
    suite=$(code_name "$release")
    root=$here/$suite/root
    caches=$here/$suite
    mkdir -p "$caches/apt/partial" "$caches/pip"
    [[ -d $here/$suite/base ]] || timed "$release debootstrap" make_base "$suite" "$here/$suite/base" ||
        return 1
    rm -rf --one-file-system "$root"
    cp -a --reflink=auto "$here/$suite/base" "$root"
    configure "$root" "$suite"
    copy_sources "$root"
    timed "$release make" enter "$root" bash -euc 'apt-get update -qq
        apt-get install -y -qq --no-install-recommends make >/dev/null' || return 1
    timed "$release make demo" enter "$root" make -C /heka-py demo || return 1
    timed "$release make test" enter "$root" make -C /heka-py test PYTEST_ARGS="-q $2" || return 1
    rm -rf --one-file-system "$root"
}

failed=0
for wanted in "$@"; do
    tests=
    [[ $wanted != *:* ]] || tests=${wanted#*:}
    run_release "${wanted%%:*}" "${tests//,/ }" || failed=1
done
printf '\n'
printf '%s\n' "${summary[@]}"
exit $failed

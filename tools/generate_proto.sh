#!/usr/bin/env bash
# Makes message.pb-c.{c,h} from proto/message.proto into the folder given, or checks the committed ones.
#
#     tools/generate_proto.sh csrc/gen     writes the two files
#     tools/generate_proto.sh --check      fails when they differ from those in csrc/gen
#
# protobuf-c ends a `string` at its first NUL, and a Heka string may hold one; so every string becomes
# `bytes` in a temporary copy. On the wire the two types are the same.
set -euo pipefail
cd "$(dirname "$0")/.."

made_by=1.4.1 # the protoc-c that made the committed files

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sed -E 's/^( *(required|optional|repeated) )string /\1bytes /' proto/message.proto \
    >"$scratch/message.proto"

version=$(protoc-c --version | sed -n 's/^protobuf-c //p')
note="protoc-c here is $version, as for the committed files."
if [[ $version != "$made_by" ]]; then
    note="protoc-c here is $version; the committed files were made by $made_by, so a difference may be the generator's."
fi

case ${1:-} in
    --check)
        protoc-c --proto_path="$scratch" --c_out="$scratch" message.proto
        for file in message.pb-c.c message.pb-c.h; do
            if ! diff -u "csrc/gen/$file" "$scratch/$file"; then
                echo "csrc/gen/$file is not what proto/message.proto generates. $note" \
                    "Run 'make proto' and commit the result." >&2
                exit 1
            fi
        done
        echo "csrc/gen is what proto/message.proto generates. $note"
        ;;
    "" | -*)
        echo "usage: $0 FOLDER | --check" >&2
        exit 2
        ;;
    *)
        protoc-c --proto_path="$scratch" --c_out="$1" message.proto
        echo "Wrote $1/message.pb-c.c and $1/message.pb-c.h. $note"
        ;;
esac

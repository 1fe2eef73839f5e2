#!/usr/bin/env bash
# Install the peers that are missing, then run every benchmark. PYTHON: the one that has heka.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
echo "About to install, where missing: $(grep -v '^#' "$here/requirements.txt" | xargs)"
"$python" -m pip install -q --disable-pip-version-check -r "$here/requirements.txt"
exec "$python" "$here/run.py" "$@"

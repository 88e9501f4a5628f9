#!/bin/sh
# Makes the virtual environment $1 from the lock file. Needs Python 3.11 or newer.
set -eu
venv=$1

find_python() {
    for name in python3.13 python3.12 python3.11 python3 python; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

if ! python=$(find_python); then
    echo "setup: installing Python 3.11 (apt)" >&2
    as_root apt-get update -qq
    as_root apt-get install -y -qq python3 python3-venv
    python=$(find_python) || { echo "setup: Python 3.11 or newer is needed" >&2; exit 1; }
fi
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    echo "setup: installing python3-venv (apt)" >&2
    as_root apt-get update -qq
    as_root apt-get install -y -qq python3-venv
fi

echo "setup: installing Python packages into $venv (about a minute, once)" >&2
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
# The lock file names everything, so nothing is resolved: pip's resolver may weigh a release that came
# later (an extra of a package, `coverage[toml]`) and then refuse it for having no hash.
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps -e .
"$venv/bin/python" -m pip check -q --disable-pip-version-check

#!/bin/sh
# Makes the virtual environment $1 from the lock file. Needs Python 3.11 or newer; PYTHON says which.
set -eu
venv=$1

# "good", or "spare" for one that pyenv built without optimisations, which takes a fifth more CPU for
# every call, or that cannot make a virtual environment yet. Fails for one that is too old.
judge='
import sys, sysconfig
if sys.version_info < (3, 11):
    sys.exit(1)
options = sysconfig.get_config_var("CONFIG_ARGS") or ""
slow = "/.pyenv/" in sys.base_prefix and "--enable-optimizations" not in options
try:
    import ensurepip
except ImportError:
    slow = True
print("spare" if slow else "good")
'

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON"
        return
    fi
    spare=
    for name in python3.13 python3.12 python3.11 python3 python /usr/bin/python3; do
        path=$(command -v "$name" 2>/dev/null) || continue
        found=$("$path" -c "$judge" 2>/dev/null) || continue
        if [ "$found" = good ]; then
            echo "$path"
            return
        fi
        spare=${spare:-$path}
    done
    [ -n "$spare" ] && echo "$spare"
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

echo "setup: $("$python" -V), $python" >&2
echo "setup: installing Python packages into $venv (about a minute, once)" >&2
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
# The lock file names everything, so nothing is resolved: pip's resolver may weigh a release that came
# later (an extra of a package, `coverage[toml]`) and then refuse it for having no hash.
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps -e .
"$venv/bin/python" -m pip check -q --disable-pip-version-check
# Ours too: pip compiles what it installs, but not what is only linked to, and the first start would.
"$venv/bin/python" -m compileall -q src

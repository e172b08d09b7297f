#!/bin/sh
# Installs a Python environment of the sandbox in .tools, unless it is up to date: `emulator`, in which the AWS emulator
# runs, or `opentelemetry`, in which a test decodes what a collector gets.
#
#   bin/lib/python.sh [emulator|opentelemetry]   installs it; prints the path of its python
#   . bin/lib/python.sh                          then: python=$(emulator_python "$root")
#
# Needs a Python 3.10 to 3.14 that can create virtual environments (venv, uv or virtualenv), and a package index.

emulator_python() { environment_python "$1" emulator; }

# environment_python ROOT NAME: from the requirements in worker/sandbox/NAME.
environment_python() (
    set -eu
    root=$1
    requirements=$root/worker/sandbox/$2/requirements.txt
    target=$root/.tools/$2
    stamp=$(cksum <"$requirements")
    if ! is_current "$target" "$stamp"; then
        make_environment "$root" "$requirements" "$stamp" "$target" || exit 1
    fi
    printf '%s\n' "$target/bin/python"
)

# Also runs its Python: the base Python may have been removed since.
is_current() {
    [ "$(cat "$1/stamp" 2>/dev/null)" = "$2" ] && "$1/bin/python" -c '' 2>/dev/null
}

# Installed under a temporary name and renamed when complete: an interrupted installation is never taken for a complete
# one, and two scripts can install at the same time.
make_environment() {
    root=$1 requirements=$2 stamp=$3 target=$4
    mkdir -p "$root/.tools" || exit 1
    # Removes interrupted installations of earlier days; newer ones may still be running.
    find "$root/.tools/." ! -name . -prune -name "${target##*/}.*" -mtime +0 -exec rm -rf {} +
    fresh=$(mktemp -d "$target.XXXXXX") || exit 1
    trap 'rm -rf "$fresh"' EXIT
    trap 'exit 130' HUP INT TERM
    base=$(find_python) || exit 1 # explicit, as set -e is off in a function whose result is checked
    say "installing the environment ${target##*/} with $base (about 10 s, up to 90 MB)"
    create_environment "$base" "$fresh"
    install_requirements "$fresh" "$requirements"
    printf '%s\n' "$stamp" >"$fresh/stamp"
    rm -rf "$target"
    mv "$fresh" "$target" || exit 1
    # If another script was faster, mv has moved this environment into the other's, which is equal.
    rm -rf "${target:?}/${fresh##*/}"
    say "installed ${target#"$root"/}"
}

find_python() {
    for name in python3.13 python3.12 python3.14 python3.11 python3.10 python3 python; do
        found=$(command -v "$name" 2>/dev/null) || continue
        if "$found" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' 2>/dev/null; then
            printf '%s\n' "$found"
            return
        fi
    done
    fail "no Python 3.10 to 3.14 on the PATH. Install one:" \
        "  Debian, Ubuntu:  sudo apt install python3 python3-venv" \
        "  macOS:           brew install python@3.13"
}

create_environment() {
    if "$1" -m venv "$2" >"$2/venv.log" 2>&1; then return; fi
    say "$1 -m venv failed; trying uv, then virtualenv"
    if command -v uv >/dev/null && uv venv --quiet --seed --allow-existing --python "$1" "$2" >&2; then return; fi
    if command -v virtualenv >/dev/null && virtualenv --quiet --python "$1" "$2" >&2; then return; fi
    cat "$2/venv.log" >&2
    fail "no virtual environment could be created with $1. Install one of:" \
        "  Debian, Ubuntu:  sudo apt install python3-venv" \
        "  macOS:           brew install python@3.13   (or: brew install uv)" \
        "  anywhere:        uv, or virtualenv"
}

# --no-deps: the file names all packages, so that a new dependency cannot be installed without a hash.
install_requirements() {
    if ! "$1/bin/python" -m pip install --require-hashes --no-deps --no-input --disable-pip-version-check \
        --requirement "$2" >&2; then
        fail "pip could not install ${2##*/}; see its message above." \
            "If it needs a compiler, use a Python for which PyYAML has a wheel (CPython 3.10 to 3.14)." \
            "  Debian, Ubuntu:  sudo apt install build-essential python3-dev" \
            "  macOS:           xcode-select --install"
    fi
}

say() { printf '%s\n' "python.sh: $1" >&2; }

fail() {
    say "$1"
    shift
    printf '%s\n' "$@" >&2
    exit 1
}

if [ "${0##*/}" = python.sh ]; then
    environment_python "$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)" "${1-emulator}"
fi

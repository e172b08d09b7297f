#!/bin/sh
# check_prerequisites ROOT: checks whether this machine can build and run the sandbox. Prints everything that is missing,
# and how to install it, at once.

check_prerequisites() (
    root=$1
    needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
    missing=
    debian=
    macos=
    add() {
        missing="$missing
  $1"
        debian="$debian $2"
        macos="$macos $3"
    }

    if ! found=$(cd "$root" && rustc --version 2>/dev/null) || ! command -v cargo >/dev/null 2>&1; then
        missing="$missing
  Rust $needed or newer: install it with rustup (https://rustup.rs)"
    elif ! is_at_least "$(echo "$found" | cut -d ' ' -f 2)" "$needed"; then
        missing="$missing
  Rust $needed or newer, here is ${found#rustc }: rustup update"
    fi
    # The TLS library is partly in C.
    command -v cc >/dev/null 2>&1 || add "a C compiler (cc)" gcc "(xcode-select --install)"
    if ! command -v git >/dev/null 2>&1; then
        add "git" git git
    elif ! git http-backend </dev/null 2>&1 | grep -qi 'status\|method'; then
        add "git's http-backend" git git
    fi
    if ! python=$(find_python 2>/dev/null); then
        add "Python 3.10 to 3.14" "python3 python3-venv" python@3.13
    elif ! can_make_environments "$python"; then
        add "virtual environments for $python (its venv module, or uv, or virtualenv)" python3-venv "python@3.13"
    fi

    [ -z "$missing" ] && exit 0
    echo "This machine lacks:$missing" >&2
    [ -z "$debian" ] || echo "
Debian, Ubuntu:  sudo apt-get install$debian
macOS:           brew install$macos" >&2
    exit 1
)

can_make_environments() {
    "$1" -c 'import venv, ensurepip' 2>/dev/null || command -v uv >/dev/null 2>&1 || command -v virtualenv >/dev/null 2>&1
}

# is_at_least 1.95.0 1.94.1: compares versions part by part.
is_at_least() {
    awk -v found="${1%%-*}" -v needed="$2" 'BEGIN {
        split(found, f, "."); split(needed, n, ".");
        for (i = 1; i <= 3; i++) if (f[i] + 0 != n[i] + 0) exit !(f[i] + 0 > n[i] + 0);
    }'
}

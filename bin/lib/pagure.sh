#!/bin/sh
# Installs .tools/pagure, a real Pagure for the suite of that name, unless it is up to date: Debian's source package with
# Debian's patches, and its Python packages from PyPI. Prints the directory, in which `src` is Pagure and
# `python/bin/python` is its environment.
#
# Needs apt-get (whose own settings do not change), patch, xz, and a Python 3.11 or 3.12.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
. "$root/bin/lib/python.sh"

pinned=$root/publisher/pagure/tests/instance/source.txt
requirements=$root/publisher/pagure/tests/instance/requirements.txt
target=$root/.tools/pagure
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

main() {
    stamp=$(cat "$pinned" "$requirements" "$0" | cksum)
    if [ "$(cat "$target/stamp" 2>/dev/null)" != "$stamp" ] || ! "$target/python/bin/python" -c '' 2>/dev/null; then
        install_pagure "$stamp"
    fi
    link_scripts_and_styles
    printf '%s\n' "$target"
}

# Installed in place, since an environment cannot be moved; without its stamp it counts as incomplete.
install_pagure() {
    for program in apt-get patch xz; do
        command -v "$program" >/dev/null || fail "$program is not on the PATH"
    done
    base=$(find_older_python)
    rm -rf "$target"
    mkdir -p "$target/src" "$target/python"
    fetched=$(mktemp -d)
    trap 'rm -rf "$fetched"' EXIT
    trap 'exit 130' HUP INT TERM
    fetch "$fetched"
    unpack "$fetched"
    create_environment "$base" "$target/python"
    install_requirements "$target/python" "$requirements"
    "$target/python/bin/python" -m compileall -q "$target/src/pagure" >&2 || say 'compiling some files of Pagure failed'
    printf '%s\n' "$1" >"$target/stamp"
    say "installed ${target#"$root"/}"
}

# Some packages that Pagure 5.14.1 needs have no wheels for later Pythons.
find_older_python() {
    for name in python3.11 python3.12 python3; do
        found=$(command -v "$name" 2>/dev/null) || continue
        if "$found" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
            printf '%s\n' "$found"
            return
        fi
    done
    fail 'no Python 3.11 or 3.12 on the PATH'
}

pin() { sed -n "s/^$1 //p" "$pinned"; }

# Fetches from the archive that this machine's apt uses, with separate lists.
fetch() {
    # shellcheck disable=SC2016  # apt-get expands it
    archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        grep '/debian/$' | head -n 1)
    [ -n "$archive" ] || fail "this machine's apt has no Debian archive in its sources"
    [ -r "$keyring" ] || fail "the Debian package debian-archive-keyring is not installed"
    mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
    printf 'deb-src [signed-by=%s] %s %s main\n' "$keyring" "$archive" "$(pin release)" >"$1/sources.list"
    private_apt "$1" update || fail "apt-get could not fetch the list of Debian's source packages; see its message above"
    (cd "$1" && private_apt "$1" source --download-only "pagure=$(pin version)") >&2 ||
        fail "apt-get could not fetch Debian's source package pagure $(pin version); see its message above"
    (cd "$1" && sed -n 's/^sha256 //p' "$pinned" | sha256sum --check --quiet) >&2 ||
        fail "the checksum of Debian's source package differs from the pinned one"
}

private_apt() {
    lists=$1
    shift
    apt-get -qq -o Dir::Etc::sourcelist="$lists/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$lists/lists" -o Dir::Cache="$lists/cache" -o APT::Sandbox::User=root "$@" >&2
}

unpack() {
    tar -xJf "$1"/pagure_*.orig.tar.xz -C "$target/src" --strip-components=1
    tar -xJf "$1"/pagure_*.debian.tar.xz -C "$target/src"
    # The patches after this line are for Debian's own build.
    sed '/may not be suitable/q' "$target/src/debian/patches/series" | grep -v '^#' | while IFS= read -r change; do
        patch --silent --strip=1 --directory="$target/src" <"$target/src/debian/patches/$change" >&2
    done
}

# Links scripts and styles that Debian has in packages of their own. Those of missing packages are not shown. Dangling
# links are removed, since the web server would not start with one. Runs each time: a package may have been installed.
link_scripts_and_styles() {
    sed -n 's|^\(/usr/share/[^ ]*\) /usr/share/pagure/\(static/.*\)$|\1 \2|p' "$target/src/debian/pagure.links" |
        while read -r from to; do
            [ -e "$from" ] || continue
            mkdir -p "$(dirname "$target/src/pagure/$to")"
            ln -sfn "$from" "$target/src/pagure/$to"
        done
    find "$target/src/pagure" -xtype l -exec rm -f {} +
}

main

# Installs the checkers that are not part of Rust, each in a directory of its own in .tools, pinned with hashes. To be
# sourced, with the repository's directory in $root.
# shellcheck shell=sh

# tool NAME: prints the path of a program from bin/lib/tools/NAME.txt and installs it if necessary; fails if it cannot be
# installed.
tool() (
    # The functions that also install the sandbox's environment: find a Python, create a venv, run pip with hashes.
    . "$root/bin/lib/python.sh"
    requirements=$root/bin/lib/tools/$1.txt
    program=$root/.tools/$1/bin/$1
    stamp=$(cksum <"$requirements")
    if [ "$(cat "$root/.tools/$1/stamp" 2>/dev/null)" != "$stamp" ] || [ ! -x "$program" ]; then
        install_tool "$1" || exit 1
    fi
    printf '%s\n' "$program"
)

# Installed under a temporary name and renamed when complete. The programs are native ones, which can be moved.
install_tool() {
    mkdir -p "$root/.tools" || return 1
    python=$(find_python) || return 1
    fresh=$(mktemp -d "$root/.tools/$1.XXXXXX") || return 1
    trap 'rm -rf "$fresh"' EXIT
    trap 'exit 130' HUP INT TERM
    { create_environment "$python" "$fresh" && install_requirements "$fresh" "$requirements"; } || return 1
    printf '%s\n' "$stamp" >"$fresh/stamp"
    rm -rf "$root/.tools/$1"
    mv "$fresh" "$root/.tools/$1"
}

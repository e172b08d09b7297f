#!/bin/sh
# format, clippy, rustdoc, shell and Python syntax, ShellCheck, word list, commit titles
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
. "$root/bin/lib/tools.sh"
cd "$root"

need cargo 'see bin/setup'

# The project's own files of a kind, one a line: none that a build or a tool has made.
files() { find . \( -name .git -o -name target -o -name .tools -o -name node_modules \) -prune -o -type f "$@" -print; }

# By name, or by the interpreter that the first line asks for.
shell_scripts() {
    files | while IFS= read -r file; do
        case $file in
            *.sh) printf '%s\n' "$file" ;;
            ./bin/* | ./.ci/*) case $(head -n 1 "$file") in '#!'*sh) printf '%s\n' "$file" ;; esac ;;
        esac
    done
}

# each COMMAND...: the command with every line of the input as its last argument; false if one of them was.
each() {
    outcome=0
    while IFS= read -r line; do "$@" "$line" || outcome=1; done
    return "$outcome"
}

shell_syntax() { shell_scripts | each sh -n; }

shell_check() {
    if ! shellcheck=$(tool shellcheck); then
        skip lint/shellcheck 'ShellCheck could not be installed; the reason stands above'
        return 0
    fi
    shell_scripts | each "$shellcheck" --source-path="$root"
}

# Compiled in memory: py_compile would leave __pycache__ in the work tree.
python_syntax() {
    if ! have python3; then skip lint/python 'python3 is not on the PATH' && return 0; fi
    files -name '*.py' | each python3 -c 'import sys; compile(open(sys.argv[1], "rb").read(), sys.argv[1], "exec")'
}

# A copy without history has no titles to check.
commit_titles() {
    if ! git rev-parse --git-dir >/dev/null 2>&1; then skip lint/commits 'this is no git checkout' && return 0; fi
    sh bin/lib/commit_title.sh --history
}

step 'words and test names' sh bin/lib/words/check.sh
step 'commit titles' commit_titles
step 'format' cargo fmt --all --check
step 'clippy' cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
step 'rustdoc' env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --quiet
step 'shell syntax' shell_syntax
step 'ShellCheck' shell_check
step 'Python syntax' python_syntax
finish

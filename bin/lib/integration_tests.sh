# Lists and runs the integration tests. To be sourced, in the repository's directory.
# shellcheck shell=sh
#
# One binary per package, at <package>/tests/<name>/main.rs. Cargo always gets the whole workspace and the names of the
# tests: `-p` or `--exclude` would change the features of the shared crates and compile dozens of them again.

# integration_tests e2e|unit: prints their names, one per line: those that need the sandbox, or the others.
integration_tests() {
    find publisher worker -path '*/tests/*/main.rs' | sort | while IFS= read -r file; do
        case $file in worker/sandbox/*) kind=e2e ;; *) kind=unit ;; esac
        if [ "$kind" = "$1" ]; then basename "$(dirname "$file")"; fi
    done
}

# Prints tests that no suite would run, or that would run in two by their name.
stray_tests() {
    find publisher worker -path '*/target' -prune -o -path '*/tests/*.rs' ! -path '*/src/*' ! -path '*/tests/*/*' -print |
        sed 's|$|: should be tests/<name>/main.rs|'
    { integration_tests unit; integration_tests e2e; } | sort | uniq -d | sed 's|$|: two integration tests have this name|'
}

# run_integration_tests e2e|unit [FILTER...]: all of them, or those whose names contain one of the filters.
run_integration_tests() {
    kind=$1 && shift
    # shellcheck disable=SC2046  # split into words on purpose: crates' names have no spaces
    cargo test --workspace --locked --no-fail-fast $(integration_tests "$kind" | sed 's/^/--test /') -- "$@"
}

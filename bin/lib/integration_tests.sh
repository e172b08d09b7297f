# Which integration tests there are. To be sourced, in the repository's folder.
# shellcheck shell=sh
#
# One binary a package, at <package>/tests/<name>/main.rs. Cargo is always asked for the whole workspace and told the
# names: `-p` or `--exclude` would narrow the features of the shared crates and compile dozens of them again.

# integration_tests e2e|unit: their names, one a line: those that need the sandbox's world, or the others.
integration_tests() {
    find publisher worker -path '*/tests/*/main.rs' | sort | while IFS= read -r file; do
        case $file in worker/sandbox/*) kind=e2e ;; *) kind=unit ;; esac
        if [ "$kind" = "$1" ]; then basename "$(dirname "$file")"; fi
    done
}

# A test that no suite would run, or whose name would run it in two.
stray_tests() {
    find publisher worker -path '*/target' -prune -o -path '*/tests/*.rs' ! -path '*/src/*' ! -path '*/tests/*/*' -print |
        sed 's|$|: should be tests/<name>/main.rs|'
    { integration_tests unit; integration_tests e2e; } | sort | uniq -d | sed 's|$|: two integration tests have this name|'
}

# run_integration_tests e2e|unit
run_integration_tests() {
    # shellcheck disable=SC2046  # words are wanted: the names hold no spaces, as crates' names don't
    cargo test --workspace --locked --no-fail-fast $(integration_tests "$1" | sed 's/^/--test /')
}

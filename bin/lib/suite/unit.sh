#!/bin/sh
# all tests that need only cargo and git, and the examples in the documentation
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
. "$root/bin/lib/integration_tests.sh"
cd "$root"

need cargo 'see bin/setup'
need git

every_test_has_a_suite() {
    stray=$(stray_tests)
    [ -z "$stray" ] || { printf '%s\n' "$stray"; return 1; }
}

# The parts of the scripts that are Python, each in a directory of its own.
script_tests() {
    if ! have python3; then skip unit/scripts 'python3 is not on the PATH' && return 0; fi
    for tests in bin/lib/*/test_*.py; do python3 -B -m unittest discover --quiet --start-directory "${tests%/*}" || return 1; done
}

step 'every integration test belongs to one suite' every_test_has_a_suite
step 'tests of the scripts' script_tests
step 'unit tests' cargo test --workspace --locked --lib --bins --no-fail-fast
step 'integration tests' run_integration_tests unit
step 'examples in the documentation' cargo test --workspace --locked --doc --no-fail-fast
finish

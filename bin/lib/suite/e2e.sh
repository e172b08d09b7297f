#!/bin/sh
# the unchanged binaries in the sandbox: real protocols, HTTPS, an emulated account, a forge, builds that run
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
. "$root/bin/lib/integration_tests.sh"
cd "$root"

need cargo 'see bin/setup'
need git
sh bin/lib/python.sh >/dev/null || skip_suite 'the AWS emulator could not be installed; the reason stands above'

# The tests start the binaries of other packages, which `cargo test` would leave as they were.
step 'the binaries' cargo build --workspace --all-targets --locked
step 'the journey' run_integration_tests e2e
finish

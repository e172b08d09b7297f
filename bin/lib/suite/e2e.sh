#!/bin/sh
# end-to-end tests of the real binaries in the sandbox: real protocols, HTTPS, an emulated account, a forge, real builds
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
. "$root/bin/lib/integration_tests.sh"
cd "$root"

need cargo 'see bin/setup'
need git
sh bin/lib/python.sh >/dev/null || skip_suite 'the AWS emulator could not be installed; see the message above'
sh bin/lib/python.sh opentelemetry >/dev/null || skip_suite "OpenTelemetry's schema could not be installed; see the message above"

# The tests start the binaries of other packages, which `cargo test` does not build.
step 'binaries' cargo build --workspace --all-targets --locked
if [ -n "${DOORBELL_QUICK-}" ]; then
    step 'main end-to-end tests' run_integration_tests e2e e2e::happy_path e2e::final_status e2e::status_reports e2e::worker_crash
else
    step 'end-to-end tests' run_integration_tests e2e
fi
finish

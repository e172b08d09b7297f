#!/bin/sh
# everything compiles: the workspace for development, the four binaries that are shipped for release
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
cd "$root"

need cargo 'see bin/setup'
need cc 'a C compiler is needed to link; see bin/setup'

step 'development' cargo build --workspace --all-targets --locked
# -p for these only: elsewhere it would narrow the shared crates' features and compile them again.
step 'release' cargo build --release --locked -p doorbell-worker -p doorbell-publisher -p doorbell-runner -p doorbell-cli
finish

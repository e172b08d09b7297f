#!/bin/sh
# development build of the workspace, and release build of the shipped binaries
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
. "$root/bin/lib/release.sh"
cd "$root"

need cargo 'see bin/setup'
need cc 'a C compiler is needed to link; see bin/setup'

step 'development' cargo build --workspace --all-targets --locked
[ -n "${DOORBELL_QUICK-}" ] || step 'release' release_build
finish

#!/bin/sh
# everything compiles: the workspace for development, the four binaries that are shipped for release
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
. "$root/bin/lib/release.sh"
cd "$root"

need cargo 'see bin/setup'
need cc 'a C compiler is needed to link; see bin/setup'

step 'development' cargo build --workspace --all-targets --locked
step 'release' release_build
finish

#!/bin/sh
# two thousand histories of jobs in a simulated world, by seed, in virtual time
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
cd "$root"

need cargo 'see bin/setup'

step 'two thousand histories' bin/simulate --seeds 2000
finish

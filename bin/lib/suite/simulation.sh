#!/bin/sh
# two thousand random simulations of jobs, by seed, in virtual time
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
cd "$root"

need cargo 'see bin/setup'

step 'two thousand simulations' bin/simulate --seeds 2000
finish

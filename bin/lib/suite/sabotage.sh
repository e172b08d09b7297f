#!/bin/sh
# guards taken out of a copy of the sources, one by one: each has to turn the test that it names red
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
cd "$root"

need cargo 'see bin/setup'
need git
need python3

step 'every sabotage is noticed' python3 bin/lib/sabotage/sabotage.py "$root"
finish

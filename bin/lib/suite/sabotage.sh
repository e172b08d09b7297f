#!/bin/sh
# removes guards from a copy of the sources, one by one: the test named for each must then fail
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
cd "$root"

need cargo 'see bin/setup'
need git
need python3

step 'every guard removal is detected' python3 bin/lib/sabotage/sabotage.py "$root"
finish

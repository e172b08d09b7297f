#!/bin/sh
# the real binaries under faults: killed, stopped and paused, every call faulty, events lost and repeated
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
cd "$root"

need cargo 'see bin/setup'
need git
sh bin/lib/python.sh >/dev/null || skip_suite 'the AWS emulator could not be installed; see the message above'

# Short runs; bin/chaos by hand runs long ones.
seed=1

step 'a storm' bin/chaos storm --jobs 24 --workers 3 --kill-every 500ms --faults 15 --seed "$seed" --limit 5m
step 'stops under load' bin/chaos stops --stops 6 --workers 3 --seed "$seed" --limit 3m
step 'no event arrives' bin/chaos silence --jobs 16 --workers 2 --seed "$seed" --limit 3m
step 'a queue full of the largest messages' bin/chaos flood --jobs 150 --limit 3m
finish

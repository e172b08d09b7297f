#!/bin/sh
# a true Pagure with the plugin, in the sandbox: it rings, and shows the answer on a pull request's page
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
cd "$root"

plugin=$root/publisher/pagure
screenshot=$root/target/pagure/pull-request.png

need cargo 'see bin/setup'
need git
need openssl
need redis-server 'see bin/setup --system'
need chromium 'see bin/setup --system'
sh bin/lib/python.sh >/dev/null || skip_suite 'the AWS emulator could not be installed; the reason stands above'
if [ -z "${DOORBELL_PAGURE:-}" ]; then
    DOORBELL_PAGURE=$(sh bin/lib/pagure.sh) || skip_suite 'a true Pagure could not be had; the reason stands above'
fi
export DOORBELL_PAGURE
python=$DOORBELL_PAGURE/python/bin/python

# What pip could have left behind; Python's own caches come and go.
installed() { (cd "$DOORBELL_PAGURE/python" && find lib bin ! -name '*.pyc' ! -name __pycache__ | sort); }

# From a copy: pip builds in the folder that it is given.
install_plugin() {
    copy=$(mktemp -d) || return 1
    cp -R "$plugin" "$copy/plugin" &&
        "$python" -m pip install --quiet --no-deps --no-index --no-build-isolation --force-reinstall "$copy/plugin"
    outcome=$?
    rm -rf "$copy"
    return "$outcome"
}

alone() { "$python" -B -m unittest discover -s "$plugin/tests/unit"; }

in_pagure() (cd "$plugin/tests/pagure" && "$python" -B -m unittest test_in_pagure)

scenarios() {
    mkdir -p "$(dirname "$screenshot")"
    rm -f "$screenshot"
    DOORBELL_SCREENSHOT=$screenshot cargo test --workspace --locked --test sandbox -- --ignored real_pagure || return 1
    printf 'the page of the pull request: %s\n' "$screenshot"
}

uninstalling_leaves_nothing() {
    "$python" -m pip uninstall --quiet --yes doorbell-pagure || return 1
    after=$(installed)
    [ "$after" = "$before" ] || { printf '%s\n' 'pip uninstall left something behind'; return 1; }
}

# One that an ended run has left.
"$python" -m pip uninstall --quiet --yes doorbell-pagure 2>/dev/null || :
before=$(installed)
step 'the binaries' cargo build --workspace --all-targets --locked
step 'the plugin alone' alone
step 'install' install_plugin
step 'the plugin in Pagure' in_pagure
step 'the scenarios' scenarios
step 'uninstall' uninstalling_leaves_nothing
finish

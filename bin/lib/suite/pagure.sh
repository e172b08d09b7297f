#!/bin/sh
# a real Pagure with the plugin, in the sandbox: it publishes requests and shows the status on a pull request's page
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
sh bin/lib/python.sh >/dev/null || skip_suite 'the AWS emulator could not be installed; see the message above'
if [ -z "${DOORBELL_PAGURE:-}" ]; then
    DOORBELL_PAGURE=$(sh bin/lib/pagure.sh) || skip_suite 'a real Pagure could not be installed; see the message above'
fi
export DOORBELL_PAGURE
python=$DOORBELL_PAGURE/python/bin/python

# The files that pip may install; Python's own caches are ignored.
installed() { (cd "$DOORBELL_PAGURE/python" && find lib bin ! -name '*.pyc' ! -name __pycache__ | sort); }

# From a copy: pip builds in the directory that it is given.
install_plugin() {
    copy=$(mktemp -d) || return 1
    cp -R "$plugin" "$copy/plugin" &&
        "$python" -m pip install --quiet --no-deps --no-index --no-build-isolation --force-reinstall "$copy/plugin"
    outcome=$?
    rm -rf "$copy"
    return "$outcome"
}

alone() { "$python" -B -m unittest discover -s "$plugin/tests/unit"; }

in_pagure() (cd "$plugin/tests/pagure" && "$python" -B -m unittest test_in_pagure test_publishing)

scenarios() {
    mkdir -p "$(dirname "$screenshot")"
    rm -f "$screenshot"
    DOORBELL_SCREENSHOT=$screenshot cargo test --workspace --locked --test sandbox -- --ignored real_pagure || return 1
    printf 'screenshot of the pull request: %s\n' "$screenshot"
}

uninstalling_leaves_nothing() {
    "$python" -m pip uninstall --quiet --yes doorbell-pagure || return 1
    after=$(installed)
    [ "$after" = "$before" ] || { printf '%s\n' 'pip uninstall left files'; return 1; }
}

# Removes the plugin of an interrupted run.
"$python" -m pip uninstall --quiet --yes doorbell-pagure 2>/dev/null || :
before=$(installed)
step 'binaries' cargo build --workspace --all-targets --locked
step 'unit tests of the plugin' alone
step 'install' install_plugin
step 'plugin in Pagure' in_pagure
step 'end-to-end test' scenarios
step 'uninstall' uninstalling_leaves_nothing
finish

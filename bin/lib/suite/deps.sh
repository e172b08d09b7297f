#!/bin/sh
# what each package pulls in, one version of each crate, licences, sources, bans, known vulnerabilities
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
. "$root/bin/lib/tools.sh"
cd "$root"

need cargo 'see bin/setup'

# The crates that a package links, on any operating system, itself and its build's tools left out.
crates_of() {
    tree=$(cargo tree --locked --package "$1" --edges normal,no-proc-macro --target all --prefix none --format '{p}') || return 1
    printf '%s\n' "$tree" | cut -d ' ' -f 1 | sort -u | grep -vx "$1"
}

# pulls_none PACKAGE PATTERN: the package links no crate whose whole name is the pattern.
pulls_none() {
    crates=$(crates_of "$1") || return 1
    bad=$(printf '%s\n' "$crates" | grep -Ex "$2") || return 0
    for crate in $bad; do printf '%s pulls %s:\n' "$1" "$crate"; done
    # shellcheck disable=SC2086  # one word a crate
    cargo tree --locked --package "$1" --edges normal --target all --invert "$(printf '%s' $bad | head -n 1)" 2>/dev/null || :
    return 1
}

AWS='aws-.*'
HTTP='reqwest|hyper|hyper-.*|h2|http|axum|axum-.*|tower|ureq|isahc|curl'
TLS='rustls|rustls-.*|tokio-rustls|native-tls|openssl|openssl-sys|ring|aws-lc-.*'
RUNTIME='tokio|tokio-.*|async-std|smol'
SCHEMA='schemars|schemars_derive'
TERMINAL='clap|clap_.*|anstream|terminal_size|toml'

# trigger_job runs in other people's CI: two small SDKs and no more. aws-sdk-sts is what aws-config needs for web
# identities.
trigger_job_pulls_two_sdks() {
    crates=$(crates_of doorbell-trigger-job) || return 1
    sdks=$(printf '%s\n' "$crates" | grep '^aws-sdk-' | tr '\n' ' ')
    [ "$sdks" = 'aws-sdk-sns aws-sdk-sts ' ] || { echo "expected aws-sdk-sns and aws-sdk-sts, found: $sdks"; return 1; }
    pulls_none doorbell-trigger-job "reqwest|axum|doorbell-engine|doorbell-registry|$SCHEMA"
}

# pulls_at_most PACKAGE COUNT: the package links no more crates than this, Doorbell's own left out.
pulls_at_most() {
    crates=$(crates_of "$1") || return 1
    count=$(printf '%s\n' "$crates" | grep -vc '^doorbell-')
    echo "$1 links $count crates (at most $2)"
    [ "$count" -le "$2" ]
}

no_package_grew() {
    grown=0
    pulls_at_most doorbell-messages 18 || grown=1
    pulls_at_most doorbell-runner 29 || grown=1
    pulls_at_most doorbell-engine 46 || grown=1
    pulls_at_most doorbell-trigger-job 167 || grown=1
    return "$grown"
}

# `doorbell` reads the worker's rows and registry through the same adapters, and runs no server and no loop.
cli_links_no_worker() {
    crates_of doorbell-cli | grep -qx doorbell-adapters || { echo 'doorbell-cli does not link doorbell-adapters'; return 1; }
    pulls_none doorbell-cli 'doorbell-worker|axum|axum-.*|metrics|metrics_.*|tracing-subscriber'
}

# The exceptions stand, with their reasons, in .deny.toml and nowhere else.
one_version_of_each() {
    tree=$(cargo tree --locked --workspace --duplicates --depth 0 --prefix none --format '{p}') || return 1
    twice=$(printf '%s\n' "$tree" | awk 'NF { print $1 }' | sort -u)
    excepted=$(sed -n '/^skip = \[/,/^\]/s/.*crate = "\([^"@]*\).*/\1/p' .deny.toml)
    for crate in $twice; do
        printf '%s\n' "$excepted" | grep -qx "$crate" && continue
        printf 'more than one version of %s: see cargo tree --invert, or except it in .deny.toml and say why\n' "$crate"
        return 1
    done
}

cargo_deny_checks() {
    if ! deny=$(tool cargo-deny); then
        skip deps/cargo-deny 'it could not be installed; the reason stands above'
        return 0
    fi
    "$deny" --locked check bans licenses sources || return 1
    if ! "$deny" --locked fetch db >/dev/null 2>&1; then
        # The database is a repository on the network, which CI's machines can't reach: so this says nothing of our code.
        skip_though_required deps/advisories 'the database of known vulnerabilities could not be fetched'
        return 0
    fi
    "$deny" --locked check advisories
}

step 'messages: no AWS, HTTP, TLS, runtime or schemas' pulls_none doorbell-messages "$AWS|$HTTP|$TLS|$RUNTIME|$SCHEMA|doorbell-.*"
step 'registry: no AWS, HTTP, TLS, runtime or schemas' pulls_none doorbell-registry "$AWS|$HTTP|$TLS|$RUNTIME|$SCHEMA|doorbell-engine"
step 'runner: no AWS, HTTP, TLS, runtime or schemas' pulls_none doorbell-runner "$AWS|$HTTP|$TLS|$RUNTIME|$SCHEMA|doorbell-registry"
step 'engine: no AWS, HTTP, TLS, schemas or metrics' pulls_none doorbell-engine "$AWS|$HTTP|$TLS|$SCHEMA|metrics|metrics_.*"
step 'adapters: no server, no settings of a binary' pulls_none doorbell-adapters 'axum|axum-.*|clap|clap_.*|metrics|tracing-subscriber'
step 'worker: no schemas' pulls_none doorbell-worker "$SCHEMA"
step 'doorbell: the adapters, not the worker' cli_links_no_worker
step 'publisher: no terminal, no other HTTP client' pulls_none doorbell-publisher "$TERMINAL|reqwest|axum|doorbell-engine|doorbell-registry|$SCHEMA"
step 'trigger_job: two SDKs' trigger_job_pulls_two_sdks
step 'no package links more crates' no_package_grew
step 'one version of each crate' one_version_of_each
step 'cargo-deny' cargo_deny_checks
finish

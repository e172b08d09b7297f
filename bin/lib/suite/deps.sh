#!/bin/sh
# what each package pulls in, one version of each crate, licences, sources, bans, known vulnerabilities, yanked versions
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
. "$root/bin/lib/tools.sh"
cd "$root"

need cargo 'see bin/setup'
need python3 'it checks the known vulnerabilities; see bin/setup'

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
    # The database is a repository on the network. Where it can be had, it is newer than the table.
    if "$deny" --locked fetch db >/dev/null 2>&1; then
        "$deny" --locked check advisories
    else
        echo "cargo-deny could not fetch RustSec's database: the table of known vulnerabilities stands in for it"
    fi
}

advisories() { python3 -B bin/lib/advisories/check.py "$@"; }
advisory_tests() { python3 -B -m unittest discover --quiet --start-directory bin/lib/advisories; }
no_known_vulnerability() { advisories Cargo.lock --exceptions .deny.toml; }

# ends_with CODE COMMAND...: the command ends with this exit code; its output is shown if not.
ends_with() {
    expected=$1 status=0
    shift
    output=$("$@" 2>&1) || status=$?
    [ "$status" -eq "$expected" ] || { printf '%s\nexit code %s, expected %s\n' "$output" "$status" "$expected"; return 1; }
}

# The check itself looks for its control row first; here the whole program has to find known rows, and no empty table.
check_finds_affected_versions() {
    ends_with 1 advisories bin/lib/advisories/fixtures/affected.lock && ends_with 2 advisories Cargo.lock --table /dev/null
}

# resolves LOCK: cargo resolves a package that depends on exactly these versions.
resolves() (
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    python3 -B bin/lib/advisories/yanked.py "$1" "$work/package" || exit 1
    cargo generate-lockfile --quiet --manifest-path "$work/package/Cargo.toml"
)

no_version_is_yanked() {
    resolves Cargo.lock || return 1
    # The control also shows that the message is about the version, and not about a network that is down.
    output=$(resolves bin/lib/advisories/fixtures/yanked.lock 2>&1) && { echo 'cargo resolved a yanked version'; return 1; }
    printf '%s' "$output" | grep -q 'is yanked' || { printf '%s\n' "$output"; return 1; }
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
step 'check for known vulnerabilities: its tests' advisory_tests
step 'check for known vulnerabilities: finds affected versions' check_finds_affected_versions
step 'no known vulnerability' no_known_vulnerability
step 'no yanked version' no_version_is_yanked
step 'cargo-deny' cargo_deny_checks
finish

# Functions of the scripts in bin/. To be sourced, with the repository's directory in $root.
# shellcheck shell=sh

# A suite's exit code for "not run": automake's and Meson's too.
SKIPPED=77

# Colors on a terminal only; https://no-color.org
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    BOLD=$(printf '\033[1m') RED=$(printf '\033[31m') GREEN=$(printf '\033[32m')
    YELLOW=$(printf '\033[33m') PLAIN=$(printf '\033[0m')
else
    # shellcheck disable=SC2034  # used by the sourcing scripts
    BOLD='' RED='' GREEN='' YELLOW='' PLAIN=''
fi

say() { printf '%s: %s\n' "${0##*/}" "$1" >&2; }

# Ends the script because of an invalid command line.
usage_error() {
    say "$1"
    say "see: bin/${0##*/} --help"
    exit 2
}

# contains WORDS WORD
contains() { case " $1 " in *" $2 "*) return 0 ;; *) return 1 ;; esac; }

# reject_unknown_options OPTIONS ARGUMENT...: rejects unknown options before a build that takes minutes. The program
# itself checks their values.
reject_unknown_options() {
    options=$1
    shift
    for argument in "$@"; do
        case $argument in
            -*) contains "$options" "${argument%%=*}" || usage_error "unknown argument \"$argument\"" ;;
        esac
    done
}

# Prints the comment at the head of the script as its --help.
help_text() { sed -n '2,/^[^#]/{ s/^# \{0,1\}//p; }' "$0"; }

have() { command -v "$1" >/dev/null 2>&1; }

# For suites. ---------------------------------------------------------------------------------------------------

failures=0

# step WHAT COMMAND...: runs a command under a heading. After a failed step the suite goes on, so that one run shows all
# failures.
step() {
    printf '\n%s== %s%s\n' "$BOLD" "$1" "$PLAIN"
    shift
    if "$@"; then return 0; fi
    failures=$((failures + 1))
    printf '%sfailed:%s %s\n' "$RED" "$PLAIN" "$*"
}

# Ends the suite.
finish() {
    [ "$failures" -eq 0 ] || { printf '\n%s of the steps failed\n' "$failures"; exit 1; }
    exit 0
}

# skip WHAT REASON: reports that a check was skipped and goes on. If bin/test requires the suite, it fails.
skip() {
    skip_though_required "$@"
    [ -z "${DOORBELL_REQUIRED:-}" ] || failures=$((failures + 1))
}

# As skip, for a check that even CI may skip. The caller comments why.
skip_though_required() { printf '%sSKIPPED %s:%s %s\n' "$YELLOW" "$1" "$PLAIN" "$2"; }

# skip_suite REASON: reports that the whole suite is skipped and ends it; bin/test decides whether that is a failure.
skip_suite() {
    skip_though_required "$(basename "$0" .sh)" "$1"
    exit "$SKIPPED"
}

need() { have "$1" || skip_suite "$1 is not on the PATH${2:+; $2}"; }

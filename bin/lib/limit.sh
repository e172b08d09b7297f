# Runs a command for a bounded time. To be sourced.
# shellcheck shell=sh

# limited SECONDS COMMAND...: the command's exit code, or 124 if it was stopped. Its children are stopped with it.
limited() {
    if command -v timeout >/dev/null 2>&1; then
        limited_by_timeout "$@"
    else
        limited_by_a_watchdog "$@"
    fi
}

# At a terminal the command has to stay in the foreground, or Ctrl-C would not reach it.
limited_by_timeout() {
    if [ -t 0 ] && timeout --foreground 1 true 2>/dev/null; then
        timeout --foreground -k 30 "$@"
    else
        timeout -k 30 "$@"
    fi
}

# macOS has no `timeout`. Its sh has job control without a terminal, so that the command and the watchdog get a process
# group each, and each is ended whole.
limited_by_a_watchdog() (
    seconds=$1
    shift
    set -m
    "$@" </dev/null &
    command=$!
    (
        sleep "$seconds"
        kill -TERM -- "-$command"
        sleep 30
        kill -KILL -- "-$command"
    ) 2>/dev/null &
    watchdog=$!
    set +m
    trap 'kill -TERM -- "-$command" "-$watchdog" 2>/dev/null; exit 130' HUP INT TERM
    started=$(date +%s)
    status=0
    wait "$command" 2>/dev/null || status=$?
    kill -TERM -- "-$watchdog" 2>/dev/null || :
    if [ "$status" -gt 128 ] && [ $(($(date +%s) - started)) -ge "$seconds" ]; then status=124; fi
    exit "$status"
)

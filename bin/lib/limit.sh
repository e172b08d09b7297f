# Runs a command with a timeout. To be sourced.
# shellcheck shell=sh

# run_with_timeout SECONDS COMMAND...: returns the command's exit code, or 124 if it was stopped. Its children are
# stopped, too.
run_with_timeout() {
    # On a terminal the command must stay in the foreground, or Ctrl-C would not reach it. Otherwise a shell that waits
    # for a foreground command handles a signal only after that command's end.
    if [ -t 0 ] && timeout --foreground 1 true 2>/dev/null; then
        timeout --foreground -k 30 "$@"
    elif command -v timeout >/dev/null 2>&1; then
        in_the_background timeout -k 30 "$@"
    else
        in_the_background run_with_watchdog "$@"
    fi
}

timed_pid=''

in_the_background() {
    "$@" </dev/null &
    timed_pid=$!
    timed_status=0
    wait "$timed_pid" || timed_status=$?
    timed_pid=''
    return "$timed_status"
}

# For the caller's traps: ends the command that `run_with_timeout` waits for, and waits for its end.
stop_timed_command() {
    [ -z "$timed_pid" ] && return
    kill -TERM "$timed_pid" 2>/dev/null || :
    wait "$timed_pid" 2>/dev/null || :
}

# macOS has no `timeout`. Its sh has job control without a terminal: the command and the watchdog get a process group
# each, so that each can be ended with its children.
run_with_watchdog() (
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

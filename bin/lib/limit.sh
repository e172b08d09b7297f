# Runs a command for a bounded time. To be sourced.
# shellcheck shell=sh

# limited SECONDS COMMAND...: the command's exit code, or 124 if it was stopped. Its children are stopped with it.
limited() {
    # At a terminal the command has to stay in the foreground, or Ctrl-C would not reach it. Elsewhere a shell that
    # waits for a foreground command hears no signal before that one's end.
    if [ -t 0 ] && timeout --foreground 1 true 2>/dev/null; then
        timeout --foreground -k 30 "$@"
    elif command -v timeout >/dev/null 2>&1; then
        in_the_background timeout -k 30 "$@"
    else
        in_the_background limited_by_a_watchdog "$@"
    fi
}

limited_pid=''

in_the_background() {
    "$@" </dev/null &
    limited_pid=$!
    limited_status=0
    wait "$limited_pid" || limited_status=$?
    limited_pid=''
    return "$limited_status"
}

# For the traps of whoever calls `limited`: ends the command that it waits for, and waits for that.
end_limited() {
    [ -z "$limited_pid" ] && return
    kill -TERM "$limited_pid" 2>/dev/null || :
    wait "$limited_pid" 2>/dev/null || :
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

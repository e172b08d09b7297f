#!/bin/sh
# Asks a Doorbell installation for a build, by the AWS CLI.
# The program trigger_job does more (it knows CIs, retries,
# and needs no AWS CLI); this file needs only sh, awk, od and
# aws, and may be copied to where it is used.
#
#   trigger_job.sh [OPTIONS] [PROJECT [BRANCH [TOPIC_ARN]]]
#
#   --tag NAME            build this tag, not a branch
#   --pull-request N      build this pull request
#   --commit ID           this commit of it; else its tip
#   --id ID               the same id twice is one job
#   --cause TEXT          why: its first line, cut to fit
#   --var NAME=VALUE      a variable; may be repeated
#   --cancel              cancel the job with this --id
#   --topic-arn ARN       as the third argument
#   --dry-run             print the message, send nothing
#   --output text|json    how to print the result
#
# Without arguments: DOORBELL_PROJECT, DOORBELL_BRANCH and
# DOORBELL_TOPIC_ARN, or IWOMPINAWS_PROJECT, GIT_BRANCH and
# IWOMPINAWS_TOPIC_ARN; then the branch checked out here.
#
# Examples:
#   trigger_job.sh demo main
#   trigger_job.sh --tag v1.2.0 --var STAGE=test demo
#
# Exit codes: 0 published, 2 a mistake in the arguments,
# 3 no project, branch or topic, 4 denied, 5 not published,
# 130 interrupted.
set -eu

# A value in a message must not become a line of its own in the CI's log.
say() { printf 'trigger_job.sh: %s\n' "$(printf '%s' "$1" | LC_ALL=C tr '\001-\037\177' '[ *]')" >&2; }

fail() {
    code=$1
    shift
    for line in "$@"; do say "$line"; done
    exit "$code"
}

usage_error() { fail 2 "$1" 'see: trigger_job.sh --help'; }

# quote TEXT: as a JSON string. The text reaches awk by its environment, where no character means anything; without a
# locale, bytes are characters, so that UTF-8 passes as it is.
quote() {
    TEXT=$1 LC_ALL=C awk 'BEGIN {
        for (i = 1; i < 32; i++) escaped[sprintf("%c", i)] = sprintf("\\u%04x", i)
        escaped["\""] = "\\\""
        escaped["\\"] = "\\\\"
        text = ENVIRON["TEXT"]
        ORS = ""
        print "\""
        for (i = 1; i <= length(text); i++) {
            c = substr(text, i, 1)
            print (c in escaped) ? escaped[c] : c
        }
        print "\""
    }'
}

# first_line TEXT: its first line that is not blank, cut at a character to 500 bytes. In place of a byte that is no UTF-8
# and of a character that is not seen or steers a terminal (controls, direction marks, no width) stands a space.
first_line() {
    printf '%s\n' "$1" | LC_ALL=C tr '\r' '\n' | LC_ALL=C awk '
        BEGIN {
            one = "[ -~]|[\302-\337][\200-\277]|[\340-\357][\200-\277][\200-\277]|[\360-\364][\200-\277][\200-\277][\200-\277]"
            unseen = "^(\302[\200-\237]|\302\255|\315\217|\330\234|\340[\200-\237].|\355[\240-\277].|\341\205[\237\240]|\341\236[\264\265]"
            unseen = unseen "|\341\240[\213-\217]|\342\200[\213-\217\250-\256]|\342\201[\240-\257]|\343\205\244"
            unseen = unseen "|\357\273\277|\357\276\240|\357\277[\260-\273]|\360[\200-\217]..|\363\240..|\360\233\262[\240-\243]|\360\235\205[\263-\272]|\364[\220-\277]..)$"
        }
        {
            line = ""
            for (rest = $0; rest != ""; rest = substr(rest, length(c) + 1)) {
                c = match(rest, "^(" one ")") ? substr(rest, 1, RLENGTH) : substr(rest, 1, 1)
                line = line ((c ~ "^(" one ")$" && c !~ unseen) ? c : " ")
            }
            gsub(/^ +| +$/, "", line)
            if (line == "") next
            while (length(line) > 500) {
                last = length(line)
                while (substr(line, last, 1) ~ /[\200-\277]/) last--
                line = substr(line, 1, last - 1)
            }
            sub(/ +$/, "", line)
            print line
            exit
        }'
}

# add NAME JSON: one more field of the message.
add() { message="$message,$(quote "$1"):$2"; }

add_text() { [ -z "$2" ] || add "$1" "$(quote "$2")"; }

project='' branch='' topic='' tag='' pull_request='' commit='' id='' cause='' action='' variables='' dry_run='' output=text
position=0
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) sed -n '2,/^[^#]/{ s/^# \{0,1\}//p; }' "$0" && exit 0 ;;
        --cancel) action=cancel && shift && continue ;;
        --dry-run) dry_run=yes && shift && continue ;;
        --*=*) option=${1%%=*} value=${1#*=} ;;
        --*)
            [ $# -gt 1 ] || usage_error "$1 needs a value"
            option=$1 value=$2
            shift
            ;;
        -?*) usage_error "unknown option $1" ;;
        *)
            position=$((position + 1))
            case $position in
                1) project=$1 ;;
                2) branch=$1 ;;
                3) topic=$1 ;;
                *) usage_error "there are more than three arguments: $1" ;;
            esac
            shift && continue
            ;;
    esac
    case $option in
        --tag) tag=$value ;;
        --pull-request) pull_request=$value ;;
        --commit) commit=$value ;;
        --id) id=$value ;;
        --cause) cause=$value ;;
        --topic-arn) topic=$value ;;
        --output) output=$value ;;
        --var)
            case $value in ?*=*) ;; *) usage_error 'a variable is NAME=VALUE' ;; esac
            variables="$variables${variables:+,}$(quote "${value%%=*}"):$(quote "${value#*=}")"
            ;;
        *) usage_error "unknown option $option" ;;
    esac
    shift
done
case $output in text | json) ;; *) usage_error '--output is text or json' ;; esac
[ -z "$action" ] || [ -n "$id" ] || usage_error '--cancel needs the --id of the request it cancels'

checked_out() { git symbolic-ref --quiet HEAD 2>/dev/null | sed -n 's|^refs/heads/||p'; }

project=${project:-${DOORBELL_PROJECT:-${IWOMPINAWS_PROJECT-}}}
topic=${topic:-${DOORBELL_TOPIC_ARN:-${IWOMPINAWS_TOPIC_ARN-}}}
[ -n "$project" ] || fail 3 'no project is known: give it as the first argument or in DOORBELL_PROJECT'
[ -n "$topic" ] || fail 3 'no topic is known: give its ARN in --topic-arn or DOORBELL_TOPIC_ARN'
case $topic in
    arn:*:sns:?*:?*:?*) ;;
    *) usage_error 'a topic is arn:<partition>:sns:<region>:<account>:<name>' ;;
esac
region=$(printf '%s' "$topic" | cut -d : -f 4)

case ${branch:+b}${tag:+t}${pull_request:+p} in
    '')
        # The remote that Jenkins puts before a branch, and what it writes in place of one.
        branch=${DOORBELL_BRANCH:-$(printf '%s' "${GIT_BRANCH-}" | sed 's|^origin/||')}
        case $branch in
            HEAD | detached) fail 3 "no branch is known, as GIT_BRANCH is \"$branch\": give it as the second argument" ;;
        esac
        [ -n "$branch" ] || branch=$(checked_out)
        [ -n "$branch" ] || fail 3 'no branch is known: give it as the second argument or in DOORBELL_BRANCH'
        ;;
    b | t | p) ;;
    *) usage_error 'BRANCH, --tag and --pull-request take the place of each other: give one' ;;
esac

# Some CIs only have the full name at hand.
case $branch in
    refs/heads/*) branch=${branch#refs/heads/} ;;
    refs/*) usage_error "$branch is no branch; for another ref use --tag or --pull-request" ;;
esac

# Every message has an id, made before the first attempt: the AWS CLI sends again when a reply is lost.
[ -n "$id" ] || id=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

message="{\"project\":$(quote "$project")"
add_text branch "$branch"
add_text tag "$tag"
case $pull_request in
    '') ;;
    0* | *[!0-9]*) usage_error 'a pull request is named by its number, 1 or more' ;;
    *) add pullRequest "$pull_request" ;;
esac
add_text id "$id"
add_text action "$action"
add_text commit "$commit"
line=$(first_line "$cause")
[ "$line" = "$cause" ] || say '--cause is cut to its first line, without control characters and to 500 bytes'
add_text cause "$line"
[ -z "$variables" ] || add variables "{$variables}"
message="$message}"

if [ -n "$dry_run" ]; then
    printf '%s\n' "$message"
    exit 0
fi
command -v aws >/dev/null 2>&1 || fail 4 'the AWS CLI (aws) is not on the PATH' 'install it, or use the program trigger_job'

# Its stdout goes to descriptor 3, so that its error output can be parsed.
status=0
exec 3>&1
aws_output=$(
    {
        printed=$(aws sns publish --region "$region" --topic-arn "$topic" --message "$message" \
            --message-group-id "$project" --query MessageId --output text) || exit $?
        case $output in
            json) printf '{"messageId":%s,"id":%s}\n' "$(quote "$printed")" "$(quote "$id")" >&3 ;;
            text) printf '%s\n' "$printed" >&3 ;;
        esac
    } 2>&1
) || status=$?
exec 3>&-
[ -z "$aws_output" ] || printf '%s\n' "$aws_output" >&2
[ "$status" -ne 0 ] || { say "published, with the id $id" && exit 0; }

again="the same command with --id $id cannot start a second build, even if this one was published"
case $aws_output in
    *AuthorizationError* | *AccessDenied*) fail 4 "these credentials may not publish to $topic" ;;
    *InvalidClientTokenId* | *UnrecognizedClient* | *SignatureDoesNotMatch* | *ExpiredToken* | *'locate credentials'*)
        fail 4 'AWS does not take these credentials, or there are none'
        ;;
    *'(NotFound)'* | *'(InvalidParameter)'*) fail 2 "SNS does not take this request or knows no topic $topic" ;;
    *) [ "$status" -ne 130 ] || fail 130 "interrupted; $again" && fail 5 "it was not published; $again" ;;
esac

#!/bin/sh
# Checks a commit's title: `area: Imperative phrase`, at most 60 characters. Also git's commit-msg hook.
#
#   bin/lib/commit_title.sh FILE       checks the first line of a commit message, as git calls the hook
#   bin/lib/commit_title.sh --history  checks every commit since this file was added
#
# Install it with `bin/setup --hooks`. Exit code: 0 the titles are right, 1 one is not.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/../.." && pwd)
MAX_LENGTH=60
AREAS='adapters|bin|ci|cli|docs|engine|gateway|images|messages|pagure|publisher|registry|runner|sandbox|terraform|test|web|worker'

# The title's first verb, as in "Limit", "Fix", "Rename": the list holds what an imperative may begin with.
VERBS=$root/bin/lib/words/verbs.txt

# problem TITLE: prints what is wrong with it; nothing if it is right.
problem() {
    printf '%s\n' "$1" | grep -Eq "^($AREAS)(, ($AREAS))*: [A-Z]" || {
        printf 'expected "area: Verb ...", with the areas %s' "$(printf '%s' "$AREAS" | tr '|' ' ')"
        return
    }
    [ "${#1}" -le "$MAX_LENGTH" ] || { printf '%s characters, expected at most %s' "${#1}" "$MAX_LENGTH"; return; }
    verb=$(printf '%s\n' "$1" | sed 's/^[^:]*: //; s/[^A-Za-z].*//')
    grep -qix "$verb" "$VERBS" ||
        printf '"%s" is not an imperative of bin/lib/words/verbs.txt; add the verb there if it is one' "$verb"
}

# check TITLE: false, with the reason, if the title is wrong. Git's own titles pass.
check() {
    case $1 in Merge\ * | Revert\ * | fixup!\ * | squash!\ * | amend!\ *) return 0 ;; esac
    reason=$(problem "$1")
    [ -n "$reason" ] || return 0
    printf 'commit title rejected: %s\n    %s\n' "$reason" "$1" >&2
    return 1
}

# A shallow clone lacks the commit that added this file: then the last commit alone is checked.
history() {
    cd "$root"
    added=$(git log --diff-filter=A --format=%H -- bin/lib/commit_title.sh | tail -n 1)
    wrong=0
    titles=$(git log --no-merges --format=%s "${added:-HEAD~1}..HEAD")
    while IFS= read -r title; do
        [ -z "$title" ] || check "$title" || wrong=1
    done <<TITLES
$titles
TITLES
    return "$wrong"
}

case ${1:-} in
    --history) history ;;
    '' | -*) sed -n '2,/^[^#]/{ s/^# \{0,1\}//p; }' "$0" && exit 2 ;;
    *) check "$(sed -n '/^#/!{p;q;}' "$1")" ;;
esac

#!/bin/sh
# links and commands in the documentation lead somewhere, and what has to be documented is
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
cd "$root"

pages() { find . \( -name .git -o -name target -o -name .tools -o -name node_modules \) -prune -o -name '*.md' -print; }

# Prints the input; true if there was none.
none() { ! grep .; }

# Links to files; an address or a place in the same page is not looked at.
dead_links() {
    pages | while IFS= read -r page; do
        # Code is left out: between fences, and between backquotes.
        awk '/^ *```/ { code = !code; next } !code { gsub(/`[^`]*`/, ""); print }' "$page" |
            grep -o '](\([^)]*\))' | sed 's/^](//; s/)$//; s/ .*//; s/#.*//' | grep -v -e '^$' -e '^[a-z]*:' |
            while IFS= read -r target; do
                [ -e "$(dirname "$page")/$target" ] || printf '%s: there is no %s\n' "$page" "$target"
            done
    done
}

# Lines in shell examples that begin with a script of ours.
dead_commands() {
    pages | while IFS= read -r page; do
        awk '/^ *```/ { code = !code; next } code' "$page" | sed -n 's/^ *\(\$ \)\{0,1\}\(\.\/\)\{0,1\}\(bin\/[A-Za-z0-9_.-]*\).*/\3/p' |
            sort -u | while IFS= read -r command; do
                [ -x "$command" ] || printf '%s: there is no program %s\n' "$page" "$command"
            done
    done
}

# documented IN WHAT...: each of these names stands in the page.
documented() {
    page=$1
    shift
    [ -f "$page" ] || { echo "there is no $page"; return 1; }
    undocumented=0
    for name in "$@"; do
        grep -qF "$name" "$page" || { echo "$page does not name $name"; undocumented=1; }
    done
    return "$undocumented"
}

links_lead_somewhere() { dead_links | none; }
commands_exist() { dead_commands | none; }

scripts_are_programs() {
    for script in bin/*; do
        [ -f "$script" ] || continue
        [ -x "$script" ] || printf '%s is not executable\n' "$script"
        head -n 1 "$script" | grep -q '^#!' || printf '%s has no #! line\n' "$script"
    done | none
}

scripts_are_documented() {
    # shellcheck disable=SC2046  # these names hold no spaces
    documented README.md $(find bin -maxdepth 1 -type f)
}

contracts_are_documented() {
    # shellcheck disable=SC2046  # nor do these
    documented publisher/messages/README.md $(cd publisher/messages && ls -d fixtures/* schema/*)
    # shellcheck disable=SC2046  # nor do these
    documented worker/registry/README.md $(cd worker/registry && ls -d fixtures/* schema/*)
}

decisions_are_indexed() {
    # shellcheck disable=SC2046  # nor do these
    documented docs/decisions/README.md $(cd docs/decisions && find . -name '*.md' ! -name README.md | sed 's|^\./||')
}

# Names in backquotes of at least four words are tests.
tests_exist() {
    # shellcheck disable=SC2016  # the backquotes are Markdown's
    grep -o '`[a-z0-9]*\(_[a-z0-9]*\)\{4,\}`' docs/reliability.md | tr -d '\140' | sort -u | while IFS= read -r name; do
        grep -rqw --include='*.rs' "$name" publisher worker || printf 'docs/reliability.md: there is no test %s\n' "$name"
    done | none
}

packages_have_a_page() {
    find publisher worker -name Cargo.toml -not -path '*/target/*' | while IFS= read -r manifest; do
        [ -f "$(dirname "$manifest")/README.md" ] || printf '%s has no README.md\n' "$(dirname "$manifest")"
    done | none
}

step 'links lead somewhere' links_lead_somewhere
step 'commands exist' commands_exist
step 'scripts are programs' scripts_are_programs
step 'README.md names every script' scripts_are_documented
step 'every test that docs/reliability.md names exists' tests_exist
step 'every package has a page' packages_have_a_page
step 'every fixture folder and schema is documented' contracts_are_documented
step 'every decision is in the index' decisions_are_indexed
finish

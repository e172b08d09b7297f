#!/bin/sh
# links, anchors, commands and tests in the documentation exist, required pages are complete, the reader test holds
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
. "$root/bin/lib/common.sh"
cd "$root"

pages() { find . \( -name .git -o -name target -o -name .tools -o -name node_modules \) -prune -o -name '*.md' -print; }

# Prints the input; true if there was none.
none() { ! grep .; }

# links PAGE: the targets of its links, one a line. Code is left out: between fences, and between backquotes.
links() {
    awk '/^ *```/ { code = !code; next } !code { gsub(/`[^`]*`/, ""); print }' "$1" |
        grep -o '](\([^)]*\))' | sed 's/^](//; s/)$//; s/ .*//' | grep -v '^[a-z]*:' || true
}

# anchors PAGE: what GitHub makes of its headings, one a line.
anchors() {
    awk '/^ *```/ { code = !code; next } !code && /^#/' "$1" |
        sed 's/^#* *//; s/`//g' | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

# Links to files and to headings; addresses are not checked.
dead_links() {
    pages | while IFS= read -r page; do
        links "$page" | while IFS= read -r link; do
            target=${link%%#*} anchor=''
            case $link in *'#'*) anchor=${link#*#} ;; esac
            file=$page
            [ -z "$target" ] || file=$(dirname "$page")/$target
            if [ ! -e "$file" ]; then
                printf '%s: there is no %s\n' "$page" "$target"
            elif [ -n "$anchor" ] && ! anchors "$file" | grep -qxF -- "$anchor"; then
                printf '%s: there is no heading #%s in %s\n' "$page" "$anchor" "$file"
            fi
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

# documented IN WHAT...: the page contains each of these names.
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

# Each in the page of its package, or in that of doorbell-registry.
contracts_are_documented() {
    for package in publisher/messages worker/registry; do
        for name in $(cd "$package" && ls -d fixtures/* schema/* 2>/dev/null); do
            cat "$package/README.md" worker/registry/README.md | grep -qF "$name" || printf '%s/%s is not documented\n' "$package" "$name"
        done
    done | none
}

decisions_are_indexed() {
    # shellcheck disable=SC2046  # nor do these
    documented docs/decisions/README.md $(cd docs/decisions && find . -name '*.md' ! -name README.md | sed 's|^\./||')
}

# Each page in docs is the target of a link in another page.
pages_are_linked() {
    linked=$(pages | while IFS= read -r page; do
        links "$page" | sed 's/#.*//' | while IFS= read -r target; do
            [ -z "$target" ] || realpath -q -- "$(dirname "$page")/$target" || true
        done
    done | sort -u)
    find docs -name '*.md' | while IFS= read -r page; do
        printf '%s\n' "$linked" | grep -qxF -- "$root/$page" || printf 'no page links to %s\n' "$page"
    done | none
}

# What clap and the schemas generate stands between two marks.
references_are_marked() {
    for page in docs/reference/*.md; do
        for mark in begin end; do
            [ "$(grep -cxF "<!-- generated: $mark -->" "$page")" -eq 1 ] || printf '%s needs one mark "generated: %s"\n' "$page" "$mark"
        done
    done | none
}

# Names in backquotes of at least five words are tests.
tests_exist() {
    # shellcheck disable=SC2016  # the backquotes are Markdown's
    pages | while IFS= read -r page; do
        grep -o '`[a-z0-9]*\(_[a-z0-9]*\)\{4,\}`' "$page" | tr -d '\140' | sort -u | while IFS= read -r name; do
            grep -rqw --include='*.rs' --include='*.hcl' --include='*.tf' --include='*.py' -- "$name" publisher worker terraform bin ||
                printf '%s: there is no test %s\n' "$page" "$name"
        done
    done | none
}

packages_have_a_page() {
    find publisher worker -name Cargo.toml -not -path '*/target/*' | while IFS= read -r manifest; do
        [ -f "$(dirname "$manifest")/README.md" ] || printf '%s has no README.md\n' "$(dirname "$manifest")"
    done | none
}

# The table in CONTRIBUTING.md, as lines of PAGE FILE SYMBOL.
reader_test() {
    # shellcheck disable=SC2016  # the backquotes are Markdown's
    sed -n '/^## Reader test$/,/^## [^R]/p' CONTRIBUTING.md | grep '^| ' | sed 1d |
        awk -F ' *[|] *' '{ sub(/^.*\(/, "", $3); sub(/\)$/, "", $3); gsub(/`/, "", $4); gsub(/`/, "", $5); print $3, $4, $5 }'
}

# From README.md to the page, from the page to the file, in the file to the symbol.
reader_finds_the_way() {
    [ "$(reader_test | grep -c .)" -ge 4 ] || { echo 'the table in CONTRIBUTING.md has fewer than four rows'; return 1; }
    reader_test | while read -r page file symbol; do
        links README.md | sed 's/#.*//' | grep -qxF -- "$page" || printf 'README.md does not link to %s\n' "$page"
        name=${file#"$(dirname "$page")/"}
        grep -qF -- "$name" "$page" || printf '%s does not name %s\n' "$page" "$name"
        if [ ! -f "$file" ]; then
            printf 'there is no %s\n' "$file"
        elif ! grep -qw -- "$symbol" "$file"; then
            printf '%s does not contain %s\n' "$file" "$symbol"
        fi
    done | none
}

step 'links lead somewhere' links_lead_somewhere
step 'commands exist' commands_exist
step 'scripts are programs' scripts_are_programs
step 'README.md names every script' scripts_are_documented
step 'every test that a page names exists' tests_exist
step 'every package has a page' packages_have_a_page
step 'every fixture directory and schema is documented' contracts_are_documented
step 'every decision is in the index' decisions_are_indexed
step 'every page in docs is linked' pages_are_linked
step 'references mark what is generated' references_are_marked
step 'a reader finds the way to each file of the reader test' reader_finds_the_way
finish

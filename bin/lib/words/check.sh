#!/bin/sh
# Prints the uses of words that bin/lib/words/avoid.txt lists, and test names that are too long. False if there are any.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
cd "$root"
here=bin/lib/words
MAX_TEST_NAME=60

# The texts that people read. Generated files, licences and recorded exchanges are other people's words.
texts() {
    git ls-files -co --exclude-standard -- '*.rs' '*.md' '*.tf' '*.hcl' '*.sh' '*.py' '*.mjs' '*.toml' '*.txt' 'bin/*' images |
        grep -Ev "^$here/|LICENSE|Cargo\.lock|\.lock\.hcl|requirements.*\.txt|/fixtures/|/recorded/|\.tsv$|\.png$" | sort -u |
        while IFS= read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done
}

# avoided WORDS ADVICE: file:line:text of each use, with the advice.
avoided() {
    # A capital letter in the list means that case counts: a constant.
    case $1 in *[A-Z]*) case='' ;; *) case=i ;; esac
    tr '\n' '\0' <"$list" | xargs -0 grep "-HnEw$case" -- "$1" | while IFS= read -r use; do
        file=${use%%:*}
        is_exception "$file" "$use" || printf '%s\n    instead: %s\n' "$(printf '%s' "$use" | cut -c 1-160)" "$2"
    done
}

is_exception() {
    while IFS="$tab" read -r path text; do
        case $path in '' | '#'*) continue ;; esac
        if printf '%s' "$1" | grep -Eq -- "$path" && printf '%s' "$2" | grep -Eq -- "$text"; then return 0; fi
    done <$here/exceptions.txt
    return 1
}

long_test_names() {
    git ls-files -co --exclude-standard -- '*.rs' | while IFS= read -r file; do
        [ ! -f "$file" ] || awk -v max=$MAX_TEST_NAME -v file="$file" '
            /^ *#\[(tokio::)?test/ { test = 1 }
            test && match($0, /fn [a-z0-9_]+/) {
                name = substr($0, RSTART + 3, RLENGTH - 3); test = 0
                if (length(name) > max) printf "%s:%d: test name of %d characters: %s\n", file, FNR, length(name), name
            }' "$file"
    done
}

tab=$(printf '\t')
list=$(mktemp)
found=$(mktemp)
trap 'rm -f "$list" "$found"' EXIT
texts >"$list"
while IFS="$tab" read -r words advice; do
    case $words in '' | '#'*) continue ;; esac
    avoided "$words" "$advice" >>"$found"
done <$here/avoid.txt
long_test_names >>"$found"
cat "$found"
[ ! -s "$found" ]

#!/bin/sh
# What the style asks and clang-format does not see: sizes, marks of unfinished work, headers that
# stand alone, a promise on top of each end-to-end test.
set -eu
cd "$(dirname -- "$0")/.."
out=$(mktemp)
trap 'rm -f "$out"' EXIT

sources() { find src include tests bench -type f -name '*.[ch]'; }

# Lines of whole files, and of the bodies of functions: clang-format puts their braces, and no
# others, alone in the first column.
sources | while IFS= read -r file; do
    awk -v file="$file" '
    BEGIN { limit = file ~ /^include\// ? 200 : 800 }
    /^\{/ { start = FNR }
    /^\}/ {
        if (start && FNR - start - 1 > 70)
            print file ":" start ": a function of " FNR - start - 1 " lines, 70 at most"
        start = 0
    }
    /(^|[^A-Za-z0-9_])(TODO|FIXME|XXX)([^A-Za-z0-9_]|$)/ { print file ":" FNR ": unfinished: " $0 }
    FNR == 1 && file ~ /^tests\/e2e\/[^\/]*\.c$/ && !/^\/\* / {
        print file ":1: the first line must be a comment that says the promise"
    }
    END {
        if (FNR > limit)
            print file ":" FNR ": a file of " FNR " lines, " limit " at most"
    }' "$file"
done >"$out"

sources | tr '\n' '\0' | LC_ALL=C.UTF-8 xargs -0 grep -nHE '^.{101,}$' |
    sed 's/^\([^:]*:[0-9]*\):.*/\1: more than 100 columns/' >>"$out"

# The dashboard and its tests, and the scripts of the benchmarks.
page_sources() {
    find src/control/page tests/browser -type f ! -name package-lock.json
    find bench -type f -name '*.py'
}
page_sources | tr '\n' '\0' | LC_ALL=C.UTF-8 xargs -0 grep -nHE '^.{101,}$|[[:blank:]]$' |
    sed 's/^\([^:]*:[0-9]*\):.*/\1: more than 100 columns, or blanks at the end/' >>"$out"
page_sources | tr '\n' '\0' | xargs -0 wc -l |
    awk '$2 != "total" && $1 > 400 { print $2 ": a file of " $1 " lines, 400 at most" }' >>"$out"

# Each header, twice and alone.
flags=$(pkg-config --cflags libuv yaml-0.1 jansson)
# shellcheck disable=SC2086
find include src -name '*.h' | while IFS= read -r header; do
    printf '#include "%s"\n#include "%s"\n' "${header#include/}" "${header#include/}" |
        ${CC:-cc} -std=gnu17 -fsyntax-only -Wall -Wextra -Werror -D_GNU_SOURCE \
            -DWEIR_VERSION='"0"' -Iinclude -I. $flags -x c - 2>&1 ||
        echo "$header: does not stand alone"
done >>"$out"

if [ -s "$out" ]; then
    cat "$out" >&2
    exit 1
fi

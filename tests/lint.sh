#!/bin/sh
# lint.sh clang-tidy|cppcheck: over src and bench, with the compile commands of build/debug.
# (One file a call: version 14 carries the state of its va_list check from file to file.)
# Configured by .clang-tidy and tests/cppcheck.txt; every warning is an error.
set -eu
cd "$(dirname -- "$0")/.."
jobs=$(nproc)

case ${1:-} in
clang-tidy)
    out=$(mktemp)
    trap 'rm -f "$out"' EXIT
    status=0
    find src bench -name '*.c' | tr '\n' '\0' |
        xargs -0 -n 1 -P "$jobs" "$(command -v clang-tidy-14 || command -v clang-tidy)" \
            -p build/debug --quiet --warnings-as-errors='*' >"$out" 2>&1 || status=1
    grep -vE '^([0-9]+ warnings? (generated|treated).*|)$' "$out" >&2 || true
    exit $status
    ;;
cppcheck)
    cppcheck --quiet -j "$jobs" --enable=warning,performance,portability --inline-suppr \
        --std=c11 --library=posix --suppressions-list=tests/cppcheck.txt --error-exitcode=1 \
        --max-configs=4 -D_GNU_SOURCE -D__linux__ -DWEIR_VERSION='"0"' -I include src bench
    ;;
*)
    echo "usage: lint.sh clang-tidy|cppcheck" >&2
    exit 2
    ;;
esac

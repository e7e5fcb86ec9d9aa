#!/bin/sh
# suites.sh PROGRAM DIRECTORY: every Criterion suite in PROGRAM must have the name of a file in
# DIRECTORY, since that is how ctest selects what it runs.
set -eu

status=0
for suite in $("$1" --list | sed -n 's/^\([A-Za-z0-9_]*\): [0-9]* tests*$/\1/p'); do
    if [ ! -f "$2/$suite.c" ]; then
        echo "suite $suite would never be run: there is no $2/$suite.c" >&2
        status=1
    fi
done
exit $status

#!/bin/sh
# run.sh WEIR ORIGIN DIR: the dashboard's tests in Debian's Chromium. What npm installs goes to DIR,
# and so do the pictures: DIR/screenshots. Says so, and skips, where no browser can be had.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
export WEIR_BINARY="$1" WEIR_ORIGIN="$2"
dir=$3

skip() {
    echo "the whole suite is skipped: $*"
    exit 0
}

CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    skip "there is no chromium"
export CHROMIUM
command -v node >/dev/null || skip "there is no node"

export SCREENSHOTS="$dir/screenshots"
rm -rf "$SCREENSHOTS"
mkdir -p "$SCREENSHOTS"
cd "$dir"
if [ ! -d node_modules/playwright-core ] ||
    ! cmp -s "$here/package-lock.json" package-lock.json; then
    command -v npm >/dev/null || skip "there is no npm"
    cp "$here/package.json" "$here/package-lock.json" .
    timeout 60 npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1 || {
        cat npm.log
        rm -rf node_modules
        skip "npm cannot have playwright-core"
    }
fi
cp "$here"/*.mjs .
exec node dashboard.mjs

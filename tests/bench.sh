#!/bin/sh
# bench.sh DIRECTORY: what ./dev bench measures with counts right and loses nothing: the load through
# the floor, on kept connections and on one per request, small answers and spliced ones, and what
# fails is counted as failed. DIRECTORY has weir-origin, weir-floor and weir-load.
set -eu
programs=$1
dir=$(mktemp -d)
pids=''
finish() {
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$dir"
}
trap finish EXIT

# Starts a program; its port is in $port once it listens.
start() { # NAME COMMAND…
    log=$dir/$1
    shift
    mkfifo "$log"
    "$@" >"$log" &
    pids="$pids $!"
    read -r line <"$log"
    port=${line##*:}
}

expect() { # DONE FAILED CONNECTIONS ARGUMENTS…: of weir-load
    wanted="\"requests\": $1, \"failed\": $2, .*\"connections\": $3,"
    shift 3
    said=$("$programs/weir-load" --connections 8 "$@" </dev/null)
    echo "$said" | grep -q "$wanted" || {
        echo "bench.sh: weir-load $*: $said, not $wanted" >&2
        exit 1
    }
}

start origin "$programs/weir-origin" --listen 127.0.0.1:0 --quiet
origin=$port
expect 300 0 8 --to "127.0.0.1:$origin" --requests 300 --body 5000
expect 300 0 300 --to "127.0.0.1:$origin" --requests 300 --once --header "Connection: close"
expect 300 0 300 --to "127.0.0.1:$origin" --requests 300 --once --close-first
expect 0 8 8 --to "127.0.0.1:$origin" --requests 8 --target "/?status=500&size=3"
expect 0 8 8 --to "127.0.0.1:$origin" --requests 8 --target "/?fail=close_in_body&size=100"

# An answer of N bytes has a head of 37 bytes and the digits of N.
for size in 100 1000000; do
    bytes=$((37 + ${#size} + size))
    start "kept-$size" "$programs/weir-floor" 0 "$origin" "$bytes"
    expect 300 0 8 --to "127.0.0.1:$port" --requests 300 --target "/?size=$size"
    # Its clients' connections stand already: a request each went ahead.
    expect 300 0 0 --to "127.0.0.1:$port" --requests 300 --target "/?size=$size" --warm
    start "once-$size" "$programs/weir-floor" 0 "$origin" "$bytes" --once
    expect 300 0 300 --to "127.0.0.1:$port" --requests 300 --target "/?size=$size" --once
done

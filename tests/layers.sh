#!/bin/sh
# layers.sh [TREE]: no layer includes one to its right, http does no I/O, net knows no HTTP.
# layers.sh --self-test: a wrong tree must be refused, arrow by arrow.
set -eu

# Prints a line for each forbidden include of the tree in the current directory.
check() {
    find include/weir src -type f | LC_ALL=C sort | while IFS= read -r file; do
        awk -v file="$file" '
        BEGIN {
            split("base stats http,net config upstream proxy worker control cli", steps, " ")
            for (step = 1; step in steps; step++) {
                n = split(steps[step], names, ",")
                for (i = 1; i <= n; i++)
                    rank[names[i]] = step
            }
            split(file, path, "/")
            layer = path[1] == "src" ? path[2] : path[3]
            if (!(layer in rank)) {
                print file ": not in a layer"
                exit
            }
            io = "^(uv|unistd|fcntl|poll|termios|netdb|ifaddrs|sys/(socket|epoll|ioctl|select|un|stat|mman)"
            io = io "|netinet/.*|arpa/.*|net/.*|linux/.*|openssl/.*|ares)\\.h$"
        }
        /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
            name = $0
            sub(/^[^<"]*[<"]/, "", name)
            sub(/[>"].*$/, "", name)
            where = file ":" FNR ": "
            if (name ~ /\.\.\//)
                print where "a path that leaves the folder: " name
            if (layer == "http" && name ~ io)
                print where "http does no I/O: " name
            if (name !~ /^weir\//)
                next
            split(name, parts, "/")
            target = parts[2]
            if (!(target in rank))
                print where "no such layer: " name
            else if (target != layer && rank[target] >= rank[layer])
                print where layer " may not include " name
        }' "$file"
    done
}

# Every file of the wrong tree holds one include; all but those called right.* must be named.
self_test() {
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' EXIT
    add() {
        mkdir -p "$tree/$(dirname "$1")"
        printf '%s\n' "$2" >"$tree/$1"
    }
    add include/weir/base/up.h '#include "weir/stats/x.h"'
    add include/weir/base/right.h '#include <uv.h>'
    add src/stats/up.c '  # include "weir/http/x.h"'
    add src/http/sideways.c '#include "weir/net/address.h"'
    add src/http/right.c '#include "weir/stats/x.h"'
    add src/http/uv.c '#include <uv.h>'
    add src/http/socket.c '#include <sys/socket.h>'
    add src/http/unistd.h '#include <unistd.h>'
    add src/http/right2.c '#include "unread.h"'
    add src/net/sideways.h '#include "weir/http/x.h"'
    add src/net/right.c '#include <sys/socket.h>'
    add src/config/up.c '#include "weir/upstream/x.h"'
    add src/config/right.c '#include "weir/net/address.h"'
    add src/upstream/up.c '#include <weir/proxy/x.h>'
    add src/proxy/up.c '#include "weir/worker/x.h"'
    add src/worker/up.c '#include "weir/control/x.h"'
    add src/control/up.c '#include "weir/cli/x.h"'
    add src/cli/right.c '#include "weir/control/x.h"'
    add src/cli/outside.c '#include "../control/private.h"'
    add src/cli/unknown.c '#include "weir/nowhere/x.h"'
    add src/nowhere/file.c '#include <stdio.h>'
    (cd "$tree" && check) | cut -d : -f 1 | LC_ALL=C sort -u >"$tree/found"
    (cd "$tree" && find include src -type f ! -name 'right*') | LC_ALL=C sort >"$tree/expected"
    diff "$tree/expected" "$tree/found" && echo "all $(wc -l <"$tree/expected") faults found"
}

if [ "${1:-}" = --self-test ]; then
    self_test
    exit
fi
cd "${1:-$(dirname -- "$0")/..}"
faults=$(check)
if [ -n "$faults" ]; then
    printf '%s\n' "$faults" >&2
    exit 1
fi

#!/bin/sh
# CPU time of the proxy a request, and requests a second: weir, and nginx and HAProxy where they are
# installed, turn by turn in one run, medians of several rounds. The proxy has one core to itself, load
# and origin share the other. Figures of different runs do not compare; ratios within one do.
#
# usage: bench.sh [--rounds N] [--requests N] [--concurrency N]
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
rounds=3 requests=20000 concurrency=64
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2 ;;
    --requests) requests=$2 ;;
    --concurrency) concurrency=$2 ;;
    *)
        sed -n '6s/^# //p' "$0" >&2
        exit 2
        ;;
    esac
    shift 2
done

bin=$root/build/release
dir=$(mktemp -d)
pids=''
finish() {
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM

load_core=0 proxy_core=$(($(nproc) - 1))

start() { # NAME COMMAND…: pinned to the proxy's core; its pid goes to $dir/NAME.pid
    name=$1
    shift
    taskset -c "$proxy_core" "$@" >"$dir/$name.log" 2>&1 &
    echo $! >"$dir/$name.pid"
    pids="$pids $!"
}

await() { # PORT
    tries=100
    until curl -fso /dev/null "http://127.0.0.1:$1/"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || {
            echo "bench: nothing answers on port $1" >&2
            cat "$dir"/*.log >&2
            exit 1
        }
        sleep 0.1
    done
}

taskset -c $load_core "$bin/bench/weir-origin" --listen 127.0.0.1:19001 --quiet >"$dir/origin.log" &
pids="$pids $!"

cat >"$dir/weir.yaml" <<END
workers: 1
log: {level: warn}
admin: {listen: off}
listeners: {web: {listen: ["127.0.0.1:19011"], pool: p}}
pools: {p: {servers: [{address: "127.0.0.1:19001"}]}}
END
start weir "$bin/weir" run -c "$dir/weir.yaml"
proxies="weir:19011"

if command -v nginx >/dev/null; then
    cat >"$dir/nginx.conf" <<END
daemon off; worker_processes 1; master_process off; error_log stderr; pid $dir/nginx-own.pid;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000;
  upstream o { server 127.0.0.1:19001; keepalive 128; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:19012 deferred backlog=4096;
    location / { proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host \$host; proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for; } }
}
END
    start nginx nginx -p "$dir" -c "$dir/nginx.conf"
    proxies="$proxies nginx:19012"
fi
if command -v haproxy >/dev/null; then
    cat >"$dir/haproxy.cfg" <<END
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  http-reuse always
  option forwardfor
frontend f
  bind 127.0.0.1:19013 defer-accept
  default_backend b
backend b
  server o 127.0.0.1:19001 pool-max-conn 128
END
    start haproxy haproxy -db -f "$dir/haproxy.cfg"
    proxies="$proxies haproxy:19013"
fi
for proxy in $proxies; do await "${proxy#*:}"; done

ticks() { awk '{print $14 + $15}' "/proc/$(cat "$dir/$1.pid")/stat"; }

measure() { # NAME PORT ROW AB-OPTIONS…
    name=$1 port=$2 row=$3
    shift 3
    before=$(ticks "$name")
    taskset -c $load_core ab -q -n "$requests" -c "$concurrency" "$@" "http://127.0.0.1:$port/?size=100" \
        >"$dir/ab.out" 2>&1 || {
        cat "$dir/ab.out" >&2
        exit 1
    }
    after=$(ticks "$name")
    failed=$(awk '/^Failed requests|^Non-2xx/ {n += $NF} END {print n + 0}' "$dir/ab.out")
    rate=$(awk '/^Requests per second/ {print $4}' "$dir/ab.out")
    cpu=$(awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" -v n="$requests" \
        'BEGIN {printf "%.2f", t * 1e6 / hz / n}')
    echo "$cpu $rate $failed" >>"$dir/$row.$name"
}

round=0
while [ "$round" -le "$rounds" ]; do
    for proxy in $proxies; do
        measure "${proxy%:*}" "${proxy#*:}" one-shot
        measure "${proxy%:*}" "${proxy#*:}" kept -k
    done
    # The first round warms up.
    [ "$round" -gt 0 ] || rm -f "$dir"/one-shot.* "$dir"/kept.*
    round=$((round + 1))
done

median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
printf '%s cores, Linux %s, %s requests a round, %s connections, medians of %s rounds\n\n' \
    "$(nproc)" "$(uname -r)" "$requests" "$concurrency" "$rounds"
printf '| connections | proxy | CPU us a request | to weir | requests/s | failed |\n'
printf '| --- | --- | --- | --- | --- | --- |\n'
for row in one-shot kept; do
    base=$(cut -d' ' -f1 "$dir/$row.weir" | median)
    for proxy in $proxies; do
        file=$dir/$row.${proxy%:*}
        cpu=$(cut -d' ' -f1 "$file" | median)
        printf '| %s | %s | %s | %s | %s | %s |\n' "$row" "${proxy%:*}" "$cpu" \
            "$(awk -v a="$cpu" -v b="$base" 'BEGIN {printf "%.2f", a / b}')" \
            "$(cut -d' ' -f2 "$file" | median)" \
            "$(awk '{n += $3} END {print n}' "$file")"
    done
done

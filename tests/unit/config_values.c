#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

static struct config_row refused[] = {
    {CONFIG_TOP, "workers: 0", "t:1:10: workers: `0` is too small; write 1 to 256 or `auto`\n"},
    {CONFIG_TOP, "workers: 257", "t:1:10: workers: `257` is too large; write 1 to 256 or `auto`\n"},
    {CONFIG_TOP, "workers: aut", "t:1:10: workers: `aut` is unknown; did you mean `auto`?\n"},
    {CONFIG_TOP, "workers: off",
     "t:1:10: workers: `off` is not possible here; write 1 to 256 or `auto`\n"},
    {CONFIG_TOP, "workers: 1.5",
     "t:1:10: workers: `1.5` is not a whole number; write 1 to 256 or `auto`\n"},
    {CONFIG_TOP, "workers: -1",
     "t:1:10: workers: `-1` is not a whole number; write 1 to 256 or `auto`\n"},
    {CONFIG_TOP, "workers: 99999999999999999999",
     "t:1:10: workers: `99999999999999999999` is too large a number; write 1 to 256 or `auto`\n"},
    {CONFIG_TOP,
     "workers: ", "t:1:9: workers: has no value; write `auto`, the default, or remove the key\n"},
    {CONFIG_TOP, "workers: ~",
     "t:1:10: workers: has no value; write `auto`, the default, or remove the key\n"},
    {CONFIG_TOP, "shutdown_timeout: 30", "t:1:19: shutdown_timeout: `30` has no unit; write 30s\n"},
    {CONFIG_TOP, "shutdown_timeout: 30sec",
     "t:1:19: shutdown_timeout: `30sec` has an unknown unit `sec`; the units are ms, s, m and h, "
     "as in 30s\n"},
    {CONFIG_TOP, "shutdown_timeout: soon",
     "t:1:19: shutdown_timeout: `soon` is not a duration; write one like 500ms, 30s, 2m or 1h\n"},
    {CONFIG_TOP, "shutdown_timeout: 366000h",
     "t:1:19: shutdown_timeout: `366000h` is too large; write 1ms to 8760h or `off`\n"},
    {CONFIG_TOP, "shutdown_timeout: 99999999999999999999s",
     "t:1:19: shutdown_timeout: `99999999999999999999s` is too large a number; write 1ms to 8760h "
     "or `off`\n"},
    {CONFIG_TOP, "shutdown_timeout: 0.1ms",
     "t:1:19: shutdown_timeout: `0.1ms` is less than the smallest step; write 1ms to 8760h or "
     "`off`\n"},
    {CONFIG_TOP, "shutdown_timeout: ",
     "t:1:18: shutdown_timeout: has no value; write `30s`, the default, or remove the key\n"},
    {CONFIG_TOP, "log: {level: warning}",
     "t:1:14: log.level: `warning` is unknown; did you mean `warn`?\n"},
    {CONFIG_TOP, "log: {level: loud}",
     "t:1:14: log.level: `loud` is unknown; write one of `debug`, `info`, `warn`, `error`\n"},
    {CONFIG_TOP, "log: {format: jsn}",
     "t:1:15: log.format: `jsn` is unknown; did you mean `json`?\n"},
    {CONFIG_TOP, "log: {to: stdrr}",
     "t:1:11: log.to: `stdrr` is unknown; did you mean `stderr`?\n"},
    {CONFIG_TOP, "log: {to: weir.log}",
     "t:1:11: log.to: `weir.log` is unknown; write stderr, syslog, journal or a path with a `/` in "
     "it\n"},
    {CONFIG_TOP, "log: {to: \"\"}",
     "t:1:11: log.to: `` is unknown; write stderr, syslog, journal or a path with a `/` in it\n"},
    {CONFIG_TOP, "access_log: {to: access.log}",
     "t:1:18: access_log.to: `access.log` is no path; write one with a `/` in it\n"},
    {CONFIG_TOP, "access_log: {format: text}",
     "t:1:22: access_log.format: `text` is unknown; write one of `json`, `combined`\n"},
    {CONFIG_TOP, "log: {to: ~}",
     "t:1:11: log.to: has no value; write `stderr`, the default, or remove the key\n"},
    {CONFIG_TOP, "admin: {listen: \"unix:/run/a.sock\"}",
     "t:1:17: admin.listen: `unix:/run/a.sock` can't be used: unix sockets have not landed yet; "
     "write HOST:PORT\n"},
    {CONFIG_TOP, "admin: {listen: 8900}",
     "t:1:17: admin.listen: `8900` is a number alone; write HOST:PORT or :PORT\n"},
    {CONFIG_TOP, "admin: {listen: \"[::1]\"}",
     "t:1:17: admin.listen: `[::1]` has no port after the bracket; write [::1]:80\n"},
    {CONFIG_TOP, "admin: {listen: ~}",
     "t:1:17: admin.listen: has no value; write `127.0.0.1:8900`, the default, or remove the "
     "key\n"},
    {CONFIG_LISTENER, "limits: {header_bytes: 1023}",
     "t:2:47: listeners.w.limits.header_bytes: `1023` is too small; write 1KiB to 1MiB\n"},
    {CONFIG_LISTENER, "limits: {header_bytes: 1025KiB}",
     "t:2:47: listeners.w.limits.header_bytes: `1025KiB` is too large; write 1KiB to 1MiB\n"},
    {CONFIG_LISTENER, "limits: {header_bytes: 0}",
     "t:2:47: listeners.w.limits.header_bytes: `0` is too small; write 1KiB to 1MiB\n"},
    {CONFIG_LISTENER, "limits: {header_bytes: off}",
     "t:2:47: listeners.w.limits.header_bytes: `off` is not possible here; write 1KiB to 1MiB\n"},
    {CONFIG_LISTENER, "limits: {header_bytes: 10kb}",
     "t:2:47: listeners.w.limits.header_bytes: `10kb` has an unknown unit `kb`; the units are KiB, "
     "MiB, GiB, KB, MB and GB\n"},
    {CONFIG_LISTENER, "limits: {headers: 0}",
     "t:2:42: listeners.w.limits.headers: `0` is too small; write 1 to 10000\n"},
    {CONFIG_LISTENER, "limits: {headers: 10001}",
     "t:2:42: listeners.w.limits.headers: `10001` is too large; write 1 to 10000\n"},
    {CONFIG_LISTENER, "limits: {headers: many}",
     "t:2:42: listeners.w.limits.headers: `many` is not a whole number; write 1 to 10000\n"},
    {CONFIG_LISTENER, "limits: {connections: -1}",
     "t:2:46: listeners.w.limits.connections: `-1` is not a whole number; write 1 to 1000000000 or "
     "`off`\n"},
    {CONFIG_LISTENER, "limits: {connections: 1000000001}",
     "t:2:46: listeners.w.limits.connections: `1000000001` is too large; write 1 to 1000000000 or "
     "`off`\n"},
    {CONFIG_LISTENER, "limits: {body_bytes: 2000000GiB}",
     "t:2:45: listeners.w.limits.body_bytes: `2000000GiB` is too large; write 1 to 1048576GiB or "
     "`off`\n"},
    {CONFIG_LISTENER, "limits: {body_bytes: 99999999999999999999}",
     "t:2:45: listeners.w.limits.body_bytes: `99999999999999999999` is too large a number; write 1 "
     "to 1048576GiB or `off`\n"},
    {CONFIG_LISTENER, "forwarded: xforwarded",
     "t:2:35: listeners.w.forwarded: `xforwarded` is unknown; did you mean `x_forwarded`?\n"},
    {CONFIG_LISTENER, "forwarded: on",
     "t:2:35: listeners.w.forwarded: `on` is unknown; write one of `x_forwarded`, `rfc7239`, "
     "`both`, `off`\n"},
    {CONFIG_LISTENER, "close_grace: 5",
     "t:2:37: listeners.w.close_grace: `5` has no unit; write 5s\n"},
    {CONFIG_POOL, "balance: leastconnections",
     "t:3:45: pools.p.balance: `leastconnections` is unknown; did you mean `least_connections`?\n"},
    {CONFIG_POOL, "balance: weighted",
     "t:3:45: pools.p.balance: `weighted` is unknown; write one of `round_robin`, "
     "`least_connections`, `random_two`, `hash_source`, `hash_host`, `hash_path`\n"},
    {CONFIG_POOL, "connections: {close: rst}",
     "t:3:57: pools.p.connections.close: `rst` is unknown; write one of `reset`, `fin`\n"},
    {CONFIG_POOL, "connections: {share: maybe}",
     "t:3:57: pools.p.connections.share: `maybe` is unknown; write true or false\n"},
    {CONFIG_POOL, "connections: {share: ture}",
     "t:3:57: pools.p.connections.share: `ture` is unknown; did you mean `true`?\n"},
    {CONFIG_POOL, "connections: {max: -1}",
     "t:3:55: pools.p.connections.max: `-1` is not a whole number; write 1 to 1000000000 or "
     "`off`\n"},
    {CONFIG_POOL, "connections: {max: ~}",
     "t:3:55: pools.p.connections.max: has no value; write `256`, the default, or remove the "
     "key\n"},
    {CONFIG_POOL, "connections: {max: 5, max_idle: 6}",
     "t:3:68: pools.p.connections.max_idle: 6 is more than `max`, which is 5; write at most "
     "that\n"},
    {CONFIG_POOL, "connections: {min_idle: 257}",
     "t:3:60: pools.p.connections.min_idle: 257 is more than `max`, which is 256; write at most "
     "that\n"},
    {CONFIG_POOL, "connections: {max_idle: 5, min_idle: 6}",
     "t:3:73: pools.p.connections.min_idle: 6 is more than `max_idle`, which is 5; write at most "
     "that\n"},
    {CONFIG_POOL, "connections: {max_idle: 257}",
     "t:3:60: pools.p.connections.max_idle: 257 is more than `max`, which is 256; write at most "
     "that\n"},
    {CONFIG_POOL, "connections: {idle_timeout: 55}",
     "t:3:64: pools.p.connections.idle_timeout: `55` has no unit; write 55s\n"},
    {CONFIG_POOL, "queue: {max: 1e3}",
     "t:3:49: pools.p.queue.max: `1e3` is not a whole number; write 1 to 1000000000 or `off`\n"},
    {CONFIG_POOL, "queue: {timeout: 5}",
     "t:3:53: pools.p.queue.timeout: `5` has no unit; write 5s\n"},
    {CONFIG_POOL, "retry: {attempts: 11}",
     "t:3:54: pools.p.retry.attempts: `11` is too large; write 1 to 10 or `off`\n"},
    {CONFIG_POOL, "retry: {budget: 20}",
     "t:3:52: pools.p.retry.budget: `20` has no unit; write 20%\n"},
    {CONFIG_POOL, "retry: {budget: 101%}",
     "t:3:52: pools.p.retry.budget: `101%` is too large; write 1% to 100% or `off`\n"},
    {CONFIG_POOL, "retry: {budget: 2.5%}",
     "t:3:52: pools.p.retry.budget: `2.5%` is not a percentage; write a whole one like 20%\n"},
    {CONFIG_POOL, "retry: {budget: lots}",
     "t:3:52: pools.p.retry.budget: `lots` is not a percentage; write a whole one like 20%\n"},
    {CONFIG_POOL, "retry: {non_idempotent: on}",
     "t:3:60: pools.p.retry.non_idempotent: `on` is unknown; write one of `evidence`, `off`\n"},
};

static struct config_row accepted[] = {
    {CONFIG_TOP, "workers: 1", "workers: 1\n"},
    {CONFIG_TOP, "workers: 256", "workers: 256\n"},
    {CONFIG_TOP, "workers: auto", "workers: auto\n"},
    {CONFIG_TOP, "shutdown_timeout: 0", "shutdown_timeout: 0\n"},
    {CONFIG_TOP, "shutdown_timeout: off", "shutdown_timeout: 0\n"},
    {CONFIG_TOP, "shutdown_timeout: false", "shutdown_timeout: 0\n"},
    {CONFIG_TOP, "shutdown_timeout: 1.5s", "shutdown_timeout: 1500ms\n"},
    {CONFIG_TOP, "shutdown_timeout: 8760h", "shutdown_timeout: 8760h\n"},
    {CONFIG_TOP, "shutdown_timeout: \"2m\"", "shutdown_timeout: 2m\n"},
    {CONFIG_TOP, "log: {to: journal}", "log:\n  to: journal\n"},
    {CONFIG_TOP, "log: {to: syslog, level: debug, format: json}",
     "log:\n  to: syslog\n  level: debug\n  format: json\n"},
    {CONFIG_TOP, "log: {to: /var/log/weir.log}", "  to: /var/log/weir.log\n"},
    {CONFIG_TOP, "log: {to: ./weir log}", "  to: \"./weir log\"\n"},
    {CONFIG_TOP, "admin: {listen: off}", "  listen: off\n"},
    {CONFIG_TOP, "admin: {listen: no}", "  listen: off\n"},
    {CONFIG_TOP, "admin: {listen: \"[::1]:8900\"}", "  listen: \"[::1]:8900\"\n"},
    {CONFIG_TOP, "admin: {listen: \":8900\"}", "  listen: \":8900\"\n"},
    {CONFIG_TOP, "admin: {listen: \"localhost:1\"}", "  listen: localhost:1\n"},
    {CONFIG_LISTENER, "limits: {header_bytes: 1KiB}", "      header_bytes: 1KiB\n"},
    {CONFIG_LISTENER, "limits: {header_bytes: 1MiB}", "      header_bytes: 1MiB\n"},
    {CONFIG_LISTENER, "limits: {header_bytes: 2000}", "      header_bytes: 2KB\n"},
    {CONFIG_LISTENER, "limits: {headers: 1}", "      headers: 1\n"},
    {CONFIG_LISTENER, "limits: {headers: 10000}", "      headers: 10000\n"},
    {CONFIG_LISTENER,
     "limits: {connections: off, connections_per_ip: 7, requests_per_connection: 9}",
     "      connections: 0\n      connections_per_ip: 7\n      requests_per_connection: 9\n"},
    {CONFIG_LISTENER, "limits: {body_bytes: 1.5GiB}", "      body_bytes: 1536MiB\n"},
    {CONFIG_LISTENER, "timeouts: {header: 1ms, body: 1h, write: 90s, idle: off}",
     "      header: 1ms\n      body: 1h\n      write: 90s\n      idle: 0\n"},
    {CONFIG_LISTENER, "timeouts: {tunnel: off}", "      tunnel: 0\n"},
    {CONFIG_LISTENER, "close_grace: 200ms", "    close_grace: 200ms\n"},
    {CONFIG_LISTENER, "forwarded: rfc7239", "    forwarded: rfc7239\n"},
    {CONFIG_LISTENER, "forwarded: both", "    forwarded: both\n"},
    {CONFIG_LISTENER, "forwarded: off", "    forwarded: off\n"},
    {CONFIG_LISTENER, "forwarded: false", "    forwarded: off\n"},
    {CONFIG_LISTENER, "proxy_protocol: on, trusted_peers: [10.0.0.0/8]",
     "    proxy_protocol: on\n    trusted_peers: [\"10.0.0.0/8\"]\n"},
    {CONFIG_LISTENER, "proxy_protocol: true, trusted_peers: \"::1\"",
     "    proxy_protocol: on\n    trusted_peers: [\"::1\"]\n"},
    {CONFIG_LISTENER, "proxy_protocol: false", "    proxy_protocol: off\n"},
    {CONFIG_POOL, "connections: {send_proxy: v1}", "      send_proxy: v1\n"},
    {CONFIG_POOL, "connections: {send_proxy: v2, min_idle: 0}", "      send_proxy: v2\n"},
    {CONFIG_POOL, "connections: {send_proxy: false}", "      send_proxy: off\n"},
    {CONFIG_POOL, "connections: {send_proxy: \"${WEIR_UNSET:-v1}\"}", "      send_proxy: v1\n"},
    {CONFIG_LISTENER, "trusted_peers: [10.0.0.0/8, \"::1\"]",
     "    trusted_peers: [\"10.0.0.0/8\", \"::1\"]\n"},
    {CONFIG_POOL, "balance: round_robin", "    balance: round_robin\n"},
    {CONFIG_POOL, "balance: random_two", "    balance: random_two\n"},
    {CONFIG_POOL, "balance: hash_source", "    balance: hash_source\n"},
    {CONFIG_POOL, "balance: hash_host", "    balance: hash_host\n"},
    {CONFIG_POOL, "balance: hash_path", "    balance: hash_path\n"},
    {CONFIG_POOL, "connections: {max: 5}", "      max: 5\n      max_idle: 5\n"},
    {CONFIG_POOL, "connections: {max: 5, max_idle: 5}", "      max: 5\n      max_idle: 5\n"},
    {CONFIG_POOL, "connections: {max: 5, max_idle: 4}", "      max: 5\n      max_idle: 4\n"},
    {CONFIG_POOL, "connections: {max_idle: null}", "      max: 256\n      max_idle: 256\n"},
    {CONFIG_POOL, "connections: {max_idle: off}", "      max: 256\n      max_idle: 256\n"},
    {CONFIG_POOL, "connections: {max: off}", "      max: 0\n      max_idle: 0\n"},
    {CONFIG_POOL, "connections: {max: off, min_idle: 300}",
     "      max_idle: 0\n      min_idle: 300\n"},
    {CONFIG_POOL, "connections: {max_idle: 5, min_idle: 5}",
     "      max_idle: 5\n      min_idle: 5\n"},
    {CONFIG_POOL, "connections: {min_idle: off}", "      max_idle: 256\n      min_idle: 0\n"},
    {CONFIG_POOL, "connections: {max: 0, max_idle: 300}", "      max: 0\n      max_idle: 300\n"},
    {CONFIG_POOL, "connections: {idle_timeout: 0, max_requests: 100, max_age: 1h}",
     "      idle_timeout: 0\n      max_requests: 100\n      max_age: 1h\n"},
    {CONFIG_POOL, "connections: {share: no, close: fin}", "      share: false\n      close: fin\n"},
    {CONFIG_POOL, "connections: {share: on}", "      share: true\n"},
    {CONFIG_POOL, "queue: {max: 0, timeout: 250ms}", "      max: 0\n      timeout: 250ms\n"},
    {CONFIG_POOL, "timeouts: {connect: 1s, response: 2m, stall: off}",
     "      connect: 1s\n      response: 2m\n      stall: 0\n"},
    {CONFIG_POOL, "retry: {attempts: 0, budget: 100%, non_idempotent: off}",
     "      attempts: 0\n      budget: 100%\n      non_idempotent: off\n"},
    {CONFIG_POOL, "retry: {attempts: off, budget: off}", "      attempts: 0\n      budget: 0%\n"},
    {CONFIG_POOL, "retry: {attempts: 10, budget: 0}", "      attempts: 10\n      budget: 0%\n"},
};

ParameterizedTestParameters(config_values, refused)
{
    return CONFIG_ROWS(refused);
}

ParameterizedTest(struct config_row *row, config_values, refused)
{
    config_expect_refused(row);
}

ParameterizedTestParameters(config_values, accepted)
{
    return CONFIG_ROWS(accepted);
}

ParameterizedTest(struct config_row *row, config_values, accepted)
{
    config_expect_accepted(row);
}

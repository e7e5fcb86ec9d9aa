#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

static struct config_row refused[] = {
    {CONFIG_WHOLE, "listeners: {w: {}}",
     "t:1:13: listeners.w: `listen` is missing; write it like `listen: [\":8080\"]`\n"},
    {CONFIG_WHOLE, "listeners: {w: }",
     "t:1:13: listeners.w: `listen` is missing; write it like `listen: [\":8080\"]`\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: []}}",
     "t:1:25: listeners.w: `listen` is empty; write it like `listen: [\":8080\"]`\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: }}",
     "t:1:25: listeners.w: `listen` is empty; write it like `listen: [\":8080\"]`\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: {a: 1}}}",
     "t:1:25: listeners.w.listen: a mapping stands where a list of addresses is expected\n"},
    {CONFIG_WHOLE, "listeners: {w: {lisen: [\":80\"]}}",
     "t:1:17: listeners.w: unknown key `lisen`; did you mean `listen`?\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: [80]}}",
     "t:1:26: listeners.w.listen[0]: `80` is a number alone; write HOST:PORT or :PORT\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: [\":0\"]}}",
     "t:1:26: listeners.w.listen[0]: `:0` has a port out of range; write 1 to 65535\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: [\"::1:80\"]}}",
     "t:1:26: listeners.w.listen[0]: `::1:80` needs brackets around its IPv6 address; write "
     "[::1]:80\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: [\"unix:/x\", \":80\", \"unix:/x\"]}}",
     "t:1:44: listeners.w.listen[2]: `unix:/x` is given twice; it stands at line 1 already, keep "
     "one of them\n"},
    {CONFIG_WHOLE, "admin: {listen: \"unix:/x\"}\nlisteners: {w: {listen: \"unix:/x\"}}",
     "t:2:25: listeners.w.listen[0]: `unix:/x` is the admin endpoint's already; take another one, "
     "here or for `admin.listen`\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: [\"unix:x\"]}}",
     "t:1:26: listeners.w.listen[0]: `unix:x` has no absolute path; write unix:/path\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: [[]]}}",
     "t:1:26: listeners.w.listen[0]: a list stands where an address is expected\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: [\":80\", \"x y:1\"]}}",
     "t:1:33: listeners.w.listen[1]: `x y:1` has a host that is neither an address nor a name; a "
     "name is made of letters, digits, `-`, `_` and `.`\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: [\":80\", \"0.0.0.0:80\"]}}",
     "t:1:33: listeners.w.listen[1]: `0.0.0.0:80` is given twice; it stands at line 1 already, "
     "keep one of them\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: [\"127.0.0.1:80\", \"[::FFFF:7f00:1]:80\"]}}",
     "t:1:42: listeners.w.listen[1]: `[::FFFF:7f00:1]:80` is given twice; it stands at line 1 "
     "already, keep one of them\n"},
    {CONFIG_WHOLE,
     "listeners: {a: {listen: \"[::1]:80\"},\n            b: {listen: \"[0:0::1]:80\"}}",
     "t:2:25: listeners.b.listen[0]: `[0:0::1]:80` is given twice; it stands at line 1 already, "
     "keep one of them\n"},
    {CONFIG_WHOLE, "listeners: {a: {listen: \"Host:80\"}, b: {listen: \"host:80\"}}",
     "t:1:49: listeners.b.listen[0]: `host:80` is given twice; it stands at line 1 already, keep "
     "one of them\n"},
    {CONFIG_WHOLE, "listeners: {a: {listen: \"127.0.0.1:8900\"}}",
     "t:1:25: listeners.a.listen[0]: `127.0.0.1:8900` is the admin endpoint's already; take "
     "another one, here or for `admin.listen`\n"},
    {CONFIG_WHOLE, "admin: {listen: \":80\"}\nlisteners: {a: {listen: \":80\"}}",
     "t:2:25: listeners.a.listen[0]: `:80` is the admin endpoint's already; take another one, here "
     "or for `admin.listen`\n"},
    {CONFIG_WHOLE, "listeners: {\"\": {listen: \":80\"}}",
     "t:1:13: listeners: `` is no name; write 1 to 64 letters, digits, `_`, `.` and `-`\n"},
    {CONFIG_WHOLE, "listeners: {a b: {listen: \":80\"}}",
     "t:1:13: listeners: `a b` is no name; write 1 to 64 letters, digits, `_`, `.` and `-`\n"},
    {CONFIG_WHOLE,
     "listeners: {\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\": {listen: "
     "\":80\"}}",
     "t:1:13: listeners: `nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn` is no "
     "name; write 1 to 64 letters, digits, `_`, `.` and `-`\n"},
    {CONFIG_WHOLE, "listeners: {ä: {listen: \":80\"}}",
     "t:1:13: listeners: `ä` is no name; write 1 to 64 letters, digits, `_`, `.` and `-`\n"},
    {CONFIG_WHOLE, "listeners: {}",
     "t:1:12: `listeners` is empty; write it like `listeners: {web: {listen: [\":8080\"], pool: "
     "NAME}}`\n"},
    {CONFIG_WHOLE, "listeners: ",
     "t:1:11: `listeners` is empty; write it like `listeners: {web: {listen: [\":8080\"], pool: "
     "NAME}}`\n"},
    {CONFIG_WHOLE, "workers: 2",
     "t:1:1: `listeners` is missing; write it like `listeners: {web: {listen: [\":8080\"], pool: "
     "NAME}}`\n"},
    {CONFIG_WHOLE, "pools: {p: {servers: [{address: \"a:1\"}]}}",
     "t:1:1: `listeners` is missing; write it like `listeners: {web: {listen: [\":8080\"], pool: "
     "NAME}}`\n"},
    {CONFIG_WHOLE, "listeners: [a]",
     "t:1:12: listeners: a list stands where a mapping of names is expected; write it like {web: "
     "{listen: [\":8080\"], pool: NAME}}\n"},
    {CONFIG_WHOLE, "[]",
     "t:1:1: a list stands where a mapping is expected, with keys such as `workers`\n"},
    {CONFIG_WHOLE, "listeners",
     "t:1:1: a single value stands where a mapping is expected, with keys such as `workers`\n"},
    {CONFIG_WHOLE, "42",
     "t:1:1: a single value stands where a mapping is expected, with keys such as `workers`\n"},
    {CONFIG_WHOLE,
     "lisen: 1\nlisteners:\n  w: {listen: \":0\", pool: x}\npools:\n  p: {servers: [{address: a}], "
     "balance: fast}",
     "t:1:1: unknown key `lisen`; the keys here are `workers`, `user`, `shutdown_timeout`, `log`, "
     "`access_log`, `admin`, `resolver`, `listeners`, `pools`\nt:3:15: listeners.w.listen[0]: `:0` "
     "has a port "
     "out of range; write 1 to 65535\nt:3:27: listeners.w.pool: there is no pool `x`; the pools "
     "are `p`\nt:5:27: pools.p.servers[0].address: `a` has no port; write HOST:PORT\nt:5:41: "
     "pools.p.balance: `fast` is unknown; write one of `round_robin`, `least_connections`, "
     "`random_two`, `hash_source`, `hash_host`, `hash_path`\n"},
    {CONFIG_LISTENER, "trusted_peers: [localhost]",
     "t:2:40: listeners.w.trusted_peers[0]: `localhost` is no address or block of them; write "
     "192.0.2.1, 10.0.0.0/8, ::1, fd00::/8 or unix\n"},
    {CONFIG_LISTENER, "trusted_peers: [10.0.0.0/33]",
     "t:2:40: listeners.w.trusted_peers[0]: `10.0.0.0/33` is no address or block of them; write "
     "192.0.2.1, 10.0.0.0/8, ::1, fd00::/8 or unix\n"},
    {CONFIG_LISTENER, "trusted_peers: [\"::1/129\"]",
     "t:2:40: listeners.w.trusted_peers[0]: `::1/129` is no address or block of them; write "
     "192.0.2.1, 10.0.0.0/8, ::1, fd00::/8 or unix\n"},
    {CONFIG_LISTENER, "proxy_protocol: on",
     "t:2:40: listeners.w.proxy_protocol: nobody may send a PROXY header, since `trusted_peers` is "
     "empty; write the balancers' addresses there, as in [10.0.0.0/8]\n"},
    {CONFIG_LISTENER, "trusted_peers: [], proxy_protocol: true",
     "t:2:59: listeners.w.proxy_protocol: nobody may send a PROXY header, since `trusted_peers` is "
     "empty; write the balancers' addresses there, as in [10.0.0.0/8]\n"},
    {CONFIG_LISTENER, "proxy_protocol: v1, trusted_peers: [10.0.0.0/8]",
     "t:2:40: listeners.w.proxy_protocol: `v1` is unknown; write one of `off`, `on`\n"},
    {CONFIG_POOL, "connections: {send_proxy: on}",
     "t:3:62: pools.p.connections.send_proxy: `on` is unknown; write one of `off`, `v1`, `v2`\n"},
    {CONFIG_POOL, "connections: {min_idle: 2, send_proxy: v1}",
     "t:3:60: pools.p.connections.min_idle: does not go with `send_proxy`, by which each "
     "connection is one client's; remove one of them\n"},
    {CONFIG_LISTENER, "trusted_peers: {a: b}",
     "t:2:39: listeners.w.trusted_peers: a mapping stands where a list of addresses is expected\n"},
    {CONFIG_LISTENER, "pool: p",
     "t:2:30: listeners.w.pool: there is no pool `p`; there are none at all, add it under "
     "`pools`\n"},
    {CONFIG_LISTENER, "routes: [{host: h}]",
     "t:2:33: listeners.w.routes[0]: `pool` is missing; write it like `pool: NAME`\n"},
    {CONFIG_LISTENER, "routes: [{pool: p}]",
     "t:2:40: listeners.w.routes[0].pool: there is no pool `p`; there are none at all, add it "
     "under `pools`\n"},
    {CONFIG_LISTENER, "routes: [{pool: }]",
     "t:2:40: listeners.w.routes[0]: `pool` is empty; write it like `pool: NAME`\n"},
    {CONFIG_LISTENER, "routes: [{host: \"a:80\", pool: p}]",
     "t:2:40: listeners.w.routes[0].host: `a:80` has a colon; write the host without a "
     "port\nt:2:54: listeners.w.routes[0].pool: there is no pool `p`; there are none at all, add "
     "it under `pools`\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", pool: legcy}}\npools: {legacy: {servers: [{address: "
     "\"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:38: listeners.w.pool: there is no pool `legcy`; did you mean `legacy`?\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", pool: nothing}}\npools: {legacy: {servers: [{address: "
     "\"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:38: listeners.w.pool: there is no pool `nothing`; the pools are `legacy`, `web`\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", pool: \"\"}}\npools: {legacy: {servers: [{address: "
     "\"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:38: listeners.w.pool: there is no pool ``; the pools are `legacy`, `web`\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{pool: wbe}]}}\npools: {legacy: {servers: "
     "[{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:48: listeners.w.routes[0].pool: there is no pool `wbe`; did you mean `web`?\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{host: \"*\", pool: web}]}}\npools: {legacy: "
     "{servers: [{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:48: listeners.w.routes[0].host: `*` is no host; leave the key out to take any host\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{host: \"a.*.b\", pool: web}]}}\npools: {legacy: "
     "{servers: [{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:48: listeners.w.routes[0].host: `a.*.b` has a `*` where it can't be; it may only stand "
     "in front, as in *.example.com\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{host: \"*a.b\", pool: web}]}}\npools: {legacy: "
     "{servers: [{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:48: listeners.w.routes[0].host: `*a.b` has a `*` where it can't be; it may only stand in "
     "front, as in *.example.com\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{host: \"a..b\", pool: web}]}}\npools: {legacy: "
     "{servers: [{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:48: listeners.w.routes[0].host: `a..b` has an empty part; write a host like "
     "www.example.com\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{host: \"a b\", pool: web}]}}\npools: {legacy: "
     "{servers: [{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:48: listeners.w.routes[0].host: `a b` is no host name; write letters, digits, `-`, `_` "
     "and `.`\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{host: \"\", pool: web}]}}\npools: {legacy: "
     "{servers: [{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:48: listeners.w.routes[0].host: `` has an empty part; write a host like "
     "www.example.com\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{host: \"*.\", pool: web}]}}\npools: {legacy: "
     "{servers: [{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:48: listeners.w.routes[0].host: `*.` has an empty part; write a host like "
     "www.example.com\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{path: v1, pool: web}]}}\npools: {legacy: "
     "{servers: [{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:48: listeners.w.routes[0].path: `v1` does not begin with `/`; write a path like /api/\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{path: \"\", pool: web}]}}\npools: {legacy: "
     "{servers: [{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:48: listeners.w.routes[0].path: `` does not begin with `/`; write a path like /api/\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{path: \"/a?b\", pool: web}]}}\npools: {legacy: "
     "{servers: [{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:48: listeners.w.routes[0].path: `/a?b` holds what no path of a request does; write ASCII "
     "without spaces, `?` and `#`\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{path: \"/a b\", pool: web}]}}\npools: {legacy: "
     "{servers: [{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:48: listeners.w.routes[0].path: `/a b` holds what no path of a request does; write ASCII "
     "without spaces, `?` and `#`\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{path: \"/ä\", pool: web}]}}\npools: {legacy: "
     "{servers: [{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:48: listeners.w.routes[0].path: `/ä` holds what no path of a request does; write ASCII "
     "without spaces, `?` and `#`\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{prefix: /a, pool: web}]}}\npools: {legacy: "
     "{servers: [{address: \"a:1\"}]}, web: {servers: [{address: \"b:1\"}]}}",
     "t:1:42: listeners.w.routes[0]: unknown key `prefix`; the keys here are `host`, `path`, "
     "`pool`\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}}\npools: {p: {}}",
     "t:2:9: pools.p: `servers` is missing; write it like `servers: [{address: "
     "\"127.0.0.1:9001\"}]`\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}}\npools: {p: }",
     "t:2:9: pools.p: `servers` is missing; write it like `servers: [{address: "
     "\"127.0.0.1:9001\"}]`\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: []}}",
     "t:2:22: pools.p: `servers` is empty; write it like `servers: [{address: "
     "\"127.0.0.1:9001\"}]`\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: }}",
     "t:2:22: pools.p: `servers` is empty; write it like `servers: [{address: "
     "\"127.0.0.1:9001\"}]`\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: {}}}",
     "t:2:22: pools.p.servers: a mapping stands where a list of mappings is expected; write it "
     "like [{address: \"127.0.0.1:9001\"}]\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: \"a:1\"}}",
     "t:2:22: pools.p.servers: a single value stands where a list of mappings is expected; write "
     "it like [{address: \"127.0.0.1:9001\"}]\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [\"a:1\"]}}",
     "t:2:23: pools.p.servers[0]: a single value stands where a mapping is expected, with keys "
     "such as `address`\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{}]}}",
     "t:2:23: pools.p.servers[0]: `address` is missing; write it like `address: 127.0.0.1:9001`\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: }]}}",
     "t:2:33: pools.p.servers[0]: `address` is empty; write it like `address: 127.0.0.1:9001`\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: a}]}}",
     "t:2:33: pools.p.servers[0].address: `a` has no port; write HOST:PORT\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \"a:0\"}]}}",
     "t:2:33: pools.p.servers[0].address: `a:0` has a port out of range; write 1 to 65535\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \":1\"}]}}",
     "t:2:33: pools.p.servers[0].address: `:1` has no host; a server needs one, as in "
     "127.0.0.1:1\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\n"
     "pools: {p: {servers: [{address: \"unix:/x\"}, {address: \"unix:/x\"}]}}",
     "t:2:55: pools.p.servers[1]: `unix:/x` is given twice; it stands at line 2 already, keep one "
     "of them\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \"unix:/x\", srv: on}]}}",
     "t:2:33: pools.p.servers[0].address: `unix:/x` has no SRV records, being no name; write a "
     "name, "
     "or leave `srv` out\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \"1.2.3:1\"}]}}",
     "t:2:33: pools.p.servers[0].address: `1.2.3:1` has a host that is not an IPv4 address; write "
     "four numbers of 0 to 255\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \"a:1\", weight: 0}]}}",
     "t:2:48: pools.p.servers[0].weight: `0` is too small; write 1 to 256\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \"a:1\", weight: 257}]}}",
     "t:2:48: pools.p.servers[0].weight: `257` is too large; write 1 to 256\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \"[::1]:1\", srv: yes}]}}",
     "t:2:33: pools.p.servers[0].address: `[::1]:1` has no SRV records, being no name; write a "
     "name, or leave `srv` out\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: 127.0.0.1, srv: yes}]}}",
     "t:2:33: pools.p.servers[0].address: `127.0.0.1` has no port; write HOST:PORT\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: a-, srv: yes}]}}",
     "t:2:33: pools.p.servers[0].address: `a-` has no port; write HOST:PORT\n"},
    {CONFIG_TOP, "resolver: {servers: [\"ns.example:53\", \"127.0.0.1:53\", \":53\"]}",
     "t:1:22: resolver.servers[0]: `ns.example:53` is no address; write an IP address and a port, "
     "as in 127.0.0.1:53\nt:1:55: resolver.servers[2]: `:53` has no host; a server needs one, as "
     "in 127.0.0.1:53\n"},
    {CONFIG_TOP, "resolver: {servers: ns.example:53}",
     "t:1:21: resolver.servers[0]: `ns.example:53` is no address; write an IP address and a port, "
     "as in 127.0.0.1:53\n"},
    {CONFIG_TOP, "resolver: {timeout: 0}",
     "t:1:21: resolver.timeout: `0` is too small; write 10ms to 60s\n"},
    {CONFIG_TOP, "resolver: {family: ipv5}",
     "t:1:20: resolver.family: `ipv5` is unknown; did you mean `ipv4`?\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \"a:1\", backup: "
     "maybe}]}}",
     "t:2:48: pools.p.servers[0].backup: `maybe` is unknown; write true or false\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \"127.0.0.1:1\"},\n       "
     "             {address: \"127.0.0.1:1\"}]}}",
     "t:3:31: pools.p.servers[1]: `127.0.0.1:1` is given twice; it stands at line 2 already, keep "
     "one of them\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \"A:1\"}, {address: "
     "\"a:1\"}, {address: \"a:1\"}]}}",
     "t:2:51: pools.p.servers[1]: `a:1` is given twice; it stands at line 2 already, keep one of "
     "them\nt:2:69: pools.p.servers[2]: `a:1` is given twice; it stands at line 2 already, keep "
     "one of them\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{adress: \"a:1\"}]}}",
     "t:2:24: pools.p.servers[0]: unknown key `adress`; did you mean `address`?\n"},
};

static struct config_row accepted[] = {
    {CONFIG_WHOLE,
     "listeners: {w: {listen: [\":80\", \"127.0.0.1:80\", \"[::]:80\", \"localhost:80\"]}}",
     "    listen: [\":80\", \"127.0.0.1:80\", \"[::]:80\", \"localhost:80\"]\n"},
    {CONFIG_WHOLE, "admin: {listen: off}\nlisteners: {w: {listen: \"127.0.0.1:8900\"}}",
     "    listen: [\"127.0.0.1:8900\"]\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", pool: b, routes: [{host: \"*.Example.COM\", path: /, pool: "
     "a}]}}\npools: {a: {servers: [{address: \"h:1\"}]}, b: {servers: [{address: \"h:1\"}]}}",
     "    pool: b\n    routes:\n      - host: \"*.example.com\"\n        path: /\n        pool: "
     "a\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{pool: a}]}}\npools: {a: {servers: [{address: "
     "\"h:1\"}]}, b: {servers: [{address: \"h:1\"}]}}",
     "    pool: null\n    routes:\n      - host: null\n        path: null\n        pool: a\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\", routes: [{host: 10.0.0.1, path: ~, pool: a}]}}\npools: {a: "
     "{servers: [{address: \"h:1\"}]}, b: {servers: [{address: \"h:1\"}]}}",
     "      - host: \"10.0.0.1\"\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {a: {servers: [{address: \"h:1\", weight: 256}, "
     "{address: \"H:2\"}, {address: \"[::1]:1\"}]}}",
     "      - address: h:1\n        weight: 256\n        backup: false\n        srv: false\n      "
     "- "
     "address: H:2\n        weight: 1\n        backup: false\n        srv: false\n      - address: "
     "\"[::1]:1\"\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: _http._tcp.a, srv: "
     "yes}]}}",
     "      - address: \"_http._tcp.a\"\n        weight: 1\n        backup: false\n        srv: "
     "true\n"},
    {CONFIG_TOP,
     "resolver: {servers: [\"127.0.0.1:53\", \"[::1]:5353\"], timeout: 1m, family: ipv6}",
     "resolver:\n  servers: [\"127.0.0.1:53\", \"[::1]:5353\"]\n  timeout: 60s\n  family: ipv6\n"},
};

ParameterizedTestParameters(config_check, refused)
{
    return CONFIG_ROWS(refused);
}

ParameterizedTest(struct config_row *row, config_check, refused)
{
    config_expect_refused(row);
}

ParameterizedTestParameters(config_check, accepted)
{
    return CONFIG_ROWS(accepted);
}

ParameterizedTest(struct config_row *row, config_check, accepted)
{
    config_expect_accepted(row);
}

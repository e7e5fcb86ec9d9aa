#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

static struct config_row refused[] = {
    {CONFIG_TOP, "user: weir",
     "t:1:1: user: dropping privileges has not landed in this version of weir; remove the key\n"},
    {CONFIG_TOP, "user: \"null\"",
     "t:1:1: user: dropping privileges has not landed in this version of weir; remove the key\n"},
    {CONFIG_LISTENER, "tls: {}",
     "t:2:24: listeners.w.tls: TLS has not landed in this version of weir; remove the key\n"},
    {CONFIG_LISTENER, "tls: {certificates: []}",
     "t:2:24: listeners.w.tls: TLS has not landed in this version of weir; remove the key\n"},
    {CONFIG_LISTENER, "proxy_protocol: on",
     "t:2:24: listeners.w.proxy_protocol: the PROXY protocol has not landed in this version of "
     "weir; remove the key\n"},
    {CONFIG_LISTENER, "proxy_protocol: true",
     "t:2:24: listeners.w.proxy_protocol: the PROXY protocol has not landed in this version of "
     "weir; remove the key\n"},
    {CONFIG_LISTENER, "headers: {request: {set: {A: b}}}",
     "t:2:44: listeners.w.headers.request.set: header edits have not landed in this version of "
     "weir; remove the key\n"},
    {CONFIG_LISTENER, "headers: {response: {remove: [Server]}}",
     "t:2:45: listeners.w.headers.response.remove: header edits have not landed in this version of "
     "weir; remove the key\n"},
    {CONFIG_LISTENER, "headers: {response: {add: {A: b}}}",
     "t:2:45: listeners.w.headers.response.add: header edits have not landed in this version of "
     "weir; remove the key\n"},
    {CONFIG_LISTENER, "headers: {reqest: {}}",
     "t:2:34: listeners.w.headers: unknown key `reqest`; did you mean `request`?\n"},
    {CONFIG_POOL, "connections: {send_proxy: v1}",
     "t:3:50: pools.p.connections.send_proxy: the PROXY protocol has not landed in this version of "
     "weir; remove the key\n"},
    {CONFIG_POOL, "connections: {send_proxy: v2}",
     "t:3:50: pools.p.connections.send_proxy: the PROXY protocol has not landed in this version of "
     "weir; remove the key\n"},
};

static struct config_row accepted[] = {
    {CONFIG_TOP, "user: null", "workers: auto\n"},
    {CONFIG_TOP, "admin: {token_file: null}", "  token_file: null\n"},
    {CONFIG_TOP, "admin: {token_file: /t}", "  token_file: /t\n"},
    {CONFIG_LISTENER, "tls: ~, proxy_protocol: off", "    trusted_peers: []\n"},
    {CONFIG_LISTENER, "proxy_protocol: false", "    trusted_peers: []\n"},
    {CONFIG_LISTENER, "headers: {request: {remove: [], set: {}, add: {}}, response: {remove: ~}}",
     "    trusted_peers: []\n"},
    {CONFIG_POOL, "connections: {send_proxy: off}", "      share: true\n"},
    {CONFIG_POOL, "connections: {send_proxy: false}", "      share: true\n"},
    {CONFIG_POOL, "tls: ~", "      share: true\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \"a:1\", backup: no, srv: "
     "false}]}}",
     "      - address: a:1\n        weight: 1\n"},
    {CONFIG_POOL, "connections: {send_proxy: \"${WEIR_UNSET:-off}\"}", "      share: true\n"},
};

ParameterizedTestParameters(config_pending, refused)
{
    return CONFIG_ROWS(refused);
}

ParameterizedTest(struct config_row *row, config_pending, refused)
{
    config_expect_refused(row);
}

ParameterizedTestParameters(config_pending, accepted)
{
    return CONFIG_ROWS(accepted);
}

ParameterizedTest(struct config_row *row, config_pending, accepted)
{
    config_expect_accepted(row);
}

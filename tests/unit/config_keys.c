#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

static struct config_row refused[] = {
    {CONFIG_TOP, "worker: 2", "t:1:1: unknown key `worker`; did you mean `workers`?\n"},
    {CONFIG_TOP, "xyzzy: 1",
     "t:1:1: unknown key `xyzzy`; the keys here are `workers`, `user`, `shutdown_timeout`, `log`, "
     "`access_log`, `admin`, `resolver`, `listeners`, `pools`\n"},
    {CONFIG_TOP, "log: {tto: stderr}", "t:1:7: log: unknown key `tto`; did you mean `to`?\n"},
    {CONFIG_TOP, "log: 3",
     "t:1:6: log: a single value stands where a mapping is expected, with keys such as `to`\n"},
    {CONFIG_TOP, "log: [stderr]",
     "t:1:6: log: a list stands where a mapping is expected, with keys such as `to`\n"},
    {CONFIG_TOP, "workers: [1]", "t:1:10: workers: a list stands where a number is expected\n"},
    {CONFIG_TOP, "workers: {a: 1}",
     "t:1:10: workers: a mapping stands where a number is expected\n"},
    {CONFIG_TOP, "admin: on",
     "t:1:8: admin: a single value stands where a mapping is expected, with keys such as "
     "`listen`\n"},
    {CONFIG_TOP, "pools: []",
     "t:1:8: pools: a list stands where a mapping of names is expected; write it like {NAME: "
     "{servers: [{address: \"127.0.0.1:9001\"}]}}\n"},
    {CONFIG_TOP, "pools: x",
     "t:1:8: pools: a single value stands where a mapping of names is expected; write it like "
     "{NAME: {servers: [{address: \"127.0.0.1:9001\"}]}}\n"},
    {CONFIG_LISTENER, "pol: p", "t:2:24: listeners.w: unknown key `pol`; did you mean `pool`?\n"},
    {CONFIG_LISTENER, "routes: {}",
     "t:2:32: listeners.w.routes: a mapping stands where a list of mappings is expected; write it "
     "like [{host: www.example.com, path: /, pool: NAME}]\n"},
    {CONFIG_LISTENER, "routes: x",
     "t:2:32: listeners.w.routes: a single value stands where a list of mappings is expected; "
     "write it like [{host: www.example.com, path: /, pool: NAME}]\n"},
    {CONFIG_LISTENER, "routes: [x]",
     "t:2:33: listeners.w.routes[0]: a single value stands where a mapping is expected, with keys "
     "such as `host`\n"},
    {CONFIG_LISTENER, "routes: [[]]",
     "t:2:33: listeners.w.routes[0]: a list stands where a mapping is expected, with keys such as "
     "`host`\n"},
    {CONFIG_LISTENER, "timeouts: [10s]",
     "t:2:34: listeners.w.timeouts: a list stands where a mapping is expected, with keys such as "
     "`header`\n"},
    {CONFIG_LISTENER, "listeners: {}",
     "t:2:24: listeners.w: unknown key `listeners`; did you mean `listen`?\n"},
};

static struct config_row accepted[] = {
    {CONFIG_TOP, "log:", "log:\n  to: stderr\n  level: info\n  format: text\n"},
    {CONFIG_TOP, "log: {}\nadmin: ~\npools: {}", "admin:\n  listen: 127.0.0.1:8900\n"},
    {CONFIG_TOP, "\"workers\": \"3\"", "workers: 3\n"},
    {CONFIG_LISTENER, "routes: ~, timeouts: , limits: ~", "    routes: []\n"},
    {CONFIG_LISTENER, "trusted_peers: 10.0.0.1", "    trusted_peers: [\"10.0.0.1\"]\n"},
    {CONFIG_LISTENER, "trusted_peers: ~", "    trusted_peers: []\n"},
    {CONFIG_WHOLE, "listeners: {a: {listen: \":80\"}}",
     "  a:\n    listen: [\":80\"]\n    socket_mode: 0660\n    pool: null\n"},
    {CONFIG_WHOLE,
     "listeners:\n  \"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\": {listen: "
     "\":80\"}",
     "  nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn:\n"},
    {CONFIG_WHOLE, "listeners: {A-b_c.9: {listen: \":80\"}, \"null\": {listen: \":81\"}}",
     "  A-b_c.9:\n"},
    {CONFIG_WHOLE, "listeners: {\"null\": {listen: \":81\"}}", "  \"null\":\n"},
    {CONFIG_WHOLE, "listeners: {b: {listen: \":1\"}, a: {listen: \":2\"}}",
     "  b:\n    listen: [\":1\"]\n"},
};

ParameterizedTestParameters(config_keys, refused)
{
    return CONFIG_ROWS(refused);
}

ParameterizedTest(struct config_row *row, config_keys, refused)
{
    config_expect_refused(row);
}

ParameterizedTestParameters(config_keys, accepted)
{
    return CONFIG_ROWS(accepted);
}

ParameterizedTest(struct config_row *row, config_keys, accepted)
{
    config_expect_accepted(row);
}

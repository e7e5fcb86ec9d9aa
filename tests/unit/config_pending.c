#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

static struct config_row refused[] = {
    {CONFIG_TOP, "user: weir",
     "t:1:1: user: dropping privileges has not landed in this version of weir; remove the key\n"},
    {CONFIG_TOP, "user: \"null\"",
     "t:1:1: user: dropping privileges has not landed in this version of weir; remove the key\n"},
    {CONFIG_LISTENER, "headers: {reqest: {}}",
     "t:2:34: listeners.w.headers: unknown key `reqest`; did you mean `request`?\n"},
};

static struct config_row accepted[] = {
    {CONFIG_TOP, "user: null", "workers: auto\n"},
    {CONFIG_TOP, "admin: {token_file: null}", "  token_file: null\n"},
    {CONFIG_TOP, "admin: {token_file: /t}", "  token_file: /t\n"},
    {CONFIG_LISTENER, "tls: ~", "    trusted_peers: []\n"},
    {CONFIG_LISTENER, "headers: {request: {remove: [], set: {}, add: {}}, response: {remove: ~}}",
     "    trusted_peers: []\n"},
    {CONFIG_POOL, "tls: ~", "      share: true\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \"a:1\", backup: no, srv: "
     "false}]}}",
     "      - address: a:1\n        weight: 1\n"},
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

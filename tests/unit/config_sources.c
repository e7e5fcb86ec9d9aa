#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <netinet/in.h>
#include <stdlib.h>

#define NOT_AN_ADDRESS                                                                             \
    "is no IP address; write one of this host's, without a port, like 192.0.2.1 or 2001:db8::1\n"

static struct config_row refused[] = {
    {CONFIG_POOL, "connections: {source: [localhost]}",
     "t:3:59: pools.p.connections.source[0]: `localhost` " NOT_AN_ADDRESS},
    {CONFIG_POOL, "connections: {source: [\"127.0.0.1:80\"]}",
     "t:3:59: pools.p.connections.source[0]: `127.0.0.1:80` " NOT_AN_ADDRESS},
    {CONFIG_POOL, "connections: {source: [127.0.0.1, \"[::1]\"]}",
     "t:3:70: pools.p.connections.source[1]: `[::1]` " NOT_AN_ADDRESS},
    {CONFIG_POOL, "connections: {source: \"fe80::1%eth0\"}",
     "t:3:58: pools.p.connections.source[0]: `fe80::1%eth0` " NOT_AN_ADDRESS},
    {CONFIG_POOL, "connections: {source: [\"\"]}",
     "t:3:59: pools.p.connections.source[0]: `` " NOT_AN_ADDRESS},
    {CONFIG_POOL, "connections: {source: [unix]}",
     "t:3:59: pools.p.connections.source[0]: `unix` " NOT_AN_ADDRESS},
    {CONFIG_POOL, "connections: {source: [0.0.0.0, \"::\"]}",
     "t:3:59: pools.p.connections.source[0]: `0.0.0.0` is every address of the host; write one of "
     "them, or leave `source` out to let the kernel choose\n"
     "t:3:68: pools.p.connections.source[1]: `::` is every address of the host; write one of them, "
     "or leave `source` out to let the kernel choose\n"},
    {CONFIG_POOL, "connections: {source: [\"::ffff:10.0.0.1\"]}",
     "t:3:59: pools.p.connections.source[0]: `::ffff:10.0.0.1` is an IPv4 address in the form of "
     "IPv6; write it like 192.0.2.1\n"},
    {CONFIG_POOL, "connections: {source: {a: b}}",
     "t:3:58: pools.p.connections.source: a mapping stands where a list of IP addresses is "
     "expected\n"},
    {CONFIG_POOL, "connections: {source: [10.0.0.1, \"::1\", 10.0.0.1]}",
     "t:3:76: pools.p.connections.source[2]: `10.0.0.1` is given twice; keep one of them\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \"[::1]:1\"}, {address: "
     "\"10.0.0.1:1\"}],\n  connections: {source: [10.0.0.9]}}}",
     "t:3:25: pools.p.connections.source: has no IPv6 address, which server `[::1]:1` needs; add "
     "one of this host's, or remove the key\n"},
    {CONFIG_WHOLE,
     "listeners: {w: {listen: \":80\"}}\npools: {p: {servers: [{address: \"name:1\"}, {address: "
     "\"10.0.0.1:1\"}],\n  connections: {source: \"::9\"}}}",
     "t:3:25: pools.p.connections.source: has no IPv4 address, which server `10.0.0.1:1` needs; "
     "add one of this host's, or remove the key\n"},
};

static struct config_row accepted[] = {
    {CONFIG_POOL, "connections: {source: []}", "      source: []\n"},
    {CONFIG_POOL, "connections: {source: ~}", "      source: []\n"},
    {CONFIG_POOL, "connections: {source: 127.0.0.1}", "      source: [\"127.0.0.1\"]\n"},
    {CONFIG_POOL, "connections: {source: [127.0.0.2, \"2001:DB8::1\"]}",
     "      source: [\"127.0.0.2\", \"2001:DB8::1\"]\n"},
    {CONFIG_POOL, "connections: {source: [\"${WEIR_UNSET:-192.0.2.1}\"]}",
     "      source: [\"192.0.2.1\"]\n"},
};

ParameterizedTestParameters(config_sources, refused)
{
    return CONFIG_ROWS(refused);
}

ParameterizedTest(struct config_row *row, config_sources, refused)
{
    config_expect_refused(row);
}

ParameterizedTestParameters(config_sources, accepted)
{
    return CONFIG_ROWS(accepted);
}

ParameterizedTest(struct config_row *row, config_sources, accepted)
{
    config_expect_accepted(row);
}

Test(config_sources, are_parsed_without_a_port)
{
    const struct config_row row = {CONFIG_POOL, "connections: {source: [127.0.0.2, \"::1\"]}", ""};
    char *text = config_text_make(&row), *errors, host[WEIR_ADDRESS_TEXT_MAX];
    struct weir_config *config = config_text_load(text, &errors);

    cr_assert_str_eq(errors, "");
    const struct weir_config_pool *pool = &config->pools[0];
    cr_assert_eq(pool->n_sources, 2);
    cr_expect_eq(pool->sources[0].any.sa_family, AF_INET);
    cr_expect_eq(pool->sources[1].any.sa_family, AF_INET6);
    cr_expect_eq(weir_address_port(&pool->sources[0]), 0);
    cr_expect_str_eq(weir_address_describe_host(&pool->sources[0], host), "127.0.0.2");
    cr_expect_str_eq(weir_address_describe_host(&pool->sources[1], host), "::1");
    weir_config_unref(config);
    free(errors);
    free(text);
}

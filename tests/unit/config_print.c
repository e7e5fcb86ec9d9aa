#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

static const char everything[] = "workers: auto\n"
                                 "shutdown_timeout: 30s\n"
                                 "log:\n"
                                 "  to: stderr\n"
                                 "  level: info\n"
                                 "  format: text\n"
                                 "admin:\n"
                                 "  listen: 127.0.0.1:8900\n"
                                 "  socket_mode: 0600\n"
                                 "  token_file: null\n"
                                 "resolver:\n"
                                 "  servers: []\n"
                                 "  timeout: 2s\n"
                                 "  family: any\n"
                                 "listeners:\n"
                                 "  w:\n"
                                 "    listen: [\":80\"]\n"
                                 "    socket_mode: 0660\n"
                                 "    pool: p\n"
                                 "    routes:\n"
                                 "      - host: null\n"
                                 "        path: null\n"
                                 "        pool: p\n"
                                 "    proxy_protocol: off\n"
                                 "    trusted_peers: []\n"
                                 "    forwarded: x_forwarded\n"
                                 "    headers:\n"
                                 "      request:\n"
                                 "        remove: []\n"
                                 "        set: {}\n"
                                 "        add: {}\n"
                                 "      response:\n"
                                 "        remove: []\n"
                                 "        set: {}\n"
                                 "        add: {}\n"
                                 "    request_id: off\n"
                                 "    timeouts:\n"
                                 "      header: 10s\n"
                                 "      body: 30s\n"
                                 "      write: 30s\n"
                                 "      idle: 60s\n"
                                 "      tunnel: 1h\n"
                                 "    close_grace: 0\n"
                                 "    limits:\n"
                                 "      connections: 0\n"
                                 "      connections_per_ip: 0\n"
                                 "      requests_per_connection: 0\n"
                                 "      handshakes: 1\n"
                                 "      header_bytes: 32KiB\n"
                                 "      headers: 100\n"
                                 "      body_bytes: 0\n"
                                 "pools:\n"
                                 "  p:\n"
                                 "    servers:\n"
                                 "      - address: a:1\n"
                                 "        weight: 1\n"
                                 "        backup: false\n"
                                 "        srv: false\n"
                                 "    balance: least_connections\n"
                                 "    connections:\n"
                                 "      max: 256\n"
                                 "      max_idle: 256\n"
                                 "      min_idle: 0\n"
                                 "      idle_timeout: 55s\n"
                                 "      max_requests: 0\n"
                                 "      max_age: 0\n"
                                 "      share: true\n"
                                 "      close: reset\n"
                                 "      source: []\n"
                                 "      send_proxy: off\n"
                                 "    queue:\n"
                                 "      max: 1024\n"
                                 "      timeout: 5s\n"
                                 "    timeouts:\n"
                                 "      connect: 2s\n"
                                 "      response: 60s\n"
                                 "      stall: 30s\n"
                                 "    retry:\n"
                                 "      attempts: 2\n"
                                 "      budget: 20%\n"
                                 "      non_idempotent: evidence\n"
                                 "    outlier:\n"
                                 "      failures: 5\n"
                                 "      eject: 10s\n";

Test(config_print, shows_every_landed_key_and_no_other)
{
    char *errors;
    struct weir_config *config = config_text_load(
        "listeners: {w: {listen: \":80\", pool: p, routes: [{pool: p}]}}\n"
        "pools: {p: {servers: [{address: \"a:1\"}]}}\n",
        &errors);

    cr_assert_str_eq(errors, "");
    char *text = config_text_print(config);
    cr_expect_str_eq(text, everything);
    free(text);
    free(errors);
    weir_config_unref(config);
}

/* A section that means something by being there. */
static struct config_row present[] = {
    {CONFIG_TOP, "access_log: {}",
     "access_log:\n"
     "  to: /var/log/weir/access.log\n"
     "  format: json\n"},
    {CONFIG_TOP, "access_log: {to: /a, format: combined}",
     "access_log:\n"
     "  to: /a\n"
     "  format: combined\n"},
    {CONFIG_TOP, "access_log: ~", "  format: text\nadmin:\n"},
    {CONFIG_POOL, "health: {}",
     "    health:\n"
     "      path: /healthz\n"
     "      host: null\n"
     "      interval: 2s\n"
     "      timeout: 1s\n"
     "      rise: 2\n"
     "      fall: 3\n"
     "      expect: 200-399\n"},
    {CONFIG_POOL, "health: {path: \"/a?b=c\", host: \"[::1]:80\", expect: 204}",
     "    health:\n"
     "      path: \"/a?b=c\"\n"
     "      host: \"[::1]:80\"\n"},
    {CONFIG_POOL, "health: ~", "      non_idempotent: evidence\n    outlier:\n"},
};

ParameterizedTestParameters(config_print, presence)
{
    return CONFIG_ROWS(present);
}

ParameterizedTest(struct config_row *row, config_print, presence)
{
    config_expect_accepted(row);
}

/* Paths of the log, each a text that YAML or a reference could take for something else. */
static struct config_row quoted[] = {
    {CONFIG_TOP, "log: {to: /a}", "  to: /a\n"},
    {CONFIG_TOP, "log: {to: \"a/b:\"}", "  to: \"a/b:\"\n"},
    {CONFIG_TOP, "log: {to: \"/a: b\"}", "  to: \"/a: b\"\n"},
    {CONFIG_TOP, "log: {to: \"/a #b\"}", "  to: \"/a #b\"\n"},
    {CONFIG_TOP, "log: {to: \"1/2\"}", "  to: 1/2\n"},
    {CONFIG_TOP, "log: {to: \"./a\"}", "  to: \"./a\"\n"},
    {CONFIG_TOP, "log: {to: \"- /a\"}", "  to: \"- /a\"\n"},
    {CONFIG_TOP, "log: {to: \"*/a\"}", "  to: \"*/a\"\n"},
    {CONFIG_TOP, "log: {to: '/\"\\'}", "  to: \"/\\\"\\\\\"\n"},
    {CONFIG_TOP, "log: {to: \"/a\\nb\\tc\\e\"}",
     "  to: \"/a\\U0000000ab\\U00000009c\\U0000001b\"\n"},
    {CONFIG_TOP, "log: {to: \"/ä€\\U0001F30A\"}", "  to: \"/ä€🌊\"\n"},
    {CONFIG_TOP, "log: {to: \"/\\u0085\\u2028\\uFEFF\\u00a0\"}",
     "  to: \"/\\U00000085\\U00002028\\U0000feff\xc2\xa0\"\n"},
    {CONFIG_TOP, "log: {to: \"/ \"}", "  to: \"/ \"\n"},
    {CONFIG_TOP, "log: {to: \"/$${a}\"}", "  to: \"/$${a}\"\n"},
    {CONFIG_TOP, "log: {to: \"/$$$${\"}", "  to: \"/$$$${\"\n"},
    {CONFIG_TOP, "log: {to: \"/$\"}", "  to: \"/$\"\n"},
    {CONFIG_WHOLE, "listeners: {yes: {listen: \":1\"}, \"1\": {listen: \":2\"}}", "  \"yes\":\n"},
    {CONFIG_WHOLE, "listeners: {yes: {listen: \":1\"}, \"1\": {listen: \":2\"}}", "  \"1\":\n"},
    {CONFIG_WHOLE, "listeners: {\".\": {listen: \":1\"}, -: {listen: \":2\"}}", "  \"-\":\n"},
};

ParameterizedTestParameters(config_print, quotes)
{
    return CONFIG_ROWS(quoted);
}

ParameterizedTest(struct config_row *row, config_print, quotes)
{
    config_expect_accepted(row);
}

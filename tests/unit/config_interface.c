#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* The complete example of the interface, every key with its default or the value shown there. */
static const char example[] =
    "workers: auto\n"
    "user: null\n"
    "shutdown_timeout: 30s\n"
    "log:\n"
    "  to: stderr\n"
    "  level: info\n"
    "  format: text\n"
    "access_log:\n"
    "  to: /var/log/weir/access.log\n"
    "  format: json\n"
    "admin:\n"
    "  listen: 127.0.0.1:8900\n"
    "  token_file: null\n"
    "resolver:\n"
    "  servers: []\n"
    "  timeout: 2s\n"
    "  family: any\n"
    "\n"
    "listeners:\n"
    "  web:\n"
    "    listen: [\":8080\"]\n"
    "    pool: legacy\n"
    "    routes:\n"
    "      - {host: api.example.com, path: /v1/, pool: api}\n" /* line 24 */
    "    tls:\n"
    "      certificates:\n"
    "        - {certificate: site.pem, key: site.key}\n"
    "      min_version: \"1.2\"\n"
    "      ciphers: null\n"
    "      client_ca: null\n"
    "    proxy_protocol: off\n"
    "    trusted_peers: []\n"
    "    forwarded: x_forwarded\n"
    "    headers:\n"
    "      request:  {remove: [], set: {}, add: {}}\n"
    "      response: {remove: [], set: {}, add: {}}\n"
    "    timeouts: {header: 10s, body: 30s, write: 30s, idle: 60s}\n"
    "    close_grace: 0ms\n"
    "    limits:\n"
    "      connections: 0\n"
    "      connections_per_ip: 0\n"
    "      requests_per_connection: 0\n"
    "      header_bytes: 32KiB\n"
    "      headers: 100\n"
    "      body_bytes: 0\n"
    "\n"
    "pools:\n"
    "  legacy:\n"
    "    servers:\n"
    "      - {address: \"127.0.0.1:9001\", weight: 1, backup: false, srv: false}\n"
    "    balance: least_connections\n"
    "    connections:\n"
    "      max: 256\n"
    "      max_idle: null\n"
    "      min_idle: 0\n"
    "      idle_timeout: 55s\n"
    "      max_requests: 0\n"
    "      max_age: 0\n"
    "      share: true\n"
    "      close: reset\n"
    "      source: []\n"
    "      send_proxy: off\n"
    "    queue: {max: 1024, timeout: 5s}\n"
    "    timeouts: {connect: 2s, response: 60s, stall: 30s}\n"
    "    retry:\n"
    "      attempts: 2\n"
    "      budget: 20%\n"
    "      non_idempotent: evidence\n"
    "    health:\n" /* line 69 */
    "      path: /healthz\n"
    "      host: null\n"
    "      interval: 2s\n"
    "      timeout: 1s\n"
    "      rise: 2\n"
    "      fall: 3\n"
    "      expect: \"200-399\"\n"
    "    outlier: {failures: 5, eject: 10s}\n"
    "    tls:\n"
    "      verify: true\n"
    "      ca_file: null\n"
    "      server_name: null\n"
    "      certificate: null\n"
    "      key: null\n";

/* The example leaves out the second pool that it speaks of. */
#define API "  api: {servers: [{address: \"127.0.0.1:9002\"}]}\n"

static char *join(const char *a, const char *b)
{
    char *text = NULL;
    cr_assert_geq(asprintf(&text, "%s%s", a, b), 0);
    return text;
}

Test(config_interface, only_what_is_not_there_is_refused)
{
    char *text = join(example, API);
    char *errors;

    cr_expect_null(config_text_load(text, &errors));
    cr_expect_str_eq(errors,
                     "t:27:25: listeners.web.tls.certificates[0].certificate: `site.pem` cannot be "
                     "read: No such file or directory; give the path of a PEM file\n"
                     "t:27:40: listeners.web.tls.certificates[0].key: `site.key` cannot be read: "
                     "No such file or directory; give the path of a PEM file\n");
    free(errors);
    free(text);
}

Test(config_interface, its_missing_pool_is_named)
{
    char *errors;

    cr_expect_null(config_text_load(example, &errors));
    cr_expect_not_null(strstr(errors, "t:24:51: listeners.web.routes[0].pool: there is no pool "
                                      "`api`; the pools are `legacy`\n"));
    free(errors);
}

/* Without a line that begins with FIRST, and those that are indented deeper. */
static void cut(char *text, const char *first)
{
    char *from = strstr(text, first);
    size_t indent = strspn(first, " ");
    char *to = strchr(from, '\n') + 1;

    while (strspn(to, " ") > indent)
        to = strchr(to, '\n') + 1;
    memmove(from, to, strlen(to) + 1);
}

static const char minimal[] = "listeners:\n"
                              "  web:\n"
                              "    listen: [\":8080\"]\n"
                              "    pool: legacy\n"
                              "    routes: [{host: api.example.com, path: /v1/, pool: api}]\n"
                              "pools:\n"
                              "  legacy: {servers: [{address: \"127.0.0.1:9001\"}]}\n" API;

/* What the example writes out is what weir does without it. */
Test(config_interface, its_values_are_the_defaults)
{
    static const char *const optional[] = {
        "access_log:", "    tls:", "    health:", "    outlier:", "    tls:"};
    char *text = join(example, API);
    char *errors;

    for (size_t i = 0; i < sizeof(optional) / sizeof(*optional); i++)
        cut(text, optional[i]);
    struct weir_config *full = config_text_load(text, &errors);
    cr_assert_str_eq(errors, "");
    free(errors);
    struct weir_config *bare = config_text_load(minimal, &errors);
    cr_assert_str_eq(errors, "");
    free(errors);
    char *full_printed = config_text_print(full);
    char *bare_printed = config_text_print(bare);
    cr_expect_str_eq(full_printed, bare_printed);
    free(full_printed);
    free(bare_printed);
    weir_config_unref(full);
    weir_config_unref(bare);
    free(text);
}

static void expect_listener(const struct weir_config_listener *web)
{
    cr_expect_str_eq(web->name, "web");
    cr_expect_eq(web->n_listen, 1);
    cr_expect_str_eq(web->listen[0], ":8080");
    cr_expect_eq(web->endpoints[0].port, 8080);
    cr_expect_str_eq(web->pool, "legacy");
    cr_expect_eq(web->pool_index, 0);
    cr_expect_eq(web->n_routes, 1);
    cr_expect_str_eq(web->routes[0].host, "api.example.com");
    cr_expect_str_eq(web->routes[0].path, "/v1/");
    cr_expect_eq(web->routes[0].pool_index, 1);
    cr_expect_eq(web->n_trusted, 0);
    cr_expect_eq(web->forwarded, WEIR_FORWARDED_X);
    cr_expect(web->header_ms == 10000 && web->body_ms == 30000 && web->write_ms == 30000 &&
              web->idle_ms == 60000 && web->close_grace_ms == 0);
    cr_expect(web->connections_max == 0 && web->connections_per_ip_max == 0 &&
              web->requests_per_connection_max == 0);
    cr_expect(web->header_bytes_max == 32768 && web->headers_max == 100 &&
              web->body_bytes_max == 0);
}

static void expect_pool(const struct weir_config_pool *pool)
{
    cr_expect_str_eq(pool->name, "legacy");
    cr_expect_eq(pool->n_servers, 1);
    cr_expect_str_eq(pool->servers[0].address, "127.0.0.1:9001");
    cr_expect_eq(pool->servers[0].endpoint.port, 9001);
    cr_expect(pool->servers[0].weight == 1 && !pool->servers[0].backup && !pool->servers[0].srv);
    cr_expect_eq(pool->balance, WEIR_BALANCE_LEAST_CONNECTIONS);
    cr_expect(pool->connections_max == 256 && pool->idle_max == 256 && pool->idle_min == 0);
    cr_expect(pool->idle_timeout_ms == 55000 && pool->requests_max == 0 && pool->age_ms_max == 0);
    cr_expect(pool->share && pool->close == WEIR_CLOSE_RESET);
    cr_expect(pool->queue_max == 1024 && pool->queue_timeout_ms == 5000);
    cr_expect(pool->connect_ms == 2000 && pool->response_ms == 60000 && pool->stall_ms == 30000);
    cr_expect(pool->retry_attempts == 2 && pool->retry_budget_percent == 20 &&
              pool->retry_evidence == WEIR_EVIDENCE_ON);
}

Test(config_interface, every_field_has_its_default)
{
    char *errors;
    struct weir_config *config = config_text_load(minimal, &errors);

    cr_assert_str_eq(errors, "");
    cr_expect_str_eq(config->source, "t");
    cr_expect_eq(config->workers, 0);
    cr_expect_null(config->user);
    cr_expect_eq(config->shutdown_timeout_ms, 30000);
    cr_expect_str_eq(config->log_to, "stderr");
    cr_expect(config->log_level == WEIR_LOG_INFO && config->log_format == WEIR_LOG_TEXT);
    cr_expect_not(config->has_access_log);
    cr_expect_str_eq(config->access_log_to, "/var/log/weir/access.log");
    cr_expect_eq(config->access_log_format, WEIR_ACCESS_JSON);
    cr_expect_str_eq(config->admin_listen, "127.0.0.1:8900");
    cr_expect_str_eq(config->admin_endpoint.host, "127.0.0.1");
    cr_expect_eq(config->admin_endpoint.port, 8900);
    cr_expect_null(config->admin_token_file);
    cr_expect(config->n_resolver_servers == 0 && config->resolver_timeout_ms == 2000 &&
              config->resolver_family == WEIR_FAMILY_ANY);
    cr_assert(config->n_listeners == 1 && config->n_pools == 2);
    expect_listener(&config->listeners[0]);
    expect_pool(&config->pools[0]);
    weir_config_unref(config);
    free(errors);
}

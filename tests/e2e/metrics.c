/* /metrics is what Prometheus reads, tells what /stats tells, and the dashboard and alerts in conf/
 * are built on what it has. */
#include "support/t_ask.h"
#include "support/t_metrics.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct t_weir weir;

static double number_at(const struct t_metrics *metrics, const char *name, const char *labels)
{
    return t_metrics_number(metrics, t_text("weir_%s{%s}", name, labels));
}

Test(metrics, tells_what_stats_tells)
{
    struct t_real_origin origin;
    t_real_origin_start(&origin, NULL);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 3, .port = origin.port});
    for (int i = 0; i < 7; i++)
        t_one_shot(&weir, "/?delay=5ms");
    t_one_shot(&weir, "/?fail=talk_when_idle");
    t_pool_await(&weir, "connections/closed/poisoned", 1);
    t_weir_assert_no_leak(&weir);

    struct t_metrics metrics = t_scrape(&weir);
    json_t *stats = t_stats(&weir);
    const char *server = t_text("pool=\"legacy\",server=\"127.0.0.1:%d\"", origin.port);
    t_assert_number("version",
                    (int64_t)number_at(&metrics, "build_info",
                                       t_text("version=\"%s\"", json_string_value(t_stats_find(
                                                                    stats, "weir/version")))),
                    1);
    t_assert_number("workers", (int64_t)t_metrics_number(&metrics, "weir_workers"), 3);
    t_assert_number("generation", (int64_t)t_metrics_number(&metrics, "weir_generation"), 1);
    t_assert_number("running", (int64_t)number_at(&metrics, "state", "state=\"running\""), 1);
    t_assert_number(
        "2xx",
        (int64_t)number_at(&metrics, "listener_responses_total", "code=\"2xx\",listener=\"web\""),
        8);
    t_assert_number("wanted",
                    (int64_t)number_at(&metrics, "pool_requests_total", "pool=\"legacy\""), 8);
    t_assert_number("requests", (int64_t)number_at(&metrics, "server_requests_total", server), 8);
    t_assert_number("reused",
                    (int64_t)number_at(&metrics, "server_connections_reused_total", server),
                    json_integer_value(t_stats_find(stats, "pools/legacy/connections/reused")));
    t_assert_number("poisoned",
                    (int64_t)number_at(&metrics, "server_connections_closed_total",
                                       t_text("reason=\"poisoned\",%s", server)),
                    1);
    t_assert_number("up", (int64_t)number_at(&metrics, "server_up", server), 1);
    t_assert_number("keep-alive",
                    (int64_t)number_at(&metrics, "server_keep_alive_idle_timeout_seconds", server),
                    55);
    t_assert_number("answers",
                    (int64_t)number_at(&metrics, "server_response_seconds_count", server), 8);
    double sum = number_at(&metrics, "server_response_seconds_sum", server);
    cr_assert(sum > 0.03 && sum < 60, "%f", sum);
    t_assert_number("faster than 4 ms",
                    (int64_t)number_at(&metrics, "server_response_seconds_bucket",
                                       t_text("%s,le=\"0.004096\"", server)) <= 1,
                    1);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

/* Each scrape adds up (t_scrape looks), and no counter ever goes back. */
Test(metrics, holds_under_load)
{
    struct t_real_origin origin;
    t_real_origin_start(&origin, NULL);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 4,
                                                .port = origin.port,
                                                .pool = "    connections: {max_requests: 7}\n"});
    struct t_load_beside beside = {
        .load = {.port = weir.port, .concurrency = 25, .requests = 3000, .reset_clients = true}};
    t_load_start(&beside);
    struct t_metrics before = t_scrape(&weir);
    for (int64_t total = 0; total < 2500; total = t_pool_number(&weir, "requests/total")) {
        struct t_metrics now = t_scrape(&weir);
        const char *series;
        json_t *value;
        json_object_foreach(now.series, series, value)
        {
            double former = json_number_value(json_object_get(before.series, series));
            const char *name = t_copy(series, strcspn(series, "{"));
            json_t *type = json_object_get(now.types, name);
            bool is_gauge = type && strcmp(json_string_value(type), "gauge") == 0;
            cr_assert(is_gauge || json_number_value(value) >= former, "%s", series);
        }
        before = now;
    }
    t_load_join(&beside);
    t_load_assert_ok(&beside.load, &beside.result);
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

Test(metrics, a_server_takes_its_series_with_it)
{
    int first = t_free_port(), second = t_free_port();
    struct t_shape shape = {
        .servers = t_text("[{address: \"127.0.0.1:%d\"}, {address: \"127.0.0.1:%d\"}]", first,
                          second)};
    t_weir_start_shape(&weir, &shape);
    t_assert_contains(t_scrape(&weir).text, t_text("server=\"127.0.0.1:%d\"", second));
    shape.servers = NULL;
    shape.port = first;
    t_weir_reshape(&weir, &shape);
    t_process_signal(&weir.process, 1 /* SIGHUP */);
    t_stats_await(&weir, "weir/generation", 2);
    struct t_metrics metrics = t_scrape(&weir);
    t_assert_contains(metrics.text, t_text("server=\"127.0.0.1:%d\"", first));
    t_assert_lacks(metrics.text, t_text("127.0.0.1:%d", second));
    t_assert_number("generation", (int64_t)t_metrics_number(&metrics, "weir_generation"), 2);
    t_weir_end(&weir);
}

Test(metrics, the_page)
{
    t_weir_start_shape(&weir, &(struct t_shape){.port = t_free_port()});
    struct t_message *answer = t_admin(&weir, "HEAD", "/metrics");
    t_assert_number("HEAD", answer->status, 200);
    t_assert_number("body", (int64_t)answer->body_len, 0);
    answer = t_admin(&weir, "POST", "/metrics");
    t_assert_number("POST", answer->status, 405);
    t_assert_text(t_field(answer, "Allow"), "GET, HEAD");
    t_weir_end(&weir);
}

/* ---- What is built on it ---- */

static char *read_source(const char *path)
{
    FILE *file = fopen(t_text("%s/%s", WEIR_SOURCE_DIR, path), "re");
    char *text = t_alloc(1 << 20);

    cr_assert_not_null(file, "%s", path);
    cr_assert(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

static bool is_exported(const struct t_metrics *metrics, const char *name)
{
    static const char *const parts[] = {"", "_bucket", "_sum", "_count"};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        size_t len = strlen(name), part_len = strlen(parts[i]);
        if (len < part_len || strcmp(name + len - part_len, parts[i]) != 0)
            continue;
        json_t *type = json_object_get(metrics->types, t_copy(name, len - part_len));
        if (type && (strcmp(json_string_value(type), "histogram") == 0) == (part_len > 0))
            return true;
    }
    return false;
}

/* Every word that begins like a metric is one. */
static void assert_exported(const struct t_metrics *metrics, const char *path)
{
    static const char of_names[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    const char *text = read_source(path), *at = text;
    size_t n = 0;

    while ((at = strstr(at, "weir_"))) {
        size_t len = strspn(at, of_names);
        const char *name = t_copy(at, len);
        cr_expect(is_exported(metrics, name), "%s: %s is not exported", path, name);
        at += len;
        n++;
    }
    cr_assert_gt(n, 8, "%s", path);
}

Test(metrics, dashboard_and_alerts_use_what_there_is)
{
    t_weir_start_shape(&weir, &(struct t_shape){.port = t_free_port()});
    struct t_metrics metrics = t_scrape(&weir);
    assert_exported(&metrics, "conf/grafana-dashboard.json");
    assert_exported(&metrics, "conf/prometheus-alerts.yaml");
    t_weir_end(&weir);
}

Test(metrics, the_dashboard_can_be_imported)
{
    json_error_t error;
    json_t *board = json_loads(read_source("conf/grafana-dashboard.json"), JSON_REJECT_DUPLICATES,
                               &error);
    cr_assert_not_null(board, "line %d: %s", error.line, error.text);
    cr_assert(json_is_null(json_object_get(board, "id")));
    cr_assert(json_is_integer(json_object_get(board, "schemaVersion")));
    json_t *panels = json_object_get(board, "panels"), *panel, *target;
    bool seen[1000] = {false};
    size_t i, k;
    cr_assert_gt(json_array_size(panels), 8);
    json_array_foreach(panels, i, panel)
    {
        json_int_t id = json_integer_value(json_object_get(panel, "id"));
        cr_assert(id > 0 && id < 1000 && !seen[id], "panel %zu", i);
        seen[id] = true;
        cr_assert(json_is_string(json_object_get(panel, "title")));
        cr_assert_eq(json_object_size(json_object_get(panel, "gridPos")), 4);
        cr_assert_gt(json_array_size(json_object_get(panel, "targets")), 0);
        json_array_foreach(json_object_get(panel, "targets"), k, target)
        {
            cr_assert(json_is_string(json_object_get(target, "expr")));
        }
    }
    json_decref(board);
}

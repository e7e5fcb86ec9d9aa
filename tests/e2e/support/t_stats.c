/* The admin endpoint. */
#define T_HARNESS
#include "t_stats.h"

#include "t_schema.h"

#include <inttypes.h>
#include <string.h>

struct t_message *t_admin(struct t_weir *weir, const char *method, const char *target)
{
    struct t_conn *conn = t_connect(weir->admin_port);
    t_sendf(conn, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%s\r\n", method,
            target, weir->admin_port, strcmp(method, "POST") == 0 ? "Content-Length: 0\r\n" : "");
    struct t_message *message = t_read_response(conn, method);
    /* A reset, so that polling leaves no TIME_WAIT behind to be counted. */
    t_reset(conn);
    return message;
}

/* A fresh document, as its schema says; the caller owns it. */
static json_t *fetch(struct t_weir *weir)
{
    struct t_message *message = t_admin(weir, "GET", "/stats");
    if (message->status != 200)
        t_fail("GET /stats: %d %s", message->status, message->body);
    json_error_t error;
    json_t *stats = json_loadb(message->body, message->body_len, JSON_REJECT_DUPLICATES, &error);
    if (!stats)
        t_fail("GET /stats is not JSON: %s at line %d\n%s", error.text, error.line, message->body);
    static json_t *schema;
    if (!schema)
        schema = t_schema_load("docs/stats.schema.json");
    t_schema_assert(schema, stats);
    t_message_fini(message);
    return stats;
}

/* Keeps documents reachable until the test ends. */
struct kept {
    struct kept *next;
    json_t *json;
};
static struct kept *all_kept;

json_t *t_keep(json_t *json)
{
    struct kept *kept = t_alloc(sizeof(*kept));
    kept->json = json;
    kept->next = all_kept;
    all_kept = kept;
    return json;
}

json_t *t_stats(struct t_weir *weir)
{
    return t_keep(fetch(weir));
}

json_t *t_stats_find(json_t *stats, const char *path)
{
    while (stats && *path) {
        size_t len = strcspn(path, "/");
        stats = json_object_get(stats, t_copy(path, len));
        path += path[len] ? len + 1 : len;
    }
    return stats;
}

static int64_t number_at(json_t *stats, const char *path)
{
    json_t *value = t_stats_find(stats, path);
    if (!json_is_number(value))
        t_fail("/stats has no number at %s", path);
    return json_is_integer(value) ? json_integer_value(value) : (int64_t)json_real_value(value);
}

int64_t t_stats_number(struct t_weir *weir, const char *path)
{
    json_t *stats = fetch(weir);
    int64_t number = number_at(stats, path);
    json_decref(stats);
    return number;
}

void t_stats_assert(struct t_weir *weir, const char *path, int64_t value)
{
    t_assert_number(path, t_stats_number(weir, path), value);
}

static void await_number(struct t_weir *weir, const char *path, int64_t value, bool or_more)
{
    int64_t deadline = t_deadline_ms();
    for (;;) {
        int64_t number = t_stats_number(weir, path);
        if (number == value || (or_more && number > value))
            return;
        if (!t_left_ms(deadline))
            t_fail("%s stays at %" PRId64 ", and should become %s%" PRId64, path, number,
                   or_more ? "at least " : "", value);
        t_nap();
    }
}

void t_stats_await(struct t_weir *weir, const char *path, int64_t value)
{
    await_number(weir, path, value, false);
}

void t_stats_await_at_least(struct t_weir *weir, const char *path, int64_t value)
{
    await_number(weir, path, value, true);
}

void t_stats_await_size(struct t_weir *weir, const char *path, size_t size)
{
    int64_t deadline = t_deadline_ms();
    for (;;) {
        json_t *stats = fetch(weir);
        size_t now = json_object_size(t_stats_find(stats, path));
        json_decref(stats);
        if (now == size)
            return;
        if (!t_left_ms(deadline))
            t_fail("%s has %zu members, and should have %zu", path, now, size);
        t_nap();
    }
}

/* Checks one pool or server. Returns what is wrong with it, or null. */
static const char *find_leak(const char *name, json_t *figures)
{
    json_t *requests = json_object_get(figures, "requests");
    json_t *queue = json_object_get(figures, "queue");
    json_t *connections = json_object_get(figures, "connections");
    if (!json_object_size(connections))
        return NULL;
    int64_t active = number_at(connections, "active"), idle = number_at(connections, "idle");
    int64_t connecting = number_at(connections, "connecting");
    int64_t opened = number_at(connections, "opened"), closed = 0;
    const char *reason;
    json_t *count;
    json_object_foreach(json_object_get(connections, "closed"), reason, count)
    {
        closed += json_integer_value(count);
    }
    if (json_integer_value(json_object_get(requests, "active")))
        return t_text("%s: a request is active", name);
    if (json_integer_value(t_stats_find(figures, "tunnels/active")))
        return t_text("%s: a tunnel is open", name);
    if (json_integer_value(json_object_get(queue, "waiting")))
        return t_text("%s: somebody waits in the queue", name);
    if (active || connecting)
        return t_text("%s: %" PRId64 " connections active, %" PRId64 " connecting", name, active,
                      connecting);
    if (opened != idle + closed)
        return t_text("%s: opened %" PRId64 ", but idle %" PRId64 " + closed %" PRId64, name,
                      opened, idle, closed);
    return NULL;
}

static const char *find_any_leak(json_t *stats)
{
    const char *name, *address;
    json_t *pool, *server, *listener;
    json_object_foreach(json_object_get(stats, "listeners"), name, listener)
    {
        if (json_integer_value(t_stats_find(listener, "requests/active")))
            return t_text("listener %s: a request is active", name);
        if (json_integer_value(t_stats_find(listener, "tunnels/active")))
            return t_text("listener %s: a tunnel is open", name);
    }
    json_object_foreach(json_object_get(stats, "pools"), name, pool)
    {
        const char *leak = find_leak(t_text("pool %s", name), pool);
        if (leak)
            return leak;
        json_object_foreach(json_object_get(pool, "servers"), address, server)
        {
            leak = find_leak(t_text("pool %s, server %s", name, address), server);
            if (leak)
                return leak;
        }
    }
    return NULL;
}

void t_weir_assert_no_leak(struct t_weir *weir)
{
    int64_t deadline = t_deadline_ms();
    for (;;) {
        json_t *stats = fetch(weir);
        const char *leak = find_any_leak(stats);
        if (leak && !t_left_ms(deadline)) {
            char *text = json_dumps(stats, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
            t_fail("leak: %s\n%s", leak, text);
        }
        json_decref(stats);
        if (!leak)
            return;
        t_nap();
    }
}

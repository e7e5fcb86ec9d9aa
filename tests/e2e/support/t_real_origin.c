/* weir-origin as a process. */
#define T_HARNESS
#include "t_origin.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGS_MAX = 32 };

static const char *origin_binary(void)
{
    const char *path = getenv("WEIR_ORIGIN");
    if (path && *path)
        return path;
#ifdef WEIR_ORIGIN
    return WEIR_ORIGIN;
#else
    t_fail("where is weir-origin? Set the environment's WEIR_ORIGIN");
#endif
}

static void start(struct t_real_origin *origin, const char **args, size_t count,
                  const char *defaults)
{
    *origin = (struct t_real_origin){.port = (t_free_port)()};
    args[0] = origin_binary();
    args[1] = "--listen";
    args[2] = t_text("127.0.0.1:%d", origin->port);
    if (defaults) {
        args[count++] = "--default";
        args[count++] = defaults;
    }
    args[count] = NULL;
    t_process_start(&origin->process, "weir-origin", args, false, false);
    t_process_await(&origin->process, "listening on 127.0.0.1:");
}

void t_real_origin_start(struct t_real_origin *origin, const char *defaults)
{
    const char *args[ARGS_MAX];
    start(origin, args, 3, defaults);
}

void t_real_origin_start_with(struct t_real_origin *origin, const char *defaults, ...)
{
    const char *args[ARGS_MAX];
    size_t count = 3;
    va_list more;
    va_start(more, defaults);
    for (const char *arg = va_arg(more, const char *); arg && count < ARGS_MAX - 3;
         arg = va_arg(more, const char *))
        args[count++] = arg;
    va_end(more);
    start(origin, args, count, defaults);
}

void t_real_origin_stop(struct t_real_origin *origin)
{
    t_process_stop(&origin->process);
}

/* GET on a connection of its own, which weir-origin leaves out of its counts. */
static struct t_message *get(struct t_real_origin *origin, const char *target)
{
    struct t_conn *conn = t_connect(origin->port);
    struct t_message *message = t_get(conn, target);
    t_close(conn);
    if (message->status != 200)
        t_fail("weir-origin answers %s with %d: %s", target, message->status, message->body);
    return message;
}

static int64_t number(json_t *json, const char *key)
{
    json_t *value = json_object_get(json, key);
    if (!json_is_integer(value))
        t_fail("weir-origin's counts have no number \"%s\"", key);
    return json_integer_value(value);
}

struct t_origin_counts t_real_origin_counts(struct t_real_origin *origin)
{
    struct t_message *message = get(origin, "/_counts");
    json_t *json = json_loads(message->body, 0, NULL);
    json_t *connections = json_object_get(json, "connections");
    struct t_origin_counts counts = {
        .accepted = number(connections, "accepted"),
        .open = number(connections, "open"),
        .open_max = number(connections, "open_max"),
        .requests = number(json, "requests"),
        .posts = number(json, "posts"),
        .aborted = number(json, "aborted"),
    };
    json_decref(json);
    return counts;
}

void t_real_origin_reset_counts(struct t_real_origin *origin)
{
    get(origin, "/_counts?reset=1");
}

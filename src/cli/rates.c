#include "rates.h"

#include <stdio.h>
#include <string.h>

json_t *weir_json_find(const json_t *json, const char *path)
{
    char key[64];

    while (json && *path) {
        size_t len = strcspn(path, "/");
        snprintf(key, sizeof(key), "%.*s", (int)len, path);
        json = json_object_get(json, key);
        path += path[len] ? len + 1 : len;
    }
    return (json_t *)json;
}

static bool read_number(const json_t *json, const char *path, double *number)
{
    const json_t *value = weir_json_find(json, path);

    *number = json_number_value(value);
    return json_is_number(value);
}

/* False: one of both is not there. */
static bool growth(const struct weir_span *span, const char *path, double *grown)
{
    double before, now;

    if (!read_number(span->before, path, &before) || !read_number(span->now, path, &now))
        return false;
    *grown = now - before;
    return true;
}

struct weir_span weir_span_of_run(struct weir_span span)
{
    double grown;

    if (!growth(&span, "weir/pid", &grown) || grown != 0 ||
        !growth(&span, "weir/uptime_s", &grown) || grown < 0)
        span.before = NULL;
    return span;
}

struct weir_span weir_span_of_object(struct weir_span span, const struct weir_view *view)
{
    double grown;

    for (const struct weir_column *column = view->columns; column->title; column++) {
        if ((column->kind == WEIR_COLUMN_RATE || column->kind == WEIR_COLUMN_SHARE) &&
            growth(&span, column->path, &grown) && grown < 0)
            span.before = NULL;
    }
    return span;
}

bool weir_rate(const struct weir_span *span, const char *path, double *rate)
{
    double grown;

    if (span->seconds <= 0 || !growth(span, path, &grown) || grown < 0)
        return false;
    *rate = grown / span->seconds;
    return true;
}

bool weir_rate_share(const struct weir_span *span, const char *path, const char *of, double *share)
{
    double part, whole;

    if (!growth(span, path, &part) || !growth(span, of, &whole) || part < 0 || whole <= 0)
        return false;
    /* The two are not read at the same instant. */
    *share = part < whole ? part / whole : 1;
    return true;
}

/* Lines of weir's access log, read with jansson. */
#define T_HARNESS
#include "t_access.h"

#include <stdio.h>
#include <string.h>

void(t_access_await)(struct t_weir *weir, int64_t n)
{
    (t_stats_await)(weir, "access_log/written", n);
    (t_stats_assert)(weir, "access_log/dropped", 0);
}

char *t_access_text(const char *name)
{
    FILE *file = fopen(t_path(name), "r");
    char *text = t_alloc(1), part[8192];
    size_t len = 0, n;

    while (file && (n = fread(part, 1, sizeof(part), file)) > 0) {
        char *longer = t_alloc(len + n + 1);
        memcpy(longer, text, len);
        memcpy(longer + len, part, n);
        text = longer;
        len += n;
    }
    if (file)
        fclose(file);
    return text;
}

int(t_access_count)(const char *text)
{
    int n = 0;

    for (const char *end; *text; text = end + 1, n++) {
        end = strchr(text, '\n');
        if (!end)
            t_fail("a line has no end: %s", text);
    }
    return n;
}

/* What was read and wanted, for as long as the test runs. */
static json_t *kept;

static json_t *keep(json_t *value)
{
    if (!kept)
        kept = json_array();
    json_array_append_new(kept, value);
    return value;
}

/* n: a number, N: or null, s: a text, S: or null. */
static const struct {
    const char *key;
    char type;
} keys[] = {{"time", 's'},
            {"client", 's'},
            {"client_port", 'n'},
            {"listener", 's'},
            {"method", 's'},
            {"target", 's'},
            {"protocol", 's'},
            {"host", 'S'},
            {"referer", 'S'},
            {"user_agent", 'S'},
            {"status", 'N'},
            {"bytes_in", 'n'},
            {"bytes_out", 'n'},
            {"queue_ms", 'N'},
            {"connect_ms", 'N'},
            {"first_byte_ms", 'N'},
            {"total_ms", 'n'},
            {"pool", 'S'},
            {"server", 'S'},
            {"connection", 'S'},
            {"connection_age_ms", 'N'},
            {"connection_requests", 'N'},
            {"retries", 'n'},
            {"reason", 'S'}};

static void check_keys(json_t *line)
{
    size_t n = sizeof(keys) / sizeof(*keys);

    for (size_t i = 0; i < n; i++) {
        json_t *value = json_object_get(line, keys[i].key);
        bool is_null = value && json_is_null(value) && (keys[i].type == 'N' || keys[i].type == 'S');
        bool is_text = keys[i].type == 's' || keys[i].type == 'S';
        if (!is_null && !(is_text ? json_is_string(value) : json_is_number(value)))
            t_fail("`%s` is missing or of another type", keys[i].key);
        if (json_is_number(value) && json_number_value(value) < 0)
            t_fail("`%s` is below zero", keys[i].key);
    }
    if (json_object_size(line) != n)
        t_fail("the line has %zu keys, and should have %zu", json_object_size(line), n);
}

json_t *(t_access_line)(const char *text, int index)
{
    json_error_t error;
    const char *end;

    for (int i = 0; i < index; i++) {
        text = strchr(text, '\n');
        if (!text)
            t_fail("there is no line %d", index);
        text++;
    }
    end = strchr(text, '\n');
    if (!end)
        t_fail("there is no line %d", index);
    json_t *line = json_loadb(text, (size_t)(end - text), JSON_REJECT_DUPLICATES, &error);
    if (!line)
        t_fail("no JSON: %s: %s", error.text, t_copy(text, (size_t)(end - text)));
    check_keys(keep(line));
    return line;
}

void(t_access_assert)(json_t *line, const char *values)
{
    json_t *want = json_loads(t_replace(values, "'", "\""), 0, NULL), *value;
    const char *key;

    if (!want)
        t_fail("the test's own values are no JSON: %s", values);
    json_object_foreach(keep(want), key, value)
    {
        if (!json_equal(json_object_get(line, key), value))
            t_fail("`%s` should be %s in %s", key, json_dumps(value, JSON_ENCODE_ANY),
                   json_dumps(line, 0));
    }
}

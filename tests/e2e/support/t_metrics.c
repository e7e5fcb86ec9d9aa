/* A reader of Prometheus's text format 0.0.4 that knows weir's own rules as well. */
#define T_HARNESS
#include "t_metrics.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define HELP "# HELP "
#define TYPE "# TYPE "
#define LABEL "(listener|pool|server|side|state|code|reason|version|le)=\"[^\"\\]+\""
#define SAMPLE "^weir_[a-z0-9_]+([{]" LABEL "(," LABEL ")*[}])? ([0-9.e+-]+)$"

/* A histogram's series so far: its last bucket, and where that was. */
struct buckets {
    double bound, count;
    bool is_open, has_infinite;
};

struct reader {
    struct t_metrics metrics;
    char *family;
    const char *type;
    regex_t sample;
    struct buckets buckets;
};

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* `# HELP NAME TEXT`: a family begins; its type follows at once. */
static void read_help(struct reader *reader, const char *line)
{
    const char *name = line + strlen(HELP), *end = strchr(name, ' ');

    if (reader->buckets.is_open)
        t_fail("%s: a histogram without its count", reader->family);
    if (!end || !end[1])
        t_fail("no help: %s", line);
    reader->family = t_copy(name, (size_t)(end - name));
    reader->type = NULL;
    if (json_object_get(reader->metrics.types, reader->family))
        t_fail("%s: its series do not stand together", reader->family);
}

static void read_type(struct reader *reader, const char *line)
{
    const char *name = line + strlen(TYPE), *type = strchr(name, ' ');

    if (!type || !reader->family || strncmp(name, reader->family, (size_t)(type - name)) != 0)
        t_fail("a type of something else than the help before: %s", line);
    reader->type = t_text("%s", type + 1);
    if (ends_in(reader->family, "_total") != (strcmp(reader->type, "counter") == 0))
        t_fail("%s: only counters end in _total", reader->family);
    json_object_set_new(reader->metrics.types, reader->family, json_string(reader->type));
}

static void read_bucket(struct reader *reader, const char *series, double value)
{
    struct buckets *buckets = &reader->buckets;
    const char *bound = strstr(series, "le=\"");
    double at = bound ? strtod(bound + 4, NULL) : 0; /* reads +Inf too */

    if (!bound)
        t_fail("a bucket without its bound: %s", series);
    if (!buckets->is_open)
        *buckets = (struct buckets){.is_open = true};
    if (at <= buckets->bound || value < buckets->count)
        t_fail("a bucket that is not above the one before: %s", series);
    buckets->bound = at;
    buckets->count = value;
    buckets->has_infinite = strstr(bound, "\"+Inf\"");
}

static void read_part_of_histogram(struct reader *reader, const char *series, const char *part,
                                   double value)
{
    if (strcmp(part, "_bucket") == 0) {
        read_bucket(reader, series, value);
    } else if (!reader->buckets.is_open || !reader->buckets.has_infinite) {
        t_fail("it does not follow buckets up to +Inf: %s", series);
    } else if (strcmp(part, "_count") == 0) {
        if (value != reader->buckets.count)
            t_fail("%s is not what the last bucket says", series);
        reader->buckets.is_open = false;
    } else if (strcmp(part, "_sum") != 0) {
        t_fail("%s is no part of a histogram", series);
    }
}

static void read_sample(struct reader *reader, const char *line)
{
    const char *last = strrchr(line, ' ');
    size_t family_len = reader->family ? strlen(reader->family) : 0;
    char *name = t_copy(line, strcspn(line, "{ ")), *end;

    if (regexec(&reader->sample, line, 0, NULL, 0) != 0)
        t_fail("not a sample of weir's: %s", line);
    char *series = t_copy(line, (size_t)(last - line));
    double value = strtod(last + 1, &end);
    if (*end || value < 0)
        t_fail("not a number from 0 on: %s", line);
    if (!reader->type || strncmp(name, reader->family, family_len) != 0)
        t_fail("a sample of another family than %s: %s", reader->family, line);
    if (strcmp(reader->type, "histogram") == 0)
        read_part_of_histogram(reader, series, name + family_len, value);
    else if (name[family_len])
        t_fail("a sample of another family than %s: %s", reader->family, line);
    if (json_object_get(reader->metrics.series, series))
        t_fail("twice: %s", series);
    json_object_set_new(reader->metrics.series, series, json_real(value));
}

struct t_metrics(t_scrape)(struct t_weir *weir)
{
    struct t_message *answer = t_admin(weir, "GET", "/metrics");
    struct reader reader = {
        .metrics = {t_keep(json_object()), t_keep(json_object()), answer->body}};
    char *text = t_copy(answer->body, answer->body_len), *at = text;

    t_assert_number("GET /metrics", answer->status, 200);
    t_assert_text(t_field(answer, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    if (regcomp(&reader.sample, SAMPLE, REG_EXTENDED | REG_NOSUB) != 0)
        t_fail("the pattern of samples is wrong");
    while (*at) {
        char *end = strchr(at, '\n');
        if (!end)
            t_fail("the last line has no end: %s", at);
        *end = 0;
        if (strncmp(at, HELP, strlen(HELP)) == 0)
            read_help(&reader, at);
        else if (strncmp(at, TYPE, strlen(TYPE)) == 0)
            read_type(&reader, at);
        else
            read_sample(&reader, at);
        at = end + 1;
    }
    regfree(&reader.sample);
    return reader.metrics;
}

double(t_metrics_number)(const struct t_metrics *metrics, const char *series)
{
    json_t *value = json_object_get(metrics->series, series);

    if (!value)
        t_fail("/metrics has no %s", series);
    return json_number_value(value);
}

#include "metrics_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Is the family of both rows the same? */
static bool is_same_family(const struct weir_row *a, const struct weir_row *b)
{
    size_t len = strcspn(a->name, "{");

    return strcspn(b->name, "{") == len && strncmp(a->name, b->name, len) == 0;
}

static void print_header(FILE *out, const char *name, size_t len, const char *type,
                         const char *help)
{
    fprintf(out, "# HELP weir_%.*s %s\n# TYPE weir_%.*s %s\n", (int)len, name, help, (int)len, name,
            type);
}

/* The labels of a row's name, those of its subject, and one more. */
static void print_labels(FILE *out, const char *of_row, const char *of_subject, const char *more)
{
    const char *parts[] = {of_row, of_subject, more};
    bool is_first = true;

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        if (!parts[i][0])
            continue;
        fprintf(out, "%s%s", is_first ? "{" : ",", parts[i]);
        is_first = false;
    }
    fputs(is_first ? " " : "} ", out);
}

/* A gauge may be caught between two workers' parts of one change, and then is none. */
static void print_count(FILE *out, uint64_t value)
{
    fprintf(out, "%" PRIu64 "\n", value > INT64_MAX ? 0 : value);
}

static void print_sample(FILE *out, const struct weir_row *row, const struct weir_subject *subject)
{
    size_t len = strcspn(row->name, "{"), end = strcspn(row->name, "}");
    double known = row->value ? row->value(subject, row) : 0;
    char label[64] = "";

    if (isnan(known))
        return;
    if (row->name[len])
        snprintf(label, sizeof(label), "%.*s", (int)(end - len - 1), row->name + len + 1);
    fprintf(out, "weir_%.*s", (int)len, row->name);
    print_labels(out, label, subject->labels, "");
    if (row->value) {
        fprintf(out, "%.15g\n", known);
    } else {
        uint64_t value;
        memcpy(&value, (const char *)subject + row->offset, sizeof(value));
        print_count(out, value);
    }
}

static bool is_counter(const char *name, size_t len)
{
    static const char end[] = "_total";

    return len >= sizeof(end) && memcmp(name + len - (sizeof(end) - 1), end, sizeof(end) - 1) == 0;
}

void weir_metrics_put_rows(FILE *out, const struct weir_row *rows, size_t n,
                           const struct weir_subjects *subjects)
{
    size_t end;

    for (size_t at = 0; at < n; at = end) {
        size_t len = strcspn(rows[at].name, "{");
        for (end = at + 1; end < n && is_same_family(&rows[at], &rows[end]);)
            end++;
        if (len == 0)
            continue; /* not told as it is */
        print_header(out, rows[at].name, len, is_counter(rows[at].name, len) ? "counter" : "gauge",
                     rows[at].help);
        for (size_t i = 0; i < subjects->n; i++) {
            for (size_t k = at; k < end; k++)
                print_sample(out, &rows[k], &subjects->all[i]);
        }
    }
}

/* The bounds, as powers of two of microseconds: the only ones at which the buckets are exact. */
static const unsigned powers[] = {8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 24, 26};

void weir_metrics_put_histograms(FILE *out, const struct weir_row *row,
                                 const struct weir_subjects *subjects)
{
    print_header(out, row->name, strlen(row->name), "histogram", row->help);
    for (size_t i = 0; i < subjects->n; i++) {
        const struct weir_subject *subject = &subjects->all[i];
        const struct weir_histogram *histogram = (const void *)((const char *)subject +
                                                                row->offset);
        uint64_t count = weir_histogram_count(histogram);
        char bound[32];

        for (size_t k = 0; k < sizeof(powers) / sizeof(*powers); k++) {
            snprintf(bound, sizeof(bound), "le=\"%.9g\"", (double)(1ull << powers[k]) / 1e6);
            fprintf(out, "weir_%s_bucket", row->name);
            print_labels(out, "", subject->labels, bound);
            print_count(out, weir_histogram_below(histogram, powers[k]));
        }
        fprintf(out, "weir_%s_bucket", row->name);
        print_labels(out, "", subject->labels, "le=\"+Inf\"");
        print_count(out, count);
        fprintf(out, "weir_%s_sum", row->name);
        print_labels(out, "", subject->labels, "");
        fprintf(out, "%.15g\n", (double)weir_counter_get(&histogram->sum_us) / 1e6);
        fprintf(out, "weir_%s_count", row->name);
        print_labels(out, "", subject->labels, "");
        print_count(out, count);
    }
}

static void print_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            fputs("\\n", out);
        else
            fprintf(out, "%s%c", *text == '\\' || *text == '"' ? "\\" : "", *text);
    }
}

char *weir_metrics_labels(const char *key, const char *value, const char *server)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    fprintf(out, "%s=\"", key);
    print_escaped(out, value);
    if (server) {
        fputs("\",server=\"", out);
        print_escaped(out, server);
    }
    fputc('"', out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

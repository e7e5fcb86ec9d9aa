#include "weir/control/history.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { MINUTE_MS = 60000 };

struct sample {
    uint64_t at_ms;
    uint64_t figures[WEIR_HISTORY_FIGURE_COUNT];
};

/* One of each round from the first on, without gaps; the oldest go. */
struct series {
    char *name;
    uint64_t round;                              /* of the newest */
    unsigned n, end;                             /* samples[end - 1] is the newest */
    struct weir_histogram response_us, queue_us; /* as they were then */
    UT_hash_handle hh;                           /* by its name */
    struct sample samples[WEIR_HISTORY_SAMPLES];
};

struct weir_history {
    uint64_t started_ms, at_ms, round;
    unsigned n_left_out; /* pools of this round that nothing is kept of */
    unsigned n_pools;
    struct series *pools; /* by name */
    struct series total;
};

struct weir_history *weir_history_create(uint64_t started_ms)
{
    struct weir_history *history = calloc(1, sizeof(*history));

    if (history)
        history->started_ms = started_ms;
    return history;
}

/* The analyzer takes the table that HASH_DEL frees with its last element for the element. */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc) */
static void forget(struct weir_history *history, struct series *series)
{
    HASH_DEL(history->pools, series);
    history->n_pools--;
    free(series->name);
    free(series);
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

void weir_history_destroy(struct weir_history *history)
{
    struct series *series, *following;

    if (!history)
        return;
    HASH_ITER(hh, history->pools, series, following) {
        forget(history, series);
    }
    free(history);
}

/* ---- A round ---- */

void weir_history_begin(struct weir_history *history, uint64_t at_ms)
{
    history->at_ms = at_ms;
    history->round++;
    history->n_left_out = 0;
}

static uint64_t quantile(const struct weir_histogram *now, const struct weir_histogram *before,
                         double share)
{
    struct weir_histogram between;

    return weir_histogram_between(&between, before, now)
               ? weir_histogram_quantile_us(&between, share)
               : WEIR_HISTORY_UNKNOWN;
}

/* The newest, or the one so many rounds before it. */
static const struct sample *newest(const struct series *series, unsigned back)
{
    return &series->samples[(series->end + WEIR_HISTORY_SAMPLES - 1 - back) % WEIR_HISTORY_SAMPLES];
}

static void take(struct weir_history *history, struct series *series,
                 const struct weir_reading *reading)
{
    struct sample *sample = &series->samples[series->end % WEIR_HISTORY_SAMPLES];
    uint64_t *figures = sample->figures;

    sample->at_ms = history->at_ms;
    memcpy(figures, reading->figures, sizeof(sample->figures));
    figures[WEIR_HISTORY_response_p50_us] = quantile(&reading->response_us, &series->response_us,
                                                     0.5);
    figures[WEIR_HISTORY_response_p90_us] = quantile(&reading->response_us, &series->response_us,
                                                     0.9);
    figures[WEIR_HISTORY_response_p99_us] = quantile(&reading->response_us, &series->response_us,
                                                     0.99);
    figures[WEIR_HISTORY_queue_p99_us] = quantile(&reading->queue_us, &series->queue_us, 0.99);
    series->response_us = reading->response_us;
    series->queue_us = reading->queue_us;
    series->round = history->round;
    series->end = series->end % WEIR_HISTORY_SAMPLES + 1;
    if (series->n < WEIR_HISTORY_SAMPLES)
        series->n++;
}

static struct series *find(const struct weir_history *history, const char *name)
{
    struct series *series;

    HASH_FIND_STR(history->pools, name, series);
    return series;
}

static struct series *add_series(struct weir_history *history, const char *name)
{
    struct series *series;

    if (history->n_pools >= WEIR_HISTORY_POOLS_MAX)
        return NULL;
    series = calloc(1, sizeof(*series));
    if (!series)
        return NULL;
    series->name = strdup(name);
    if (!series->name) {
        free(series);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, history->pools, series->name, strlen(series->name), series);
    history->n_pools++;
    return series;
}

void weir_history_add(struct weir_history *history, const char *pool,
                      const struct weir_reading *reading)
{
    struct series *series = find(history, pool);

    if (!series)
        series = add_series(history, pool);
    if (series)
        take(history, series, reading);
    else
        history->n_left_out++;
}

void weir_history_end(struct weir_history *history, const struct weir_reading *total)
{
    struct series *series, *following;

    take(history, &history->total, total);
    HASH_ITER(hh, history->pools, series, following) {
        if (series->round != history->round)
            forget(history, series);
    }
}

/* ---- Telling ---- */

static void print_text(FILE *out, const char *text)
{
    json_t *string = json_string(text);

    if (!string || json_dumpf(string, out, JSON_ENCODE_ANY) != 0)
        fputs("null", out);
    json_decref(string);
}

static void print_names(FILE *out, const struct weir_history *history)
{
    const char *between = "";
    const struct series *series;

    fprintf(out, ",\n\"pools\":[");
    for (series = history->pools; series; series = series->hh.next) {
        fputs(between, out);
        print_text(out, series->name);
        between = ",";
    }
    fprintf(out, "],\n\"pools_left_out\":%u", history->n_left_out);
}

/* What was added in the last minute. Sums of several shrink when one of them goes: that is left
 * out. */
static uint64_t added(const struct series *series, enum weir_history_figure figure)
{
    uint64_t sum = 0;

    for (unsigned back = 1; back < series->n; back++) {
        const struct sample *sample = newest(series, back - 1), *before = newest(series, back);
        if (sample->at_ms + MINUTE_MS <= newest(series, 0)->at_ms)
            break;
        if (sample->figures[figure] > before->figures[figure])
            sum += sample->figures[figure] - before->figures[figure];
    }
    return sum;
}

static void print_sample(FILE *out, const struct sample *sample)
{
    fprintf(out, "[%" PRIu64, sample->at_ms);
    for (unsigned i = 0; i < WEIR_HISTORY_FIGURE_COUNT; i++) {
        if (sample->figures[i] == WEIR_HISTORY_UNKNOWN)
            fputs(",null", out);
        else
            fprintf(out, ",%" PRIu64, sample->figures[i]);
    }
    fputc(']', out);
}

static void print_samples(FILE *out, const struct series *series, uint64_t since)
{
    uint64_t n = since < series->round ? series->round - since : 0;

    if (since > series->round || n > series->n)
        n = series->n;
    fprintf(out, ",\n\"samples\":[");
    for (uint64_t back = n; back > 0; back--) {
        fputs(back == n ? "\n" : ",\n", out);
        print_sample(out, newest(series, (unsigned)back - 1));
    }
    fputs("]}\n", out);
}

char *weir_history_print(const struct weir_history *history, const char *pool, uint64_t since,
                         bool *found)
{
    const struct series *series = pool ? find(history, pool) : &history->total;
    char *text = NULL;
    size_t len = 0;
    FILE *out;

    *found = series;
    out = series ? open_memstream(&text, &len) : NULL;
    if (!out)
        return NULL;
    fprintf(out, "{\"started_ms\":%" PRIu64 ",\"round\":%" PRIu64 ",\"samples_max\":%d,\n\"pool\":",
            history->started_ms, series->round, WEIR_HISTORY_SAMPLES);
    if (pool)
        print_text(out, pool);
    else
        fputs("null", out);
    print_names(out, history);
    fprintf(out, ",\n\"last_minute\":{\"sent\":%" PRIu64 ",\"time_waits_left\":%" PRIu64 "}",
            added(&history->total, WEIR_HISTORY_sent),
            added(&history->total, WEIR_HISTORY_time_waits_left));
    fprintf(out, ",\n\"fields\":[\"at_ms\"");
#define PRINT(name, meaning) fprintf(out, ",\"" #name "\"");
    WEIR_HISTORY_FIGURES(PRINT)
#undef PRINT
    fputc(']', out);
    print_samples(out, series, since);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* A listing lives until the last worker has answered, also when its asker was told before. */
#include "weir/control/listing.h"

#include "weir/base/escape.h"
#include "weir/control/round.h"
#include "weir/upstream/survey.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LISTINGS_MAX = 4, TIME_MS = 2000 };

struct weir_listing {
    struct weir_control *control;
    const struct weir_listing_events *events;
    void *owner; /* NULL once nobody wants to hear */
    struct weir_deadline deadline;
    struct weir_round round;
    struct part { /* a worker's */
        bool is_back;
        struct weir_survey survey;
    } parts[];
};

#define OWNER(type, pointer, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static void destroy(struct weir_listing *listing)
{
    struct weir_control *control = listing->control;

    weir_deadline_cancel(&listing->deadline);
    for (unsigned i = 0; i < control->n_workers; i++)
        weir_survey_fini(&listing->parts[i].survey);
    control->n_listings--;
    weir_round_fini(&listing->round);
    free(listing);
}

/* ---- Printing: row by row, so that memory holds no tree of all of them. ---- */

static void put_row(FILE *out, json_t *row, bool *is_first)
{
    fputs(*is_first ? "\n" : ",\n", out);
    *is_first = false;
    if (!row || json_dumpf(row, out, JSON_COMPACT) != 0)
        fputs("null", out);
    json_decref(row);
}

/* A number, or null when it is negative. */
static json_t *known(int64_t value)
{
    return value < 0 ? json_null() : json_integer(value);
}

static json_t *connection_facts(const struct weir_survey_row *row, unsigned worker)
{
    return json_pack("{s:I,s:s,s:s,s:i,s:s,s:I,s:o,s:I,s:o,s:I,s:I}", "id", (json_int_t)row->id,
                     "pool", row->pool->name, "server", row->server->name, "worker", (int)worker,
                     "state", weir_upconn_state_name(row->state), "age_ms", (json_int_t)row->age_ms,
                     "idle_ms", known(row->idle_ms), "requests", (json_int_t)row->requests,
                     "rtt_us", known(row->rtt_us), "bytes_in", (json_int_t)row->bytes_in,
                     "bytes_out", (json_int_t)row->bytes_out);
}

static json_t *poison_facts(const struct weir_poison *poison, unsigned worker)
{
    char text[4 * WEIR_POISON_BYTES + 8], hex[2 * WEIR_POISON_BYTES + 1] = "", at[64];
    time_t seconds = (time_t)(poison->at_ms / 1000);
    struct tm tm;
    size_t len, used;

    len = weir_escape(WEIR_ESCAPE_C, weir_slice_make((const char *)poison->bytes, poison->len),
                      text, sizeof(text) - 1, &used);
    text[len] = 0;
    for (size_t i = 0; i < poison->len; i++)
        snprintf(hex + 2 * i, 3, "%02x", poison->bytes[i]);
    gmtime_r(&seconds, &tm);
    len = strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(at + len, sizeof(at) - len, ".%03uZ", (unsigned)(poison->at_ms % 1000));
    return json_pack("{s:s,s:I,s:s,s:s,s:i,s:s,s:s}", "at", at, "id", (json_int_t)poison->id,
                     "pool", poison->pool->name, "server", poison->server->name, "worker",
                     (int)worker, "bytes", text, "hex", hex);
}

static void put_connections(FILE *out, const struct weir_listing *listing)
{
    bool is_first = true;

    fputs("\"connections\": [", out);
    for (unsigned i = 0; i < listing->control->n_workers; i++) {
        const struct part *part = &listing->parts[i];
        for (size_t k = 0; part->is_back && k < part->survey.n_rows; k++)
            put_row(out, connection_facts(&part->survey.rows[k], i), &is_first);
    }
    fputs("],\n", out);
}

struct seen {
    const struct weir_poison *poison;
    unsigned worker;
};

static int compare_seen(const void *a, const void *b)
{
    uint64_t first = ((const struct seen *)a)->poison->at_ms;
    uint64_t second = ((const struct seen *)b)->poison->at_ms;

    return (first < second) - (first > second);
}

/* The latest of all workers, the latest first. Fails: false, out of memory. */
static bool put_poisons(FILE *out, const struct weir_listing *listing)
{
    unsigned n_workers = listing->control->n_workers;
    struct seen *seen = calloc((size_t)n_workers * WEIR_POISONS_KEPT + 1, sizeof(*seen));
    bool is_first = true;
    size_t n = 0;

    if (!seen)
        return false;
    for (unsigned i = 0; i < n_workers; i++) {
        const struct part *part = &listing->parts[i];
        for (size_t k = 0; part->is_back && k < part->survey.n_poisons; k++)
            seen[n++] = (struct seen){&part->survey.poisons[k], i};
    }
    qsort(seen, n, sizeof(*seen), compare_seen);
    fputs("\"poisoned\": [", out);
    for (size_t i = 0; i < n && i < WEIR_POISONS_KEPT; i++)
        put_row(out, poison_facts(seen[i].poison, seen[i].worker), &is_first);
    fputs("]\n", out);
    free(seen);
    return true;
}

/* What has come back so far. Fails: NULL, out of memory. */
static char *print(const struct weir_listing *listing)
{
    bool is_truncated = false, is_first = true, is_done;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    fputs("{\"missing_workers\": [", out);
    for (unsigned i = 0; i < listing->control->n_workers; i++) {
        if (listing->parts[i].is_back) {
            is_truncated |= listing->parts[i].survey.is_truncated;
            continue;
        }
        fprintf(out, is_first ? "%u" : ",%u", i);
        is_first = false;
    }
    fprintf(out, "],\n\"truncated\": %s,\n", is_truncated ? "true" : "false");
    put_connections(out, listing);
    is_done = put_poisons(out, listing);
    fputs("}\n", out);
    if (fclose(out) == 0 && is_done)
        return text;
    free(text);
    return NULL;
}

/* ---- Asking ---- */

static void tell(struct weir_listing *listing)
{
    void *owner = listing->owner;

    weir_deadline_cancel(&listing->deadline);
    listing->owner = NULL;
    if (owner)
        listing->events->on_done(owner, print(listing));
}

/* On the worker's thread. */
static void on_worker(struct weir_errand *errand, struct weir_upstream *upstream)
{
    unsigned worker;
    struct weir_round *round = weir_round_of(errand, &worker);

    weir_survey_take(&OWNER(struct weir_listing, round, round)->parts[worker].survey, upstream);
}

static void on_back(struct weir_round *round, unsigned worker)
{
    OWNER(struct weir_listing, round, round)->parts[worker].is_back = true;
}

static void on_all_back(struct weir_round *round)
{
    struct weir_listing *listing = OWNER(struct weir_listing, round, round);

    tell(listing);
    destroy(listing);
}

static void on_late(struct weir_deadline *deadline)
{
    tell(OWNER(struct weir_listing, deadline, deadline));
}

struct weir_listing *weir_listing_begin(struct weir_control *control,
                                        const struct weir_listing_events *events, void *owner)
{
    static const struct weir_errand errand = {.act = on_worker};
    struct weir_listing *listing;

    if (control->n_listings >= LISTINGS_MAX)
        return NULL;
    listing = calloc(1, sizeof(*listing) + control->n_workers * sizeof(struct part));
    if (!listing || !weir_round_init(&listing->round, control)) {
        free(listing);
        return NULL;
    }
    control->n_listings++;
    listing->control = control;
    listing->events = events;
    listing->owner = owner;
    listing->deadline.on_expire = on_late;
    listing->round.on_back = on_back;
    listing->round.on_all_back = on_all_back;
    weir_loop_deadline(&control->loop, &listing->deadline, TIME_MS);
    weir_round_send(&listing->round, control, &errand);
    return listing;
}

void weir_listing_abandon(struct weir_listing *listing)
{
    listing->owner = NULL;
    weir_deadline_cancel(&listing->deadline);
}

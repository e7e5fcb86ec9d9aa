#include "weir/control/recorder.h"

#include "weir/control/tcp_states.h"
#include "weir/upstream/sums.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

enum { INTERVAL_MS = 1000, SHARE = 20 };

/* What the kernel tells of one end, which several pools may have. */
struct told {
    const struct weir_tcp_counts *counts;
    enum weir_history_figure first; /* that it belongs to */
};

struct weir_recorder {
    struct weir_control *control;
    struct weir_history *history;
    struct weir_deadline next;
    uint64_t begun_ms;   /* on the loop's clock */
    uint64_t started_ms; /* the same, since 1970: a clock that is set does not bend the plots */
    struct weir_reading pool, total; /* of the round under way */
    struct told *told;               /* the same, for the total */
    size_t n_told, told_max;
};

static void add(uint64_t *figures, enum weir_history_figure figure, uint64_t value)
{
    figures[figure] += value;
}

static void read_server(struct weir_reading *reading, struct weir_server *server)
{
    uint64_t *figures = reading->figures, connecting = 0;
    uint64_t open = atomic_load(&server->shared.connections);
    uint64_t idle = atomic_load(&server->shared.idle);

    for (unsigned i = 0; i < server->n_slots; i++) {
        const struct weir_server_slot *slot = &server->slots[i];
        const struct weir_server_counters *counters = &slot->counters;
        if (!weir_server_is_unix(server))
            add(figures, WEIR_HISTORY_sent, weir_counter_get(&counters->requests_total));
        add(figures, WEIR_HISTORY_opened, weir_counter_get(&counters->connections_opened));
        add(figures, WEIR_HISTORY_reused, weir_counter_get(&counters->connections_reused));
        add(figures, WEIR_HISTORY_time_waits_left, weir_counter_get(&counters->time_waits_left));
        connecting += weir_counter_get(&counters->connections_connecting);
        weir_histogram_merge(&reading->response_us, &slot->response_us);
    }
    /* Read one after another while the workers go on: shared out, so that it adds up. */
    idle = idle < open ? idle : open;
    connecting = connecting < open - idle ? connecting : open - idle;
    add(figures, WEIR_HISTORY_idle, idle);
    add(figures, WEIR_HISTORY_connecting, connecting);
    add(figures, WEIR_HISTORY_active, open - idle - connecting);
}

/* Counts that only grow go on where a server that has left stood. */
static void read_departed(struct weir_reading *reading, const struct weir_pool *pool)
{
    const struct weir_server_sums *past = pool->past;
    struct weir_server *server;

    DL_FOREACH(pool->departed, server) {
        read_server(reading, server);
    }
    if (!past)
        return;
    add(reading->figures, WEIR_HISTORY_sent, past->requests_total);
    add(reading->figures, WEIR_HISTORY_opened, past->connections_opened);
    add(reading->figures, WEIR_HISTORY_reused, past->connections_reused);
    add(reading->figures, WEIR_HISTORY_time_waits_left, past->time_waits_left);
    weir_histogram_merge(&reading->response_us, &past->response_us);
}

/* ---- TCP states ---- */

/* FIRST is that of the five figures of a side. */
static void add_tcp(uint64_t *figures, const struct told *told)
{
    const uint64_t *in = told->counts->in;
    const uint64_t by_figure[] = {in[WEIR_TCP_established], in[WEIR_TCP_time_wait],
                                  in[WEIR_TCP_fin_wait1] + in[WEIR_TCP_fin_wait2],
                                  in[WEIR_TCP_close_wait],
                                  in[WEIR_TCP_syn_sent] + in[WEIR_TCP_syn_recv] +
                                      in[WEIR_TCP_last_ack] + in[WEIR_TCP_closing]};

    for (unsigned i = 0; i < sizeof(by_figure) / sizeof(*by_figure); i++) {
        uint64_t *figure = &figures[told->first + i];
        *figure = by_figure[i] + (*figure == WEIR_HISTORY_UNKNOWN ? 0 : *figure);
    }
}

/* Without memory for it, it is missing in the total. */
static void note(struct weir_recorder *recorder, const struct weir_tcp_counts *counts,
                 enum weir_history_figure first)
{
    const struct told told = {counts, first};

    if (!counts)
        return;
    add_tcp(recorder->pool.figures, &told);
    if (recorder->n_told == recorder->told_max) {
        size_t more = 2 * recorder->told_max + 16;
        struct told *grown = realloc(recorder->told, more * sizeof(*grown));
        if (!grown)
            return;
        recorder->told = grown;
        recorder->told_max = more;
    }
    recorder->told[recorder->n_told++] = told;
}

static void read_tcp(struct weir_recorder *recorder, const struct weir_server *server)
{
    struct weir_tcp_sides sides = weir_tcp_sides_seen(recorder->control->tcp_states,
                                                      &server->address);

    note(recorder, sides.server, WEIR_HISTORY_server_established);
    note(recorder, sides.proxy, WEIR_HISTORY_proxy_established);
}

static int compare_told(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct told *)a)->counts;
    uintptr_t y = (uintptr_t)((const struct told *)b)->counts;

    return x < y ? -1 : x > y;
}

/* Each end once, however many pools have it. */
static void add_told(struct weir_recorder *recorder)
{
    struct told *told = recorder->told;

    if (recorder->n_told > 0)
        qsort(told, recorder->n_told, sizeof(*told), compare_told);
    for (size_t i = 0; i < recorder->n_told; i++) {
        if (i == 0 || told[i].counts != told[i - 1].counts)
            add_tcp(recorder->total.figures, &told[i]);
    }
    recorder->n_told = 0;
}

/* ---- A round ---- */

static void clear(struct weir_reading *reading)
{
    memset(reading, 0, sizeof(*reading));
    for (int i = WEIR_HISTORY_server_established; i < WEIR_HISTORY_FIGURE_COUNT; i++)
        reading->figures[i] = WEIR_HISTORY_UNKNOWN;
}

static void read_pool(struct weir_recorder *recorder, const struct weir_pool_plan *plan)
{
    struct weir_reading *reading = &recorder->pool;
    struct weir_pool *pool = plan->pool;

    clear(reading);
    for (size_t i = 0; i < plan->n_servers; i++) {
        read_server(reading, plan->servers[i]);
        read_tcp(recorder, plan->servers[i]);
    }
    read_departed(reading, pool);
    for (unsigned i = 0; i < pool->n_slots; i++) {
        const struct weir_pool_slot *slot = &pool->slots[i];
        add(reading->figures, WEIR_HISTORY_requests,
            weir_counter_get(&slot->counters.requests_total));
        add(reading->figures, WEIR_HISTORY_failed,
            weir_counter_get(&slot->counters.requests_failed));
        weir_histogram_merge(&reading->queue_us, &slot->queue_us);
    }
    add(reading->figures, WEIR_HISTORY_waiting, atomic_load(&pool->shared.n_waiting));
}

/* But for TCP states, see add_told. */
static void add_reading(struct weir_reading *total, const struct weir_reading *reading)
{
    for (int i = 0; i < WEIR_HISTORY_server_established; i++)
        total->figures[i] += reading->figures[i];
    weir_histogram_merge(&total->response_us, &reading->response_us);
    weir_histogram_merge(&total->queue_us, &reading->queue_us);
}

static void record(struct weir_recorder *recorder)
{
    struct weir_control *control = recorder->control;
    const struct weir_generation *generation = control->generation;
    uint64_t begun_us = uv_hrtime() / 1000, took_ms;

    weir_history_begin(recorder->history, recorder->started_ms + weir_loop_now_ms(&control->loop) -
                                              recorder->begun_ms);
    clear(&recorder->total);
    for (size_t i = 0; i < generation->config->n_pools; i++) {
        read_pool(recorder, &generation->plans[i]);
        weir_history_add(recorder->history, generation->plans[i].pool->name, &recorder->pool);
        add_reading(&recorder->total, &recorder->pool);
    }
    add_told(recorder);
    weir_history_end(recorder->history, &recorder->total);
    took_ms = (uv_hrtime() / 1000 - begun_us) / 1000;
    weir_loop_deadline(&control->loop, &recorder->next,
                       took_ms * SHARE > INTERVAL_MS ? took_ms * SHARE : INTERVAL_MS);
}

static void on_time(struct weir_deadline *deadline)
{
    record(
        (struct weir_recorder *)(void *)((char *)deadline - offsetof(struct weir_recorder, next)));
}

struct weir_recorder *weir_recorder_start(struct weir_control *control)
{
    struct weir_recorder *recorder = calloc(1, sizeof(*recorder));
    struct timespec now;

    if (!recorder)
        return NULL;
    clock_gettime(CLOCK_REALTIME, &now);
    recorder->control = control;
    recorder->next.on_expire = on_time;
    recorder->begun_ms = weir_loop_now_ms(&control->loop);
    recorder->started_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    recorder->history = weir_history_create(recorder->started_ms);
    if (!recorder->history) {
        free(recorder);
        return NULL;
    }
    record(recorder);
    return recorder;
}

void weir_recorder_stop(struct weir_recorder *recorder)
{
    if (!recorder)
        return;
    weir_deadline_cancel(&recorder->next);
    weir_history_destroy(recorder->history);
    free(recorder->told);
    free(recorder);
}

const struct weir_history *weir_recorder_history(const struct weir_recorder *recorder)
{
    return recorder->history;
}

#include "weir/control/recorder.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { INTERVAL_MS = 1000, SHARE = 20 };

struct weir_recorder {
    struct weir_control *control;
    struct weir_history *history;
    struct weir_deadline next;
    uint64_t begun_ms;   /* on the loop's clock */
    uint64_t started_ms; /* the same, since 1970: a clock that is set does not bend the plots */
    struct weir_reading pool, total; /* of the round under way */
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

static void clear(struct weir_reading *reading)
{
    memset(reading, 0, sizeof(*reading));
    for (int i = WEIR_HISTORY_server_established; i < WEIR_HISTORY_FIGURE_COUNT; i++)
        reading->figures[i] = WEIR_HISTORY_UNKNOWN;
}

static void read_pool(struct weir_reading *reading, const struct weir_pool_plan *plan)
{
    struct weir_pool *pool = plan->pool;

    clear(reading);
    for (size_t i = 0; i < plan->n_servers; i++)
        read_server(reading, plan->servers[i]);
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

/* What is known of some pools alone is told of all. */
static void add_reading(struct weir_reading *total, const struct weir_reading *reading)
{
    for (int i = 0; i < WEIR_HISTORY_FIGURE_COUNT; i++) {
        if (reading->figures[i] == WEIR_HISTORY_UNKNOWN)
            continue;
        if (total->figures[i] == WEIR_HISTORY_UNKNOWN)
            total->figures[i] = 0;
        total->figures[i] += reading->figures[i];
    }
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
        read_pool(&recorder->pool, &generation->plans[i]);
        weir_history_add(recorder->history, generation->plans[i].pool->name, &recorder->pool);
        add_reading(&recorder->total, &recorder->pool);
    }
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
    free(recorder);
}

const struct weir_history *weir_recorder_history(const struct weir_recorder *recorder)
{
    return recorder->history;
}

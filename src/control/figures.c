#include "weir/control/figures.h"

#include "weir/upstream/waitq.h"

#include <string.h>

enum { LOOKS_MAX = 100 };

void weir_listener_sums_add(struct weir_listener_sums *sums, const struct weir_listener *listener)
{
#define ADD(name, metric, meaning) sums->name += WEIR_SUM(listener, counters.name);
    WEIR_LISTENER_COUNTERS(ADD)
#undef ADD
}

static uint64_t add_closed(uint64_t *closed, const struct weir_server *server)
{
    uint64_t ended = 0;

    for (int reason = 0; reason < WEIR_CLOSE_REASON_COUNT; reason++) {
        uint64_t count = WEIR_SUM(server, closed[reason]);
        closed[reason] += count;
        ended += count;
    }
    return ended;
}

/* Nothing has closed between two looks at the closed ones. So what is open never seems more than
 * `max`, nor less than nothing. Returns what was opened by then. */
static uint64_t add_ends(struct weir_server_sums *sums, const struct weir_server *server)
{
    uint64_t closed[WEIR_CLOSE_REASON_COUNT], ignored[WEIR_CLOSE_REASON_COUNT] = {0}, opened = 0;
    bool is_still = false;

    for (int looks = 0; looks < LOOKS_MAX && !is_still; looks++) {
        memset(closed, 0, sizeof(closed));
        uint64_t ended = add_closed(closed, server);
        opened = WEIR_SUM(server, counters.connections_opened);
        is_still = add_closed(ignored, server) == ended;
    }
    for (int reason = 0; reason < WEIR_CLOSE_REASON_COUNT; reason++)
        sums->closed[reason] += closed[reason];
    return opened;
}

void weir_server_sums_add(struct weir_server_sums *sums, struct weir_server *server)
{
    uint64_t opened = sums->connections_opened, before = sums->requests_total;

#define ADD(name, metric, meaning) sums->name += WEIR_SUM(server, counters.name);
    WEIR_SERVER_COUNTERS(ADD)
#undef ADD
    if (!weir_server_is_unix(server))
        sums->requests_tcp += sums->requests_total - before;
    sums->idle += atomic_load(&server->shared.idle);
    sums->connections_opened = opened + add_ends(sums, server);
    for (unsigned slot = 0; slot < server->n_slots; slot++) {
        weir_histogram_merge(&sums->connect_us, &server->slots[slot].connect_us);
        weir_histogram_merge(&sums->response_us, &server->slots[slot].response_us);
    }
}

void weir_pool_sums_add(struct weir_pool_sums *sums, const struct weir_pool *pool)
{
#define ADD(name, metric, meaning) sums->name += WEIR_SUM(pool, counters.name);
    WEIR_POOL_COUNTERS(ADD)
#undef ADD
    for (unsigned slot = 0; slot < pool->n_slots; slot++)
        weir_histogram_merge(&sums->queue_us, &pool->slots[slot].queue_us);
}

static uint64_t at_most(uint64_t value, uint64_t limit)
{
    return value < limit ? value : limit;
}

struct weir_open_sums weir_server_sums_open(const struct weir_server_sums *sums)
{
    uint64_t ended = 0, open;
    struct weir_open_sums found;

    for (int reason = 0; reason < WEIR_CLOSE_REASON_COUNT; reason++)
        ended += sums->closed[reason];
    open = sums->connections_opened > ended ? sums->connections_opened - ended : 0;
    found.idle = at_most(sums->idle, open);
    found.connecting = at_most(sums->connections_connecting, open - found.idle);
    found.active = open - found.idle - found.connecting;
    return found;
}

int64_t weir_server_sums_avoided(const struct weir_server_sums *sums)
{
    return (int64_t)sums->requests_tcp - (int64_t)sums->time_waits_left;
}

uint64_t weir_pool_oldest_ms(struct weir_pool *pool)
{
    uint64_t since_us = weir_waitq_oldest_us(pool), now_us = uv_hrtime() / 1000;

    return since_us > 0 && now_us > since_us ? (now_us - since_us) / 1000 : 0;
}

uint64_t weir_figure_idle_timeout_ms(const struct weir_lesson *lesson, uint64_t limit_ms)
{
    uint64_t learned_ms = atomic_load(&lesson->shared.idle_ms);

    return learned_ms > 0 ? learned_ms : limit_ms;
}

uint64_t weir_figure_max_requests(const struct weir_lesson *lesson)
{
    uint64_t seen = atomic_load(&lesson->shared.requests);

    return seen > 0 ? seen : atomic_load(&lesson->shared.announced);
}

/* The least of the workers' numbers. */
static unsigned in_force(const struct weir_control *control, unsigned number,
                         unsigned (*of)(const struct weir_worker *worker))
{
    for (unsigned i = 0; i < control->n_workers; i++) {
        unsigned here = of(control->hands[i].worker);
        if (here < number)
            number = here;
    }
    return number;
}

unsigned weir_figure_generation(const struct weir_control *control)
{
    return in_force(control, control->generation->number, weir_worker_generation);
}

unsigned weir_figure_revision(const struct weir_control *control)
{
    return in_force(control, control->generation->revision, weir_worker_revision);
}

#include "weir/upstream/sums.h"

#include "weir/upstream/pool.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum { LOOKS_MAX = 100 };

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

void weir_server_sums_merge(struct weir_server_sums *to, const struct weir_server_sums *from)
{
#define ADD(name, metric, meaning) to->name += from->name;
    WEIR_SERVER_COUNTERS(ADD)
#undef ADD
    for (int reason = 0; reason < WEIR_CLOSE_REASON_COUNT; reason++)
        to->closed[reason] += from->closed[reason];
    to->idle += from->idle;
    to->requests_tcp += from->requests_tcp;
    weir_histogram_merge(&to->connect_us, &from->connect_us);
    weir_histogram_merge(&to->response_us, &from->response_us);
}

void weir_server_sums_add_departed(struct weir_server_sums *sums, const struct weir_pool *pool)
{
    struct weir_server *server;

    if (pool->past)
        weir_server_sums_merge(sums, pool->past);
    DL_FOREACH(pool->departed, server) {
        weir_server_sums_add(sums, server);
    }
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

#include "weir/proxy/traffic.h"

#include "weir/base/assert.h"
#include "weir/proxy/exchange.h"
#include "weir/proxy/greet.h"
#include "weir/upstream/ahead.h"

#include <utlist.h>

enum { CLIENTS_KEPT = 4096, EXCHANGES_KEPT = 1024 };

/* From now on the generation's listeners go by its plans, or by none. */
static void set_plans(const struct weir_generation *generation, unsigned worker, bool is_current)
{
    for (size_t i = 0; i < generation->n_listeners; i++) {
        const struct weir_listener_plan *plan = &generation->listeners[i];
        plan->listener->slots[worker].plan = is_current ? plan : NULL;
    }
}

void weir_traffic_init(struct weir_traffic *traffic, struct weir_loop *loop, unsigned worker,
                       struct weir_generation *generation)
{
    traffic->loop = loop;
    traffic->worker = worker;
    traffic->is_draining = false;
    traffic->generation = generation;
    traffic->all = NULL;
    traffic->n_clients = 0;
    traffic->request_ids.left = 0;
    traffic->look_turn = traffic->looks = 0;
    traffic->line = NULL;
    traffic->handshakes = 0;
    traffic->line_turn = (struct weir_turn){.run = weir_greet_on_turn};
    traffic->access_clock = (struct weir_access_clock){.checked_ms = 0};
    weir_generation_use(generation, worker);
    set_plans(generation, worker, true);
    weir_upstream_init(&traffic->upstream, loop, worker);
    weir_ahead_start(&traffic->upstream, generation->plans, generation->config->n_pools);
    weir_slab_init(&traffic->clients, sizeof(struct weir_client), CLIENTS_KEPT);
    weir_slab_init(&traffic->exchanges, sizeof(struct weir_exchange), EXCHANGES_KEPT);
}

void weir_traffic_fini(struct weir_traffic *traffic)
{
    WEIR_ASSERT(!traffic->all);
    set_plans(traffic->generation, traffic->worker, false);
    weir_generation_leave(traffic->generation, traffic->worker);
    weir_upstream_fini(&traffic->upstream);
    weir_slab_fini(&traffic->clients);
    weir_slab_fini(&traffic->exchanges);
}

static void close_unlisted(struct weir_traffic *traffic)
{
    struct weir_client *client, *following;

    DL_FOREACH_SAFE(traffic->all, client, following) {
        if (client->state <= WEIR_CLIENT_IDLE && !weir_client_plan(client))
            weir_client_close(client, false);
    }
}

/* Who waits by a former generation's word goes on by the new one's. */
static void follow(struct weir_traffic *traffic)
{
    const struct weir_generation *generation = traffic->generation;
    struct weir_client *client, *following;

    DL_FOREACH_SAFE(traffic->all, client, following) {
        if (client->exchange)
            weir_exchange_follow(client->exchange);
    }
    for (size_t i = 0; i < generation->config->n_pools; i++)
        weir_pool_look(&traffic->upstream, &generation->plans[i]);
}

void weir_traffic_switch(struct weir_traffic *traffic, struct weir_generation *generation)
{
    struct weir_generation *former = traffic->generation;

    weir_generation_use(generation, traffic->worker);
    traffic->generation = generation;
    set_plans(former, traffic->worker, false);
    set_plans(generation, traffic->worker, true);
    weir_ahead_start(&traffic->upstream, generation->plans, generation->config->n_pools);
    follow(traffic);
    weir_generation_leave(former, traffic->worker);
    close_unlisted(traffic);
}

void weir_traffic_drain(struct weir_traffic *traffic)
{
    struct weir_client *client, *following;

    traffic->is_draining = true;
    traffic->upstream.is_draining = true;
    weir_ahead_stop(&traffic->upstream);
    DL_FOREACH_SAFE(traffic->all, client, following) {
        weir_client_drain(client);
    }
    weir_upstream_sweep(&traffic->upstream, false);
}

void weir_traffic_abort(struct weir_traffic *traffic)
{
    struct weir_client *client, *following;

    DL_FOREACH_SAFE(traffic->all, client, following) {
        if (client->exchange)
            weir_exchange_abort(client->exchange, WEIR_CLOSED_shutdown);
        else
            weir_client_close(client, true);
    }
}

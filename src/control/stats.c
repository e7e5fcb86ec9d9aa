/* `/stats`: the workers' counters added up, in the shape of INTERFACE.md. */
#include "weir/control/control.h"
#include "weir/control/tcp_states.h"
#include "weir/upstream/waitq.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOOKS_MAX = 100 };

/* A field of all slots' counters of an object, added up. Gauges wrap around below zero in a slot
 * and come right in the sum. */
#define SUM(object, field)                                                                         \
    ({                                                                                             \
        uint64_t sum = 0;                                                                          \
        for (unsigned slot = 0; slot < (object)->n_slots; slot++)                                  \
            sum += weir_counter_get(&(object)->slots[slot].field);                                 \
        (json_int_t) sum;                                                                          \
    })

/* jansson passes a NULL on as an error, so that one look at the text in the end is enough. */
static void put(json_t *object, const char *key, json_int_t value)
{
    json_object_set_new(object, key, json_integer(value));
}

/* The least of the workers' numbers: after a reload they switch one by one. */
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

static json_t *weir_facts(struct weir_control *control)
{
    json_t *facts = json_object();

    json_object_set_new(facts, "version", json_string(WEIR_VERSION));
    put(facts, "pid", getpid());
    put(facts, "uptime_s",
        (json_int_t)((weir_loop_now_ms(&control->loop) - control->started_ms) / 1000));
    put(facts, "generation",
        in_force(control, control->generation->number, weir_worker_generation));
    put(facts, "revision", in_force(control, control->generation->revision, weir_worker_revision));
    json_object_set_new(facts, "state", json_string(weir_control_state_name(control->state)));
    put(facts, "workers", control->n_workers);
    return facts;
}

static json_t *listener_facts(const struct weir_tcp_states *tcp,
                              const struct weir_listener_plan *plan)
{
    const struct weir_listener *listener = plan->listener;
    json_t *facts = json_object(), *addresses = json_array(), *connections = json_object(),
           *requests = json_object(), *bytes = json_object();
    char where[WEIR_ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < plan->config->n_listen; i++)
        json_array_append_new(addresses,
                              json_string(weir_address_describe(&plan->addresses[i], where)));
    put(connections, "active", SUM(listener, counters.connections_active));
    put(connections, "accepted", SUM(listener, counters.connections_accepted));
    put(connections, "rejected", SUM(listener, counters.connections_rejected));
    put(requests, "active", SUM(listener, counters.requests_active));
    put(requests, "total", SUM(listener, counters.requests_total));
    put(requests, "1xx", SUM(listener, counters.answers_1xx));
    put(requests, "2xx", SUM(listener, counters.answers_2xx));
    put(requests, "3xx", SUM(listener, counters.answers_3xx));
    put(requests, "4xx", SUM(listener, counters.answers_4xx));
    put(requests, "5xx", SUM(listener, counters.answers_5xx));
    put(bytes, "in", SUM(listener, counters.bytes_in));
    put(bytes, "out", SUM(listener, counters.bytes_out));
    json_object_set_new(facts, "addresses", addresses);
    json_object_set_new(facts, "connections", connections);
    json_object_set_new(facts, "requests", requests);
    json_object_set_new(facts, "bytes", bytes);
    json_object_set_new(facts, "tcp", weir_tcp_listener_facts(tcp, plan));
    return facts;
}

/* Figures of a server, or those of a pool's servers added up. */
struct totals {
    json_int_t requests_active, requests_total, requests_retried, requests_failed;
    json_int_t idle, connecting, opened, reused, stolen, prewarmed, quick_acks;
    json_int_t closed[WEIR_CLOSE_REASON_COUNT];
    json_int_t races_seen, races_retried, races_retried_on_evidence, races_failed;
    json_int_t time_waits_left, ejections;
    struct weir_histogram connect_us, response_us;
};

static json_int_t add_closed(json_int_t *closed, const struct weir_server *server)
{
    json_int_t ended = 0;

    for (int reason = 0; reason < WEIR_CLOSE_REASON_COUNT; reason++) {
        json_int_t count = SUM(server, closed[reason]);
        closed[reason] += count;
        ended += count;
    }
    return ended;
}

/* What was opened and what was closed, of one moment: nothing has closed between two looks at the
 * closed ones. So what is open never seems more than `max`, nor less than nothing. */
static void add_ends(struct totals *totals, const struct weir_server *server)
{
    json_int_t closed[WEIR_CLOSE_REASON_COUNT], ignored[WEIR_CLOSE_REASON_COUNT] = {0}, opened = 0;
    bool is_still = false;

    for (int looks = 0; looks < LOOKS_MAX && !is_still; looks++) {
        memset(closed, 0, sizeof(closed));
        json_int_t ended = add_closed(closed, server);
        opened = SUM(server, counters.connections_opened);
        is_still = add_closed(ignored, server) == ended;
    }
    totals->opened += opened;
    for (int reason = 0; reason < WEIR_CLOSE_REASON_COUNT; reason++)
        totals->closed[reason] += closed[reason];
}

static void add_server(struct totals *totals, struct weir_server *server)
{
    totals->requests_active += SUM(server, counters.requests_active);
    totals->requests_total += SUM(server, counters.requests_total);
    totals->requests_retried += SUM(server, counters.requests_retried);
    totals->requests_failed += SUM(server, counters.requests_failed);
    totals->ejections += SUM(server, counters.ejections);
    totals->connecting += SUM(server, counters.connections_connecting);
    totals->reused += SUM(server, counters.connections_reused);
    totals->stolen += SUM(server, counters.connections_stolen);
    totals->prewarmed += SUM(server, counters.connections_prewarmed);
    totals->quick_acks += SUM(server, counters.connections_quick_acks);
    totals->races_seen += SUM(server, counters.races_seen);
    totals->races_retried += SUM(server, counters.races_retried);
    totals->races_retried_on_evidence += SUM(server, counters.races_retried_on_evidence);
    totals->races_failed += SUM(server, counters.races_failed);
    totals->time_waits_left += SUM(server, counters.time_waits_left);
    totals->idle += atomic_load(&server->shared.idle);
    add_ends(totals, server);
    for (unsigned slot = 0; slot < server->n_slots; slot++) {
        weir_histogram_merge(&totals->connect_us, &server->slots[slot].connect_us);
        weir_histogram_merge(&totals->response_us, &server->slots[slot].response_us);
    }
}

static json_t *latency_facts(const struct weir_histogram *histogram)
{
    json_t *facts = json_object();
    static const struct {
        const char *key;
        double share;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}};

    for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++) {
        double us = (double)weir_histogram_quantile_us(histogram, quantiles[i].share);
        json_object_set_new(facts, quantiles[i].key, json_real(us / 1000));
    }
    return facts;
}

static json_int_t at_most(json_int_t value, json_int_t limit)
{
    return value < limit ? value : limit;
}

/* The figures are read one after another while the workers go on. `opened` and `closed` are counts,
 * and never go back; what is left between them is shared out, so that all of it adds up. */
static json_t *connection_facts(const struct totals *totals)
{
    json_t *facts = json_object(), *closed = json_object();
    json_int_t ended = 0, open, idle, connecting;

    for (int reason = 0; reason < WEIR_CLOSE_REASON_COUNT; reason++) {
        put(closed, weir_close_reason_name((enum weir_close_reason)reason), totals->closed[reason]);
        ended += totals->closed[reason];
    }
    open = totals->opened - ended;
    idle = at_most(totals->idle, open);
    connecting = at_most(totals->connecting, open - idle);
    put(facts, "idle", idle);
    put(facts, "active", open - idle - connecting);
    put(facts, "connecting", connecting);
    put(facts, "opened", totals->opened);
    put(facts, "reused", totals->reused);
    put(facts, "stolen", totals->stolen);
    put(facts, "prewarmed", totals->prewarmed);
    put(facts, "quick_acks", totals->quick_acks);
    json_object_set_new(facts, "closed", closed);
    return facts;
}

/* What a server and a pool have alike. */
static void put_totals(json_t *facts, const struct totals *totals)
{
    double total = (double)totals->requests_total;
    json_t *races = json_object();

    put(races, "seen", totals->races_seen);
    put(races, "retried", totals->races_retried);
    put(races, "retried_on_evidence", totals->races_retried_on_evidence);
    put(races, "failed", totals->races_failed);
    json_object_set_new(facts, "connections", connection_facts(totals));
    json_object_set_new(facts, "races", races);
    json_object_set_new(facts, "reuse_ratio",
                        json_real(total > 0 ? (double)totals->reused / total : 0));
    put(facts, "time_wait_avoided", totals->requests_total - totals->time_waits_left);
}

/* Without anything learned, what the configuration says holds. */
static json_t *keep_alive_facts(const struct weir_lesson *lesson, uint64_t limit_ms)
{
    json_t *facts = json_object();
    bool unkept = weir_lesson_is_unkept(lesson);
    uint64_t idle_ms = atomic_load(&lesson->shared.idle_ms);
    uint64_t seen = atomic_load(&lesson->shared.requests);
    enum weir_unkept_reason reason = (enum weir_unkept_reason)atomic_load(&lesson->shared.unkept);
    enum weir_learned_from from = (enum weir_learned_from)atomic_load(&lesson->shared.from);

    json_object_set_new(facts, "honoured", json_boolean(!unkept));
    json_object_set_new(facts, "reason", json_string(unkept ? weir_unkept_text(reason) : ""));
    put(facts, "idle_timeout_ms", (json_int_t)(idle_ms > 0 ? idle_ms : limit_ms));
    put(facts, "max_requests",
        (json_int_t)(seen > 0 ? seen : atomic_load(&lesson->shared.announced)));
    json_object_set_new(facts, "learned_from", json_string(weir_learned_from_name(from)));
    json_object_set_new(facts, "quick_ack", json_boolean(weir_delack_is_learned(&lesson->delack)));
    return facts;
}

static json_t *health_facts(struct weir_server *server, const struct totals *totals, bool is_probed)
{
    const struct weir_health *health = &server->shared.health;
    uint64_t now_ms = uv_hrtime() / 1000000, until_ms = atomic_load(&health->until_ms);
    uint32_t troubles = atomic_load(&health->troubles);
    bool is_ejected = (troubles & WEIR_HEALTH_EJECTED) != 0;

    return json_pack("{s:s,s:b,s:I,s:I,s:I}", "check",
                     !is_probed                    ? "none"
                     : weir_health_is_down(health) ? "down"
                                                   : "up",
                     "returning", (troubles & WEIR_HEALTH_RETURNING) != 0, "failures",
                     (json_int_t)atomic_load(&health->failures), "ejections", totals->ejections,
                     "ejected_for_ms",
                     is_ejected && until_ms > now_ms ? (json_int_t)(until_ms - now_ms) : 0);
}

static json_t *port_facts(const struct weir_tcp_states *tcp, const struct weir_pool_plan *plan,
                          struct weir_server *server)
{
    json_t *facts = json_object();

    weir_tcp_put_ports(facts, tcp, plan, &server->address);
    put(facts, "exhausted", SUM(server, counters.ports_exhausted));
    json_object_set_new(facts, "paused", json_boolean(weir_server_is_held(server)));
    return facts;
}

static json_t *server_facts(const struct weir_tcp_states *tcp, const struct weir_pool_plan *plan,
                            size_t index, struct totals *pool)
{
    const struct weir_member *member = &plan->members[index];
    struct weir_server *server = plan->servers[index];
    struct totals totals = {.idle = 0};
    json_t *facts = json_object(), *requests = json_object(), *latency = json_object();

    add_server(&totals, server);
    add_server(pool, server);
    json_object_set_new(facts, "state", json_string(weir_server_state_name(server)));
    json_object_set_new(facts, "admin_state",
                        json_string(weir_admin_state_name(
                            (enum weir_admin_state)atomic_load(&server->shared.admin_state))));
    put(facts, "weight", (json_int_t)member->weight);
    json_object_set_new(facts, "backup", json_boolean(member->backup));
    if (member->named)
        json_object_set_new(facts, "name", json_string(member->named->address));
    json_object_set_new(facts, "health", health_facts(server, &totals, plan->config->is_probed));
    put(requests, "active", totals.requests_active);
    put(requests, "total", totals.requests_total);
    put(requests, "retried", totals.requests_retried);
    put(requests, "failed", totals.requests_failed);
    json_object_set_new(facts, "requests", requests);
    put_totals(facts, &totals);
    json_object_set_new(latency, "connect", latency_facts(&totals.connect_us));
    json_object_set_new(latency, "response", latency_facts(&totals.response_us));
    json_object_set_new(facts, "latency_ms", latency);
    json_object_set_new(facts, "keep_alive",
                        keep_alive_facts(&server->lesson, plan->settings.idle_timeout_ms));
    json_object_set_new(facts, "ports", port_facts(tcp, plan, server));
    json_object_set_new(facts, "tcp", weir_tcp_server_facts(tcp, &server->address));
    return facts;
}

static json_int_t oldest_ms(struct weir_pool *pool)
{
    uint64_t since_us = weir_waitq_oldest_us(pool), now_us = uv_hrtime() / 1000;

    return since_us > 0 && now_us > since_us ? (json_int_t)((now_us - since_us) / 1000) : 0;
}

static json_t *pool_facts(const struct weir_tcp_states *tcp, const struct weir_pool_plan *plan)
{
    struct weir_pool *pool = plan->pool;
    struct totals totals = {.idle = 0};
    struct weir_histogram queue_us = {.max_us = 0};
    json_t *facts = json_object(), *requests = json_object(), *queue = json_object(),
           *latency = json_object(), *servers = json_object();

    for (size_t i = 0; i < plan->n_servers; i++)
        json_object_set_new(servers, plan->servers[i]->name, server_facts(tcp, plan, i, &totals));
    for (unsigned slot = 0; slot < pool->n_slots; slot++)
        weir_histogram_merge(&queue_us, &pool->slots[slot].queue_us);
    put(requests, "active", SUM(pool, counters.requests_active));
    put(requests, "total", SUM(pool, counters.requests_total));
    put(requests, "retried", totals.requests_retried);
    put(requests, "failed", SUM(pool, counters.requests_failed));
    json_object_set_new(facts, "paused", json_boolean(atomic_load(&pool->shared.is_paused)));
    json_object_set_new(facts, "requests", requests);
    put_totals(facts, &totals);
    put(queue, "waiting", atomic_load(&pool->shared.n_waiting));
    put(queue, "oldest_ms", oldest_ms(pool));
    put(queue, "timed_out", SUM(pool, counters.queue_timed_out));
    put(queue, "rejected", SUM(pool, counters.queue_rejected));
    json_object_set_new(facts, "queue", queue);
    json_object_set_new(latency, "connect", latency_facts(&totals.connect_us));
    json_object_set_new(latency, "response", latency_facts(&totals.response_us));
    json_object_set_new(latency, "queue", latency_facts(&queue_us));
    json_object_set_new(facts, "latency_ms", latency);
    json_object_set_new(facts, "servers", servers);
    return facts;
}

/* One worker's part, over all listeners and servers. */
static json_t *worker_facts(const struct weir_generation *generation, unsigned worker)
{
    json_int_t active = 0, accepted = 0, asking = 0, asked = 0, idle = 0, reused = 0, stolen = 0;

    for (size_t i = 0; i < generation->n_listeners; i++) {
        const struct weir_listener_counters *counters =
            &generation->listeners[i].listener->slots[worker].counters;
        active += (json_int_t)weir_counter_get(&counters->connections_active);
        accepted += (json_int_t)weir_counter_get(&counters->connections_accepted);
        asking += (json_int_t)weir_counter_get(&counters->requests_active);
        asked += (json_int_t)weir_counter_get(&counters->requests_total);
    }
    for (size_t i = 0; i < generation->config->n_pools; i++) {
        for (size_t k = 0; k < generation->plans[i].n_servers; k++) {
            struct weir_server_slot *slot = &generation->plans[i].servers[k]->slots[worker];
            idle += atomic_load(&slot->shared.n_idle);
            reused += (json_int_t)weir_counter_get(&slot->counters.connections_reused);
            stolen += (json_int_t)weir_counter_get(&slot->counters.connections_stolen);
        }
    }
    return json_pack("{s:{s:I,s:I},s:{s:I,s:I},s:{s:I,s:I,s:I}}", "connections", "active", active,
                     "accepted", accepted, "requests", "active", asking, "total", asked, "upstream",
                     "idle", idle, "reused", reused, "stolen", stolen);
}

char *weir_stats_print(struct weir_control *control)
{
    const struct weir_generation *generation = control->generation;
    json_t *stats = json_object(), *listeners = json_object(), *pools = json_object(),
           *workers = json_object();
    char *text, name[16];

    weir_tcp_states_look(control->tcp_states, generation);
    for (size_t i = 0; i < generation->n_listeners; i++)
        json_object_set_new(listeners, generation->listeners[i].listener->name,
                            listener_facts(control->tcp_states, &generation->listeners[i]));
    for (size_t i = 0; i < generation->config->n_pools; i++)
        json_object_set_new(pools, generation->plans[i].pool->name,
                            pool_facts(control->tcp_states, &generation->plans[i]));
    json_object_set_new(stats, "weir", weir_facts(control));
    json_object_set_new(stats, "listeners", listeners);
    json_object_set_new(stats, "pools", pools);
    for (unsigned i = 0; i < control->n_workers; i++) {
        snprintf(name, sizeof(name), "%u", i);
        json_object_set_new(workers, name, worker_facts(generation, i));
    }
    json_object_set_new(stats, "workers", workers);
    text = json_dumps(stats, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(stats);
    return text;
}

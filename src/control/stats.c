/* `/stats`: the workers' counters added up, in the shape of INTERFACE.md. */
#include "weir/control/figures.h"
#include "weir/control/tcp_states.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

/* jansson passes a NULL on as an error, so that one look at the text in the end is enough. */
static void put(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *weir_facts(struct weir_control *control)
{
    json_t *facts = json_object();

    json_object_set_new(facts, "version", json_string(WEIR_VERSION));
    put(facts, "pid", (uint64_t)getpid());
    put(facts, "uptime_s", (weir_loop_now_ms(&control->loop) - control->started_ms) / 1000);
    put(facts, "generation", weir_figure_generation(control));
    put(facts, "revision", weir_figure_revision(control));
    json_object_set_new(facts, "state", json_string(weir_control_state_name(control->state)));
    put(facts, "workers", control->n_workers);
    return facts;
}

/* Days and not seconds are what people hold against a calendar. */
static json_t *certificate_facts(const struct weir_tls_certificate *certificate)
{
    json_t *facts = json_object(), *names = json_array();
    char when[32];
    struct tm tm;

    gmtime_r(&certificate->not_after, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    for (size_t i = 0; i < certificate->n_names; i++)
        json_array_append_new(names, json_string(certificate->names[i]));
    json_object_set_new(facts, "names", names);
    json_object_set_new(facts, "not_after", json_string(when));
    return facts;
}

static json_t *listener_tls_facts(const struct weir_listener_sums *sums,
                                  const struct weir_tls_front *front)
{
    json_t *facts, *certificates;

    if (!front)
        return json_null();
    facts = json_object();
    certificates = json_array();
    for (size_t i = 0; i < weir_tls_front_n(front); i++)
        json_array_append_new(certificates,
                              certificate_facts(weir_tls_front_certificate(front, i)));
    put(facts, "handshakes", sums->tls_handshakes);
    put(facts, "resumed", sums->tls_resumed);
    put(facts, "failed", sums->tls_failed);
    json_object_set_new(facts, "certificates", certificates);
    return facts;
}

static json_t *listener_facts(const struct weir_tcp_states *tcp,
                              const struct weir_listener_plan *plan)
{
    struct weir_listener_sums sums = {.requests_active = 0};
    json_t *facts = json_object(), *addresses = json_array(), *connections = json_object(),
           *requests = json_object(), *tunnels = json_object(), *bytes = json_object();
    char where[WEIR_ADDRESS_TEXT_MAX];

    weir_listener_sums_add(&sums, plan->listener);
    for (size_t i = 0; i < plan->config->n_listen; i++)
        json_array_append_new(addresses,
                              json_string(weir_address_describe(&plan->addresses[i], where)));
    put(connections, "active", sums.connections_active);
    put(connections, "accepted", sums.connections_accepted);
    put(connections, "rejected", sums.connections_rejected);
    put(connections, "proxy_headers_refused", sums.proxy_headers_refused);
    put(requests, "active", sums.requests_active);
    put(requests, "total", sums.requests_total);
    put(requests, "1xx", sums.answers_1xx);
    put(requests, "2xx", sums.answers_2xx);
    put(requests, "3xx", sums.answers_3xx);
    put(requests, "4xx", sums.answers_4xx);
    put(requests, "5xx", sums.answers_5xx);
    put(tunnels, "active", sums.tunnels_active);
    put(tunnels, "total", sums.tunnels_total);
    put(bytes, "in", sums.bytes_in);
    put(bytes, "out", sums.bytes_out);
    put(bytes, "spliced", sums.bytes_spliced);
    json_object_set_new(facts, "addresses", addresses);
    json_object_set_new(facts, "connections", connections);
    json_object_set_new(facts, "requests", requests);
    json_object_set_new(facts, "tunnels", tunnels);
    json_object_set_new(facts, "bytes", bytes);
    json_object_set_new(facts, "tls", listener_tls_facts(&sums, plan->config->front));
    json_object_set_new(facts, "tcp", weir_tcp_listener_facts(tcp, plan));
    return facts;
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

static json_t *connection_facts(const struct weir_server_sums *sums)
{
    struct weir_open_sums open = weir_server_sums_open(sums);
    json_t *facts = json_object(), *closed = json_object();

    for (int reason = 0; reason < WEIR_CLOSE_REASON_COUNT; reason++)
        put(closed, weir_close_reason_name((enum weir_close_reason)reason), sums->closed[reason]);
    put(facts, "idle", open.idle);
    put(facts, "active", open.active);
    put(facts, "connecting", open.connecting);
    put(facts, "opened", sums->connections_opened);
    put(facts, "reused", sums->connections_reused);
    put(facts, "stolen", sums->connections_stolen);
    put(facts, "prewarmed", sums->connections_prewarmed);
    put(facts, "quick_acks", sums->connections_quick_acks);
    json_object_set_new(facts, "closed", closed);
    return facts;
}

/* What a server and a pool have alike. */
static void put_totals(json_t *facts, const struct weir_server_sums *totals)
{
    double total = (double)totals->requests_total;
    json_t *races = json_object(), *tunnels = json_object();

    put(tunnels, "active", totals->tunnels_active);
    put(tunnels, "total", totals->tunnels_total);
    json_object_set_new(facts, "tunnels", tunnels);
    put(races, "seen", totals->races_seen);
    put(races, "retried", totals->races_retried);
    put(races, "retried_on_evidence", totals->races_retried_on_evidence);
    put(races, "failed", totals->races_failed);
    json_object_set_new(facts, "connections", connection_facts(totals));
    json_object_set_new(facts, "races", races);
    json_object_set_new(facts, "reuse_ratio",
                        json_real(total > 0 ? (double)totals->connections_reused / total : 0));
    json_object_set_new(facts, "time_wait_avoided", json_integer(weir_server_sums_avoided(totals)));
}

/* Without anything learned, what the configuration says holds. */
static json_t *keep_alive_facts(const struct weir_lesson *lesson, uint64_t limit_ms)
{
    json_t *facts = json_object();
    bool unkept = weir_lesson_is_unkept(lesson);
    enum weir_unkept_reason reason = (enum weir_unkept_reason)atomic_load(&lesson->shared.unkept);
    enum weir_learned_from from = (enum weir_learned_from)atomic_load(&lesson->shared.from);

    json_object_set_new(facts, "honoured", json_boolean(!unkept));
    json_object_set_new(facts, "reason", json_string(unkept ? weir_unkept_text(reason) : ""));
    put(facts, "idle_timeout_ms", weir_figure_idle_timeout_ms(lesson, limit_ms));
    put(facts, "max_requests", weir_figure_max_requests(lesson));
    json_object_set_new(facts, "learned_from", json_string(weir_learned_from_name(from)));
    json_object_set_new(facts, "quick_ack", json_boolean(weir_delack_is_learned(&lesson->delack)));
    return facts;
}

static json_t *health_facts(struct weir_server *server, const struct weir_server_sums *totals,
                            bool is_probed)
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
                     (json_int_t)atomic_load(&health->failures), "ejections",
                     (json_int_t)totals->ejections, "ejected_for_ms",
                     is_ejected && until_ms > now_ms ? (json_int_t)(until_ms - now_ms) : 0);
}

/* null: it is not spoken TLS to. */
static json_t *server_tls_facts(struct weir_server *server, const struct weir_server_sums *totals)
{
    const struct weir_server_tls *tls = weir_server_tls(server);
    json_t *facts = tls ? json_object() : json_null();
    const char *fault = tls ? atomic_load(&tls->fault) : NULL;

    if (!tls)
        return facts;
    json_object_set_new(facts, "server_name", json_string(tls->name));
    json_object_set_new(facts, "verify", json_boolean(weir_tls_dialer_verifies(tls->dialer)));
    put(facts, "handshakes", totals->tls_handshakes);
    put(facts, "resumed", totals->tls_resumed);
    put(facts, "failed", totals->tls_failed);
    put(facts, "untrusted", totals->tls_untrusted);
    json_object_set_new(facts, "last_failure", fault ? json_string(fault) : json_null());
    return facts;
}

static json_t *port_facts(const struct weir_tcp_states *tcp, const struct weir_pool_plan *plan,
                          struct weir_server *server)
{
    json_t *facts = json_object();

    weir_tcp_put_ports(facts, tcp, plan, &server->address);
    put(facts, "exhausted", WEIR_SUM(server, counters.ports_exhausted));
    json_object_set_new(facts, "paused", json_boolean(weir_server_is_held(server)));
    return facts;
}

static json_t *server_facts(const struct weir_tcp_states *tcp, const struct weir_pool_plan *plan,
                            size_t index, struct weir_server_sums *pool)
{
    const struct weir_member *member = &plan->members[index];
    struct weir_server *server = plan->servers[index];
    struct weir_server_sums totals = {.idle = 0};
    json_t *facts = json_object(), *requests = json_object(), *latency = json_object();

    weir_server_sums_add(&totals, server);
    weir_server_sums_add(pool, server);
    json_object_set_new(facts, "state", json_string(weir_server_state_name(server)));
    json_object_set_new(facts, "admin_state",
                        json_string(weir_admin_state_name(
                            (enum weir_admin_state)atomic_load(&server->shared.admin_state))));
    put(facts, "weight", (uint64_t)member->weight);
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
    json_object_set_new(facts, "tls", server_tls_facts(server, &totals));
    json_object_set_new(facts, "ports", port_facts(tcp, plan, server));
    json_object_set_new(facts, "tcp", weir_tcp_server_facts(tcp, &server->address));
    return facts;
}

static json_t *pool_facts(const struct weir_tcp_states *tcp, const struct weir_pool_plan *plan)
{
    struct weir_pool *pool = plan->pool;
    struct weir_server_sums totals = {.idle = 0};
    struct weir_pool_sums sums = {.requests_active = 0};
    json_t *facts = json_object(), *requests = json_object(), *queue = json_object(),
           *latency = json_object(), *servers = json_object();

    for (size_t i = 0; i < plan->n_servers; i++)
        json_object_set_new(servers, plan->servers[i]->name, server_facts(tcp, plan, i, &totals));
    weir_server_sums_add_departed(&totals, pool);
    weir_pool_sums_add(&sums, pool);
    put(requests, "active", sums.requests_active);
    put(requests, "total", sums.requests_total);
    put(requests, "retried", totals.requests_retried);
    put(requests, "failed", sums.requests_failed);
    json_object_set_new(facts, "paused", json_boolean(atomic_load(&pool->shared.is_paused)));
    json_object_set_new(facts, "requests", requests);
    put_totals(facts, &totals);
    put(queue, "waiting", atomic_load(&pool->shared.n_waiting));
    put(queue, "oldest_ms", weir_pool_oldest_ms(pool));
    put(queue, "timed_out", sums.queue_timed_out);
    put(queue, "rejected", sums.queue_rejected);
    json_object_set_new(facts, "queue", queue);
    json_object_set_new(latency, "connect", latency_facts(&totals.connect_us));
    json_object_set_new(latency, "response", latency_facts(&totals.response_us));
    json_object_set_new(latency, "queue", latency_facts(&sums.queue_us));
    json_object_set_new(facts, "latency_ms", latency);
    json_object_set_new(facts, "servers", servers);
    return facts;
}

static json_t *access_facts(struct weir_control *control)
{
    struct weir_spool_figures figures = weir_spools_figures(&control->spools);
    json_t *facts = json_object();

    put(facts, "written", figures.written);
    put(facts, "dropped", figures.dropped);
    put(facts, "failed", figures.failed);
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
    json_object_set_new(stats, "access_log", access_facts(control));
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

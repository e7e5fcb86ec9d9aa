/* `/metrics`: which figures there are. A row of a table is a figure of one kind of object; what the
 * workers count comes from the rows of stats/counters.h. All figures of an object are taken before
 * the first is printed. */
#include "weir/control/metrics.h"

#include "metrics_tcp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OF(part) offsetof(struct weir_subject, sums.part)

/* ---- weir itself ---- */

static double get_one(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)subject;
    (void)row;
    return 1;
}

static double get_uptime(const struct weir_subject *subject, const struct weir_row *row)
{
    struct weir_loop *loop = &subject->control->loop;

    (void)row;
    return (double)(weir_loop_now_ms(loop) - subject->control->started_ms) / 1000;
}

static double get_generation(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return weir_figure_generation(subject->control);
}

static double get_workers(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return subject->control->n_workers;
}

static double is_control_state(const struct weir_subject *subject, const struct weir_row *row)
{
    return strcmp(weir_control_state_name(subject->control->state), row->word) == 0;
}

static double get_access(const struct weir_subject *subject, const struct weir_row *row)
{
    struct weir_spool_figures figures = weir_spools_figures(&subject->control->spools);

    return (double)(row->word[0] == 'w'   ? figures.written
                    : row->word[0] == 'd' ? figures.dropped
                                          : figures.failed);
}

#define CONTROL_STATE(name)                                                                        \
    {"state{state=\"" #name "\"}", "1 for the state that weir is in", is_control_state, 0, #name},
static const struct weir_row weir_rows[] = {
    {"build_info{version=\"" WEIR_VERSION "\"}", "the version, as a label", get_one, 0, NULL},
    {"uptime_seconds", "how long weir has been running", get_uptime, 0, NULL},
    {"generation", "how many configurations have been in force, this one included", get_generation,
     0, NULL},
    {"workers", "threads that carry traffic", get_workers, 0, NULL},
    {"access_log_written_total", "lines of the access log written", get_access, 0, "written"},
    {"access_log_dropped_total", "lines of the access log that found no room", get_access, 0,
     "dropped"},
    {"access_log_failed_total", "attempts to write the access log that failed", get_access, 0,
     "failed"},
    WEIR_CONTROL_STATES(CONTROL_STATE)};

/* ---- Listeners ---- */

static double get_expiry(const struct weir_subject *subject, const struct weir_row *row)
{
    const struct weir_tls_front *front = subject->listener->config->front;

    (void)row;
    return front ? (double)weir_tls_front_not_after(front) : NAN;
}

#define COUNTER(name, metric, meaning) {metric, meaning, NULL, OF(listener.name), NULL},
static const struct weir_row listener_rows[] = {WEIR_LISTENER_COUNTERS(COUNTER){
    "listener_tls_expiry_timestamp_seconds",
    "when the first of its certificates expires, since 1970", get_expiry, 0, NULL}};
#undef COUNTER

/* ---- Pools ---- */

static double is_paused(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return atomic_load(&subject->plan->pool->shared.is_paused);
}

static double get_waiting(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return atomic_load(&subject->plan->pool->shared.n_waiting);
}

static double get_oldest(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return (double)weir_pool_oldest_ms(subject->plan->pool) / 1000;
}

#define COUNTER(name, metric, meaning) {metric, meaning, NULL, OF(pool.name), NULL},
static const struct weir_row pool_rows[] = {
    {"pool_paused", "1 while an operator has paused it", is_paused, 0, NULL},
    {"pool_queue_waiting", "requests that wait for a connection now", get_waiting, 0, NULL},
    {"pool_queue_oldest_seconds", "how long the longest of them has waited", get_oldest, 0, NULL},
    WEIR_POOL_COUNTERS(COUNTER)};
#undef COUNTER

static const struct weir_row pool_histograms[] = {{"pool_queue_wait_seconds",
                                                   "how long requests waited for a connection",
                                                   NULL, OF(pool.queue_us), NULL}};

/* ---- Servers ---- */

static double is_in_state(const struct weir_subject *subject, const struct weir_row *row)
{
    return strcmp(weir_server_state_name(subject->server), row->word) == 0;
}

static double get_weight(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    for (size_t i = 0; i < subject->plan->n_servers; i++) {
        if (subject->plan->servers[i] == subject->server)
            return (double)subject->plan->members[i].weight;
    }
    return 0;
}

static double get_open(const struct weir_subject *subject, const struct weir_row *row)
{
    struct weir_open_sums open = weir_server_sums_open(&subject->sums.servers);

    return (double)(row->word[0] == 'i'   ? open.idle
                    : row->word[0] == 'a' ? open.active
                                          : open.connecting);
}

static double get_avoided(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return (double)weir_server_sums_avoided(&subject->sums.servers);
}

static double is_honoured(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return !weir_lesson_is_unkept(&subject->server->lesson);
}

static double get_idle_timeout(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return (double)weir_figure_idle_timeout_ms(&subject->server->lesson,
                                               subject->plan->settings.idle_timeout_ms) /
           1000;
}

static double get_max_requests(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return (double)weir_figure_max_requests(&subject->server->lesson);
}

static double is_held(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return weir_server_is_held(subject->server);
}

static double is_checked_up(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return !weir_health_is_down(&subject->server->shared.health);
}

static double get_failures(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return atomic_load(&subject->server->shared.health.failures);
}

#define STATE(name, word)                                                                          \
    {                                                                                              \
        name "{state=\"" word "\"}", "1 for the state that the server is in", is_in_state, 0, word \
    }
#define OPEN(word)                                                                                 \
    {                                                                                              \
        "server_connections{state=\"" word "\"}", "open connections by state", get_open, 0, word   \
    }
#define CLOSED(name, meaning)                                                                      \
    {"server_connections_closed_total{reason=\"" #name "\"}", "connections that ended, by reason", \
     NULL, OF(servers.closed) + sizeof(uint64_t) * WEIR_CLOSED_##name, NULL},
#define COUNTER(name, metric, meaning) {metric, meaning, NULL, OF(servers.name), NULL},
static const struct weir_row server_rows[] = {
    OPEN("idle"),
    OPEN("active"),
    OPEN("connecting"),
    {"server_up", "1 while it gets requests", is_in_state, 0, "up"},
    STATE("server_state", "up"),
    STATE("server_state", "ejected"),
    STATE("server_state", "draining"),
    STATE("server_state", "down"),
    {"server_check_up", "0 while its health checks fail", is_checked_up, 0, NULL},
    {"server_consecutive_failures", "requests that failed at it since one that did not",
     get_failures, 0, NULL},
    {"server_weight", "its share in balancing", get_weight, 0, NULL},
    {"server_time_wait_avoided", "requests that left no TIME_WAIT on the server", get_avoided, 0,
     NULL},
    {"server_keep_alive_honoured", "0 while its connections cannot be kept", is_honoured, 0, NULL},
    {"server_keep_alive_idle_timeout_seconds",
     "for how long idle connections are kept; 0: no limit", get_idle_timeout, 0, NULL},
    {"server_keep_alive_max_requests", "requests a connection that it allows; 0: not known",
     get_max_requests, 0, NULL},
    {"server_ports_paused", "1 while no local port is left towards it", is_held, 0, NULL},
    WEIR_SERVER_COUNTERS(COUNTER) WEIR_CLOSE_REASONS(CLOSED)};

static const struct weir_row server_histograms[] = {
    {"server_connect_seconds", "how long connecting took", NULL, OF(servers.connect_us), NULL},
    {"server_response_seconds", "from having a connection to the end of the answer", NULL,
     OF(servers.response_us), NULL}};

/* ---- All of it ---- */

static void fini(struct weir_subjects *subjects)
{
    for (size_t i = 0; i < subjects->n; i++)
        free(subjects->all[i].labels);
    free(subjects->all);
}

static bool collect_listeners(struct weir_subjects *subjects, const struct weir_control *control)
{
    const struct weir_generation *generation = control->generation;

    subjects->all = calloc(generation->n_listeners + 1, sizeof(*subjects->all));
    for (size_t i = 0; subjects->all && i < generation->n_listeners; i++) {
        const struct weir_listener *listener = generation->listeners[i].listener;
        struct weir_subject *subject = &subjects->all[subjects->n++];
        subject->labels = weir_metrics_labels("listener", listener->name, NULL);
        if (!subject->labels)
            return false;
        subject->listener = &generation->listeners[i];
        weir_listener_sums_add(&subject->sums.listener, listener);
        subject->has_listener_tcp = weir_tcp_listener_counts(
            control->tcp_states, &generation->listeners[i], &subject->listener_tcp);
    }
    return subjects->all;
}

static bool collect_pools(struct weir_subjects *subjects, const struct weir_control *control)
{
    const struct weir_generation *generation = control->generation;

    subjects->all = calloc(generation->config->n_pools + 1, sizeof(*subjects->all));
    for (size_t i = 0; subjects->all && i < generation->config->n_pools; i++) {
        struct weir_subject *subject = &subjects->all[subjects->n++];
        subject->plan = &generation->plans[i];
        subject->labels = weir_metrics_labels("pool", subject->plan->pool->name, NULL);
        if (!subject->labels)
            return false;
        weir_pool_sums_add(&subject->sums.pool, subject->plan->pool);
    }
    return subjects->all;
}

/* A server that a pool lists twice is one. */
static bool is_listed_before(const struct weir_pool_plan *plan, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (plan->servers[i] == plan->servers[index])
            return true;
    }
    return false;
}

static void take_server(struct weir_subject *subject, const struct weir_tcp_states *tcp)
{
    const struct weir_address *address = &subject->server->address;

    weir_server_sums_add(&subject->sums.servers, subject->server);
    subject->server_tcp = weir_tcp_sides_seen(tcp, address);
    subject->ports = weir_tcp_ports_towards(tcp, subject->plan, address);
}

static bool collect_servers(struct weir_subjects *subjects, const struct weir_control *control)
{
    const struct weir_generation *generation = control->generation;
    size_t n = 0;

    for (size_t i = 0; i < generation->config->n_pools; i++)
        n += generation->plans[i].n_servers;
    subjects->all = calloc(n + 1, sizeof(*subjects->all));
    for (size_t i = 0; subjects->all && i < generation->config->n_pools; i++) {
        const struct weir_pool_plan *plan = &generation->plans[i];
        for (size_t k = 0; k < plan->n_servers; k++) {
            struct weir_subject *subject = &subjects->all[subjects->n];
            if (is_listed_before(plan, k))
                continue;
            subject->plan = plan;
            subject->server = plan->servers[k];
            subject->labels = weir_metrics_labels("pool", plan->pool->name, subject->server->name);
            if (!subject->labels)
                return false;
            subjects->n++;
            take_server(subject, control->tcp_states);
        }
    }
    return subjects->all;
}

#define COUNT(rows) (sizeof(rows) / sizeof(*(rows)))

char *weir_metrics_print(struct weir_control *control)
{
    char none[] = "";
    struct weir_subject self = {.labels = none, .control = control};
    struct weir_subjects weir = {1, &self}, listeners = {0}, pools = {0}, servers = {0};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    bool is_done;

    weir_tcp_states_look(control->tcp_states, control->generation);
    is_done = out && collect_listeners(&listeners, control) && collect_pools(&pools, control) &&
              collect_servers(&servers, control);
    if (is_done) {
        weir_metrics_put_rows(out, weir_rows, COUNT(weir_rows), &weir);
        weir_metrics_put_rows(out, listener_rows, COUNT(listener_rows), &listeners);
        weir_metrics_put_listener_tcp(out, &listeners);
        weir_metrics_put_rows(out, pool_rows, COUNT(pool_rows), &pools);
        weir_metrics_put_rows(out, server_rows, COUNT(server_rows), &servers);
        weir_metrics_put_server_tcp(out, &servers);
        for (size_t i = 0; i < COUNT(pool_histograms); i++)
            weir_metrics_put_histograms(out, &pool_histograms[i], &pools);
        for (size_t i = 0; i < COUNT(server_histograms); i++)
            weir_metrics_put_histograms(out, &server_histograms[i], &servers);
    }
    fini(&listeners);
    fini(&pools);
    fini(&servers);
    if (out && fclose(out) == 0 && is_done)
        return text;
    free(text);
    return NULL;
}
